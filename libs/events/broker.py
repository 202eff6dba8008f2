"""Where Kafka is, and who a service is to it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MECHANISM = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True)
class Broker:
    """Kafka at `servers` (host:port, with commas).

    With `ca` (path of a PEM file) connections are encrypted and the broker must show a certificate of that authority;
    with `user`, the client shows a password by SCRAM, which is never sent itself.
    """

    servers: str
    ca: str = ""
    user: str = ""
    password: str = field(default="", repr=False)

    def options(self) -> Mapping[str, Any]:
        """What every client is made with. Raises OSError where the authority's file cannot be read."""
        found: dict[str, Any] = {"bootstrap_servers": self.servers}
        if self.ca:
            found["ssl_context"] = ssl.create_default_context(cafile=self.ca)
        if self.user:
            found |= {
                "sasl_mechanism": MECHANISM,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        found["security_protocol"] = f"{'SASL_' if self.user else ''}{'SSL' if self.ca else 'PLAINTEXT'}"
        return found
