"""What each read model's version gives for the example facts, kept in docs/read-models.json.

`python -m tests.golden write` after new examples or a new version; a changed fold without a new version is refused.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from libs.events.testing.stories import checksum, reads, story
from tests.services import all_projections

FILE = Path(__file__).resolve().parent.parent / "docs" / "read-models.json"


def today() -> dict[str, dict[str, Any]]:
    """Version, tables, facts read and rows of every read model, as the code has them now."""
    facts = story()
    found = {}
    for service, projection in all_projections():
        mine = reads(projection, facts)
        told = "\n".join(f"{one.stream}@{one.version} {one.occurred_at} {one.fact!r}" for one in mine)
        found[f"{service}/{projection.name}"] = {
            "version": projection.version,
            "tables": projection.tables_checksum,
            "facts": hashlib.sha256(told.encode()).hexdigest()[:16],
            "rows": checksum(projection, facts),
        }
    return dict(sorted(found.items()))


def changed_silently(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """The read models whose tables, or rows for the same facts, changed under the same version."""
    return [
        name
        for name, entry in new.items()
        if (before := old.get(name)) is not None
        and before["version"] == entry["version"]
        and (
            before["tables"] != entry["tables"]
            or (before["facts"] == entry["facts"] and before["rows"] != entry["rows"])
        )
    ]


def kept() -> dict[str, Any]:
    """What is written down."""
    found: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def main() -> int:
    """Write it anew, unless a read model changed under its version (`--force` while it was never deployed)."""
    old, new = kept(), today()
    if (silent := changed_silently(old, new)) and "--force" not in sys.argv:
        print(f"changed without a new version: {', '.join(silent)}: raise `version` of the projection", file=sys.stderr)
        return 1
    FILE.write_text(json.dumps(new, indent=1) + "\n")
    print(f"{len(new)} read models in {FILE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
