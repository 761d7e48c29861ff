"""Calls to addresses that somebody typed in: webhooks, web services of shops, pictures.

Such an address may be a trap that points back into our own network. So:
1. The address itself is looked at (`parse`): https, no user name in it, a port where web servers listen, no number in
   disguise (decimal, octal, hexadecimal) for an IP address.
2. The name is resolved once, every address behind it is looked at, and the connection goes to the very address that
   was: a name that changes between look and connection (DNS rebinding) changes nothing. TLS is checked against the
   name.
3. Redirects are answers like others: nobody follows them. No proxy of the environment is used.
4. All of it is under one deadline, and only the beginning of the answer is read.
`GHOSTCART_ALLOW_PRIVATE_TARGETS` lists networks of one's own that may be called all the same, and without TLS.
"""

import ipaddress
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import Thread
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit

import httpcore
import idna
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError

SECONDS = 15.0
KEPT = 1024
LONGEST_URL = 2000
ADDRESSES_TRIED = 4

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NEVER_IN_URLS = re.compile(r"[\x00-\x20\x7f\\]")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_OTHER_SERVICES = frozenset(
    (1433, 1521, 1723, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 3659, 4045, 4190, 5060, 5061, 5432, 5672, 5900, 5984,
     6000, 6379, 6380, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 9042, 9200, 9300, 10080, 10250, 11211, 27017)
)  # fmt: skip
"""Ports above 1023 where databases and the like listen, which must not be talked into anything by HTTP."""
_TRANSITION = tuple(ipaddress.IPv6Network(network) for network in ("64:ff9b::/96", "::/96"))
"""IPv6 addresses whose last 32 bits are an IPv4 address to which a gateway would hand on."""
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(network)
    for network in ("2002::/16", "2001::/32", "64:ff9b:1::/48", "fec0::/10", "192.0.0.0/24", "192.88.99.0/24")
)
"""Beside those that Python knows: tunnels and gateways, and what was private once."""


class TargetError(GhostcartError):
    """A call that was not made, or got no answer."""

    code = "target_failed"


class BadTarget(TargetError):
    code = "target_malformed"
    sentence = _("This is not an address that can be called. It looks like https://example.com/path.")


class NotSecure(TargetError):
    code = "target_not_secure"
    sentence = _("The address must begin with https://.")


class HasUser(TargetError):
    code = "target_has_user"
    sentence = _("The address must not contain a user name or password.")


class BadPort(TargetError):
    code = "target_port"
    sentence = _("Port %(port)s cannot be called.")


class PrivateTarget(TargetError):
    code = "target_private"
    sentence = _("The address leads into a private network. It was not called.")


class UnknownHost(TargetError):
    code = "target_unknown"
    sentence = _("The host %(host)s was not found.")


class BadCertificate(TargetError):
    code = "target_certificate"
    sentence = _("The certificate of the server is not valid: %(problem)s")


class TimedOut(TargetError):
    code = "target_timeout"
    sentence = _("There was no answer in time.")


class Unreachable(TargetError):
    code = "target_unreachable"
    sentence = _("The server could not be reached, or did not speak HTTP: %(problem)s")


@dataclass(frozen=True, slots=True)
class Target:
    """An address, taken apart: exactly these parts are called, the text is not read again by anybody."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def name(self) -> str:
        """Host and port, as a request names them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_usual = self.port == (443 if self.scheme == "https" else 80)
        return host if is_usual else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is the beginning of it; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_cut: bool


# -- the address -------------------------------------------------------------------------------------


def parse(url: str) -> Target:
    """The parts of an address that may be called as far as it shows. Raises TargetError."""
    if len(url) > LONGEST_URL or _NEVER_IN_URLS.search(url):
        raise BadTarget
    try:
        parts = urlsplit(url)
        host, port = _host(parts.netloc, parts.hostname or ""), parts.port
    except ValueError as error:
        raise BadTarget from error
    if parts.scheme not in ("https", "http"):
        raise BadTarget
    if "@" in parts.netloc:
        raise HasUser
    if parts.scheme == "http" and not settings.PRIVATE_TARGETS:
        raise NotSecure
    port = (443 if parts.scheme == "https" else 80) if port is None else port
    if port not in (80, 443) and (port < 1024 or port in _OTHER_SERVICES):
        raise BadPort(port=port)
    if literal := _literal(host):
        _check(literal, parts.scheme)
    path = quote(parts.path or "/", safe="/%!$&'()*+,;=:@~-._")
    query = quote(parts.query, safe="/%!$&'()*+,;=:@~-._?[]")
    return Target(parts.scheme, host, port, f"{path}?{query}" if query else path)


def _host(netloc: str, host: str) -> str:
    """The host as it is resolved: ASCII, lower case. Raises BadTarget or ValueError."""
    if "[" in netloc:
        return str(ipaddress.IPv6Address(host)) if "%" not in host else _refuse()
    host = host.removesuffix(".")
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode()
    if not _NAME.fullmatch(host):
        raise BadTarget
    if _NUMBER.fullmatch(host.rpartition(".")[2]):  # what a resolver would take for a number must be a plain one
        return str(ipaddress.IPv4Address(host))
    return host


def _refuse() -> str:
    raise BadTarget


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _check(address: Address, scheme: str) -> None:
    """Raises PrivateTarget for an address that is not on the public internet, NotSecure for one that needs TLS."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in network for network in settings.PRIVATE_TARGETS):
        return
    if not is_public(address):
        raise PrivateTarget
    if scheme != "https":
        raise NotSecure


def is_public(address: Address) -> bool:
    """Whether it is one host's address on the public internet, whatever gateway stands between."""
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in _TRANSITION):
            return is_public(ipaddress.IPv4Address(address.packed[-4:]))
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


# -- the call ----------------------------------------------------------------------------------------


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    most: int = KEPT,
    seconds: float = SECONDS,
) -> Answer:
    """Call an address and read at most `most` bytes of its answer. Raises TargetError; any status is an answer."""
    target, deadline = parse(url), monotonic() + seconds
    asked = {
        "Host": target.name, "User-Agent": "Ghostcart", "Accept-Encoding": "identity", **(headers or {}),
    }  # fmt: skip
    address = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    try:
        with (
            httpcore.ConnectionPool(_trust(), network_backend=_Guarded(target, deadline)) as pool,
            pool.stream(method, address, headers=list(asked.items()), content=content) as answer,
        ):
            body, is_cut = _beginning(answer, most)
            names = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            return Answer(answer.status, names, body, is_cut)
    except httpcore.TimeoutException as error:
        raise TimedOut from error
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
        if isinstance(error.__context__, ssl.SSLCertVerificationError):
            raise BadCertificate(problem=error.__context__.verify_message) from error
        raise Unreachable(problem=str(error)[:200] or type(error).__name__) from error


def _beginning(answer: httpcore.Response, most: int) -> tuple[bytes, bool]:
    body = b""
    for chunk in answer.iter_stream():
        body += chunk
        if len(body) > most:
            return body[:most], True
    return body, False


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


class _Guarded(httpcore.NetworkBackend):
    """Connects to an address that was looked at, and to no other."""

    def __init__(self, target: Target, deadline: float) -> None:
        self._target, self._deadline = target, deadline

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        addresses = resolve(host, port, _left(self._deadline))
        for address in addresses:  # one bad among them is reason enough: its owner plays with us
            _check(address, self._target.scheme)
        for address in addresses[:ADDRESSES_TRIED]:
            try:
                stream = httpcore.SyncBackend().connect_tcp(str(address), port, _left(self._deadline))
                return _Timed(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _Timed(httpcore.NetworkStream):
    """A connection whose every step ends at the deadline, however slowly the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        connection = self._stream.get_extra_info("socket")
        try:
            while buffer:
                connection.settimeout(_left(self._deadline))
                buffer = buffer[connection.send(buffer) :]
        except TimeoutError as error:
            raise httpcore.WriteTimeout from error

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _Timed(secure, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimedOut
    return left


def resolve(host: str, port: int, seconds: float) -> list[Address]:
    """The addresses behind a name, by the system's resolver, which knows no time limit: it is asked in a thread."""
    if literal := _literal(host):
        return [literal]
    found: list[Address] = []

    def ask() -> None:
        try:
            for *_rest, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.append(ipaddress.ip_address(str(place[0])))
        except (OSError, UnicodeError, ValueError):
            found.clear()

    asking = Thread(target=ask, name="resolver", daemon=True)
    asking.start()
    asking.join(seconds)
    if asking.is_alive():
        raise TimedOut
    if not found:
        raise UnknownHost(host=host)
    return list(dict.fromkeys(found))
