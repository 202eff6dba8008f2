"""A new version of a type: what was stored before reads as the new one, in decisions and in read models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events.builds import Builds
from libs.events.clock import FixedClock
from libs.events.connections import open_pool
from libs.events.contracts.documents.catalog import fact_types
from libs.events.deciding import Command, Decider, Given, Id, States, StreamKind
from libs.events.errors import UnreadableFact
from libs.events.facts import REGISTRY, Actor, Fact, Money, Recorded
from libs.events.log import Log
from libs.events.projecting import Group, Projection, Table
from libs.events.reading import Reader
from libs.events.running import Request, Runner
from libs.events.waking import Wake

MONDAY = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


class PricedThen(Fact, owner="pipeline", type="test-priced.v1", stream="price-{product_id}"):
    """A price in the only currency there was."""

    product_id: str
    yuan: str


class Priced(Fact, owner="pipeline", type="test-priced.v2", stream="price-{product_id}"):
    """A price in any currency."""

    product_id: str
    price: Money


@REGISTRY.upcast("test-priced.v1", "test-priced.v2")
def with_currency(old: dict[str, Any]) -> dict[str, Any]:
    """All prices were in yuan."""
    return {"product_id": old["product_id"], "price": {"amount": old["yuan"], "currency": "CNY"}}


class SetPrice(Command):
    """Set a price, in the old form as code of then did."""

    product_id: Id
    amount: str
    then: bool


def evolve(state: tuple[str, ...], fact: Fact) -> tuple[str, ...]:
    """The prices so far; only the new form is known."""
    match fact:
        case Priced(price=price):
            return (*state, f"{price.amount} {price.currency}")
        case _:
            return (*state, f"not upcast: {fact.wire}")


PRICE = StreamKind("price", (), evolve)
DECIDED: list[tuple[str, ...]] = []


def decide(states: States, command: SetPrice, given: Given) -> Sequence[Fact]:
    """Set it, and remember what was known."""
    DECIDED.append(states[PRICE.of(command.product_id)])
    if command.then:
        return [PricedThen(product_id=command.product_id, yuan=command.amount)]
    price = Money.model_validate({"amount": command.amount, "currency": "EUR"})
    return [Priced(product_id=command.product_id, price=price)]


SET_PRICE = Decider("set-price", lambda states, command, given: [PRICE.of(command.product_id)], decide)


@dataclass(frozen=True, slots=True)
class PriceRow:
    """A product with its prices in order."""

    product_id: str
    prices: list[str]


def fold(group: Group, recorded: Recorded[Fact]) -> Sequence[PriceRow]:
    """Add the price; only the new form is known."""
    row = group.one(PriceRow) or PriceRow(group.key, [])
    assert isinstance(recorded.fact, Priced)
    return [PriceRow(row.product_id, [*row.prices, str(recorded.fact.price.amount)])]


PRICES = Projection(
    "prices", 1, (Priced,), (Table("prices", PriceRow, ("product_id",)),), lambda fact: [fact.product_id], fold
)


def test_an_old_payload_reads_as_the_new_version() -> None:
    fact = REGISTRY.read("test-priced.v1", {"product_id": "p", "yuan": "12.50"})
    assert fact == Priced.model_validate({"product_id": "p", "price": {"amount": "12.50", "currency": "CNY"}})
    assert REGISTRY.current("test-priced.v1") == "test-priced.v2"
    assert REGISTRY.stored_names(["test-priced.v2"]) == ["test-priced.v1", "test-priced.v2"]


def test_an_old_payload_that_its_upcaster_cannot_read_is_unreadable() -> None:
    with pytest.raises(UnreadableFact, match=r"test-priced\.v2"):
        REGISTRY.read("test-priced.v1", {"product_id": "p"})


def test_types_of_tests_are_not_published() -> None:
    assert not [wire for wire in fact_types() if wire.startswith("test-")]


async def test_decisions_and_read_models_see_old_facts_in_their_new_form(database: Callable[[str], Database]) -> None:
    """Facts are kept as they were stored, whatever the code of today."""
    pool = await open_pool(database("pipeline").worker_url, size=4, name="pipeline")
    log = Log("pipeline", pool)
    await log.start()
    try:
        runner = Runner(log, FixedClock(MONDAY))
        DECIDED.clear()
        for amount, then in (("12.50", True), ("13", True), ("2", False)):
            command = SetPrice(product_id="p", amount=amount, then=then)
            await runner.run(SET_PRICE, command, Request("testtenant", Actor(id="tester"), uuid7()))
        assert DECIDED[-1] == ("12.50 CNY", "13 CNY")
        await Builds(pool, PRICES).ensure()
        reader = Reader(pool, "testtenant", Wake())
        assert await reader(PRICES).value("select prices from prices where tenant = $1") == ["12.50", "13", "2"]
        stored = await pool.fetch("select type from log.events order by seq")
        assert [row["type"] for row in stored] == ["test-priced.v1", "test-priced.v1", "test-priced.v2"]
    finally:
        await log.stop()
        await pool.close()
