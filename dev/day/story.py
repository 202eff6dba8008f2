"""The day from nine in the morning to the Monday after: its scenes in the order of the clock."""

from __future__ import annotations

from dataclasses import dataclass

from dev.clients import Clients
from dev.day import cast, deals, handoffs, leads, proof, silence
from dev.day.checks import Checks
from dev.day.dates import next_monday
from dev.day.hours import Day, Tell
from dev.day.plan import plan
from dev.day.proof import Rebuilt
from dev.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Lived:
    """A day that is over: what was checked, and the read models that were made anew."""

    checks: Checks
    rebuilt: list[Rebuilt]


def live(clients: Clients, timeline: Timeline, seed: int, tell: Tell) -> Lived:
    """Live the day of a seed in the clients' tenant, from the next Monday on. What breaks it off is a failed check."""
    begins = next_monday(timeline.now)
    day = Day(clients, timeline, plan(seed), begins, tell)
    try:
        return Lived(day.checks, _live(day))
    except Exception as broken:
        day.checks.holds("the day goes on to its end", "no error", held=False, found=f"{broken!r}")
        return Lived(day.checks, [])


def _live(day: Day) -> list[Rebuilt]:
    day.timeline.set(day.begins)
    day.come_to("09:00", "the office opens: people, teams, skills, the pool, the routing policy")
    cast.open_the_office(day.clients)
    cast.publish_the_routing_policy(day.clients)
    day.timeline.drain()
    leads.the_fair_opens(day)
    leads.more_come_in(day)
    deals.leads_become_deals(day)
    leads.a_call_without_a_plan(day)
    deals.the_gate_says_no(day)
    leads.a_window_passes(day)
    deals.quotations(day)
    handoffs.handed_over(day)
    deals.one_is_lost(day)
    handoffs.one_stands_still(day)
    deals.one_is_won(day)
    silence.silent_since_monday(day)
    silence.over_the_weekend(day)
    proof.figures(day)
    day.tell(day.timeline.now, "every read model is made anew from its log and compared with the one that serves")
    return proof.rebuild_everything(day)
