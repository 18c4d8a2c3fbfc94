"""One HTTP request over one connection: to a checked address, with verified TLS, and a limited answer.

``http.client`` sends it: it follows no redirects, repeats nothing, uses no proxy and logs nothing.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final, TypeAlias

from pullguard.registry.origins import Origin

ADDRESSES_MAX: Final = 4
_NAT64 = IPv6Network("64:ff9b::/96")  # https://www.rfc-editor.org/rfc/rfc6052
# Instance metadata, time and DNS over IPv6; over IPv4 they are link-local.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
_EC2_LOCAL = IPv6Network("fd00:ec2::/32")
_THIS_NETWORK = IPv4Network("0.0.0.0/8")  # https://www.rfc-editor.org/rfc/rfc6890
Address: TypeAlias = IPv4Address | IPv6Address


class Unreachable(Exception):
    """There was no answer; ``why`` completes the sentence "the registry …" and holds nothing that was sent."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer. ``body`` is the part of it that was read, at most as much as was asked for."""

    status: int
    challenges: tuple[str, ...] = ()
    location: str | None = None
    body: bytes = field(default=b"", repr=False)


def addresses_of(origin: Origin, lookup: Callable[..., Any] = socket.getaddrinfo) -> tuple[str, ...]:
    """Resolve the host of ``origin``, once, and return the addresses to connect to.

    Raises ``Unreachable`` if one of them is link-local, an instance-metadata address, multicast or unspecified; or if
    it is loopback and the host does not say so, or the reverse. Private networks hold legitimate registries.
    """
    found = lookup(origin.name, origin.port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))[:ADDRESSES_MAX]
    for address in addresses:
        if _is_forbidden(_embedded(ip_address(address)), loopback=origin.is_loopback):
            raise Unreachable(f"has the address {address}, where no registry may be")
    return addresses


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address embeds, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_forbidden(address: Address, *, loopback: bool) -> bool:
    if address.is_loopback or loopback:
        return not (address.is_loopback and loopback)
    return (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
        or address in (_THIS_NETWORK if isinstance(address, IPv4Address) else _EC2_LOCAL)
    )


@lru_cache(maxsize=2)
def verified_tls(ca_file: str = "") -> ssl.SSLContext:
    """Return the context that verifies certificate and host name, with the machine's own authorities.

    It also trusts those in ``ca_file`` (PEM), if one is given. Raises ``Unreachable`` if that file does not load.
    """
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            raise Unreachable(f"cannot be verified: the CA bundle {ca_file} does not load ({error.strerror})") from None
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """How hosts are resolved and trusted; tests replace it. ``loopback``: whether this machine itself may be asked."""

    resolve: Callable[[Origin], tuple[str, ...]] = addresses_of
    tls: Callable[[], ssl.SSLContext] = verified_tls
    loopback: bool = True

    def open(self, origin: Origin, timeout_s: float) -> socket.socket:
        """Connect to the first address that answers, and shake hands; every step takes ``timeout_s`` at most.

        Raises ``Unreachable``.
        """
        if origin.is_loopback and not self.loopback:
            raise Unreachable("is on this machine, where deployed functions query no registry")
        try:
            connection = self._connect(origin, timeout_s)
            if origin.scheme == "http":
                return connection
            try:
                return self.tls().wrap_socket(connection, server_hostname=origin.name)
            except BaseException:
                connection.close()
                raise
        except OSError as error:
            raise Unreachable(_why(error)) from None

    def _connect(self, origin: Origin, timeout_s: float) -> socket.socket:
        failure: OSError = OSError("the name has no address")
        addresses = self.resolve(origin)
        for address in addresses:
            try:
                connection = socket.create_connection((address, origin.port), timeout_s / len(addresses))
            except OSError as error:
                failure = error
            else:
                connection.settimeout(timeout_s)
                return connection
        raise failure


def talk(
    connection: socket.socket,
    method: str,
    authority: str,
    target: str,
    headers: Mapping[str, str],
    *,
    body_max_bytes: Callable[[int], int],
) -> Response:
    """Send one request over ``connection`` and read the answer; ``body_max_bytes`` returns the limit for its status.

    Raises ``Unreachable``.
    """
    client = http.client.HTTPConnection(authority)
    client.sock = connection
    try:
        client.request(method, target, headers={"Host": authority, "Connection": "close", **headers})
        answer = client.getresponse()
        limit = 0 if method == "HEAD" else body_max_bytes(answer.status)
        return Response(
            status=answer.status,
            challenges=tuple(answer.headers.get_all("WWW-Authenticate", ())),
            location=answer.headers.get("Location"),
            body=answer.read(limit) if limit else b"",
        )
    except OSError as error:
        raise Unreachable(_why(error)) from None
    except http.client.HTTPException as error:
        raise Unreachable(f"gives an answer that is not HTTP ({type(error).__name__})") from None
    finally:
        client.close()
        connection.close()


def _why(error: OSError) -> str:
    """Describe a failure in our own words and the operating system's, with no text from the other side."""
    match error:
        case socket.gaierror():
            return "has a name that does not resolve"
        case ssl.SSLCertVerificationError():
            return f"has a TLS certificate that is not to be trusted ({error.verify_message})"
        case ssl.SSLError():
            return f"does not agree on TLS ({error.reason or 'no reason given'})"
        case TimeoutError():
            return "does not answer in time"
        case ConnectionRefusedError():
            return "refuses the connection"
        case _:
            return f"cannot be talked to ({error.strerror or type(error).__name__})"
