"""Numbers come back from PostgreSQL as they were written, so that a fold sees the same after reading its rows."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.provision import Database
from libs.events.connections import open_pool
from libs.events.numerics import decode, encode

PLAIN = ["0", "0.00", "800000", "800000.00", "10000", "9999", "10000.0001", "-0.0001", "0.00012345", "-123456789.10"]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**14), max_value=10**14))
def test_a_number_comes_back_with_the_digits_it_had(value: Decimal) -> None:
    assert decode(encode(value)) == value
    assert str(decode(encode(value))) == str(value or abs(value))


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        encode(Decimal("NaN"))
    with pytest.raises(ValueError, match="not a number"):
        decode(bytes.fromhex("00000000c0000000"))


async def test_postgresql_and_python_mean_the_same_number(database: Callable[[str], Database]) -> None:
    pool = await open_pool(database("pipeline").owner_url, size=1)
    try:
        for text in PLAIN:
            row = await pool.fetchrow("select $1::numeric::text as sent, $2::text::numeric as got", Decimal(text), text)
            assert (row["sent"], str(row["got"])) == (text, text)
        assert await pool.fetchval("select $1::numeric::text", Decimal("8E+5")) == "800000"
        assert await pool.fetchval("select $1::numeric[]", [Decimal("8E+5"), None]) == [Decimal(800_000), None]
        assert (
            str(await pool.fetchval("select sum(x) from unnest($1::numeric[]) x", [Decimal(300_000)] * 2)) == "600000"
        )
    finally:
        await pool.close()


async def test_numbers_can_be_copied(database: Callable[[str], Database]) -> None:
    pool = await open_pool(database("pipeline").owner_url, size=1)
    try:
        async with pool.acquire() as connection:
            await connection.execute("create temporary table copied (amount numeric)")
            await connection.copy_records_to_table("copied", records=[(Decimal(text),) for text in PLAIN])
            assert [str(row[0]) for row in await connection.fetch("select amount from copied")] == PLAIN
    finally:
        await pool.close()
