"""Which port each process listens on: defaults, settings that change them, and clear words when one is taken."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from dev.processes import Say, Trouble

SERVICES = ("lead-routing", "pipeline", "collaboration", "alerting", "kpi")
HOST = "127.0.0.1"
OURS = range(20_000, 32_000)
"""Below the ports that connections go out from, so that none of those takes one that was found free."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port wanted by `name`, changed by the environment variable `setting`."""

    name: str
    setting: str
    number: int


def wanted(name: str, default: int, environment: Mapping[str, str] | None = None) -> Port:
    """The port that settings name, or the default. Raises Trouble for what is no port."""
    setting = f"SALESLOOM_{name.upper().replace('-', '_').replace(' ', '_')}_PORT"
    text = (os.environ if environment is None else environment).get(setting, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise Trouble(f"{setting}={text!r} is no port: give a number from 1 to 65535")
    return Port(name, setting, int(text))


def service_ports() -> dict[str, tuple[Port, Port]]:
    """Per service its API port (8001 to 8005) and its health and metrics port (9001 to 9005)."""
    return {
        name: (wanted(name, 8001 + index), wanted(f"{name} health", 9001 + index))
        for index, name in enumerate(SERVICES)
    }


def issuer_port() -> Port:
    """The development issuer's port, 8000 by default."""
    return wanted("issuer", 8000)


def is_free(number: int) -> bool:
    """True when one can listen on the port now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, number))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Different ports that are free now, from a range that the system gives to nobody by itself (Linux, macOS)."""
    found: set[int] = set()
    while len(found) < count:
        number = secrets.choice(OURS)
        if number not in found and is_free(number):
            found.add(number)
    return list(found)


def server_port(port: Port, say: Say) -> int:
    """The port of a server: the wanted one, or another free one, said in words, when it is taken."""
    if is_free(port.number):
        return port.number
    other = free_ports(1)[0]
    say(f"port {port.number} ({port.name}) is taken by another program; using {other} ({port.setting} sets another)")
    return other


def require_free(*ports: Port) -> None:
    """Raise Trouble naming each taken port and the setting that changes it."""
    taken = [port for port in ports if not is_free(port.number)]
    if taken:
        lines = [f"port {port.number} ({port.name}) is taken by another program: set {port.setting}" for port in taken]
        raise Trouble("\n".join(lines))
