"""Known weaknesses of the packages that an image holds: `python -m dev.audit LOCK`, by pip-audit of `.audit`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from dev.places import ROOT

PIP_AUDIT = ROOT / ".audit" / "bin" / "pip-audit"
OPTIONS = ("--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off")


def verdict(report: dict[str, Any]) -> tuple[int, list[str]]:
    """The exit code and what to say. pip-audit itself is content when it could ask about nothing."""
    packages = report["dependencies"]
    skipped = [one["name"] for one in packages if "skip_reason" in one]
    if len(skipped) == len(packages):
        return 0, ["audit: skipped, the advisory service cannot be reached from here"]
    told = [
        f"audit: {one['name']} {one['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
        for one in packages
        for found in one.get("vulns", ())
    ]
    told += [f"audit: {name}: nothing is known about it, so nothing was looked up" for name in skipped]
    return (1, told) if told else (0, [f"audit: {len(packages)} packages, no known weakness"])


def main(lock: Path) -> int:
    """Look up every package of a lock file."""
    done = subprocess.run([PIP_AUDIT, *OPTIONS, "-r", lock], capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        print(f"audit: skipped, the advisory service cannot be asked: {last}")
        return 0
    code, told = verdict(report)
    print("\n".join(told))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
