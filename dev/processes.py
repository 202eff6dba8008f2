"""Child processes that do not outlive their parent, and conditions to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

import psutil

from dev.leash import PR_SET_PDEATHSIG

LEASH = Path(__file__).with_name("leash.py")
POLL_S = 0.05
T = TypeVar("T")
Say = Callable[[str], None]


class Trouble(Exception):
    """Something a person can put right; shown without a traceback."""


@dataclass(frozen=True, slots=True)
class Account:
    """A system account by number; -1 and -1 are the present one."""

    uid: int = -1
    gid: int = -1


@dataclass(slots=True)
class Child:
    """A running child process with its log and the signal that stops it gracefully."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    pid_file: Path
    stop_signal: signal.Signals

    @property
    def running(self) -> bool:
        """True until it has ended."""
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the graceful signal; returns at once."""
        if self.running:
            self.process.send_signal(self.stop_signal)

    def gone_by(self, deadline: float) -> bool:
        """Wait until it ends, at most until that `time.monotonic()` instant; kill its whole group then.

        True when it went by itself.
        """
        graceful = True
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            graceful = False
            kill_group(self.process.pid)
            self.process.wait()
        self.pid_file.unlink(missing_ok=True)
        return graceful

    def last_words(self, lines: int = 15) -> str:
        """The end of its log, for an error message."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""


def leashed(
    command: Sequence[str], account: Account | None = None, orphan: signal.Signals = signal.SIGKILL
) -> list[str]:
    """The command line that runs `command` so that it gets the signal `orphan` when this process dies (Linux).

    The kernel watches the thread that starts the child: start children from a thread that lives as long as they do.
    """
    account = account or Account()
    head = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(int(orphan))]
    return [*head, str(account.uid), str(account.gid), *command]


def spawn(
    name: str,
    command: Sequence[str],
    *,
    logs: Path,
    pids: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    account: Account | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    orphan: signal.Signals = signal.SIGKILL,
) -> Child:
    """Start a child in its own process group; its output goes to `logs/<name>.log` (the one before: `.log.1`)."""
    log = logs / f"{name}.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with log.open("wb") as output:
        process = subprocess.Popen(
            leashed(command, account, orphan),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            cwd=folder,
            start_new_session=True,
        )
    pid_file = pids / f"{name}.json"
    # The start time tells our process from a later one that was given the same number.
    with contextlib.suppress(psutil.NoSuchProcess):
        pid_file.write_text(json.dumps({"pid": process.pid, "started": psutil.Process(process.pid).create_time()}))
    return Child(name, process, log, pid_file, stop_signal)


def kill_group(pid: int) -> None:
    """SIGKILL to a child's whole process group; harmless when it is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def sweep(pids: Path, patience_s: float = 20.0) -> list[str]:
    """End processes that an earlier, killed run left behind, told by their pid files. Returns their names.

    They are given `patience_s` to end by themselves: on Linux their leash has already been pulled.
    """
    left: list[tuple[str, psutil.Process]] = []
    for file in sorted(pids.glob("*.json")):
        with contextlib.suppress(psutil.Error, ValueError, KeyError, OSError):
            entry = json.loads(file.read_text())
            process = psutil.Process(int(entry["pid"]))
            if abs(process.create_time() - float(entry["started"])) < 1.0:
                if sys.platform != "linux":
                    process.terminate()
                left.append((file.stem, process))
    _, alive = psutil.wait_procs([process for _, process in left], timeout=patience_s)
    for process in alive:
        kill_group(process.pid)
    psutil.wait_procs(alive, timeout=5.0)
    for file in pids.glob("*.json"):
        file.unlink(missing_ok=True)
    return [name for name, _ in left]


def until(what: str, check: Callable[[], bool], *, within_s: float, child: Child | None = None) -> None:
    """Wait for a condition; raise Trouble with the child's last words when it ends first or time is over."""
    deadline = time.monotonic() + within_s
    while not check():
        if child is not None and not child.running:
            raise Trouble(
                f"{child.name} ended with code {child.process.returncode}; {child.log} ends:\n{child.last_words()}"
            )
        if time.monotonic() > deadline:
            words = f"; {child.log} ends:\n{child.last_words()}" if child else ""
            raise Trouble(f"{what}: not after {within_s:.0f} s{words}")
        time.sleep(POLL_S)


def wait_for_the_end() -> None:
    """Return at Ctrl-C or SIGTERM; for the main thread, once everything is started (a child inherits the mask)."""
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    signal.sigwait(ends)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)


class Stopped(BaseException):
    """Somebody wants the end: Ctrl-C, SIGTERM, or the terminal was closed."""


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[Callable[[], None]]:
    """Raise Stopped at the first signal that asks for the end; further ones do not disturb the stopping.

    Yields what to call when stopping begins by itself. For the main thread. Under make, whose death nobody would tell
    us of, the kernel does (Linux).
    """
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def ignore() -> None:
        for end in ends:
            signal.signal(end, signal.SIG_IGN)

    def stop(_number: int, _frame: FrameType | None) -> None:
        ignore()
        raise Stopped

    before = {end: signal.signal(end, stop) for end in ends}
    if "MAKELEVEL" in os.environ and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    try:
        yield ignore
    finally:
        for end, handler in before.items():
            signal.signal(end, handler)


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """True when something accepts connections on that port."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1.0):
        return True
    return False


def call(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function to its end in a thread with its own loop, so that a caller's loop is left alone."""

    async def finish() -> T:
        return await work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(finish())).result()
