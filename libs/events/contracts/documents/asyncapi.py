"""The AsyncAPI 3 document: the topics, who may read them, and the messages on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from libs.events.contracts.documents.catalog import Payload, fact_types
from libs.events.envelope import ENVELOPE, Form
from libs.events.facts import SERVICES, TENANT_PATTERN, Fact
from libs.events.topics import A_DAY, FOREVER, FROM_PARTNERS
from libs.events.wire import LOG_PARTITIONS, Topics

VERSION = "1.0.0"
FEED_PARTITIONS = 3
BINDING = "0.5.0"
TENANT = "{tenant}"
FORMS: dict[Form, dict[str, str]] = {
    "text": {},
    "uuid": {"format": "uuid"},
    "time": {"format": "date-time"},
    "number": {"pattern": "^[0-9]+$"},
    "json": {"contentMediaType": "application/json"},
}
ABOUT = """What happens in Salesloom, as facts on Kafka: CloudEvents 1.0 in binary mode, JSON values, kept for ever.

The services read each other's logs; partners read the feeds of their organisation and write its signals.
How to subscribe, what order and repetition to expect and how to detect loss: README.md beside this document."""

Part = dict[str, Any]


def asyncapi(examples: Mapping[str, Sequence[Payload]]) -> Part:
    """The document; `examples` by wire name are shown with their messages. Payloads refer to `schemas/<wire>.json`."""
    types = fact_types()
    messages = {wire: _message(model, examples.get(wire, ())) for wire, model in types.items()}
    channels: Part = {}
    operations: Part = {}
    for service in SERVICES:
        owned = [wire for wire, model in types.items() if model.owner in {None, service}]
        channels |= _channels_of(service, owned, [wire for wire in owned if types[wire].partners])
        for kind in ("log", "watermarks", "feed"):
            operations[f"{service}.{kind}.publish"] = _operation("send", f"{service}.{kind}")
    channels |= _channels_of_partners()
    operations["partners.signals.take"] = _operation("receive", "partners.signals")
    operations["partners.rejected.publish"] = _operation("send", "partners.rejected")
    return {
        "asyncapi": "3.1.0",
        "info": {"title": "Salesloom facts", "version": VERSION, "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages | {"watermark": _watermark(), "signal": _signal()},
            "messageTraits": {"fact": _fact_trait()},
            "parameters": {"tenant": {"description": f"The organisation's id; matches {TENANT_PATTERN}."}},
        },
    }


def _channels_of(service: str, owned: Sequence[str], shared: Sequence[str]) -> Part:
    topics = Topics()
    return {
        f"{service}.log": _channel(
            topics.log(service), f"All facts of {service}, for the other services.", owned, LOG_PARTITIONS
        ),
        f"{service}.watermarks": _channel(
            topics.watermarks(service),
            f"How far the facts of {service} are complete: at least every 250 ms.",
            ["watermark"],
            1,
            A_DAY,
        ),
        f"{service}.feed": _channel(
            topics.feed(TENANT, service),
            f"The facts of {service} that partners of the organisation may read, without sealed fields.",
            shared,
            FEED_PARTITIONS,
        ),
    }


def _channels_of_partners() -> Part:
    topics = Topics()
    return {
        "partners.signals": _channel(
            topics.signals(TENANT),
            "What partners tell the organisation: logistics, production, surveys. The topic decides whose it is.",
            ["signal"],
            FEED_PARTITIONS,
            FROM_PARTNERS,
        ),
        "partners.rejected": _channel(
            topics.rejected(TENANT), "Signals that were refused, and why.", ["signal-refused.v1"], FEED_PARTITIONS
        ),
    }


def _channel(
    address: str, description: str, messages: Sequence[str], partitions: int, settings: Mapping[str, str] = FOREVER
) -> Part:
    channel: Part = {
        "address": address,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "partitions": partitions,
                "topicConfiguration": {
                    "cleanup.policy": [settings["cleanup.policy"]],
                    "retention.ms": int(settings["retention.ms"]),
                },
                "bindingVersion": BINDING,
            }
        },
    }
    if TENANT in address:
        channel["parameters"] = {"tenant": {"$ref": "#/components/parameters/tenant"}}
    return channel


def _operation(action: str, channel: str) -> Part:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _message(model: type[Fact], examples: Sequence[Payload]) -> Part:
    message: Part = {
        "name": model.wire,
        "title": model.__name__,
        "summary": (model.__doc__ or "").split("\n")[0],
        "traits": [{"$ref": "#/components/messageTraits/fact"}],
        "payload": {"$ref": f"./schemas/{model.wire}.json"},
    }
    if examples:
        message["examples"] = [{"payload": payload} for payload in examples]
    return message


def _fact_trait() -> Part:
    return {
        "contentType": "application/json",
        "headers": _headers({header.name: _header(header.form, header.meaning) for header in ENVELOPE})
        | {"required": [header.name for header in ENVELOPE if header.always]},
        "bindings": {"kafka": _key("`<tenant>|<stream>`, e.g. `demotenant|lead-routing/lead-0190…`; murmur2 decides.")},
    }


def _watermark() -> Part:
    number = {"type": "integer", "minimum": 1}
    return {
        "name": "watermark",
        "title": "Watermark",
        "summary": "Every fact up to `t` is published once the partitions have reached `vector`.",
        "contentType": "application/json",
        "payload": {
            "type": "object",
            "properties": {
                "t": {"type": "string", "format": "date-time"},
                "vector": {
                    "type": "object",
                    "description": "The last `ce_ownseq` of each partition of the log that holds anything.",
                    "additionalProperties": number,
                },
            },
            "required": ["t", "vector"],
        },
        "examples": [{"payload": {"t": "2026-03-02T01:00:00+00:00", "vector": {"0": 118, "7": 121}}}],
    }


def _signal() -> Part:
    needed = {
        "ce_specversion": _header("text", "`1.0`."),
        "ce_id": _header("text", "The signal's id at its source; one that was seen before changes nothing."),
        "ce_source": _header("text", "The system that tells it."),
        "ce_type": _header("text", "What kind of signal it is."),
    }
    offered = {
        "content-type": _header("text", "`application/json`."),
        "ce_time": _header("time", "When it happened."),
        "ce_subject": _header("text", "What it is about, as `<type>/<id>`."),
    }
    return {
        "name": "signal",
        "title": "Signal",
        "summary": "Something a partner knows, as a CloudEvent in binary mode.",
        "contentType": "application/json",
        "headers": _headers(needed | offered) | {"required": list(needed)},
        "payload": {"type": "object"},
        "bindings": {"kafka": _key("Any; signals with one key stay in order.")},
    }


def _headers(properties: Part) -> Part:
    return {"type": "object", "properties": properties}


def _header(form: Form, meaning: str) -> Part:
    return {"type": "string", "description": meaning} | FORMS[form]


def _key(meaning: str) -> Part:
    return {"key": {"type": "string", "description": meaning}, "bindingVersion": BINDING}
