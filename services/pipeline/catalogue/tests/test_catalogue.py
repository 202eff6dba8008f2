"""Accounts and products, and the nearest known one."""

from __future__ import annotations

import pytest

from libs.events.contracts.pipeline import AccountRegistered, ProductRegistered
from libs.events.testing import given
from services.pipeline.catalogue.domain import (
    KEEP_ACCOUNT,
    REGISTER_ACCOUNT,
    REGISTER_PRODUCT,
    KeepAccount,
    RegisterAccount,
    RegisterProduct,
)
from services.pipeline.catalogue.nearest import nearest

ACME = AccountRegistered(account_id="acme", name="Acme Corporation", sector="retail", attributes={"employees": "10"})
REGISTER = RegisterAccount(account_id="acme", name="Acme Corporation", sector="retail", attributes={"employees": "10"})


def test_an_account_is_registered_once() -> None:
    given(REGISTER_ACCOUNT).when(REGISTER).then(ACME)
    given(REGISTER_ACCOUNT, ACME).when(REGISTER).then()


def test_another_account_does_not_take_its_id() -> None:
    other = REGISTER.model_copy(update={"name": "Beta"})
    given(REGISTER_ACCOUNT, ACME).when(other).then_rejected("CONFLICT_STATE")


def test_a_product_is_registered() -> None:
    command = RegisterProduct(product_id="gtx-pro", name="GTX Pro", series="GTX")
    given(REGISTER_PRODUCT).when(command).then(ProductRegistered(product_id="gtx-pro", name="GTX Pro", series="GTX"))


def test_the_account_of_a_converted_lead_keeps_its_name() -> None:
    """F3"""
    command = KeepAccount(account_id="acme", name="ACME Inc.")
    given(KEEP_ACCOUNT).when(command).then(AccountRegistered(account_id="acme", name="ACME Inc."))
    given(KEEP_ACCOUNT, ACME).when(command).then()


@pytest.mark.parametrize(
    ("word", "found"),
    [("GTXPro", "p1"), ("gtx pro", "p1"), ("MG speciel", "p2"), ("海尔智家", "p3"), ("zzzzzz", None)],
)
def test_the_nearest_known_value_is_found(word: str, found: str | None) -> None:
    known = {"p1": "GTX Pro", "p2": "MG Special", "p3": "海尔智家股份有限公司"}
    best = nearest(word, known)
    assert (best and best[0]) == found
