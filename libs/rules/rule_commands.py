"""What can be asked of a rule document: the commands of its life."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from libs.events.deciding import Command, Id, Line, Text

Reason = Annotated[Text, Field(min_length=1)]


class OnRule(Command):
    """Names the rule and the kind it must be of."""

    rule_id: Id
    kind: Line


class DraftRule(OnRule):
    """Write or replace a rule's draft."""

    name: Line
    scope: Line = "tenant"
    document: dict[str, Any]
    explain: Text = ""


class LintRule(OnRule):
    """Check the draft and keep what was found."""


class SimulateRule(OnRule):
    """Keep what a replay of the draft with this hash has shown."""

    document_hash: Line
    report: dict[str, Any]


class ApproveRule(OnRule):
    """Agree to the draft; `document_hash` makes sure that it is the draft that was read."""

    document_hash: Line | None = None


class PublishRule(OnRule):
    """Let the draft hold; `override` says why this must happen without a simulation (emergency)."""

    override: Reason | None = None


class SuspendRule(OnRule):
    """Let the rule stand still."""

    reason: Reason


class ResumeRule(OnRule):
    """Let a suspended rule hold again."""


class RetireRule(OnRule):
    """Let the rule go for good."""

    reason: Reason


class RollbackRule(OnRule):
    """Let an earlier version's document hold again; version 0 is the shipped default."""

    version: Annotated[int, Field(ge=0, le=1_000_000)]
    reason: Reason
