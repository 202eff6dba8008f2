"""The life of an import, and its read model."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from libs.events.contracts.examples.imports import EXAMPLES, IMPORT
from libs.events.contracts.imports import ImportedFile, ImportFailed, ImportFinished, ImportProgressed, ImportStarted
from libs.events.errors import NotFound
from libs.events.testing.decisions import NOON, given
from libs.events.testing.folding import fold_all, recorded
from libs.service.imports.domain import (
    FAIL_IMPORT,
    FINISH_IMPORT,
    PROGRESS_IMPORT,
    START_IMPORT,
    FailImport,
    FinishImport,
    ProgressImport,
    StartImport,
)
from libs.service.imports.projections import IMPORTS, ImportFileRow, ImportRow

FILE = ImportedFile(name="deals.csv", key="imports/i/0.csv", sha256="0" * 64, rows=700, entity="opportunities")
START = StartImport(
    import_id="i", kind="history", files=(FILE,), mapping_key="imports/i/mapping.json", mapping_sha256="1"
)
STARTED = ImportStarted(
    import_id="i", kind="history", files=[FILE], mapping_key="imports/i/mapping.json", mapping_sha256="1",
    by="tester", started_at=NOON,
)  # fmt: skip
FIRST = ImportProgressed(import_id="i", file="deals.csv", rows_done=500, accepted=480, repeated=5, refused=15)
LAST = ImportProgressed(
    import_id="i", file="deals.csv", rows_done=700, accepted=680, repeated=5, refused=15, problems_key="imports/i/p"
)
ENDED = ImportFailed(import_id="i", why="lost", failed_at=NOON)


def progress(before: int, after: ImportProgressed) -> ProgressImport:
    """The command that leads to this fact."""
    return ProgressImport(rows_before=before, **after.model_dump())


def test_an_import_starts_once() -> None:
    given(START_IMPORT).when(START).then(STARTED)
    given(START_IMPORT, STARTED).when(START).then()


def test_it_gets_on_from_where_it_is() -> None:
    given(PROGRESS_IMPORT, STARTED).when(progress(0, FIRST)).then(FIRST)
    given(PROGRESS_IMPORT, STARTED, FIRST).when(progress(500, LAST)).then(LAST)


def test_somebody_who_is_behind_does_not_count_rows_again() -> None:
    given(PROGRESS_IMPORT, STARTED, FIRST).when(progress(0, FIRST)).then_rejected("CONFLICT_STATE")
    given(PROGRESS_IMPORT, STARTED, ENDED).when(progress(0, FIRST)).then_rejected("CONFLICT_STATE")


def test_it_is_finished_when_every_row_is_dealt_with() -> None:
    given(FINISH_IMPORT, STARTED, FIRST).when(FinishImport(import_id="i")).then_rejected("CONFLICT_STATE")
    outcome = given(FINISH_IMPORT, STARTED, FIRST, LAST).when(FinishImport(import_id="i", problems_key="p"))
    outcome.then(
        ImportFinished(import_id="i", accepted=680, repeated=5, refused=15, problems_key="p", finished_at=NOON)
    )


def test_it_ends_once() -> None:
    given(FAIL_IMPORT, STARTED).when(FailImport(import_id="i", why="lost")).then(ENDED)
    given(FAIL_IMPORT, STARTED, ENDED).when(FailImport(import_id="i", why="again")).then()
    given(FINISH_IMPORT, STARTED, FIRST, LAST, ENDED).when(FinishImport(import_id="i")).then()


def test_what_was_never_started_is_not_there() -> None:
    try:
        given(FAIL_IMPORT).when(FailImport(import_id="i", why="lost"))
    except NotFound:
        return
    raise AssertionError


def test_the_list_shows_how_far_each_file_is() -> None:
    rows = [row for _, _, row in fold_all(IMPORTS, recorded(*EXAMPLES))]
    (one,) = [row for row in rows if isinstance(row, ImportRow)]
    assert (one.import_id, one.service, one.state, one.version) == (IMPORT, "lead-routing", "finished", 3)
    files = sorted((row for row in rows if isinstance(row, ImportFileRow)), key=lambda row: row.number)
    assert [(row.name, row.entity, row.rows, row.done, row.refused) for row in files] == [
        ("accounts.csv", "accounts", 85, 0, 0),
        ("pipeline.csv", "opportunities", 8_800, 5_000, 6),
    ]
    assert files[1].problems == [f"imports/{IMPORT}/problems/1-5000.csv"]


def test_imports_do_not_mind_each_others_order() -> None:
    other = [fact.model_copy(update={"import_id": "j"}) for fact in (STARTED, FIRST, ENDED)]
    when = datetime(2026, 3, 2, tzinfo=UTC)
    facts = recorded(*((fact, when) for fact in (STARTED, FIRST, LAST, *other)))
    streams = {name: [one for one in facts if one.stream == name] for name in {one.stream for one in facts}}
    first = fold_all(IMPORTS, facts)
    for seed in range(10):
        queues = {name: list(mine) for name, mine in streams.items()}
        order = []
        while any(queues.values()):
            order.append(queues[random.Random(seed + len(order)).choice([n for n, q in queues.items() if q])].pop(0))
        assert fold_all(IMPORTS, order) == first
