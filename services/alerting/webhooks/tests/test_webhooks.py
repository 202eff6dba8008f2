"""Webhooks: registered once, asked only where they may be asked, signed, and only 2xx counts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from uuid import UUID

import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook as Signature

from libs.events.contracts.alerting import WebhookRegistered, WebhookRemoved
from libs.events.contracts.examples.ids import OWNER_HE, REP_LI, TENANT
from libs.events.effects import EffectRow, Refused, Retry
from libs.events.errors import NotFound
from libs.events.facts import Actor
from libs.events.testing.decisions import NOON, given
from libs.service.sealing import Vault
from services.alerting.webhooks.addresses import Forbidden, may_be_asked, resolve
from services.alerting.webhooks.domain import REGISTER, REMOVE, RegisterWebhook, RemoveWebhook, secret_of
from services.alerting.webhooks.sender import cloud_event, post

URL = "https://hooks.example.com/salesloom"
REGISTERED = WebhookRegistered(webhook_id="hook-1", url=URL, recipients=[REP_LI], registered_by=OWNER_HE)
SECRET = secret_of(Vault(TENANT, bytes(32)), "hook-1")


def test_a_webhook_is_registered_once_and_removed_for_good() -> None:
    command = RegisterWebhook(webhook_id="hook-1", url=URL, recipients=(REP_LI,))
    owner = Actor(id=OWNER_HE)
    given(REGISTER).when(command, actor=owner).then(REGISTERED)
    given(REGISTER, REGISTERED).when(command, actor=owner).then()
    removed = WebhookRemoved(webhook_id="hook-1", removed_by=OWNER_HE)
    given(REMOVE, REGISTERED).when(RemoveWebhook(webhook_id="hook-1"), actor=owner).then(removed)
    given(REMOVE, REGISTERED, removed).when(RemoveWebhook(webhook_id="hook-1"), actor=owner).then()
    given(REGISTER, REGISTERED, removed).when(command, actor=owner).then_rejected("CONFLICT_STATE")
    with pytest.raises(NotFound):
        given(REMOVE).when(RemoveWebhook(webhook_id="hook-1"), actor=owner)


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com", "https://", "https://me:secret@example.com/", "https://example.com/#part", "x"],
)
def test_an_address_is_a_plain_web_address(url: str) -> None:
    with pytest.raises(ValidationError):
        RegisterWebhook(webhook_id="hook-1", url=url)


def test_each_webhook_has_a_secret_of_its_own() -> None:
    assert secret_of(Vault(TENANT, bytes(32)), "hook-2") != SECRET
    assert secret_of(Vault("othertenant", bytes(32)), "hook-1") != SECRET


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fd00::1", "fe80::1",
     "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "127.0.0.1"],
)  # fmt: skip
def test_only_public_addresses_are_asked(address: str) -> None:
    assert not may_be_asked(ip_address(address))


def test_a_public_address_is_asked_and_in_development_this_machine_too() -> None:
    assert may_be_asked(ip_address("8.8.8.8"))
    assert may_be_asked(ip_address("2606:4700::1111"))
    assert may_be_asked(ip_address("127.0.0.1"), loopback=True)
    assert not may_be_asked(ip_address("10.0.0.1"), loopback=True)


async def test_a_name_that_leads_inside_is_forbidden() -> None:
    with pytest.raises(Forbidden):
        await resolve("localhost", 443)
    assert await resolve("localhost", 443, loopback=True) in {"127.0.0.1", "::1"}


EFFECT = EffectRow(
    UUID(int=1),
    TENANT,
    "webhook",
    {
        "notification_id": "notification-1",
        "recipient": REP_LI,
        "address": "hook-1",
        "alerts": ["alert-1"],
        "step": "raised",
        "title": "A01 Silent lead (1)",
        "lines": ["海尔智家: no substantive activity since 2026-03-06 17:00"],
        "requested_at": NOON.isoformat(),
    },
    0,
)


@asynccontextmanager
async def receiver(answer: str) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A web server that answers everything the same and keeps what it got."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l"))
        got.append(head + await reader.readexactly(length))
        writer.write(f"HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}/hook", got


async def test_a_message_is_a_signed_cloud_event() -> None:
    body = cloud_event(EFFECT)
    async with receiver("204 No Content") as (url, got):
        await post(url, SECRET, "notification-1", body, loopback=True)
    head, _, received = got[0].partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    event = Signature(SECRET).verify(received, headers)
    assert received == body
    assert headers["host"] == url.split("/")[2]
    assert (event["id"], event["tenantid"], event["data"]["title"]) == (
        "notification-1",
        TENANT,
        "A01 Silent lead (1)",
    )


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("302 Found\r\nlocation: http://localhost:1/", Refused),
        ("404 Not Found", Refused),
        ("429 Too Many Requests", Retry),
        ("503 Service Unavailable", Retry),
    ],
)
async def test_only_2xx_counts_and_a_redirect_is_not_followed(answer: str, outcome: type[Exception]) -> None:
    async with receiver(answer) as (url, got):
        with pytest.raises(outcome):
            await post(url, SECRET, "notification-1", b"{}", loopback=True)
    assert len(got) == 1


async def test_outside_development_this_machine_is_not_asked() -> None:
    async with receiver("204 No Content") as (url, got):
        for address in (url, url.replace("http:", "https:")):
            with pytest.raises(Refused):
                await post(address, SECRET, "notification-1", b"{}")
    assert got == []


async def test_nobody_there_is_tried_again() -> None:
    async with receiver("204 No Content") as (url, _):
        pass
    with pytest.raises(Retry):
        await post(url, SECRET, "notification-1", b"{}", loopback=True)
