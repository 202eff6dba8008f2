"""Both servers for real: a first start, kill -9 of the parent, another start on the same data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dev.places import ROOT
from dev.ports import free_ports


@contextmanager
def started(data: Path, ports: list[int]) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """`python -m dev servers` on that data: its process, PostgreSQL's address, Kafka's."""
    names = ("SALESLOOM_POSTGRES_PORT", "SALESLOOM_KAFKA_PORT", "SALESLOOM_KAFKA_CONTROLLER_PORT")
    environment = {**os.environ, "SALESLOOM_DATA": str(data), **dict(zip(names, map(str, ports), strict=True))}
    command = [sys.executable, "-m", "dev", "servers"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            said = ""
            for line in process.stdout or ():
                said += line
                if "Ctrl-C" in line:
                    break
            found = re.search(r"PostgreSQL: (\S+)\nKafka: +(\S+)", said)
            assert found, said
            yield process, found[1], found[2]
        finally:
            process.kill()  # what it has started ends with it
            process.wait()


async def test_a_killed_parent_leaves_nothing_running_and_its_data_is_served_by_the_next_one(tmp_path: Path) -> None:
    ports = free_ports(3)
    with started(tmp_path, ports) as (process, dsn, bootstrap):
        await leave_a_trace(dsn, bootstrap)
        family = psutil.Process(process.pid).children(recursive=True)
        assert {"postgres", "java"} <= {member.name() for member in family}
        process.kill()
        process.wait()
        _, alive = psutil.wait_procs(family, timeout=20)
        assert not alive
    with started(tmp_path, ports) as (process, dsn, bootstrap):
        await find_the_trace(dsn, bootstrap)
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        assert process.wait(20) == 0
        assert not any(member.is_running() for member in family)
    assert not list((tmp_path / "pids").iterdir())


async def leave_a_trace(dsn: str, bootstrap: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table trace as select 42 as answer")
    await connection.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("trace", num_partitions=1, replication_factor=1)])
    await admin.close()


async def find_the_trace(dsn: str, bootstrap: str) -> None:
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("select answer from trace") == 42
    await connection.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    assert "trace" in await admin.list_topics()
    await admin.close()
