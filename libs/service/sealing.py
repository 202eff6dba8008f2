"""Personal text sealed with a key of its subject, which lies wrapped in the owner's own database (ADR 0006)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ValidationError

from libs.events.deciding import Command
from libs.events.errors import Rejected
from libs.events.facts import Sealed
from libs.events.reading import Reader
from libs.events.running import Request
from libs.service.surroundings import around

KEY_BYTES = 32
NONCE_BYTES = 12
MAX_SUBJECTS = 500
PLAIN = "text"
"""The field of a sealed value where nobody names another one."""


class SealBroken(Exception):
    """A sealed value is not what was sealed for this tenant, subject and field, or its key is not ours."""


@dataclass(frozen=True, slots=True)
class Vault:
    """Wraps keys of subjects, and hashes, for one tenant.

    `secret` are the 32 bytes for keyed hashes, which never change; `masters` wrap: the first one wraps, all unwrap
    (none: the secret does both).
    """

    tenant: str
    secret: bytes = field(repr=False)
    masters: tuple[bytes, ...] = field(default=(), repr=False)

    def wrapped(self, subject: str, key: bytes) -> bytes:
        """A subject's key as it is stored."""
        nonce, master = os.urandom(NONCE_BYTES), (self.masters or (self.secret,))[0]
        return nonce + self._wrapping(master).encrypt(nonce, key, _bound(self.tenant, subject))

    def unwrapped(self, subject: str, stored: bytes) -> bytes:
        """The key that was stored for this subject; raises SealBroken for any other."""
        for master in self.masters or (self.secret,):
            if (key := self._opened(master, subject, stored)) is not None:
                return key
        raise SealBroken("the stored key was wrapped with another master key or for another subject")

    def rewrapped(self, subject: str, stored: bytes) -> bytes | None:
        """The key wrapped with the present master key; None where it is already. Raises SealBroken."""
        if self._opened((self.masters or (self.secret,))[0], subject, stored) is not None:
            return None
        return self.wrapped(subject, self.unwrapped(subject, stored))

    def _opened(self, master: bytes, subject: str, stored: bytes) -> bytes | None:
        nonce, text = stored[:NONCE_BYTES], stored[NONCE_BYTES:]
        try:
            return self._wrapping(master).decrypt(nonce, text, _bound(self.tenant, subject))
        except (InvalidTag, ValueError):
            return None

    def _wrapping(self, master: bytes) -> AESGCM:
        return AESGCM(self._derived("keys of subjects", master))

    def keyed_hash(self, text: str) -> str:
        """HMAC-SHA-256 in hexadecimal: the same for the same text of this tenant, meaningless without the secret."""
        return hmac.digest(self._derived("keyed hashes"), text.encode(), "sha256").hex()

    def _derived(self, purpose: str, secret: bytes | None = None) -> bytes:
        return _derived_key(self.tenant, purpose, secret or self.secret)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals for decisions. It holds the keys of the subjects that the command's method `subjects()` lists, if any."""

    vault: Vault
    keys: Mapping[str, bytes] = field(repr=False)
    nonces: Callable[[int], bytes] = field(default=os.urandom, repr=False)
    erased: frozenset[str] = frozenset()

    @classmethod
    def for_tests(cls, tenant: str = "demotenant") -> Sealer:
        """Knows every subject and seals the same text to the same value: for pure tests of decisions only."""
        return cls(Vault(tenant, bytes(KEY_BYTES)), _KeysForTests(), bytes)

    def seal(self, subject: str, text: str, field: str = PLAIN) -> Sealed:
        """Sealed text of a subject; `field` tells apart what must not be taken for each other. KeyError: no such key.

        A new nonce each time: sealing twice gives two different values. At most about 14,000 bytes of text.
        Rejected: the subject was erased.
        """
        if subject in self.erased:
            raise Rejected("CONFLICT_STATE", "this person was erased; nothing more is kept of them")
        try:
            key = self.keys[subject]
        except KeyError:
            raise KeyError(f"the command does not list {subject!r} in its method subjects()") from None
        nonce = self.nonces(NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, text.encode(), _bound(self.vault.tenant, subject, field))
        return Sealed(subject=subject, nonce=base64.b64encode(nonce).decode(), text=base64.b64encode(sealed).decode())

    def keyed_hash(self, text: str) -> str:
        """For matching personal or file content without keeping it; see `Vault.keyed_hash`."""
        return self.vault.keyed_hash(text)


class _KeysForTests(dict[str, bytes]):
    def __missing__(self, subject: str) -> bytes:
        return hashlib.sha256(subject.encode()).digest()


async def sealer_provider(reader: Reader, request: Request, command: Command, now: datetime) -> Sealer:
    """The provider of `given[Sealer]`: finds or makes the keys of the command's subjects."""
    vault = vault_of(reader)
    subjects = sorted(_subjects(command))
    if len(subjects) > MAX_SUBJECTS:
        raise ValueError(f"a command seals for at most {MAX_SUBJECTS} subjects, not {len(subjects)}")
    keys = await _known(reader, vault, subjects)
    missing, erased = [subject for subject in subjects if subject not in keys], frozenset[str]()
    if missing:
        new = [vault.wrapped(subject, AESGCM.generate_key(8 * KEY_BYTES)) for subject in missing]
        rows = await reader().fetch(
            "select n.subject, log.subject_key($1, n.subject, n.key)"
            " from unnest($2::text[], $3::bytea[]) n(subject, key)",
            missing,
            new,
        )
        erased = frozenset(subject for subject, stored in rows if not stored)
        keys |= {subject: vault.unwrapped(subject, stored) for subject, stored in rows if stored}
    return Sealer(vault, keys, erased=erased)


def _subjects(command: Command) -> set[str]:
    named = getattr(command, "subjects", None)
    return set(named()) if callable(named) else set()


@dataclass(slots=True)
class Opener:
    """Opens sealed values for one request; keys are asked for once."""

    reader: Reader
    vault: Vault
    _keys: dict[str, bytes | None] = field(default_factory=dict, repr=False)

    async def open(self, sealed: Any, field: str = PLAIN) -> str | None:
        """The text of one value (its JSON or a Sealed); None for None and where the key was destroyed."""
        return (await self.open_all([sealed], field))[0]

    async def open_all(self, sealed: Sequence[Any], field: str = PLAIN) -> list[str | None]:
        """The texts of many values in their order, with one question for the keys. Raises SealBroken."""
        values = [None if one is None else _sealed(one) for one in sealed]
        missing = sorted({one.subject for one in values if one is not None} - self._keys.keys())
        if missing:
            known = await _known(self.reader, self.vault, missing)
            self._keys |= {subject: known.get(subject) for subject in missing}
        return [None if one is None else self._open(one, field) for one in values]

    def _open(self, sealed: Sealed, field: str) -> str | None:
        key = self._keys[sealed.subject]
        if key is None:
            return None
        try:
            nonce, text = (base64.b64decode(part, validate=True) for part in (sealed.nonce, sealed.text))
            return AESGCM(key).decrypt(nonce, text, _bound(self.vault.tenant, sealed.subject, field)).decode()
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise SealBroken("this was not sealed for this tenant, subject and field") from error


def opener(read: Reader) -> Opener:
    """Opens sealed values of the reader's tenant: `await opener(read).open_all([row["phone"] for row in rows])`."""
    return Opener(read, vault_of(read))


def vault_of(reader: Reader) -> Vault:
    """The vault of the reader's tenant; RuntimeError in a process that holds no key."""
    surroundings = around(reader)
    if len(surroundings.wrapping) != KEY_BYTES:
        raise RuntimeError("this process cannot seal or open: nobody called surround() with the wrapping key")
    return Vault(reader.tenant, surroundings.wrapping, surroundings.masters)


async def _known(reader: Reader, vault: Vault, subjects: Sequence[str]) -> dict[str, bytes]:
    if not subjects:
        return {}
    rows = await reader().fetch("select subject, key from log.known_subject_keys($1, $2)", list(subjects))
    return {subject: vault.unwrapped(subject, key) for subject, key in rows}


def _sealed(value: Any) -> Sealed:
    try:
        return value if isinstance(value, Sealed) else Sealed.model_validate(value)
    except ValidationError as error:
        raise SealBroken("this is no sealed value") from error


@lru_cache(maxsize=4_096)
def _derived_key(tenant: str, purpose: str, secret: bytes) -> bytes:
    info = f"salesloom {purpose}".encode()
    return HKDF(SHA256(), length=KEY_BYTES, salt=tenant.encode(), info=info).derive(secret)


def _bound(*parts: str) -> bytes:
    """What a ciphertext is bound to."""
    return orjson.dumps(parts)
