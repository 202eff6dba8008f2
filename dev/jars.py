"""Kafka's jars: downloaded from Maven Central by jgo, pinned by SHA-256 in kafka-jars.lock, cached per user."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jgo.maven import MavenContext, PythonResolver

from dev.places import cache
from dev.processes import Say, Trouble

LOCK = Path(__file__).with_name("kafka-jars.lock")
WANTED = ("org.apache.kafka:kafka_2.13:4.3.1", "org.apache.kafka:kafka-tools:4.3.1", "org.slf4j:slf4j-simple:1.7.36")
# What only Kafka Connect needs (its web server and annotations): half of all jars, and never loaded by a broker.
CONNECT_ONLY = (
    "com.fasterxml.jackson.jakarta",
    "com.fasterxml.jackson.module",
    "com.sun.activation",
    "commons-beanutils",
    "commons-collections",
    "commons-digester",
    "io.github.classgraph",
    "io.swagger",
    "jakarta",
    "javax",
    "org.apache.kafka:connect",
    "org.apache.maven",
    "org.codehaus.plexus",
    "org.eclipse.jetty",
    "org.glassfish",
    "org.javassist",
)
ATTEMPTS = 3


def class_path(say: Say) -> list[Path]:
    """A broker's jars, downloaded when not cached. Raises Trouble when one cannot be had or is not the pinned one."""
    pinned = [line.split() for line in LOCK.read_text().splitlines() if line]
    kept = cache("jars")
    context = MavenContext(resolver=PythonResolver(), repo_cache=kept, timeout=30)
    with (kept / ".lock").open("w") as lock, ThreadPoolExecutor(8) as threads:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second start would take a half-written jar for a damaged one
        missing = [name for name, _ in pinned if not _artifact(context, name).cached_path.is_file()]
        if missing:
            say(f"downloading Apache Kafka from Maven Central ({len(missing)} of {len(pinned)} jars, all 41 MB, once)")
        return list(threads.map(lambda pin: _fetch(context, *pin), pinned))


def _artifact(context: MavenContext, coordinate: str) -> Any:
    return context.create_dependency(coordinate).artifact


def _fetch(context: MavenContext, coordinate: str, digest: str) -> Path:
    """One jar whose content is the pinned one; a damaged or cut-off file is downloaded again."""
    artifact = _artifact(context, coordinate)
    reason = "not there"
    for _ in range(ATTEMPTS):
        try:
            path = Path(artifact.resolve())
        except Exception as error:  # jgo lets every kind of network error through
            reason = str(error)
            continue
        if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            return path
        reason = "its SHA-256 is not the pinned one"
        path.unlink(missing_ok=True)
    raise Trouble(f"{coordinate} cannot be had from Maven Central: {reason}. Is the network up? It is needed once.")


def relock() -> int:
    """Resolve the wanted jars anew and write the lock; returns how many it holds."""
    context = MavenContext(resolver=PythonResolver(), repo_cache=cache("jars"), timeout=30)
    wanted, others = context.resolver.resolve([context.create_dependency(name) for name in WANTED])
    kept = [dependency.artifact for dependency in [*wanted, *others] if not _is_connect_only(dependency)]
    with ThreadPoolExecutor(8) as threads:
        lines = threads.map(lambda artifact: f"{_coordinate(artifact)} {_sha256(artifact.resolve())}", kept)
        return _write(sorted(set(lines)))


def _is_connect_only(dependency: Any) -> bool:
    return f"{dependency.groupId}:{dependency.artifactId}".startswith(CONNECT_ONLY)


def _coordinate(artifact: Any) -> str:
    return f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _write(lines: Iterable[str]) -> int:
    lines = list(lines)
    LOCK.write_text("\n".join(lines) + "\n")
    return len(lines)
