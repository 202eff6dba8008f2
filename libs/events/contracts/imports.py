"""The life of an import job; lead-routing and pipeline write these."""

from __future__ import annotations

from libs.events.contracts.common import Identity, Label, Note
from libs.events.facts import Fact, Instant, Value


class ImportedFile(Value):
    """One uploaded file: `rows` are its data rows, `key` where the object store holds it, `entity` what they are."""

    name: Label
    key: Label
    sha256: str
    rows: int
    entity: Label | None = None


class ImportStarted(Fact, type="import-started.v1", stream="import-{import_id}"):
    """Files and their mapping were taken in; work begins."""

    import_id: Identity
    kind: Label
    files: list[ImportedFile]
    mapping_key: Label
    mapping_sha256: str
    by: Identity
    started_at: Instant


class ImportProgressed(Fact, type="import-progressed.v1", stream="import-{import_id}"):
    """All rows of a file up to `rows_done` are dealt with; an import that was cut off goes on after them.

    The counts are those of the file up to there; `problems_key` holds the refusals since the fact before, if any.
    """

    import_id: Identity
    file: Label
    rows_done: int
    accepted: int
    repeated: int
    refused: int
    problems_key: Label | None = None


class ImportFinished(Fact, type="import-finished.v1", stream="import-{import_id}"):
    """Every row was taken or refused with a reason; `problems_key` is the file of refusals in the object store."""

    import_id: Identity
    accepted: int
    repeated: int
    refused: int
    problems_key: Label | None = None
    finished_at: Instant


class ImportFailed(Fact, type="import-failed.v1", stream="import-{import_id}"):
    """The import as a whole cannot be done, for instance because its mapping does not fit its files."""

    import_id: Identity
    why: Note
    failed_at: Instant
