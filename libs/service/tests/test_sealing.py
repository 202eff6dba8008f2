"""Sealed text opens for its own tenant, subject and field only, and not at all once its key is destroyed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from dev.provision import Database
from libs.events.clock import FixedClock
from libs.events.connections import open_pool
from libs.events.deciding import Command
from libs.events.errors import Rejected
from libs.events.facts import Actor, Sealed
from libs.events.reading import Reader
from libs.events.running import Request
from libs.events.waking import Wake
from libs.service.sealing import SealBroken, Sealer, Vault, opener, sealer_provider
from libs.service.surroundings import surround

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


class Capture(Command):
    """Seals for one lead."""

    lead_id: str

    def subjects(self) -> list[str]:
        """The lead."""
        return [self.lead_id]


class Claim(Command):
    """Seals nothing."""

    lead_id: str


class CaptureContacts(Command):
    """Seals for several people."""

    contacts: tuple[str, ...]

    def subjects(self) -> list[str]:
        """The people at the customer."""
        return [f"contact-{name}" for name in self.contacts]


@pytest.fixture(scope="module")
def sealed_database(database: Callable[[str], Database]) -> Database:
    return database("lead-routing")


@pytest.fixture
async def reader(sealed_database: Database) -> AsyncIterator[Reader]:
    pool = await open_pool(sealed_database.api_url, size=2)
    wake = Wake()
    surround(wake, FixedClock(NOW), bytes(range(32)))
    yield Reader(pool, f"tenant{uuid7().hex[-8:]}", wake)
    await pool.close()


async def sealer(reader: Reader, command: Command) -> Sealer:
    request = Request(reader.tenant, Actor(id="li"), uuid7())
    return await sealer_provider(reader, request, command, NOW)


async def sealed_phone(reader: Reader, lead_id: str = "lead-1") -> Sealed:
    return (await sealer(reader, Capture(lead_id=lead_id))).seal(lead_id, "13800001111", "phone")


async def test_what_was_sealed_opens(reader: Reader) -> None:
    sealed = await sealed_phone(reader)
    assert "13800001111" not in sealed.model_dump_json()
    assert await opener(reader).open(sealed.model_dump(mode="json"), "phone") == "13800001111"


async def test_a_subject_keeps_its_key(reader: Reader) -> None:
    first, second = await sealed_phone(reader), await sealed_phone(reader)
    assert first.text != second.text
    assert await opener(reader).open_all([first, None, second], "phone") == ["13800001111", None, "13800001111"]


async def test_two_at_once_agree_on_the_key_of_a_new_subject(reader: Reader) -> None:
    sealers = await asyncio.gather(*(sealer(reader, Capture(lead_id="lead-9")) for _ in range(4)))
    assert len({one.keys["lead-9"] for one in sealers}) == 1


async def test_another_field_does_not_open(reader: Reader) -> None:
    sealed = await sealed_phone(reader)
    with pytest.raises(SealBroken):
        await opener(reader).open(sealed, "email")


async def test_another_subject_does_not_open(reader: Reader) -> None:
    sealed = await sealed_phone(reader)
    await sealed_phone(reader, "lead-2")
    with pytest.raises(SealBroken):
        await opener(reader).open(sealed.model_copy(update={"subject": "lead-2"}), "phone")


async def test_another_tenant_does_not_open(reader: Reader) -> None:
    sealed = await sealed_phone(reader)
    other = replace(reader, tenant=f"tenant{uuid7().hex[-8:]}")
    assert await opener(other).open(sealed, "phone") is None
    await sealed_phone(other)
    with pytest.raises(SealBroken):
        await opener(other).open(sealed, "phone")


async def test_another_secret_does_not_open(reader: Reader) -> None:
    sealed = await sealed_phone(reader)
    surround(reader.wake, FixedClock(NOW), bytes(32))
    with pytest.raises(SealBroken):
        await opener(reader).open(sealed, "phone")


async def test_a_key_moved_to_another_subject_is_refused(reader: Reader, sealed_database: Database) -> None:
    sealed = await sealed_phone(reader)
    owner = await asyncpg.connect(sealed_database.owner_url)
    await owner.execute(
        "update log.subject_keys set subject = 'lead-7' where tenant = $1 and subject = 'lead-1'", reader.tenant
    )
    await owner.close()
    with pytest.raises(SealBroken):
        await opener(reader).open(sealed.model_copy(update={"subject": "lead-7"}), "phone")


async def test_without_its_key_it_reads_as_nothing(reader: Reader, sealed_database: Database) -> None:
    sealed = await sealed_phone(reader)
    owner = await asyncpg.connect(sealed_database.owner_url)
    await owner.execute("delete from log.subject_keys where tenant = $1", reader.tenant)
    await owner.close()
    assert await opener(reader).open(sealed, "phone") is None


async def test_keys_are_stored_wrapped(reader: Reader, sealed_database: Database) -> None:
    known = (await sealer(reader, Capture(lead_id="lead-1"))).keys["lead-1"]
    owner = await asyncpg.connect(sealed_database.owner_url)
    stored = await owner.fetchval("select key from log.subject_keys where tenant = $1", reader.tenant)
    await owner.close()
    assert known not in stored


async def test_keys_are_there_for_the_subjects_a_command_lists_and_no_others(reader: Reader) -> None:
    made = await sealer(reader, CaptureContacts(contacts=("a", "b")))
    assert set(made.keys) == {"contact-a", "contact-b"}
    assert not (await sealer(reader, Claim(lead_id="lead-1"))).keys
    with pytest.raises(KeyError, match="subjects"):
        made.seal("contact-c", "x")


async def test_a_keyed_hash_is_the_same_for_the_same_text_of_one_tenant_only(reader: Reader) -> None:
    mine = await sealer(reader, Capture(lead_id="lead-1"))
    again = await sealer(reader, Capture(lead_id="lead-2"))
    other = await sealer(replace(reader, tenant="tenant99"), Capture(lead_id="lead-1"))
    assert mine.keyed_hash("13800001111") == again.keyed_hash("13800001111")
    assert len({one.keyed_hash(text) for one in (mine, other) for text in ("1", "2")}) == 4


async def test_a_process_without_the_key_says_so(reader: Reader) -> None:
    with pytest.raises(RuntimeError, match="surround"):
        opener(replace(reader, wake=Wake()))


def test_the_sealer_of_tests_gives_the_same_value_for_the_same_text() -> None:
    assert Sealer.for_tests().seal("lead-1", "x") == Sealer.for_tests().seal("lead-1", "x")


async def test_keys_are_wrapped_anew_while_both_master_keys_open(reader: Reader, sealed_database: Database) -> None:
    """B.2: after a rotation the old master key can be taken away; a second rotation has nothing to do."""
    old, new = b"o" * 32, b"n" * 32
    surround(reader.wake, FixedClock(NOW), bytes(range(32)), (old,))
    sealed = await sealed_phone(reader)
    surround(reader.wake, FixedClock(NOW), bytes(range(32)), (new, old))
    assert await opener(reader).open(sealed, "phone") == "13800001111"
    worker = await asyncpg.connect(sealed_database.worker_url)
    vault = Vault(reader.tenant, bytes(range(32)), (new, old))
    stored = await worker.fetchval("select key from log.subject_keys where tenant = $1", reader.tenant)
    rewrapped = vault.rewrapped("lead-1", stored)
    arguments = ([reader.tenant], ["lead-1"], [stored], [rewrapped])
    assert await worker.fetchval("select log.rewrap($1, $2, $3, $4)", *arguments) == 1
    assert await worker.fetchval("select log.rewrap($1, $2, $3, $4)", *arguments) == 0  # it is another one by now
    assert vault.rewrapped("lead-1", rewrapped or b"") is None
    await worker.close()
    surround(reader.wake, FixedClock(NOW), bytes(range(32)), (new,))
    assert await opener(reader).open(sealed, "phone") == "13800001111"
    with pytest.raises(SealBroken):
        Vault(reader.tenant, bytes(range(32)), (old,)).unwrapped("lead-1", rewrapped or b"")


async def test_a_destroyed_key_is_never_made_again(reader: Reader, sealed_database: Database) -> None:
    """What is said of an erased person later is not kept either."""
    sealed = await sealed_phone(reader)
    worker = await asyncpg.connect(sealed_database.worker_url)
    await worker.execute("select log.forget(array[$1], array['lead-1'])", reader.tenant)
    await worker.close()
    assert await opener(reader).open(sealed, "phone") is None
    again = await sealer(reader, Capture(lead_id="lead-1"))
    with pytest.raises(Rejected, match="this person was erased"):
        again.seal("lead-1", "13800001111", "phone")
