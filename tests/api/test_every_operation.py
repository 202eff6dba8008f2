"""Every operation of every API answers what it is for, as its document says."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

from tests.api.firm import Answer, Firm, resolved

WHY_NOT: dict[str, str] = {}
"""Operations that no story can make answer with 2xx, and why."""


def test_every_operation_has_answered_with_success_or_says_why_not(firm: Firm) -> None:
    names = {one.name for one in firm.operations()}
    assert names - firm.successful() - WHY_NOT.keys() == set()
    assert WHY_NOT.keys() <= names - firm.successful(), "what works needs no excuse"


def test_every_answer_is_as_the_document_says(firm: Firm) -> None:
    assert len(firm.answers) > len({one.name for one in firm.operations()})
    wrong = {f"{one.operation.name} {one.status}: {why}" for one in firm.answers if (why := _unlike(firm, one))}
    assert wrong == set()


def _unlike(firm: Firm, answer: Answer) -> str:
    """In what an answer differs from what its operation says; nothing if it does not."""
    document = firm.documents[answer.operation.service]
    told = answer.operation.described["responses"].get(str(answer.status))
    if told is None:
        return "no such status"
    content = resolved(document, told).get("content", {})
    if answer.media_type not in content:
        return f"no such media type: {answer.media_type}"
    schema: dict[str, Any] = {"components": document["components"], **content[answer.media_type].get("schema", {})}
    if answer.content is None or answer.media_type == "text/csv":
        return ""
    errors = Draft202012Validator(schema).iter_errors(answer.content)
    return "; ".join(f"{error.json_path} {error.message[:200]}" for error in errors)
