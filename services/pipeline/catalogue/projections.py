"""The lists of accounts and products."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from libs.events.contracts.pipeline import AccountRegistered, ProductRegistered
from libs.events.facts import Recorded
from libs.events.projecting import Group, Projection, Table


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A customer organisation."""

    account_id: str
    name: str
    sector: str | None
    region: str | None
    attributes: dict[str, str]
    version: int


@dataclass(frozen=True, slots=True)
class ProductRow:
    """Something that is sold."""

    product_id: str
    name: str
    series: str | None
    list_price: Decimal | None
    currency: str | None
    version: int


def fold_accounts(group: Group, recorded: Recorded[AccountRegistered]) -> list[AccountRow]:
    """The account as registered."""
    fact = recorded.fact
    return [AccountRow(fact.account_id, fact.name, fact.sector, fact.region, dict(fact.attributes), recorded.version)]


def fold_products(group: Group, recorded: Recorded[ProductRegistered]) -> list[ProductRow]:
    """The product as registered."""
    fact, price = recorded.fact, recorded.fact.list_price
    amount, currency = (price.amount, price.currency) if price else (None, None)
    return [ProductRow(fact.product_id, fact.name, fact.series, amount, currency, recorded.version)]


def account_keys(fact: Any) -> list[str]:
    """By account."""
    return [fact.account_id]


def product_keys(fact: Any) -> list[str]:
    """By product."""
    return [fact.product_id]


ACCOUNTS = Projection(
    name="accounts",
    version=1,
    reads=(AccountRegistered,),
    tables=(Table("accounts", AccountRow, indexes=(("account_id",), ("sector",))),),
    keys=account_keys,
    fold=fold_accounts,
)
PRODUCTS = Projection(
    name="products",
    version=1,
    reads=(ProductRegistered,),
    tables=(Table("products", ProductRow, indexes=(("product_id",), ("series",))),),
    keys=product_keys,
    fold=fold_products,
)
