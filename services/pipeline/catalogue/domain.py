"""Registering accounts and products, and refusing those that nobody registered (S-11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from libs.events.contracts.pipeline import AccountRegistered, ProductRegistered
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamKind, StreamOf
from libs.events.errors import Rejected
from libs.events.facts import Fact, Money
from services.pipeline.catalogue.nearest import unknown

Attributes = Annotated[dict[Line, Line], Field(max_length=100)]


class RegisterAccount(Command):
    """Make a customer organisation known."""

    account_id: Id
    name: Line
    sector: Line | None = None
    region: Line | None = None
    attributes: Attributes = Field(default_factory=dict)


class RegisterProduct(Command):
    """Make something known that is sold."""

    product_id: Id
    name: Line
    series: Line | None = None
    list_price: Money | None = None


class KeepAccount(Command):
    """Make an account known unless it already is, whatever it is called there."""

    account_id: Id
    name: Line


def _register(known: Fact | None, fact: Any) -> Fact | None:
    return fact if isinstance(fact, AccountRegistered | ProductRegistered) else known


ACCOUNT: StreamKind[Fact | None] = StreamKind("account", None, _register)
PRODUCT: StreamKind[Fact | None] = StreamKind("product", None, _register)


def _account(states: States, command: RegisterAccount, given: Given) -> list[Fact]:
    return _once(states[ACCOUNT.of(command.account_id)], AccountRegistered(**command.model_dump()))


def _product(states: States, command: RegisterProduct, given: Given) -> list[Fact]:
    return _once(states[PRODUCT.of(command.product_id)], ProductRegistered(**command.model_dump()))


def _keep(states: States, command: KeepAccount, given: Given) -> list[Fact]:
    if states[ACCOUNT.of(command.account_id)] is not None:
        return []
    return [AccountRegistered(account_id=command.account_id, name=command.name)]


def _once(known: Fact | None, new: Fact) -> list[Fact]:
    if known is not None and known != new:
        raise Rejected("CONFLICT_STATE", "something else is registered under this id")
    return [] if known == new else [new]


REGISTER_ACCOUNT = Decider(
    "register-account", lambda states, command, given: [ACCOUNT.of(command.account_id)], _account
)
REGISTER_PRODUCT = Decider(
    "register-product", lambda states, command, given: [PRODUCT.of(command.product_id)], _product
)
KEEP_ACCOUNT = Decider("keep-account", lambda states, command, given: [ACCOUNT.of(command.account_id)], _keep)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Names by id of accounts and products, as far as they are needed to suggest one; consulted."""

    accounts: Mapping[str, str] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)


def catalogue_streams(account_id: str | None, product_id: str | None) -> list[StreamOf[Any]]:
    """The streams that say whether an account and a product are known."""
    accounts = [ACCOUNT.of(account_id)] if account_id else []
    return [*accounts, *([PRODUCT.of(product_id)] if product_id else [])]


def check_known(states: States, account_id: str | None, product_id: str | None, given: Given) -> None:
    """Refuse an account or a product that nobody registered, naming the nearest known one."""
    if account_id and states[ACCOUNT.of(account_id)] is None:
        raise unknown("account_id", account_id, given[Catalogue].accounts)
    if product_id and states[PRODUCT.of(product_id)] is None:
        raise unknown("product_id", product_id, given[Catalogue].products)
