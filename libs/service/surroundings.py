"""What the process around a reader offers beside its database: business time and the key that wraps keys."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from libs.events.clock import Clock, RealClock
from libs.events.reading import Reader
from libs.events.waking import Wake


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The clock of a process, its 32 bytes for keyed hashes (none: it seals and opens nothing), and its master keys."""

    clock: Clock
    wrapping: bytes = b""
    masters: tuple[bytes, ...] = ()


_KNOWN: WeakKeyDictionary[Wake, Surroundings] = WeakKeyDictionary()


def surround(wake: Wake, clock: Clock, wrapping: bytes = b"", masters: tuple[bytes, ...] = ()) -> None:
    """Say once at start what surrounds the readers of a log (`log.wake`)."""
    _KNOWN[wake] = Surroundings(clock, wrapping, masters)


def around(reader: Reader) -> Surroundings:
    """What surrounds a reader; the real clock and no key where nobody said."""
    return _KNOWN.get(reader.wake) or Surroundings(RealClock())
