"""Later releases: copies of the source tree in which a few lines are others.

`lead-converted` gets a version 2 that says on what basis the amount was given. The first release reads it, shows it in
a new version of the lead board and still writes version 1; the second one writes it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.places import ROOT
from libs.events.schema.migrate import newest_revision

SOURCES = ("libs", "services")
NOT_ASKED, PRICED = "not asked", "priced"
"""The basis of a conversion that was written as version 1, and of one with an amount."""
CONTRACTS = "libs/events/contracts/lead_routing.py"
BOARD, QUERIES, HISTORY = (f"services/lead_routing/leads/{name}.py" for name in ("projections", "queries", "history"))
FOLLOWUP, IMPORTS = "services/lead_routing/followup/domain.py", "services/lead_routing/imports/domain.py"


@dataclass(frozen=True, slots=True)
class Release:
    """A source tree under a name."""

    name: str
    folder: Path


PRESENT = Release("present", ROOT)


@dataclass(frozen=True, slots=True)
class Change:
    """A text that stands `times` times in a file, and what stands there instead."""

    path: str
    old: str
    new: str
    times: int = 1


NEW_VERSION = f'''class LeadConverted(
    LeadConvertedBefore, type="lead-converted.v2", stream="lead-{{lead_id}}", partners=True
):
    """The lead became an opportunity; `basis` says where its amount comes from."""

    basis: Label


@REGISTRY.upcast("lead-converted.v1", "lead-converted.v2")
def _with_basis(old: dict[str, Any]) -> dict[str, Any]:
    return {{**old, "basis": "{NOT_ASKED}"}}


class LeadDisqualified('''

READS = (
    Change(CONTRACTS, "from libs.events.facts import Fact,", "from libs.events.facts import REGISTRY, Fact,"),
    Change(CONTRACTS, "class LeadConverted(", "class LeadConvertedBefore("),
    Change(CONTRACTS, "class LeadDisqualified(", NEW_VERSION),
    Change(BOARD, "    version=1,", "    version=2,"),
    Change(
        BOARD,
        "    reason_code: str | None = None\n",
        "    reason_code: str | None = None\n    basis: str | None = None\n",
    ),
    Change(
        BOARD,
        "opportunity_id=opportunity_id, accept_by=None)",
        "opportunity_id=opportunity_id, accept_by=None, basis=fact.basis)",
    ),
    Change(QUERIES, "    opportunity_id: str | None\n", "    opportunity_id: str | None\n    basis: str | None\n"),
    Change(HISTORY, "    version=1,", "    version=2,"),
    Change(FOLLOWUP, "LeadConverted", "LeadConvertedBefore", times=2),
    Change(IMPORTS, "LeadConverted", "LeadConvertedBefore", times=2),
)
WRITES = (
    Change(FOLLOWUP, "LeadConvertedBefore", "LeadConverted", times=2),
    Change(
        FOLLOWUP,
        "        converted_at=given.now,\n",
        f'        converted_at=given.now,\n        basis="{PRICED}" if command.amount else "open",\n',
    ),
)

REVISION = '''"""One more column, which only newer code looks at."""

from __future__ import annotations

from libs.events.schema.statements import run

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    """Add it; old code goes on beside it."""
    run("alter table log.cursors add column note text")
'''


def made(name: str, folder: Path, of: Release, changes: Sequence[Change]) -> Release:
    """A release with these changes. Raises ValueError where a text is not as often there as a change expects."""
    for source in SOURCES:
        shutil.copytree(of.folder / source, folder / source)
    for change in changes:
        file = folder / change.path
        text = file.read_text()
        if text.count(change.old) != change.times:
            raise ValueError(f"{change.path} has {change.old!r} {text.count(change.old)} times, not {change.times}")
        file.write_text(text.replace(change.old, change.new))
    return Release(name, folder)


def with_migration(release: Release) -> str:
    """Give a release one more revision of the log's schema; its number."""
    before = newest_revision()
    revision = f"{int(before) + 1:04}"
    file = release.folder / "libs/events/schema/versions" / f"v{revision}_note.py"
    file.write_text(REVISION.format(revision=revision, before=before))
    return revision
