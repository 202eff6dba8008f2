"""The envelope, field by field: where the log keeps it, its header on Kafka, what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Form = Literal["text", "uuid", "time", "number", "json"]


@dataclass(frozen=True, slots=True)
class Header:
    """One header of a record. `field` is a column of `log.events`, or `meta.<name>` for a member of its `meta`."""

    name: str
    field: str
    form: Form
    meaning: str
    always: bool = True


ENVELOPE = (
    Header("content-type", "", "text", "How the value is written: `application/json`."),
    Header("ce_specversion", "", "text", "The version of CloudEvents: `1.0`."),
    Header("ce_id", "event_id", "uuid", "The fact's own id. Whoever has seen it has seen the fact."),
    Header("ce_type", "type", "text", "What happened, with its version, e.g. `lead-pooled.v1`."),
    Header("ce_source", "", "text", "The service that owns the fact, e.g. `/lead-routing`."),
    Header("ce_subject", "stream", "text", "The stream, its owner first, e.g. `lead-routing/lead-0190…`."),
    Header("ce_time", "occurred_at", "time", "When it happened in the business."),
    Header("ce_dataschema", "", "text", "The URL that answers with the schema of the value."),
    Header("ce_tenantid", "tenant", "text", "The organisation whose fact it is."),
    Header("ce_streamversion", "version", "number", "The fact's number in its stream: 1, 2, 3, …"),
    Header("ce_recordedtime", "recorded_at", "time", "When it was recorded; never goes back."),
    Header("ce_actor", "meta.actor", "json", "Who did it: `kind`, `id`, and `on_behalf_of` and `device` where known."),
    Header("ce_ownseq", "own_seq", "number", "The fact's number among all that its topic carries."),
    Header("ce_prevownseq", "", "number", "`ce_ownseq` of the record before it in the same partition; 0 on the first."),
    Header("ce_commandid", "meta.command_id", "uuid", "The command that it answers.", always=False),
    Header("ce_correlationid", "meta.correlation_id", "uuid", "What the whole chain began with.", always=False),
    Header("ce_causationid", "meta.causation_id", "uuid", "The fact that it follows from.", always=False),
    Header("ce_channel", "meta.channel", "text", "How it came in: web, mobile, api, import, rule, …", always=False),
    Header("ce_calendarversion", "meta.calendar_version", "text", "The calendar that was used.", always=False),
    Header("ce_reason", "meta.reason", "text", "Why, where somebody had to say so.", always=False),
    Header("traceparent", "meta.traceparent", "text", "The W3C trace context of the request.", always=False),
    Header("ce_rulerefs", "meta.rule_refs", "json", "The rules it was decided by: `rule_id`, `version`.", always=False),
)
