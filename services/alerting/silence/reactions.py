"""What ends a silence: work on the lead, or that it leaves its owner or the field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from libs.events.contracts.alerting import SilenceEpisodeOpened
from libs.events.contracts.lead_routing import (
    LeadActivityRecorded,
    LeadConverted,
    LeadDisqualified,
    LeadPooled,
    LeadReleased,
)
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table
from libs.events.reacting import Attempt, Reaction
from services.alerting.alert_rules.domain import SILENCE_RULES
from services.alerting.silence.domain import CLOSE_SILENCE, CloseSilence
from services.alerting.silence.projections import keys

Ending = LeadActivityRecorded | LeadPooled | LeadReleased | LeadConverted | LeadDisqualified
ENDINGS = (LeadActivityRecorded, LeadPooled, LeadReleased, LeadConverted, LeadDisqualified)
Cause = Literal["activity", "pooled", "closed"]


@dataclass(frozen=True, slots=True)
class LastEnding:
    """What last ended, or would have ended, a silence of a lead, and when."""

    lead_id: str
    ended_at: datetime
    cause: Cause


def ending_of(fact: Ending) -> tuple[datetime, Cause] | None:
    """When and how a fact ends a silence; None if it does not."""
    match fact:
        case LeadActivityRecorded():
            return (fact.happened_at, "activity") if fact.substantive else None
        case LeadPooled():
            return fact.pooled_at, "pooled"
        case LeadReleased():
            return fact.released_at, "pooled"
        case LeadConverted():
            return fact.converted_at, "closed"
        case LeadDisqualified():
            return fact.disqualified_at, "closed"


def fold(group: Group, recorded: Recorded[Any]) -> Sequence[LastEnding]:
    """The latest ending of a lead; an episode that opens changes nothing but is asked about with the group."""
    ending = None if isinstance(recorded.fact, SilenceEpisodeOpened) else ending_of(recorded.fact)
    last = group.one(LastEnding)
    if ending is None or (last is not None and ending[0] < last.ended_at):
        return list(group.all(LastEnding))
    ended_at, cause = ending
    return [replace(last, ended_at=ended_at, cause=cause) if last else LastEnding(group.key, ended_at, cause)]


LAST_ENDINGS = Projection(
    name="silence-endings",
    version=1,
    reads=(*ENDINGS, SilenceEpisodeOpened),
    tables=(Table("silence_endings", LastEnding),),
    keys=keys,
    fold=fold,
)


def react(recorded: Recorded[Any], group: Group) -> list[Attempt]:
    """Close the episodes of the lead; also one that was opened while its ending was already under way."""
    fact = recorded.fact
    if isinstance(fact, SilenceEpisodeOpened):
        last = group.one(LastEnding)
        if last is None or last.ended_at <= fact.since:
            return []
        return [_close(fact.lead_id, fact.rule_code, last.ended_at, last.cause)]
    ending = ending_of(fact)
    return [] if ending is None else [_close(fact.lead_id, code, *ending) for code in SILENCE_RULES]


def _close(lead_id: str, rule_code: str, ended_at: datetime, cause: Cause) -> Attempt:
    command = CloseSilence(lead_id=lead_id, rule_code=rule_code, ended_at=ended_at, cause=cause)
    return Attempt(CLOSE_SILENCE, command, target=rule_code)


SILENCE_ENDS = Reaction("silence-ends", (*ENDINGS, SilenceEpisodeOpened), react, state=LAST_ENDINGS)
