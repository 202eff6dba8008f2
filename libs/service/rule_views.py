"""Rules as people look at them: where each stands, its draft, and all its versions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from libs.events.errors import NotFound
from libs.events.reading import Reader
from libs.rules.documents import PublishedRule, RuleKind
from libs.rules.reference import REFERENCE
from libs.service.http import View

RuleState = Literal["shipped", "draft", "published", "suspended", "retired"]

_STATES = (
    "select s.*, d.document, d.explain, d.published_at, d.by from rule_states s"
    " left join rule_documents d using (tenant, key, owner)"
    " where tenant = $1 and s.kind = $2 and ($3::text is null or s.rule_id = $3)"
    " and (d.version is null or d.version = s.last_version) order by s.rule_id"
)
_VERSIONS = "select * from rule_documents where tenant = $1 and kind = $2 and rule_id = $3 order by version"


class DraftView(View):
    """A draft and what happened to it."""

    document: dict[str, Any]
    document_hash: str
    explain: str
    by: str
    at: datetime
    findings: list[dict[str, Any]] | None
    simulation: dict[str, Any] | None
    simulated_at: datetime | None
    approved_by: list[str]


class RuleView(View):
    """A rule: `version` and `document` are what was published last (0: the shipped one; null: nothing yet)."""

    rule_id: str
    kind: str
    name: str
    scope: str
    state: RuleState
    version: int | None
    document: dict[str, Any] | None
    explain: str
    published_at: datetime | None
    published_by: str | None
    reason: str | None
    draft: DraftView | None
    stream_version: int


class VersionView(View):
    """A version as it was published."""

    version: int
    name: str
    scope: str
    document: dict[str, Any]
    document_hash: str
    explain: str
    published_at: datetime
    by: str
    override: str | None
    restored_version: int | None


class RuleDetail(RuleView):
    """A rule with all its versions, the first one first."""

    versions: list[VersionView]


async def read_rules(read: Reader, kind: RuleKind, rule_id: str | None = None) -> list[RuleView]:
    """All rules of a kind in the order of their ids, shipped ones included; or the one with this id."""
    rows = await read(REFERENCE).fetch(_STATES, kind.kind, rule_id)
    known = {row["rule_id"]: _view(row, kind.shipped.get(row["rule_id"])) for row in rows}
    for shipped in kind.shipped.values():
        if shipped.rule_id not in known and rule_id in (None, shipped.rule_id):
            known[shipped.rule_id] = _shipped_view(shipped)
    return [known[rule_id] for rule_id in sorted(known)]


async def read_rule(read: Reader, kind: RuleKind, rule_id: str) -> RuleDetail:
    """One rule with all its versions. Raises NotFound."""
    found = await read_rules(read, kind, rule_id)
    if not found:
        raise NotFound(kind.kind, rule_id)
    versions = [
        VersionView(**{name: row[name] for name in VersionView.model_fields})
        for row in await read(REFERENCE).fetch(_VERSIONS, kind.kind, rule_id)
    ]
    return RuleDetail(**found[0].model_dump(), versions=versions)


def _view(row: Mapping[str, Any], shipped: PublishedRule | None) -> RuleView:
    version = row["last_version"] or (0 if shipped else None)
    return RuleView(
        rule_id=row["rule_id"],
        kind=row["kind"],
        name=row["name"],
        scope=row["scope"],
        state=_state(row, shipped),
        version=version,
        document=dict(shipped.document) if shipped and not row["last_version"] else row["document"],
        explain=row["explain"] or "",
        published_at=row["published_at"],
        published_by=row["by"],
        reason=row["reason"],
        draft=_draft_view(row),
        stream_version=row["stream_version"],
    )


def _state(row: Mapping[str, Any], shipped: PublishedRule | None) -> RuleState:
    if row["retired"]:
        return "retired"
    if row["suspended"]:
        return "suspended"
    if row["last_version"]:
        return "published"
    return "shipped" if shipped else "draft"


def _draft_view(row: Mapping[str, Any]) -> DraftView | None:
    if row["draft"] is None:
        return None
    return DraftView(
        document=row["draft"],
        document_hash=row["draft_hash"],
        explain=row["draft_explain"],
        by=row["drafted_by"],
        at=row["drafted_at"],
        findings=row["findings"],
        simulation=row["simulation"],
        simulated_at=row["simulated_at"],
        approved_by=row["approved_by"] or [],
    )


def _shipped_view(rule: PublishedRule) -> RuleView:
    return RuleView(
        rule_id=rule.rule_id,
        kind=rule.kind,
        name=rule.name,
        scope=rule.scope,
        state="shipped",
        version=0,
        document=dict(rule.document),
        explain=rule.explain,
        published_at=None,
        published_by=None,
        reason=None,
        draft=None,
        stream_version=0,
    )
