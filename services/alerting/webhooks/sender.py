"""Delivers a message to a webhook: a CloudEvent with a Standard Webhooks signature; only 2xx counts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import cache

import httpx2
import orjson
from standardwebhooks import Webhook as Signature

from libs.events.effects import PAUSES, EffectRow, EffectTools, Refused, Retry
from libs.service.sealing import vault_of
from libs.service.settings import Settings
from services.alerting.notifications.domain import NOTE_FAILED, NOTE_SENT, NoteFailed, NoteSent
from services.alerting.webhooks.addresses import Forbidden, resolve
from services.alerting.webhooks.domain import secret_of
from services.alerting.webhooks.projections import WEBHOOKS

SECONDS = 10.0
WORTH_ANOTHER_TRY = frozenset({408, 425, 429})


@cache
def _in_development() -> bool:
    return Settings(service="alerting").environment == "development"


async def send_to_webhook(effect: EffectRow, tools: EffectTools) -> None:
    """Send, and record that it was taken or that it failed for good. Raises Retry or Refused."""
    identity = effect.payload["notification_id"]
    row = await tools.reader(WEBHOOKS).one(
        "select url, removed_at from webhooks where tenant = $1 and webhook_id = $2", effect.payload["address"]
    )
    try:
        if row is None or row["removed_at"] is not None:
            raise Refused("the webhook was removed")
        secret = secret_of(vault_of(tools.reader), effect.payload["address"])
        await post(row["url"], secret, identity, cloud_event(effect), loopback=_in_development())
    except Refused as refusal:
        await tools.runner.run(NOTE_FAILED, NoteFailed(notification_id=identity, why=str(refusal)), tools.request)
        raise
    except Retry as retry:
        if effect.tries + 1 >= len(PAUSES):
            why = f"given up after {len(PAUSES)} tries: {retry}"
            await tools.runner.run(NOTE_FAILED, NoteFailed(notification_id=identity, why=why), tools.request)
            raise Refused(why) from retry
        raise
    await tools.runner.run(NOTE_SENT, NoteSent(notification_id=identity), tools.request)


def cloud_event(effect: EffectRow) -> bytes:
    """The message as a CloudEvent in JSON; its id is the notification's, the same at every try."""
    message = effect.payload
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": message["notification_id"],
            "source": "alerting",
            "type": "notification.v1",
            "subject": f"notification-{message['notification_id']}",
            "time": message["requested_at"],
            "tenantid": effect.tenant,
            "datacontenttype": "application/json",
            "data": {name: message[name] for name in ("recipient", "step", "title", "lines", "alerts")},
        }
    )


async def post(url: str, secret: str, identity: str, body: bytes, *, loopback: bool = False) -> None:
    """POST a body, signed as of the real time, because receivers compare with theirs. Raises Retry, Refused."""
    signed_at = datetime.now(UTC)
    headers = {
        "content-type": "application/cloudevents+json",
        "user-agent": "salesloom",
        "webhook-id": identity,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": Signature(secret).sign(identity, signed_at, body.decode()),
    }
    try:
        async with asyncio.timeout(SECONDS):
            status = await _status(httpx2.URL(url), headers, body, loopback=loopback)
    except Forbidden as error:
        raise Refused(str(error)) from error
    except (httpx2.TransportError, OSError, TimeoutError) as error:
        raise Retry(f"{type(error).__name__} on the way") from error
    if 200 <= status < 300:
        return
    if status in WORTH_ANOTHER_TRY or status >= 500:
        raise Retry(f"the webhook answered {status}")
    raise Refused(f"the webhook answered {status}")


async def _status(url: httpx2.URL, headers: dict[str, str], body: bytes, *, loopback: bool) -> int:
    """The status of the answer; its body is not read, and a redirect is an answer like any other."""
    port = url.port or (443 if url.scheme == "https" else 80)
    if url.scheme != "https" and not loopback:
        raise Forbidden("only https addresses are asked")
    host = url.raw_host.decode()
    address = await resolve(host, port, loopback=loopback)
    pinned = url.copy_with(host=address)
    named = {**headers, "host": url.netloc.decode()}
    async with (
        httpx2.AsyncClient(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
        client.stream("POST", pinned, content=body, headers=named, extensions={"sni_hostname": host}) as response,
    ):
        return int(response.status_code)
