"""A rule document of the story goes through its whole life: drafted, tried out, published, suspended, replaced."""

from __future__ import annotations

from datetime import datetime

from libs.events.contracts.examples.ids import DIRECTOR_SUN, OWNER_HE, at
from libs.events.contracts.rules import (
    RuleApproved,
    RuleDrafted,
    RuleLinted,
    RulePublished,
    RuleResumed,
    RuleRetired,
    RuleRolledBack,
    RuleSimulated,
    RuleSuspended,
)
from libs.events.facts import Fact

RULE, KIND, NAME = "claim-limits-east", "claim-limits", "Claims from the pool of the east"
DOCUMENT = {"claims_per_day": 5, "cool_down_days": 7}
HASH = "5b0f0cf5d2a6f7b3a1a3a1b8b5d6e0c9d07c3e7c2c4c9b0c2d1e4f5a69788b1c"
EXPLAIN = "A rep takes at most five leads a day, and a lost one only after a week."

EXAMPLES: list[tuple[Fact, datetime]] = [
    (
        RuleDrafted(
            rule_id=RULE, kind=KIND, name=NAME, document=DOCUMENT, document_hash=HASH, explain=EXPLAIN, by=OWNER_HE
        ),
        at(1),
    ),
    (
        RuleLinted(
            rule_id=RULE,
            document_hash=HASH,
            findings=[{"severity": "warning", "path": "/cool_down_days", "message": "natural days, not workdays"}],
        ),
        at(1.1),
    ),
    (
        RuleSimulated(
            rule_id=RULE, document_hash=HASH, report={"looked_at": 240, "different": 12}, simulated_at=at(1.2)
        ),
        at(1.2),
    ),
    (RuleApproved(rule_id=RULE, document_hash=HASH, by=DIRECTOR_SUN), at(2)),
    (
        RulePublished(
            rule_id=RULE,
            kind=KIND,
            name=NAME,
            version=1,
            document=DOCUMENT,
            document_hash=HASH,
            explain=EXPLAIN,
            by=OWNER_HE,
            published_at=at(2.5),
        ),
        at(2.5),
    ),
    (RuleSuspended(rule_id=RULE, kind=KIND, reason="The holiday's leads are shared by hand.", by=OWNER_HE), at(50)),
    (RuleResumed(rule_id=RULE, kind=KIND, by=OWNER_HE), at(74)),
    (
        RuleRolledBack(
            rule_id=RULE,
            kind=KIND,
            name=NAME,
            version=3,
            restored_version=1,
            document=DOCUMENT,
            document_hash=HASH,
            reason="Version 2 let one rep empty the pool.",
            by=OWNER_HE,
            published_at=at(100),
        ),
        at(100),
    ),
    (RuleRetired(rule_id=RULE, kind=KIND, reason="The pool of the east is closed.", by=OWNER_HE), at(400)),
]
