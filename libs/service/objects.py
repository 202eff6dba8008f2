"""Objects: files of a tenant by key, in a folder, in an S3 bucket, or in memory for tests."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, MemoryStore, ObjectStore, from_url

from libs.events.errors import FactTooLarge, NotFound, Unavailable

MAX_BYTES = 64 * 1024 * 1024
DEFAULT_FOLDER = "var/objects"

_KEY = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.=-]{0,119}/){0,7}[A-Za-z0-9][A-Za-z0-9_.=-]{0,119}")
_TENANT = re.compile(r"[a-z0-9]{8,40}")


class ObjectTooLarge(FactTooLarge):
    """An object is over the size limit (413)."""


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects of one tenant; `of` gives those of a tenant. Keys are paths such as `evidence/0190…/offer.pdf`.

    Writing the same key again replaces the object; name objects after their content or a derived id.
    """

    store: ObjectStore
    tenant: str = ""
    max_bytes: int = MAX_BYTES

    @classmethod
    def at(cls, place: str = "", max_bytes: int = MAX_BYTES) -> Objects:
        """Objects in a folder (the default), at `s3://bucket/prefix` (credentials from the environment), or `memory:`.

        Raises ValueError for a place that is none of these.
        """
        if place == "memory:":
            return cls(MemoryStore(), max_bytes=max_bytes)
        scheme, separator, rest = place.partition("://")
        if not separator or scheme == "file":
            folder = Path(rest if separator else place or DEFAULT_FOLDER).absolute()
            folder.mkdir(parents=True, exist_ok=True)
            return cls(LocalStore(folder), max_bytes=max_bytes)
        if scheme != "s3":
            raise ValueError(f"objects at {scheme}://: write a folder, s3://bucket/prefix or memory:")
        return cls(from_url(place), max_bytes=max_bytes)

    def of(self, tenant: str) -> Objects:
        """The objects of one tenant; nothing else can be reached through them."""
        if not _TENANT.fullmatch(tenant):
            raise ValueError(f"{tenant!r} is no tenant")
        return replace(self, tenant=tenant)

    async def put(self, key: str, data: bytes) -> None:
        """Store an object. Raises ObjectTooLarge, Unavailable, ValueError for a key that is no plain path."""
        if len(data) > self.max_bytes:
            raise ObjectTooLarge(f"the object has {len(data)} bytes; it may have {self.max_bytes}")
        try:
            await self.store.put_async(self._path(key), data)
        except (BaseError, OSError) as error:
            raise Unavailable("the object store did not answer; try again") from error

    async def get(self, key: str) -> bytes:
        """An object's bytes. Raises NotFound, Unavailable, ObjectTooLarge."""
        try:
            found = await self.store.get_async(self._path(key))
            if found.meta["size"] > self.max_bytes:
                raise ObjectTooLarge(f"the object has {found.meta['size']} bytes; it may have {self.max_bytes}")
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise NotFound("object") from error
        except (BaseError, OSError) as error:
            raise Unavailable("the object store did not answer; try again") from error

    async def exists(self, key: str) -> bool:
        """Whether there is an object with this key. Raises Unavailable."""
        try:
            await self.store.head_async(self._path(key))
        except (NotFoundError, FileNotFoundError):
            return False
        except (BaseError, OSError) as error:
            raise Unavailable("the object store did not answer; try again") from error
        return True

    async def delete(self, *keys: str) -> None:
        """Remove objects; harmless for those that are gone. Raises Unavailable."""
        for key in keys:
            try:
                await self.store.delete_async(self._path(key))
            except (NotFoundError, FileNotFoundError):
                continue
            except (BaseError, OSError) as error:
                raise Unavailable("the object store did not answer; try again") from error

    def _path(self, key: str) -> str:
        if not self.tenant:
            raise ValueError("say whose objects: Objects.of(tenant)")
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key of an object")
        return f"{self.tenant}/{key}"
