"""Callbacks: a result posted, signed, to an address that the request itself named.

A caller might name an address inside our network. So a callback goes over https only, to a host that its tenant has
registered and whose addresses are all public. The name is resolved once, and the callback goes to an address that was
checked, over a connection of its own. Redirects are not followed.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Self
from urllib.parse import unquote, urlsplit

import httpx

from underwriting.integrations.errors import SourceOutage, SourceRefusal
from underwriting.integrations.http import HttpService
from underwriting.integrations.results import signature
from underwriting.settings import Partner, Settings

SOURCE = "callback"
HTTPS = 443
WRITE = "write one such as https://hooks.partner.example/eligibility"
SPACE, DELETE = 0x20, 0x7F
Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Awaitable[list[Address]]]

# Only unicast addresses that are somebody's own on the public internet are called. Of IPv6 that is 2000::/3: IANA has
# assigned nothing else as global unicast, so what is invented outside of it, as 5f00::/16 was, is refused unseen.
_UNICAST = (ip_network("0.0.0.0/0"), ip_network("2000::/3"))
# What is in there and is not public: every entry of IANA's special-purpose registries (RFC 6890), and multicast.
# Globally reachable ones are refused, too: whoever is nearest answers AS112 (RFC 7534) and AMT (RFC 7450), and where
# 6to4 (RFC 7526) and Teredo (RFC 4380) lead is a gateway's own table. 2001::/23 is all of IETF's protocols.
_SPECIAL = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
)  # fmt: skip


class BadCallback(ValueError):
    """An address that no callback goes to; the message says why."""


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, and cannot lead into a network of ours."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    return any(address in network for network in _UNICAST) and not any(address in network for network in _SPECIAL)


def checked_callback(url: str, partner: Partner | None) -> str:
    """The callback URL that a request named, if its tenant has registered the host; BadCallback otherwise."""
    try:
        parts = urlsplit(url)
        port = parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        raise BadCallback(f"is no URL; {WRITE}") from None
    if any(ord(character) <= SPACE or ord(character) == DELETE for character in unquote(url)):
        raise BadCallback("has spaces or control characters; leave them out, also such as %01")
    if parts.scheme != "https" or not parts.hostname:
        raise BadCallback(f"is no https address of a host; {WRITE}")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadCallback("names a user, a password or a fragment; leave it out")
    if port not in {None, HTTPS}:
        raise BadCallback("names another port than 443; leave the port out")
    if partner is None or parts.hostname not in partner.callback_hosts:
        raise BadCallback("is on a host that is not registered for your tenant; ask us to register it")
    return url


class Callbacks:
    """Posts to callback URLs: `async with Callbacks(settings()) as callbacks`. One for each event loop."""

    def __init__(
        self,
        config: Settings,
        *,
        resolve: Resolve | None = None,
        permitted: Callable[[Address], bool] = is_public,
        tls: ssl.SSLContext | None = None,
        port: int = HTTPS,
    ) -> None:
        # Two hosts may have one address. A connection that was kept would be used for the other one, whose certificate
        # nobody looked at.
        self._http = HttpService(config.source_timeout, verify=tls, keep=0)
        self._resolve = resolve or resolved
        self._permitted = permitted
        self._port = port

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.__aexit__()

    async def post(self, partner: Partner, url: str, message_id: str, body: bytes, at: datetime) -> None:
        """Deliver one signed JSON message; errors as those of `Results.post`.

        The registration is looked at again, since it may have ended since the request.
        """
        try:
            host = urlsplit(checked_callback(url, partner)).hostname or ""
        except BadCallback as error:
            raise SourceRefusal(SOURCE, str(error)) from None
        address = await self._pinned(host)
        literal = f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 - the version's number
        parts = urlsplit(url)
        pinned = parts._replace(netloc=f"{literal}:{self._port}").geturl()
        headers = {**signature(partner, message_id, body, at), "Host": host}
        request = self._http.request("POST", pinned, headers=headers, content=body)
        # The certificate has to be the host's, whatever the address.
        request.extensions = {**request.extensions, "sni_hostname": host}
        await self._http.deliver(SOURCE, request)

    async def _pinned(self, host: str) -> Address:
        """The first address of a host all of whose addresses are permitted."""
        try:
            addresses = await self._resolve(host, self._port)
        except OSError:
            raise SourceOutage(SOURCE, "the host's name does not resolve") from None
        if not addresses or not all(map(self._permitted, addresses)):
            raise SourceRefusal(SOURCE, "the host resolves to an address that is not public")
        return addresses[0]


async def resolved(host: str, port: int) -> list[Address]:
    """Every address of a name, by the system's resolver; OSError where there is none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
