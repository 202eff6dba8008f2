"""What must be so after a day: each check with what was expected and what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence about the day, and whether it held."""

    name: str
    expected: str
    found: str
    held: bool


@dataclass(slots=True)
class Checks:
    """All checks of a day, in the order in which they were made."""

    made: list[Check] = field(default_factory=list)

    def equal(self, name: str, expected: object, found: object) -> None:
        """It holds if both are equal."""
        self.made.append(Check(name, _text(expected), _text(found), expected == found))

    def holds(self, name: str, expected: str, held: bool, found: object = None) -> None:
        """It holds if `held` does; `expected` says in words what that means."""
        self.made.append(Check(name, expected, _text(expected if held and found is None else found), held))

    @property
    def failed(self) -> list[Check]:
        """Those that did not hold."""
        return [check for check in self.made if not check.held]

    def __iter__(self) -> Iterator[Check]:
        return iter(self.made)

    def __len__(self) -> int:
        return len(self.made)


def _text(value: object) -> str:
    """As people read it: parts separated by commas, none for nothing."""
    match value:
        case dict():
            return ", ".join(f"{key} {_text(part)}" for key, part in value.items())
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(_text, value)) or "none"
        case bool():
            return "yes" if value else "no"
        case None:
            return "none"
        case _:
            return str(value)
