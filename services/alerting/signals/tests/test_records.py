"""Whatever a partner writes is a signal or a refusal that says why."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from libs.events.testing.decisions import NOON
from services.alerting.signals.domain import ReceiveSignal, RefuseSignal
from services.alerting.signals.records import MAX_VALUE_BYTES, Headers, read_signal

TIME = "2026-03-02T03:00:00Z"
HEADERS: dict[str, bytes] = {
    "ce_specversion": b"1.0",
    "ce_id": b"waybill-7",
    "ce_source": b"logistics.example",
    "ce_type": b"shipment.delayed",
    "ce_time": TIME.encode(),
    "ce_subject": b"order/order-7",
    "content-type": b"application/json; charset=utf-8",
}
DOCUMENT = {name.removeprefix("ce_"): text.decode() for name, text in HEADERS.items() if name.startswith("ce_")}
EXPECTED = ReceiveSignal(
    source="logistics.example",
    external_id="waybill-7",
    kind="shipment.delayed",
    subject="order/order-7",
    payload={"days": 1},
    happened_at=datetime.fromisoformat(TIME),
)


def read(value: bytes | None = b'{"days": 1}', **changes: bytes | None) -> ReceiveSignal | RefuseSignal:
    """A record in binary mode with some headers changed; None takes one away, `content_type` is that header."""
    headers = HEADERS | {name.replace("content_type", "content-type"): text for name, text in changes.items()}
    return read_signal(
        value, [(name, text) for name, text in headers.items() if text is not None], came_at=NOON, place="2/17"
    )


def structured(**changes: Any) -> ReceiveSignal | RefuseSignal:
    """A record in structured mode."""
    headers: Headers = [("content-type", b"application/cloudevents+json")]
    value = json.dumps(DOCUMENT | {"data": {"days": 1}} | changes).encode()
    return read_signal(value, headers, came_at=NOON, place="2/17")


def test_binary_and_structured_mode_say_the_same() -> None:
    assert read() == structured() == EXPECTED


def test_what_a_record_says_of_tenants_is_passed_over() -> None:
    """The topic decides whose it is."""
    assert read(ce_tenantid=b"othertenant") == structured(tenantid="othertenant", tenant="othertenant") == EXPECTED


def test_without_a_time_it_happened_when_it_came() -> None:
    expected = EXPECTED.model_copy(update={"happened_at": NOON})
    assert read(ce_time=None) == structured(time=None) == expected
    assert read(content_type=None) == EXPECTED


@pytest.mark.parametrize(
    ("value", "code", "why"),
    [
        (None, "MALFORMED", "no value"),
        (b"", "MALFORMED", "no value"),
        (b"garbage", "MALFORMED", "not valid JSON"),
        (b"\xff\xfe", "MALFORMED", "not UTF-8"),
        (b"[1]", "MALFORMED", "no JSON object"),
        (b'{"days": NaN}', "MALFORMED", "NaN"),
        (b'{"text": "\\u0000"}', "MALFORMED", "NUL"),
        (b'{"text": "\\ud800"}', "MALFORMED", "surrogates"),
        (b'{"deep": ' + b"[" * 60 + b"]" * 60 + b"}", "MALFORMED", "50 levels"),
        (b'{"long": "' + b"x" * MAX_VALUE_BYTES + b'"}', "TOO_LARGE", str(MAX_VALUE_BYTES)),
    ],
    ids=["null", "empty", "garbage", "binary", "list", "NaN", "NUL", "surrogate", "deep", "long"],
)
def test_a_value_that_cannot_be_read_is_refused_under_its_own_name(value: bytes | None, code: str, why: str) -> None:
    refusal = read(value)
    assert isinstance(refusal, RefuseSignal)
    assert (refusal.source, refusal.external_id, refusal.code) == ("logistics.example", "waybill-7", code)
    assert why in refusal.why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"specversion": "0.3"}, "specversion: "),
        ({"specversion": None}, "specversion: "),
        ({"type": "Shipment delayed!"}, "type: "),
        ({"type": None}, "type: "),
        ({"id": None}, "id: "),
        ({"source": None}, "source: "),
        ({"time": "yesterday"}, "time: "),
        ({"time": "2026-03-02T03:00:00"}, "time: "),
        ({"subject": "x" * 201}, "subject: "),
        ({"datacontenttype": "text/xml"}, "datacontenttype: "),
    ],
    ids=["old", "unversioned", "odd-type", "untyped", "no-id", "no-source", "no-time", "zoneless", "long", "xml"],
)
def test_an_attribute_that_does_not_fit_is_named(changes: dict[str, str | None], why: str) -> None:
    binary = {f"ce_{name}": text.encode() if text is not None else None for name, text in changes.items()}
    binary = {name.replace("ce_datacontenttype", "content_type"): text for name, text in binary.items()}
    for refusal in (read(**binary), structured(**changes)):
        assert isinstance(refusal, RefuseSignal)
        assert refusal.code == "VALIDATION"
        assert refusal.why.startswith(why)


def test_data_that_is_no_object_is_named_in_structured_mode() -> None:
    for data in (None, "text", [1], 7):
        refusal = structured(data=data)
        assert isinstance(refusal, RefuseSignal)
        assert refusal.why.startswith("data: ")


def test_a_record_without_a_name_gets_that_of_its_place() -> None:
    refusal = read_signal(b"\x00\x01", [("ce_id", b"\xff"), ("x", None)], came_at=NOON, place="2/17")
    assert refusal == RefuseSignal(
        source="unnamed", external_id="2/17", code="MALFORMED", why="header ce_id: not UTF-8"
    )
    long = read(None, ce_source=b"x" * 201, ce_id=b"a\x00b")
    assert (long.source, long.external_id) == ("unnamed", "2/17")
    flood = read(ce_extra=b"x" * 20_000)
    assert isinstance(flood, RefuseSignal)
    assert flood.code == "TOO_LARGE"
