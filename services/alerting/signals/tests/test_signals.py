"""A partner's signal counts once; one that cannot be used leaves its reason."""

from __future__ import annotations

from datetime import timedelta

from libs.events.contracts.alerting import SignalReceived, SignalRefused
from libs.events.contracts.common import Subject
from libs.events.contracts.examples.ids import TENANT
from libs.events.testing.decisions import NOON, given
from services.alerting.signals.domain import RECEIVE, ReceiveSignal, signal_id

DELAYED = ReceiveSignal(
    source="logistics.example",
    external_id="waybill-7",
    kind="shipment.delayed",
    subject="order/order-7",
    payload={"days": 1},
    happened_at=NOON,
)
IDENTITY = signal_id(TENANT, "logistics.example", "waybill-7")


def test_a_signal_is_taken_in_once() -> None:
    received = given(RECEIVE).when(DELAYED).fact(SignalReceived)
    assert (received.signal_id, received.subject) == (IDENTITY, Subject(type="order", id="order-7"))
    given(RECEIVE, received).when(DELAYED).then()


def test_what_cannot_be_used_is_refused_with_the_reason_and_may_be_put_right() -> None:
    tomorrow = DELAYED.model_copy(update={"happened_at": NOON + timedelta(days=1)})
    refusal = given(RECEIVE).when(tomorrow).then_rejected("VALIDATION").record
    assert [type(fact) for fact in refusal] == [SignalRefused]
    assert given(RECEIVE, *refusal).when(tomorrow).then_rejected("VALIDATION").record == ()
    given(RECEIVE, *refusal).when(DELAYED).fact(SignalReceived)
    nowhere = DELAYED.model_copy(update={"subject": "order-7"})
    given(RECEIVE).when(nowhere).then_rejected("VALIDATION")


def test_another_tenants_signal_is_another_signal() -> None:
    assert signal_id("othertenant", "logistics.example", "waybill-7") != IDENTITY
