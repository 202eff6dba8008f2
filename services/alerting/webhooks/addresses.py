"""Where a webhook leads: only public addresses, so that nobody reaches the inside of our network through us."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

IP = IPv4Address | IPv6Address
EMBEDS_IPV4 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("2002::/16"))
"""Prefixes that a gateway may turn into any IPv4 address."""


class Forbidden(Exception):
    """The address must not be asked."""


def may_be_asked(address: IP, *, loopback: bool = False) -> bool:
    """True for public unicast addresses, in development (`loopback`) also for this machine's own."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return may_be_asked(address.ipv4_mapped, loopback=loopback)
        if any(address in network for network in EMBEDS_IPV4):
            return False
    if address.is_loopback:
        return loopback
    return address.is_global and not address.is_multicast


async def resolve(host: str, port: int, *, loopback: bool = False) -> str:
    """One address of a host, to be asked by that number so that a second look-up cannot lead elsewhere.

    Raises Forbidden unless every address of the host may be asked, OSError when it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(place[0]).partition("%")[0] for *_, place in found]
    if not addresses:
        raise OSError(f"{host} has no address")
    if not all(may_be_asked(ip_address(one), loopback=loopback) for one in addresses):
        raise Forbidden("the host has an address that is not public")
    return addresses[0]
