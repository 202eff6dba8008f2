"""Dates, amounts and known words as other systems write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from libs.service.imports.values import Amounts, Dates, Known, Refused, identity

SHANGHAI, BERLIN, SAO_PAULO = (ZoneInfo(name) for name in ("Asia/Shanghai", "Europe/Berlin", "America/Sao_Paulo"))
DOLLARS = Amounts(currency="USD")


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("$22,700.00", "22700.00", "USD"),
        (" 1054 ", "1054", "USD"),
        ("(1,200)", "-1200", "USD"),
        ("-$5", "-5", "USD"),
        ("$-5", "-5", "USD"),
        ("EUR 3.5", "3.5", "EUR"),
        ("€900.50", "900.50", "EUR"),
        ("1,000,000", "1000000", "USD"),
    ],
)
def test_an_amount_is_read_with_its_currency(text: str, amount: str, currency: str) -> None:
    found = DOLLARS.money(text)
    assert (found.amount, found.currency) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    "text", ["1.234,56", "1,23", "12,34,567", "5 kg", "¥5", "a lot", "1.23456", "--5", "1 2", "$5 EUR", "9" * 20, "٣"]
)
def test_an_amount_that_is_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        DOLLARS.money(text)


def test_other_marks_and_signs_are_the_mappings_to_name() -> None:
    euros = Amounts(",", ".", "EUR")
    assert euros.money("1.234,56 €").amount == Decimal("1234.56")
    assert Amounts(".", ",", None, {"¥": "CNY"}).money("¥12,000").currency == "CNY"
    with pytest.raises(ValueError, match="no currency"):
        Amounts().money("12")


def test_a_rows_own_currency_holds_unless_the_amount_says_another() -> None:
    assert DOLLARS.money("12", "CHF").currency == "CHF"
    with pytest.raises(ValueError, match="CHF and EUR"):
        DOLLARS.money("€12", "CHF")


def test_a_day_begins_at_midnight_of_the_zone() -> None:
    dates = Dates(("%Y-%m-%d", "%d.%m.%Y %H:%M"), SHANGHAI)
    assert dates.instant("2016-10-20") == datetime(2016, 10, 19, 16, 0, tzinfo=UTC)
    assert dates.instant("20.10.2016 09:30") == datetime(2016, 10, 20, 1, 30, tzinfo=UTC)
    assert dates.day("2016-10-20") == date(2016, 10, 20)


def test_a_zone_in_the_text_is_kept() -> None:
    dates = Dates(("%Y-%m-%dT%H:%M:%S%z",), SHANGHAI)
    assert dates.instant("2016-10-20T00:00:00+02:00") == datetime(2016, 10, 19, 22, 0, tzinfo=UTC)


def test_a_date_that_two_formats_read_differently_is_refused() -> None:
    dates = Dates(("%d/%m/%Y", "%m/%d/%Y"), BERLIN)
    assert dates.day("13/02/2024") == date(2024, 2, 13)
    with pytest.raises(ValueError, match="may be 2024-02-03"):
        dates.instant("03/02/2024")


@pytest.mark.parametrize("text", ["2024-02-30", "24-02-03", "yesterday", "2024-02-03 10:00", "0001-01-01x"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no date of the form"):
        Dates(("%Y-%m-%d",), BERLIN).instant(text)


def test_a_time_that_the_clocks_skipped_is_refused_but_a_day_begins_after_the_gap() -> None:
    with pytest.raises(ValueError):
        Dates(("%Y-%m-%d %H:%M",), BERLIN).instant("2024-03-31 02:30")
    assert Dates(("%Y-%m-%d",), SAO_PAULO).instant("2017-10-15") == datetime(2017, 10, 15, 3, 0, tzinfo=UTC)


PRODUCTS = Known("demotenant", "product", {"gtx-pro": "GTX Pro", "gtx-plus-pro": "GTX Plus Pro", "mg": "MG Special"})


def test_a_name_is_found_exactly_or_refused_with_the_nearest() -> None:
    assert PRODUCTS.find("product", "GTX Pro") == "gtx-pro"
    assert PRODUCTS.find("product", "mg") == "mg"
    with pytest.raises(Refused) as refused:
        PRODUCTS.find("product", "GTXPro")
    assert (refused.value.value, refused.value.nearest) == ("GTXPro", "GTX Pro")
    with pytest.raises(Refused) as refused:
        PRODUCTS.find("product", "§§§")
    assert refused.value.nearest == ""


def test_a_name_that_two_have_is_refused() -> None:
    with pytest.raises(Refused, match="several"):
        Known("demotenant", "person", {"a": "Li Wei", "b": "Li Wei"}).find("owner", "Li Wei")


def test_what_has_a_derived_id_is_found_by_the_id_it_had_there() -> None:
    derived = identity("derived", "demotenant", "account", "#17/a")
    assert Known("demotenant", "account", {derived: "Acme"}).find("account", "#17/a") == derived


def test_ids_are_kept_named_or_derived() -> None:
    assert identity("kept", "demotenant", "opportunity", "1C1I7A6R") == "1C1I7A6R"
    assert identity("named", "demotenant", "person", "Darcel Schlecht") == "darcel-schlecht"
    assert len(identity("named", "demotenant", "person", "王芳")) == 36
    assert identity("derived", "demotenant", "x", "1") != identity("derived", "othertenant", "x", "1")
    with pytest.raises(ValueError, match="derived"):
        identity("kept", "demotenant", "opportunity", "OPP #1")
