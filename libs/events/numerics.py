"""PostgreSQL's numeric in its binary format, read as it was written: 800000 comes back as 800000, not as 8.0E+5."""

from __future__ import annotations

import struct
from decimal import Decimal

BASE, DIGITS = 10_000, 4
NEGATIVE, SPECIAL = 0x4000, 0xC000


def encode(value: Decimal | int) -> bytes:
    """Four counts (groups, weight of the first one, sign, digits after the point), then groups of four digits.

    Raises ValueError for what is no number: it would poison every sum.
    """
    sign, digits, exponent = Decimal(value).as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{value} cannot be kept as a number")
    scale = max(0, -exponent)
    padding = -scale % DIGITS
    rest = int("".join(map(str, digits))) * 10 ** (max(0, exponent) + padding)
    groups: list[int] = []
    while rest:
        rest, group = divmod(rest, BASE)
        groups.append(group)
    weight = len(groups) - 1 - (scale + padding) // DIGITS
    groups.reverse()
    while groups and groups[-1] == 0:
        groups.pop()
    head = (len(groups), weight if groups else 0, NEGATIVE if sign and groups else 0, scale)
    return struct.pack(f">hhHH{len(groups)}h", *head, *groups)


def decode(data: bytes) -> Decimal:
    """The number with as many digits after the point as it has in the database. Raises ValueError for NaN."""
    count, weight, sign, scale = struct.unpack_from(">hhHH", data)
    if sign & SPECIAL == SPECIAL:
        raise ValueError("not a number")
    whole = 0
    for group in struct.unpack_from(f">{count}h", data, 8):
        whole = whole * BASE + group
    shift = (weight - count + 1) * DIGITS + scale
    whole = whole * 10**shift if shift >= 0 else whole // 10**-shift
    return Decimal((1 if sign else 0, tuple(map(int, str(whole))), -scale))
