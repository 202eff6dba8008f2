"""The shipped B2B pipeline: six stages, and the action package of the demand diagnosis (S-16, S-32)."""

from __future__ import annotations

from typing import Any

DEFAULT_ID = "default-b2b"
DEFAULT_NAME = "B2B 标准销售流程"

_IMAGE_OR_PDF = ["image/png", "image/jpeg", "application/pdf"]
_DOCUMENT = [
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "text/plain",
]
_SHEET = [
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/pdf",
    "image/png",
    "image/jpeg",
]


def _stage(
    order: int, code: str, zh: str, en: str, kind: str, dwell_h: tuple[int, int] | None = None
) -> dict[str, Any]:
    expected, longest = dwell_h or (None, None)
    names = {"zh": zh, "en": en}
    return {
        "code": code,
        "name": names,
        "order": order,
        "kind": kind,
        "expected_dwell_h": expected,
        "max_dwell_h": longest,
    }


def _attachment(code: str, mime: list[str], explain: tuple[str, str], how_to_fix: tuple[str, str]) -> dict[str, Any]:
    return {
        "code": code,
        "type": "attachment",
        "kind": code,
        "mime": mime,
        "explain": {"zh": explain[0], "en": explain[1]},
        "how_to_fix": {"zh": how_to_fix[0], "en": how_to_fix[1]},
    }


DEFAULT_DEFINITION: dict[str, Any] = {
    "stages": [
        _stage(1, "first_contact", "初步接触", "First contact", "open", (15, 38)),
        _stage(2, "demand_diagnosis", "需求诊断", "Demand diagnosis", "open", (45, 90)),
        _stage(3, "solution_design", "方案设计", "Solution design", "open", (45, 90)),
        _stage(4, "quotation", "方案报价", "Quotation", "open", (38, 75)),
        _stage(5, "contract_signing", "合同签订", "Contract signing", "open", (38, 75)),
        _stage(6, "delivery", "交付实施", "Delivery", "delivery", (150, 450)),
        _stage(7, "won", "赢单", "Won", "won"),
        _stage(8, "lost", "输单", "Lost", "lost"),
    ],
    "moves": [
        {"from_stage": "contract_signing", "to_stage": "won", "kind": "close"},
        {"from_stage": "delivery", "to_stage": "won", "kind": "close"},
    ],
    "gates": [
        {
            "stage": "demand_diagnosis",
            "requirements": [
                _attachment(
                    "meeting_minutes",
                    _DOCUMENT,
                    ("进入方案设计前需要会议纪要", "Solution design needs the minutes of the meeting"),
                    ("上传会议纪要（PDF、DOCX 或文本）", "Upload the minutes (PDF, DOCX or text)"),
                ),
                _attachment(
                    "competitor_comparison_table",
                    _SHEET,
                    ("进入方案设计前需要竞品对比表", "Solution design needs the comparison with competitors"),
                    ("上传竞品对比表（XLSX、PDF 或图片）", "Upload the comparison table (XLSX, PDF or an image)"),
                ),
                _attachment(
                    "budget_confirmation_screenshot",
                    _IMAGE_OR_PDF,
                    (
                        "进入方案设计前需要预算确认截图",
                        "Solution design needs the customer's confirmation of the budget",
                    ),
                    (
                        "上传客户确认预算的聊天或邮件截图（PNG、JPG 或 PDF）",
                        "Upload a screenshot of the customer's message (PNG, JPG or PDF)",
                    ),
                ),
            ],
        }
    ],
    "loss_reasons": ["price", "competitor", "no_budget", "no_decision", "product_gap", "timing", "no_contact", "other"],
    "regress_reasons": ["customer_changed_need", "wrong_stage", "new_decision_maker", "budget_cut", "other"],
}
