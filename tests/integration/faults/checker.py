"""The checker: what clients were told, what the databases hold and what is on the topics must fit together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from dev.clients import Clients
from dev.processes import Trouble
from dev.stack import run_line
from libs.events.tests.strangers import MARK
from libs.service.asking import command_id
from libs.service.auth import Person
from tests.integration.databases import rows, value
from tests.integration.faults.history import History, Operation
from tests.integration.faults.rig import LISTENERS, OWNER, Rig
from tests.integration.organisations import HE
from tests.integration.topics import Record, read_topic


@dataclass(slots=True)
class Findings:
    """What does not fit, by promise; empty lists are what is wanted."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    reordered: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    repeated_on_topics: int = 0
    """Records that are on a topic more than once; readers drop them."""

    @property
    def clean(self) -> bool:
        """Nothing was found."""
        return not (self.lost or self.duplicated or self.reordered or self.wrong)

    def figures(self) -> dict[str, int]:
        """How many of each."""
        return {name: value if isinstance(value, int) else len(value) for name, value in asdict(self).items()}


def is_fact(record: Record) -> bool:
    """False for what a fault put on a topic."""
    return "ce_id" in record.headers and MARK not in record.headers


class Checker:
    """Checks one run, after everything has come to rest."""

    def __init__(self, rig: Rig, clients: Clients, history: History) -> None:
        self.rig = rig
        self.clients = clients
        self.history = history
        self.found = Findings()
        self.own = {name: self._own(name) for name in (OWNER, *LISTENERS)}

    def check(self) -> Findings:
        """Everything."""
        for operation in self.history.operations:
            self._operation(operation)
        self._visible()
        for name in self.own:
            self._log(name)
            self._topic(name)
        for listener in LISTENERS:
            self._copied(listener)
        for name in self.own:
            self._read_models(name)
        return self.found

    def _own(self, service: str) -> list[Any]:
        return rows(
            self.rig.sql(service),
            "select own_seq, tenant, stream, version, event_id::text as event_id, type, data::text as data,"
            " meta->>'command_id' as command_id from log.events where own_seq is not null order by own_seq",
        )

    def _operation(self, operation: Operation) -> None:
        """Promise 1: acknowledged is there, refused left no more than its refusal, each key has one answer."""
        person = Person(operation.person, self.clients.tenant, frozenset())
        command = str(command_id(person, operation.key))
        facts = {row["event_id"]: row["type"] for row in self.own[OWNER] if row["command_id"] == command}
        match operation.outcome:
            case "ok":
                told = {fact["event_id"] for fact in operation.answer["facts"]}
                if missing := told - facts.keys():
                    self.found.lost.append(f"{operation.path} {operation.key}: acknowledged facts {missing} are gone")
                if more := facts.keys() - told:
                    self.found.duplicated.append(f"{operation.path} {operation.key}: {more} nobody was told of")
            case "failed":
                if facts:
                    self.found.wrong.append(f"{operation.path} {operation.key}: refused, but it left {facts}")
            case "unknown":
                self.found.wrong.append(f"{operation.path} {operation.key}: no answer until the end")
        finals = [(status, answer) for status, answer in operation.answers if status < 300 and answer["facts"]]
        if finals and any(one != finals[0] for one in finals):
            self.found.wrong.append(f"{operation.path} {operation.key}: {len(finals)} different answers")

    def _visible(self) -> None:
        """Every captured lead can be read."""
        captured = {str(one.answer["id"]) for one in self.history.of("ok") if one.path == "/v1/leads"}
        listed: set[str] = set()
        path: str | None = "/v1/leads?limit=200"
        while path:
            page = self.clients.get(HE, OWNER, path)
            listed |= {one["lead_id"] for one in page["items"]}
            path = f"/v1/leads?limit=200&cursor={page['next']}" if page.get("next") else None
        if missing := captured - listed:
            self.found.lost.append(f"{len(missing)} captured leads are not in the list: {sorted(missing)[:3]}")

    def _log(self, service: str) -> None:
        """Gapless; versions 1 to n; each command's facts with an answer."""
        url = self.rig.sql(service)
        for column in ("seq", "own_seq"):
            (row,) = rows(url, f"select count({column}) as n, coalesce(max({column}), 0) as last from log.events")
            if row["n"] != row["last"]:
                self.found.lost.append(f"{service}: {column} goes to {row['last']}, {row['n']} facts are there")
        broken = rows(
            url,
            "select stream from log.events group by tenant, stream having count(*) <> max(version)"
            " or array_agg(version order by seq) <> array_agg(version order by version)",
        )
        self.found.reordered += [f"{service}: {row['stream']}" for row in broken]
        unanswered = value(
            url,
            "select count(*) from log.events e where own_seq is not null and e.meta ? 'command_id' and not exists"
            " (select from log.commands c where c.command_id = (e.meta->>'command_id')::uuid)",
        )
        if unanswered:
            self.found.wrong.append(f"{service}: {unanswered} facts of commands without a stored answer")

    def _topic(self, service: str) -> None:
        """Promises 2 and 3: on Kafka if and only if committed, byte for byte, each partition in order, chain whole."""
        stack = self.rig.stack
        records = list(filter(is_fact, read_topic(stack.kafka, f"{stack.prefix}{service}.log.v1")))
        firsts: dict[str, Record] = {}
        for record in records:
            first = firsts.setdefault(record.headers["ce_id"], record)
            if (first.value, first.headers) != (record.value, record.headers):
                self.found.wrong.append(f"{service}: two different records of {record.headers['ce_id']}")
        self.found.repeated_on_topics += len(records) - len(firsts)
        committed = {row["event_id"]: row for row in self.own[service]}
        for event_id in committed.keys() - firsts.keys():
            self.found.lost.append(f"{service}: {event_id} is not on the topic")
        for event_id in firsts.keys() - committed.keys():
            self.found.wrong.append(f"{service}: {event_id} is on the topic and was never committed")
        for event_id, record in firsts.items():
            row = committed.get(event_id)
            if row is not None and (record.number("ce_ownseq"), record.value.decode()) != (row["own_seq"], row["data"]):
                self.found.wrong.append(f"{service}: {event_id} is another one on the topic")
        self._chain(service, list(firsts.values()))

    def _chain(self, service: str, firsts: Sequence[Record]) -> None:
        last: Counter[int] = Counter()
        for record in firsts:
            number, previous = record.number("ce_ownseq"), record.number("ce_prevownseq")
            if number <= last[record.partition]:
                self.found.reordered.append(f"{service}/{record.partition}: {number} after {last[record.partition]}")
            elif previous != last[record.partition]:
                self.found.lost.append(
                    f"{service}/{record.partition}: {number} does not follow {last[record.partition]}"
                )
            last[record.partition] = max(number, last[record.partition])

    def _copied(self, listener: str) -> None:
        """The listener's log has each fact of the owner once, unchanged, each stream in order."""
        copies = rows(
            self.rig.sql(listener),
            "select event_id::text as event_id, data::text as data from log.events where stream like $1 order by seq",
            f"{OWNER}/%",
        )
        counted = Counter(row["event_id"] for row in copies)
        wanted: Mapping[str, str] = {row["event_id"]: row["data"] for row in self.own[OWNER]}
        self.found.lost += [f"{listener} lacks {one}" for one in wanted.keys() - counted.keys()]
        self.found.duplicated += [f"{listener} has {one} {n} times" for one, n in counted.items() if n > 1]
        self.found.wrong += [f"{listener} has {one}, which nobody wrote" for one in counted.keys() - wanted.keys()]
        changed = [row["event_id"] for row in copies if wanted.get(row["event_id"], row["data"]) != row["data"]]
        self.found.wrong += [f"{listener} has another {one}" for one in changed]

    def _read_models(self, service: str) -> None:
        """Promise 5: every read model is what its log says; and the service's own examination finds nothing."""
        try:
            run_line(self.rig.stack.members[service], "doctor", "--full", "--json")
        except Trouble as trouble:
            found = [line for line in str(trouble).splitlines() if line.startswith("{")]
            self.found.wrong += [
                f"{service}: {line}" for line in found or [str(trouble)] if '"check": "sources"' not in line
            ]
