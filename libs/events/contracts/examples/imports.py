"""Two files of old deals are imported; another import cannot even begin."""

from __future__ import annotations

from datetime import datetime

from libs.events.contracts.examples.ids import OWNER_HE, at
from libs.events.contracts.imports import ImportedFile, ImportFailed, ImportFinished, ImportProgressed, ImportStarted
from libs.events.facts import Fact

IMPORT, BROKEN = (f"01906a00-0000-7000-8000-00000000080{n}" for n in (1, 2))
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

EXAMPLES: list[tuple[Fact, datetime]] = [
    (
        ImportStarted(
            import_id=IMPORT,
            kind="history",
            files=[
                ImportedFile(
                    name="accounts.csv", key=f"imports/{IMPORT}/0.csv", sha256=SHA256, rows=85, entity="accounts"
                ),
                ImportedFile(
                    name="pipeline.csv", key=f"imports/{IMPORT}/1.csv", sha256=SHA256, rows=8800, entity="opportunities"
                ),
            ],
            mapping_key=f"imports/{IMPORT}/mapping.json",
            mapping_sha256=SHA256,
            by=OWNER_HE,
            started_at=at(3),
        ),
        at(3),
    ),
    (
        ImportProgressed(
            import_id=IMPORT,
            file="pipeline.csv",
            rows_done=5000,
            accepted=4990,
            repeated=4,
            refused=6,
            problems_key=f"imports/{IMPORT}/problems/1-5000.csv",
        ),
        at(3.1),
    ),
    (
        ImportFinished(
            import_id=IMPORT,
            accepted=8867,
            repeated=4,
            refused=14,
            problems_key=f"imports/{IMPORT}/problems.csv",
            finished_at=at(3.2),
        ),
        at(3.2),
    ),
    (
        ImportFailed(
            import_id=BROKEN, why="The mapping names the column close_value, which no file has.", failed_at=at(4)
        ),
        at(4),
    ),
]
