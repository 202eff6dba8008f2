"""An audit that could ask about nothing is not a clean one."""

from __future__ import annotations

from dev.audit import verdict

CLEAN = {"name": "fastapi", "version": "1.0", "vulns": []}
WEAK = {"name": "jose", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "orjson", "skip_reason": "not found"}


def test_nothing_could_be_asked() -> None:
    assert verdict({"dependencies": [UNKNOWN, UNKNOWN]}) == (
        0,
        ["audit: skipped, the advisory service cannot be reached from here"],
    )


def test_all_is_well() -> None:
    assert verdict({"dependencies": [CLEAN, CLEAN]}) == (0, ["audit: 2 packages, no known weakness"])


def test_a_weakness_is_named() -> None:
    assert verdict({"dependencies": [CLEAN, WEAK]}) == (1, ["audit: jose 1.0: CVE-1, mended in 1.1"])


def test_a_package_that_alone_is_unknown_is_told() -> None:
    code, told = verdict({"dependencies": [CLEAN, UNKNOWN]})
    assert (code, len(told)) == (1, 1)
    assert "orjson" in told[0]
