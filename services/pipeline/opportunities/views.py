"""Deals as people look at them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Self

from libs.service.http import View


class OpportunityView(View):
    """A deal. `version` is that of its stream (ETag); names come from the read models beside it."""

    opportunity_id: str
    name: str
    owner_id: str
    owner_name: str | None = None
    account_id: str | None
    account_name: str | None = None
    product_id: str | None
    product_name: str | None = None
    definition_id: str
    definition_version: int
    state: Literal["open", "won", "lost"]
    stage: str
    visit: int
    entered_at: datetime
    opened_at: datetime
    undated: bool
    amount: Decimal | None
    currency: str | None
    expected_close: date | None
    tier: str | None
    tags: dict[str, str]
    source_lead: str | None
    source_channel: str | None
    campaign_id: str | None
    recorded_from: str | None
    closed_at: datetime | None
    reason_code: str | None
    competitor: str | None
    contract_id: str | None
    version: int
    occurred_at: datetime
    recorded_at: datetime


class Clocks(View):
    """How long, in seconds of the three clocks."""

    wall: int
    workday: int
    business: int


class PackageView(View):
    """The requirements of a visit at its gate, counted."""

    required: int
    on_time: int
    backfilled: int
    waived: int
    deferred: int


class VisitView(View):
    """One visit of a stage; open while `left_at` is null."""

    stage: str
    visit: int
    owner_id: str
    definition_version: int
    entered_at: datetime
    entered_by: Literal["opened", "advanced", "regressed", "reopened"]
    left_at: datetime | None
    left_by: Literal["advanced", "regressed", "won", "lost"] | None
    to_stage: str | None
    dwell: Clocks | None
    package: PackageView | None
    calendar_version: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """A row of the visits."""
        closed = row["left_at"] is not None
        clocks = {name: row[f"dwell_{name}"] for name in Clocks.model_fields}
        counts = {name: row[name] for name in PackageView.model_fields}
        return cls.model_validate({**row, "dwell": clocks if closed else None, "package": counts if closed else None})


class ChangeView(View):
    """One fact of the deal, and where the deal stood after it."""

    version: int
    fact: str
    actor_id: str
    owner_id: str
    state: str
    stage: str
    visit: int
    occurred_at: datetime
    recorded_at: datetime


class HistoryView(View):
    """The stage visits with their three clocks, and every change of the deal."""

    opportunity_id: str
    visits: list[VisitView]
    changes: list[ChangeView]
