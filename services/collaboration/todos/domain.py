"""To-dos: created for exactly one person by what happened elsewhere, done once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import Field

from libs.events.contracts.collaboration import TodoCompleted, TodoCreated
from libs.events.deciding import Command, Decider, Given, Id, States, StreamKind, StreamOf, Text
from libs.events.errors import NotFound
from libs.events.facts import Fact
from libs.service.organisation import Reach


@dataclass(frozen=True, slots=True)
class Todo:
    """Whose it is (empty: there is none), and whether it is done."""

    assignee: str = ""
    done: bool = False

    @property
    def waits(self) -> bool:
        """There and not done."""
        return bool(self.assignee) and not self.done


def evolve(todo: Todo, fact: Any) -> Todo:
    """The to-do after a fact of its stream."""
    match fact:
        case TodoCreated():
            return replace(todo, assignee=fact.assignee)
        case TodoCompleted():
            return replace(todo, done=True)
        case _:
            return todo


TODO = StreamKind("todo", initial=Todo(), evolve=evolve)


class CompleteTodo(Command):
    """Say that it is done, and what came of it."""

    todo_id: Id
    outcome: Annotated[Text, Field(min_length=1)]


def streams(states: States, command: CompleteTodo, given: Given) -> list[StreamOf[Any]]:
    """The to-do."""
    return [TODO.of(command.todo_id)]


def decide(states: States, command: CompleteTodo, given: Given) -> list[Fact]:
    """Done by its person, somebody above, or the stand-in."""
    todo = states[TODO.of(command.todo_id)]
    if not todo.assignee or not given[Reach].covers(todo.assignee):
        raise NotFound("to-do", command.todo_id)
    return [completed(command.todo_id, command.outcome, given)] if todo.waits else []


def completed(todo_id: str, outcome: str, given: Given) -> TodoCompleted:
    """The fact that a to-do is done, now, by whoever asks."""
    return TodoCompleted(todo_id=todo_id, outcome=outcome, completed_by=given.actor.id, completed_at=given.now)


COMPLETE = Decider("complete-todo", streams, decide, consults=(Reach,))
