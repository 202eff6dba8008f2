"""The documents of the contracts; `python -m libs.events.contracts write|check`."""

from __future__ import annotations

import sys
from pathlib import Path

from libs.events.contracts.documents.files import FOLDER, problems, stale, without_example

NEVER_DEPLOYED = (
    "of a type that no log holds yet, delete schemas/<type>.json and examples/<type>.json in {folder} and write anew"
)


def write(folder: Path) -> list[str]:
    """Write what is not fresh; nothing is written while a promise is broken. Returns what is wrong."""
    found = problems(folder)
    if found:
        return [*found, NEVER_DEPLOYED.format(folder=folder)]
    for path, text in stale(folder).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"contracts: wrote {path}")
    return []


def check(folder: Path) -> list[str]:
    """What is wrong with the documents: broken promises, unreadable examples, missing ones, stale files."""
    found = problems(folder)
    found += [f"{wire} has no example: tell one in libs/events/contracts/examples" for wire in without_example(folder)]
    found += [f"{path} is not what the contracts say: run make contracts" for path in stale(folder)]
    return found


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Write or check the documents; 1 if something is wrong, 2 for a wrong call."""
    if arguments not in (["write"], ["check"]):
        print("usage: python -m libs.events.contracts write|check", file=sys.stderr)
        return 2
    found = write(folder) if arguments == ["write"] else check(folder)
    for line in found:
        print(f"contracts: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
