"""Whose to-dos a person sees."""

from __future__ import annotations

from collections.abc import Sequence

from libs.events.reading import Reader
from libs.service.auth import Person
from libs.service.organisation import visible_people
from services.collaboration.todos.projections import TODOS


async def visible_todos(read: Reader, who: Person, ids: Sequence[str]) -> set[str]:
    """Those of people whose work the person may see."""
    rows = await read(TODOS).fetch(
        "select todo_id from todos where tenant = $1 and ($2::text[] is null or assignee = any($2))"
        " and todo_id = any($3)",
        await visible_people(read, who),
        list(ids),
    )
    return {row["todo_id"] for row in rows}
