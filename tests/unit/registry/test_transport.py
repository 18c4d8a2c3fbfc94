"""Time, bytes and addresses are bounded, whatever a registry does."""

import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import pytest

from pullguard.domain.image import parse_image
from pullguard.domain.verification import Verification
from pullguard.registry import Transport, verify
from pullguard.registry.origins import Origin, registry_url
from pullguard.registry.transport import ADDRESSES_MAX, Unreachable, addresses_of, verified_tls
from tests.registry.recording import (
    Elsewhere,
    Recording,
    Reply,
    Request,
    authority_pem,
    credentials,
    recording,
    trusting,
)

TIMEOUT_S = 0.4
PATIENCE_S = 5.0  # for a busy machine; without bounds, each of these would take longer


def ask(host: str, *, timeout_s: float = TIMEOUT_S, transport: Transport | None = None) -> Verification:
    started_s = time.monotonic()
    verified = verify(
        parse_image(f"{host}/app"),
        *credentials(),
        allowed_hosts=frozenset({host}),
        timeout_s=timeout_s,
        transport=transport,
    )
    assert time.monotonic() - started_s < PATIENCE_S
    return verified


def silent(_: BinaryIO) -> None:
    time.sleep(2 * PATIENCE_S)


def dripping(start: bytes, drop: bytes) -> Callable[[BinaryIO], None]:
    def drip(out: BinaryIO) -> None:
        out.write(start)
        for _ in range(200):
            time.sleep(0.05)
            out.write(drop)

    return drip


def flooding(start: bytes, drop: bytes) -> Callable[[BinaryIO], None]:
    def flood(out: BinaryIO) -> None:
        out.write(start)
        out.writelines(drop for _ in range(2000))

    return flood


TALKERS = {
    "nothing": silent,
    "drops-of-a-status-line": dripping(b"HTTP/1.1 200", b" "),
    "drops-of-headers": dripping(b"HTTP/1.1 401 No\r\n", b"X: y\r\n"),
    "drops-of-a-body": dripping(b"HTTP/1.1 404 No\r\nContent-Length: 1000\r\n\r\n", b"x"),
    "drops-of-chunks": dripping(b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "continues": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a-flood-of-headers": flooding(b"HTTP/1.1 200 Yes\r\n", b"X: y\r\n"),
    "one-endless-header": flooding(b"HTTP/1.1 200 Yes\r\nX: ", b"y" * 1000),
    "garbage": flooding(b"\x00\xff", b"\x80\r\n"),
    "nothing-at-all": flooding(b"", b""),
    "a-body-cut-short": flooding(b"HTTP/1.1 404 No\r\nContent-Length: 1000\r\n\r\nx", b""),
    "another-protocol": flooding(b"SSH-2.0-OpenSSH_9.2\r\n", b""),
    "a-bad-chunk": flooding(b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", b""),
    "a-bad-length": flooding(b"HTTP/1.1 500 No\r\nContent-Length: -7\r\n\r\n", b""),
}


@pytest.mark.parametrize("talk", TALKERS.values(), ids=TALKERS)
def test_an_invalid_answer_is_unreachable_within_the_time(talk: Callable[[BinaryIO], None]) -> None:
    with recording(lambda _: Reply(raw=talk)) as record:
        assert ask(record.host).answer == "unreachable"


def test_a_connection_that_took_too_long_is_cut_and_its_thread_ends() -> None:
    with recording(lambda _: Reply(raw=TALKERS["drops-of-headers"])) as record:
        before = set(threading.enumerate())
        assert ask(record.host).answer == "unreachable"
        left = [each for each in threading.enumerate() if each.name == "registry" and each not in before]
        for thread in left:
            thread.join(1)
        assert not any(thread.is_alive() for thread in left)


@pytest.mark.parametrize("talk", [TALKERS["drops-of-headers"], silent], ids=["drops", "nothing"])
def test_an_answer_over_tls_that_does_not_come_is_unreachable_within_the_time(
    talk: Callable[[BinaryIO], None],
) -> None:
    with recording(lambda _: Reply(raw=talk), tls_name="registry.example.com") as record:
        transport = Elsewhere(ports={"registry.example.com:443": record.port}, tls=trusting)
        verified = ask("registry.example.com", transport=transport)
    assert verified == Verification(answer="unreachable", detail="registry.example.com does not answer in time.")


def test_the_time_is_for_all_questions_together() -> None:
    def slowly(_: Request) -> Reply:
        time.sleep(0.25)
        return Reply(status=404)

    with recording(slowly) as record:
        assert ask(record.host).answer == "unreachable"
        assert len(record.requests) <= 2


def test_a_name_that_takes_too_long_to_resolve_is_unreachable_within_the_time() -> None:
    over = threading.Event()

    def slowly(_: Origin) -> tuple[str, ...]:
        over.wait(2 * PATIENCE_S)
        raise OSError

    verified = ask("ghcr.io", transport=Transport(resolve=slowly))
    over.set()
    assert verified == Verification(answer="unreachable", detail="ghcr.io does not answer in time.")


def test_a_huge_body_is_not_read_to_its_end() -> None:
    with recording(lambda _: Reply(status=404, body=b"x" * 20_000_000)) as record:
        assert ask(record.host, timeout_s=5).answer == "unreachable"


def test_a_registry_that_is_not_there_is_unreachable() -> None:
    with recording() as record:
        host = record.host
    verified = ask(host)
    assert verified.answer == "unreachable"
    assert "refuses the connection" in verified.detail


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    def unknown(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    verified = ask("ghcr.io", transport=Transport(resolve=lambda origin: addresses_of(origin, unknown)))
    assert verified == Verification(answer="unreachable", detail="ghcr.io has a name that does not resolve.")


def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    with recording(lambda _: Reply()) as record:
        # The first address has no listener: the server is bound to 127.0.0.1 only.
        transport = Transport(resolve=lambda _: ("::1", "127.0.0.1"))
        assert ask(record.host, transport=transport).answer == "anonymous-ok"


# --- addresses ---------------------------------------------------------------------------------------------------


def looking_up(*addresses: str) -> Callable[..., Any]:
    return lambda _name, port, **_: [(0, 0, 0, "", (address, port)) for address in addresses]


def resolved(host: str, *addresses: str) -> tuple[str, ...]:
    url = registry_url(host, "/v2/")
    assert url is not None
    return addresses_of(url.origin, looking_up(*addresses))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",  # instance metadata
        "169.254.170.2",  # credentials of an ECS task
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fe80::1",
        "fe80::1%2",
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "::ffff:169.254.169.254",
        "::ffff:127.0.0.1",
        "64:ff9b::a9fe:a9fe",  # NAT64
        "2002:a9fe:a9fe::1",  # 6to4
    ],
)
def test_addresses_where_no_registry_may_be(address: str) -> None:
    with pytest.raises(Unreachable, match="where no registry may be"):
        resolved("registry.example.com", address)
    with pytest.raises(Unreachable, match="where no registry may be"):
        resolved("registry.example.com", "93.184.215.14", address)


@pytest.mark.parametrize(
    "address",
    ["93.184.215.14", "10.0.0.5", "172.16.3.4", "192.168.1.9", "100.64.0.7", "2606:2800:21f::1", "fd12:3456::1",
     "64:ff9b::5db8:d70e"],
)  # fmt: skip
def test_addresses_where_a_registry_may_be(address: str) -> None:
    assert resolved("registry.example.com", address, address) == (address,)


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"])
def test_a_loopback_host_is_asked_over_plain_http_and_resolves_to_loopback_only(host: str) -> None:
    url = registry_url(host, "/v2/")
    assert url is not None
    assert url.origin.scheme == "http"
    assert resolved(host, "127.0.0.1", "::1") == ("127.0.0.1", "::1")
    with pytest.raises(Unreachable):
        resolved(host, "10.0.0.1")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_deployed_function_queries_no_registry_on_its_own_machine(host: str) -> None:
    with recording(lambda _: Reply()) as record:
        verified = ask(f"{host}:{record.port}", transport=Transport(loopback=False))
        assert (verified.answer, record.requests) == ("unreachable", [])
        assert "is on this machine" in verified.detail


def test_authorities_of_a_bundle_are_trusted_beside_the_systems(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(authority_pem())
    with recording(lambda _: Reply(), tls_name="registry.example.com") as record:
        host = f"registry.example.com:{record.port}"

        def trusting_with(ca_file: str) -> str:
            transport = Transport(resolve=lambda _: ("127.0.0.1",), tls=partial(verified_tls, ca_file))
            return f"{(said := ask(host, transport=transport)).answer}: {said.detail}"

        assert trusting_with(str(bundle)).startswith("anonymous-ok")
        assert "a TLS certificate that is not to be trusted" in trusting_with("")
        bundle.write_text("no certificate")
        verified_tls.cache_clear()
        assert f"the CA bundle {bundle} does not load" in trusting_with(str(bundle))
        assert "does not load (No such file" in trusting_with(str(tmp_path / "gone.pem"))


@pytest.mark.parametrize(
    "host", ["127.1", "0177.0.0.1", "2130706433", "0x7f.1", "localhost.example.com", "127.0.0.1.nip.io"]
)
def test_a_host_that_only_resembles_loopback_is_asked_over_tls(host: str) -> None:
    url = registry_url(host, "/v2/")
    assert url is not None
    assert url.origin.scheme == "https"
    with pytest.raises(Unreachable):
        resolved(host, "127.0.0.1")


def test_a_metadata_address_in_an_image_is_never_connected_to() -> None:
    verified = ask("169.254.169.254")
    assert verified.answer == "unreachable"
    assert "where no registry may be" in verified.detail


def test_the_connection_goes_to_the_checked_address_under_the_requested_name() -> None:
    lookups: list[str] = []

    def once(origin: Origin) -> tuple[str, ...]:
        lookups.append(origin.name)
        return ("127.0.0.1",)

    def script(_: Request) -> Reply:
        return Reply()

    record: Recording
    with recording(script, tls_name="registry.example.com") as record:
        host = f"registry.example.com:{record.port}"
        assert ask(host, transport=Transport(resolve=once, tls=trusting)).answer == "anonymous-ok"
        assert {each.headers["host"] for each in record.requests} == {host}
        assert lookups == ["registry.example.com"] * len(record.requests)


def test_few_of_many_addresses_are_tried() -> None:
    many = [f"203.0.113.{n}" for n in range(1, 200)]
    assert resolved(many[0], *many) == tuple(many[:ADDRESSES_MAX])
    assert ADDRESSES_MAX < 10  # each of them may take as long as a connection may
