"""Webhooks: addresses of the tenant's own systems that take notifications, signed."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from libs.events.contracts.alerting import AlertingFact, WebhookRegistered, WebhookRemoved
from libs.events.deciding import Command, Decider, Given, Id, Line, States, StreamKind, StreamOf
from libs.events.errors import NotFound, Rejected
from libs.service.sealing import Vault

MOST_RECIPIENTS = 200


@dataclass(frozen=True, slots=True)
class Webhook:
    """What decisions need of one."""

    url: str | None = None
    recipients: tuple[str, ...] = ()
    removed: bool = False


def evolve(webhook: Webhook, fact: Any) -> Webhook:
    """What a fact changes."""
    match fact:
        case WebhookRegistered():
            return Webhook(fact.url, tuple(fact.recipients))
        case WebhookRemoved():
            return replace(webhook, removed=True)
        case _:
            return webhook


WEBHOOK = StreamKind("webhook", Webhook(), evolve)


def _plain_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("an address begins with https:// and names a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("an address holds no user, password or fragment")
    if parts.port == 0:
        raise ValueError("port 0 is no port")
    return url


Address = Annotated[Line, AfterValidator(_plain_address)]
"""A URL of at most 200 characters. Where it leads is checked each time something is sent."""


class RegisterWebhook(Command):
    """Send the notifications of these people (nobody named: everybody's) to this address as well."""

    webhook_id: Id
    url: Address
    recipients: Annotated[tuple[Id, ...], Field(max_length=MOST_RECIPIENTS)] = ()


class RemoveWebhook(Command):
    """Send nothing more there."""

    webhook_id: Id


def secret_of(vault: Vault, webhook_id: str) -> str:
    """What messages to a webhook are signed with; made from the service's own secret, so it is stored nowhere."""
    return "whsec_" + base64.b64encode(bytes.fromhex(vault.keyed_hash(f"webhook {webhook_id}"))).decode()


def streams(states: States, command: RegisterWebhook | RemoveWebhook, given: Given) -> list[StreamOf[Any]]:
    """The webhook alone."""
    return [WEBHOOK.of(command.webhook_id)]


def register(states: States, command: RegisterWebhook, given: Given) -> list[AlertingFact]:
    """A new address under a new id."""
    webhook = states[WEBHOOK.of(command.webhook_id)]
    if webhook == Webhook(command.url, command.recipients):
        return []
    if webhook.url is not None:
        raise Rejected("CONFLICT_STATE", "this id is in use")
    return [
        WebhookRegistered(
            webhook_id=command.webhook_id,
            url=command.url,
            recipients=list(command.recipients),
            registered_by=given.actor.id,
        )
    ]


def remove(states: States, command: RemoveWebhook, given: Given) -> list[AlertingFact]:
    """For good; its id does not come back."""
    webhook = states[WEBHOOK.of(command.webhook_id)]
    if webhook.url is None:
        raise NotFound("webhook", command.webhook_id)
    return [] if webhook.removed else [WebhookRemoved(webhook_id=command.webhook_id, removed_by=given.actor.id)]


REGISTER = Decider("register-webhook", streams, register)
REMOVE = Decider("remove-webhook", streams, remove)
