"""What a service says of the things it imports: their fields, and which commands a row becomes."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.events.deciding import Command, Decider
from libs.events.projecting import Projection
from libs.events.reading import Reader
from libs.service.imports.cells import Cells, Form
from libs.service.imports.mapping import FileMapping


@dataclass(frozen=True, slots=True)
class Step:
    """A command that a row becomes. `identity` tells it from all others of the tenant, for ever: what it is about.

    `occurred_at` is when its facts happened, if they do not say so themselves. A refusal points to `field`, or to the
    import's field for the command's field it names (`fields`, where the names differ). One that `keeps` only makes
    sure that something is there: what else it says of it does not matter once it is.
    """

    decider: Decider[Any]
    command: Command
    identity: str
    occurred_at: datetime | None = None
    field: str = ""
    fields: Mapping[str, str] = dataclasses.field(default_factory=dict)
    keeps: bool = False


ToSteps = Callable[[Cells], list[Step]]
"""The commands of a row, the one that counts last; raises Refused."""


@dataclass(frozen=True, slots=True)
class Material:
    """What an importer may look at before the first row: the mapping, the tenant's read models, all rows of the file.

    `await arrived(service)` is true once what that service had written before the import is here, or did not come.
    """

    form: Form
    reader: Reader
    rows: Callable[[], Iterator[Cells]]
    arrived: Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, eq=False)
class Importer:
    """One entity. `fields` are what columns can be mapped to (`attributes.*`: any name below), `required` must be.

    `prepare` looks up what the rows refer to, once `reads` have folded everything so far.
    """

    entity: str
    fields: tuple[str, ...]
    required: tuple[str, ...]
    prepare: Callable[[Material], Awaitable[ToSteps]]
    reads: tuple[Projection, ...] = ()
    check: Callable[[FileMapping], list[str]] = lambda file: []
