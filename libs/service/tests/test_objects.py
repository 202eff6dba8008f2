"""Files of tenants are kept apart, and nothing reaches outside its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from libs.events.errors import NotFound
from libs.service.objects import Objects, ObjectTooLarge


@pytest.fixture(params=["memory", "folder"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return Objects.at("memory:" if request.param == "memory" else str(tmp_path / "objects"), max_bytes=100)


async def test_what_was_put_is_there(objects: Objects) -> None:
    mine = objects.of("tenant01")
    await mine.put("evidence/offer.pdf", b"one")
    await mine.put("evidence/offer.pdf", b"two")
    assert await mine.get("evidence/offer.pdf") == b"two"
    assert await mine.exists("evidence/offer.pdf")


async def test_what_was_removed_is_gone_and_may_be_removed_again(objects: Objects) -> None:
    mine = objects.of("tenant01")
    await mine.put("leads.csv", b"one")
    await objects.of("tenant02").put("leads.csv", b"two")
    for _ in range(2):
        await mine.delete("leads.csv", "never.csv")
    assert not await mine.exists("leads.csv")
    assert await objects.of("tenant02").get("leads.csv") == b"two"


async def test_another_tenant_has_another_place(objects: Objects) -> None:
    await objects.of("tenant01").put("offer.pdf", b"one")
    other = objects.of("tenant02")
    assert not await other.exists("offer.pdf")
    with pytest.raises(NotFound):
        await other.get("offer.pdf")


async def test_too_large_an_object_is_refused(objects: Objects) -> None:
    await objects.of("tenant01").put("full", bytes(100))
    with pytest.raises(ObjectTooLarge):
        await objects.of("tenant01").put("over", bytes(101))


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../tenant02/x", "a/../b", "a//b", "a/", ".hidden", "a\x00b", "x" * 200]
)
async def test_a_key_is_a_plain_path(objects: Objects, key: str) -> None:
    with pytest.raises(ValueError, match="key"):
        await objects.of("tenant01").put(key, b"")


@pytest.mark.parametrize("tenant", ["", "short", "../other", "UPPERCASE"])
def test_a_tenant_is_a_tenant(objects: Objects, tenant: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        objects.of(tenant)


async def test_objects_belong_to_a_tenant(objects: Objects) -> None:
    with pytest.raises(ValueError, match="whose"):
        await objects.put("offer.pdf", b"")


def test_only_known_places_are_taken() -> None:
    with pytest.raises(ValueError, match="gs://"):
        Objects.at("gs://bucket")
