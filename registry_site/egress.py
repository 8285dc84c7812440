"""The one client for everything this server fetches or sends outside: keys of identity providers, webhooks.

A name is resolved once, every address it has is checked, and the connection goes to a checked address, so that no
second answer of a name server can lead elsewhere. Nothing is followed, decompressed, or read without an end.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3.exceptions
from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection

CONNECT_SECONDS = 5
TOTAL_SECONDS = 10
MAX_ANSWER = 64 * 1024
MAX_URL = 2000
PORTS = {"https": 443, "http": 80}
CHUNK = 16 * 1024

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Tunnels to addresses of the older kind, and networks that the standard library takes for global.
_NEVER = [ipaddress.ip_network(block) for block in ("2002::/16", "2001::/32", "64:ff9b:1::/48", "::/96", "fec0::/10")]
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv6-only networks reach the others so: look at what is inside


class EgressError(Exception):
    """Nothing was fetched or sent, or no whole answer came; `message` says why in one sentence, for a page."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Target:
    """Where an address leads, as its text says it; nothing was resolved yet."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True)
class Answer:
    """What came back. body: never more than was asked for; is_whole: whether that was all. headers: in lower case.

    is_inner: whether it is from a network that only `EGRESS_ALLOWED_NETWORKS` opens.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool
    is_inner: bool = False


def request(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    *,
    max_answer: int = MAX_ANSWER,
    seconds: float = TOTAL_SECONDS,
    inner_http_only: bool = False,
) -> Answer:
    """Send one request and read its answer, whatever its status; a redirect is an answer like any other.

    max_answer: bytes of the body that are read; the rest is left alone.
    seconds: for all of it after the name was resolved.
    inner_http_only: plain http only inside `EGRESS_ALLOWED_NETWORKS`, for what has to be believed.
    Raises EgressError. Never call it inside a transaction.
    """
    target = parse(url)
    addresses = resolve(target)
    if inner_http_only and target.scheme == "http" and not all(is_allowed(address) for address in addresses):
        raise EgressError(f"{target.host} is refused: what it sends has to be believed, and http is not https")
    ends = time.monotonic() + seconds
    sent = {"User-Agent": "npm-registry", "Accept-Encoding": "identity", **(headers or {}), "Host": _host(target)}
    connection = _connect(target, addresses, ends)
    # The socket's own limit is for each read; an answer of one byte a second would outlast it for ever.
    alarm = threading.Timer(max(0.0, ends - time.monotonic()), _cut, [connection])
    alarm.start()
    try:
        connection.timeout = max(0.001, ends - time.monotonic())
        connection.request(method, target.path, body, sent, preload_content=False, decode_content=False)
        response = connection.getresponse()
        found, is_whole = _read(response, max_answer)
        if time.monotonic() >= ends:  # what was cut off may look like an end
            raise TimeoutError
        named = {name.lower(): text for name, text in response.headers.items()}
        return Answer(response.status, named, found, is_whole, any(is_allowed(address) for address in addresses))
    except (OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
        raise EgressError(told(target, "did not answer in time" if time.monotonic() >= ends else "", error)) from error
    finally:
        alarm.cancel()
        connection.close()


def parse(url: str) -> Target:
    """Where an address leads, without asking any network: http or https, a host, no user name in it.

    Raises EgressError. For forms, which refuse an address that could never be used.
    """
    if len(url) > MAX_URL or any(ord(each) <= 32 or ord(each) == 127 for each in url) or "\\" in url:
        raise EgressError("this is not a web address")
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
        ascii_host = (host or "").encode("idna").decode()
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        path.encode("ascii")
    except ValueError as error:
        raise EgressError("this is not a web address") from error
    if scheme not in PORTS:
        raise EgressError("an address begins with https:// or http://")
    if not ascii_host:
        raise EgressError("this address names no host")
    if "@" in parts.netloc:
        raise EgressError("an address holds no user name or password")
    if port == 0:
        raise EgressError("this address names no port")
    return Target(scheme, ascii_host.lower(), PORTS[scheme] if port is None else port, path)


def refusal(address: Address, port: int, allowed: Iterable[str] = ()) -> str:
    """Why this server does not connect there, "" when it does.

    allowed: networks in which every address and port is reachable (`EGRESS_ALLOWED_NETWORKS`).
    """
    mapped = getattr(address, "ipv4_mapped", None) or address
    if _inside(mapped, [ipaddress.ip_network(block, strict=False) for block in allowed]):
        return ""
    inner = ipaddress.IPv4Address(int(mapped) & 0xFFFFFFFF) if _inside(mapped, [_TRANSLATED]) else mapped
    if mapped is not address or not _is_global(inner):
        return f"{address} is not an address of the public internet"
    if port not in PORTS.values():
        return f"port {port} is not 80 or 443"
    return ""


def _is_global(address: Address) -> bool:
    special = (
        address.is_loopback
        or address.is_private
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )
    return address.is_global and not special and not _inside(address, _NEVER)


def _inside(address: Address, networks: Iterable[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return any(address in network for network in networks)


def resolve(target: Target) -> list[Address]:
    """The addresses of a host, each of them checked. Raises EgressError."""
    try:
        rows = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise EgressError(f"the name {target.host} leads nowhere") from error
    addresses = list(dict.fromkeys(ipaddress.ip_address(row[4][0]) for row in rows))
    for address in addresses:
        if reason := refusal(address, target.port, settings.EGRESS_ALLOWED_NETWORKS):
            raise EgressError(f"{target.host} is refused: {reason}")
    return addresses


def is_allowed(address: Address) -> bool:
    """Whether it is in one of `EGRESS_ALLOWED_NETWORKS`."""
    return refusal(address, -1, settings.EGRESS_ALLOWED_NETWORKS) == ""  # no public address has this port


def _connect(target: Target, addresses: list[Address], ends: float) -> HTTPConnection:
    failure: Exception | None = None
    for address in addresses:
        left = ends - time.monotonic()
        if left <= 0:
            break
        connection = _connection(target, address, left)
        try:
            connection.connect()
            return connection
        except (OSError, urllib3.exceptions.HTTPError) as error:
            connection.close()
            failure = error
    raise EgressError(told(target, "", failure)) from failure


def _connection(target: Target, address: Address, left: float) -> HTTPConnection:
    limit = min(CONNECT_SECONDS, left)
    if target.scheme == "http":
        return HTTPConnection(str(address), target.port, timeout=limit)
    return HTTPSConnection(
        str(address),
        target.port,
        timeout=limit,
        ssl_context=ssl.create_default_context(),
        server_hostname=target.host,
        assert_hostname=target.host,
    )


def _read(response, most: int) -> tuple[bytes, bool]:
    found = bytearray()
    while len(found) <= most:
        chunk = response.read(min(CHUNK, most + 1 - len(found)), decode_content=False)
        if not chunk:
            return bytes(found), True
        found += chunk
    return bytes(found[:most]), False


def _cut(connection: HTTPConnection) -> None:
    try:
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def _host(target: Target) -> str:
    name = f"[{target.host}]" if ":" in target.host else target.host
    return name if target.port == PORTS[target.scheme] else f"{name}:{target.port}"


def told(target: Target, what: str, error: Exception | None) -> str:
    """What went wrong with a host, in words that hold no address and no secret."""
    if what == "" and isinstance(error, ssl.SSLError | urllib3.exceptions.SSLError):
        what = "has no valid certificate"
    elif what == "" and isinstance(error, ValueError | urllib3.exceptions.ProtocolError | http.client.HTTPException):
        what = "did not answer as a web server does"
    return f"{target.host} {what or 'cannot be reached'}"
