"""A killed import goes on where it was; one that cannot get on is given up, saying why."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from libs.events.contracts.examples.ids import TENANT
from libs.service.imports.tests.house import House

MAPPING: dict[str, Any] = {
    "source": "old-crm",
    "zone": "Asia/Shanghai",
    "currency": "CNY",
    "files": {
        "deals.csv": {
            "entity": "opportunities",
            "columns": {"id": "id", "rep": "owner", "stage": "stage", "opened": "opened_at"},
            "stages": {"talking": {"stage": "first_contact"}},
        }
    },
}


def deals(prefix: str, rows: int) -> str:
    """A file of so many open deals; every tenth has a stage that nobody knows."""
    lines = (
        f"{prefix}-{n},Ann Lee,{'lost?' if n % 10 == 0 else 'talking'},2024-05-{n % 28 + 1:02}" for n in range(rows)
    )
    return "\n".join(["id,rep,stage,opened", *lines])


def children() -> list[psutil.Process]:
    """The processes that do jobs for this one."""
    found = []
    for one in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [one] if "job" in one.cmdline() else []
    return found


async def test_killed_half_way_it_goes_on_and_nothing_is_lost_or_twice(house: House) -> None:
    answer = await house.start("/imports", MAPPING, {"deals.csv": deals("K", 2_500)})
    import_id = answer.json()["id"]
    view = await house.until("/imports", import_id, lambda view: view["done"] >= 500)
    assert view["state"] == "running"
    (child,) = children()
    child.kill()
    view, problems = await house.ended("/imports", import_id)
    assert (view["state"], view["accepted"], view["repeated"], view["refused"]) == ("finished", 2_250, 0, 250)
    assert [int(line.split(",")[1]) for line in problems] == [row for row in range(2, 2_502) if (row - 2) % 10 == 0]
    opened = [fact for fact in await house.facts("opportunity-opened.v1") if fact["data"]["opportunity_id"][0] == "K"]
    assert len(opened) == len({fact["data"]["opportunity_id"] for fact in opened}) == 2_250
    progress = [fact["data"]["rows_done"] for fact in await house.facts("import-progressed.v1")]
    assert progress == list(range(500, 2_501, 500))
    assert psutil.wait_procs(children(), 10)[1] == []


async def test_ended_between_a_row_and_the_note_of_it_rows_are_taken_once(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    """Two children end themselves in the middle of a part, whose rows the next one sends again; the third ends well."""
    jobs = house.worker.leases._roles["jobs"].__self__  # type: ignore[attr-defined]
    jobs.environment["SALESLOOM_FAILPOINTS"] = "import.row=crash@700"
    try:
        view, _ = await house.imported("/imports", MAPPING, {"deals.csv": deals("P", 1_500)})
    finally:
        del jobs.environment["SALESLOOM_FAILPOINTS"]
    assert capfd.readouterr().err.count('"name": "import.row", "action": "crash"') == 2
    assert (view["state"], view["accepted"], view["repeated"], view["refused"]) == ("finished", 1_350, 0, 150)
    opened = [fact for fact in await house.facts("opportunity-opened.v1") if fact["data"]["opportunity_id"][0] == "P"]
    assert len(opened) == len({fact["data"]["opportunity_id"] for fact in opened}) == 1_350


async def test_an_import_that_crashes_again_and_again_at_one_place_fails_with_the_reason(house: House) -> None:
    house.worker.leases._roles["jobs"].__self__.pauses = (0.0,)  # type: ignore[attr-defined]
    answer = await house.start("/imports", MAPPING, {"deals.csv": deals("L", 10)})
    import_id = answer.json()["id"]
    shutil.rmtree(Path(house.settings.objects) / TENANT / "imports" / import_id)
    await house.worker.pool.execute(  # another worker has seen it crash three times
        "insert into log.jobs (job_id, tenant, kind, detail) values ($1, $2, 'import', $3)"
        " on conflict (job_id) do update set detail = excluded.detail",
        import_id,
        TENANT,
        {"position": 0, "crashes": 3},
    )
    view, problems = await house.ended("/imports", import_id)
    assert (view["state"], view["why"]) == ("failed", "it ended 5 times after 0 of 10 rows without getting further")
    assert (view["done"], problems) == (0, [])
    row = await house.worker.pool.fetchrow("select state, detail from log.jobs where job_id = $1", import_id)
    assert (row["state"], row["detail"]) == ("failed", {"position": 0, "crashes": 5})
    again, _ = await house.imported("/imports", MAPPING, {"deals.csv": deals("M", 10)})
    assert (again["state"], again["accepted"]) == ("finished", 9)


async def test_a_child_without_a_parent_ends_at_once(house: House) -> None:
    """Its standard input is closed: nobody would count its crashes."""
    answer = await house.start("/imports", MAPPING, {"deals.csv": deals("N", 1_000)})
    import_id = answer.json()["id"]
    command = (sys.executable, "-m", "services.pipeline", "job", "run", "import", TENANT, import_id)
    orphan = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    assert await orphan.wait() == 1
    view, _ = await house.ended("/imports", import_id)
    assert (view["state"], view["accepted"]) == ("finished", 900)
