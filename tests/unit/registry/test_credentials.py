"""Credentials go only to the hosts of the secret's tag. The requests that the servers received prove it."""

import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NoReturn

import pytest

from pullguard.domain.arn import Arn
from pullguard.domain.errors import Malformed
from pullguard.domain.image import ImageReference, parse_image
from pullguard.domain.lookup import Lookup, NotAsked, Unreadable
from pullguard.domain.secret import Secret, ValueShape
from pullguard.domain.secret_value import HiddenText
from pullguard.domain.verification import RegistryAnswer, Verification
from pullguard.registry import (
    HostNotAllowed,
    Transport,
    VerificationBroke,
    anonymous_pull,
    verification,
    verify,
)
from pullguard.registry.origins import Origin
from tests import fakes
from tests.registry.recording import (
    BASIC,
    PASSWORD,
    TRACES,
    Elsewhere,
    Recording,
    Reply,
    Request,
    credentials,
    recording,
    trusting,
)

ASKS_BASIC = Reply(status=401, headers=(("WWW-Authenticate", 'Basic realm="r"'),))


def takes_credentials(request: Request) -> Reply:
    """A collector: it asks for credentials, and takes whatever it gets."""
    return Reply(body=b'{"token": "t"}') if request.authorization else ASKS_BASIC


@pytest.fixture
def registry() -> Iterator[Recording]:
    with recording() as record:
        yield record


@pytest.fixture
def collector() -> Iterator[Recording]:
    with recording(takes_credentials) as record:
        yield record


def image_at(host: str, rest: str = "team/app:1.0") -> ImageReference:
    return parse_image(f"{host}/{rest}")


# --- redirects ---------------------------------------------------------------------------------------------------

ELSEWHERE = (
    "http://127.0.0.1:{other}/v2/",
    "http://localhost:{other}/v2/",
    "http://localhost:{own}/v2/",
    "http://127.0.0.2:{own}/v2/",
    "https://127.0.0.1:{own}/v2/",
    "//127.0.0.1:{other}/v2/",
    "http://127.0.0.1:{own}@127.0.0.1:{other}/v2/",
    "http://127.0.0.1:{own}\\@127.0.0.1:{other}/v2/",
    "http://127.0.0.1:{own}#@127.0.0.1:{other}/v2/",
    "HTTP://127.0.0.1:{other}",
    "",
    "ftp://127.0.0.1:{other}/",
)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ELSEWHERE)
@pytest.mark.parametrize("phase", ["ping", "manifest", "token"])
def test_a_redirect_to_another_host_is_not_followed(
    registry: Recording, collector: Recording, phase: str, location: str, status: int
) -> None:
    there = location.format(own=registry.port, other=collector.port)
    challenge = f'Bearer realm="http://{registry.host}/token",service="s"' if phase == "token" else "Basic realm=r"

    def script(request: Request) -> Reply:
        here = {"/v2/": "ping", "/token": "token"}.get(request.path, "manifest")
        if here == phase and (here != "manifest" or request.authorization):
            return Reply(status=status, headers=(("Location", there),))
        return Reply(status=401, headers=(("WWW-Authenticate", challenge),))

    registry.script = script
    verified = verify(image_at(registry.host), *credentials(), allowed_hosts=frozenset({registry.host}), timeout_s=5)
    assert collector.connections == 0
    assert verified.answer == "unreachable"
    assert "redirects to another host" in verified.detail
    assert all(each.authorization in {None, BASIC} for each in registry.requests)


@pytest.mark.parametrize("location", ["/moved", "http://127.0.0.1:{own}/moved?a=b"])
def test_a_redirect_within_the_same_host_and_port_is_followed(registry: Recording, location: str) -> None:
    def script(request: Request) -> Reply:
        if request.path == "/v2/":
            return ASKS_BASIC
        if request.path == "/moved":
            return Reply(status=200 if request.authorization == BASIC else 401)
        return Reply(status=307, headers=(("Location", location.format(own=registry.port)),))

    registry.script = script
    verified = verify(image_at(registry.host), *credentials(), allowed_hosts=frozenset({registry.host}), timeout_s=5)
    assert verified.answer == "ok"


def test_redirects_in_a_circle_come_to_an_end(registry: Recording) -> None:
    registry.script = lambda request: Reply(status=302, headers=(("Location", request.target),))
    verified = verify(image_at(registry.host), *credentials(), allowed_hosts=frozenset({registry.host}), timeout_s=5)
    assert (verified.answer, len(registry.requests)) == ("unreachable", 4)


# --- token services ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "realm",
    [
        "http://127.0.0.1:{other}/token",
        "http://localhost:{other}/token",
        "http://localhost:{own}/token",
        "http://127.0.0.1:{own}@127.0.0.1:{other}/token",
        "http://user@127.0.0.1:{own}/token",
        "http://127.0.0.1:{own}\\.evil.example:{other}/token",
        "http://127.0.0.1:{own}.evil.example/token",
        "https://127.0.0.1:{other}/token",
        "http://registry.example.com/token",
        "http://127.0.0.1:0{other}/token",
        "//127.0.0.1:{other}/token",
        "127.0.0.1:{other}",
        "file:///etc/passwd",
        "http://127.0.0.1:{own}/a b",
        "http://[::1]:{other}/token",
        "http://127.0.0.1\t:{other}/token",
        "http://\uff11\uff12\uff17.0.0.1:{other}/token",
        "",
    ],
)
def test_credentials_do_not_go_to_a_token_service_on_another_host(
    registry: Recording, collector: Recording, realm: str
) -> None:
    there = realm.format(own=registry.port, other=collector.port)
    challenge = f'Bearer realm="{there}",service="s"'.encode().decode("latin-1")
    registry.script = lambda _: Reply(status=401, headers=(("WWW-Authenticate", challenge),))
    verified = verify(image_at(registry.host), *credentials(), allowed_hosts=frozenset({registry.host}), timeout_s=5)
    assert verified.answer == "unreachable"
    assert collector.connections == 0
    assert {each.authorization for each in registry.requests} == {None}


def test_the_refused_token_service_is_named(registry: Recording, collector: Recording) -> None:
    challenge = f'Bearer realm="http://{collector.host}/token"'
    registry.script = lambda _: Reply(status=401, headers=(("WWW-Authenticate", challenge),))
    verified = verify(image_at(registry.host), *credentials(), allowed_hosts=frozenset({registry.host}), timeout_s=5)
    assert collector.host in verified.detail
    assert "pullguard:registry" in verified.detail


def test_a_token_service_named_in_the_tag_gets_the_credentials_and_the_registry_the_token(
    registry: Recording, collector: Recording
) -> None:
    challenge = f'Bearer realm="http://{collector.host}/token"'

    def script(request: Request) -> Reply:
        return Reply(status=200 if request.authorization else 401, headers=(("WWW-Authenticate", challenge),))

    registry.script = script
    both = frozenset({registry.host, collector.host})
    assert verify(image_at(registry.host), *credentials(), allowed_hosts=both, timeout_s=5).answer == "ok"
    assert collector.sent == [("GET", "/token", BASIC), ("GET", "/token", None)]  # then without credentials
    assert [each.authorization for each in registry.requests] == [None, "Bearer t"]  # only the registry gets the token


@pytest.mark.parametrize(
    ("host", "api", "token_host", "trusted"),
    [
        ("docker.io", "registry-1.docker.io", "auth.docker.io", True),
        ("registry.gitlab.com", "registry.gitlab.com", "gitlab.com", True),
        ("registry.digitalocean.com", "registry.digitalocean.com", "api.digitalocean.com", True),
        ("ghcr.io", "ghcr.io", "ghcr.io", True),
        ("quay.io", "quay.io", "quay.io", True),
        ("ghcr.io", "ghcr.io", "auth.docker.io", False),
        ("docker.io", "registry-1.docker.io", "auth.docker.io.evil.example", False),
        ("registry.gitlab.com", "registry.gitlab.com", "gitlab.com.evil.example", False),
        ("registry.example.com", "registry.example.com", "gitlab.com", False),
        ("registry.example.com", "registry.example.com", "token.registry.example.com", False),
        ("registry.example.com", "registry.example.com", "example.com", False),
    ],
)
def test_well_known_registries_and_their_token_services_over_tls(
    host: str, api: str, token_host: str, trusted: bool
) -> None:
    def script(request: Request) -> Reply:
        challenge = f'Bearer realm="https://{token_host}/token",service="s"'
        if request.path == "/token":
            return Reply(body=b'{"token": "t"}')
        return Reply(status=200 if request.authorization else 401, headers=(("WWW-Authenticate", challenge),))

    with ExitStack() as stack:
        servers = {name: stack.enter_context(recording(script, tls_name=name)) for name in {api, token_host}}
        transport = Elsewhere(ports={f"{name}:443": each.port for name, each in servers.items()}, tls=trusting)
        image = parse_image("app" if host == "docker.io" else f"{host}/app")
        verified = verify(image, *credentials(), allowed_hosts=frozenset({host}), timeout_s=5, transport=transport)
        assert (verified.answer == "ok") is trusted
        sent = servers[token_host].sent
        if trusted:
            assert ("GET", "/token", BASIC) in sent
            assert servers[api].requests[-1].path.startswith("/v2/library/" if host == "docker.io" else "/v2/app/")
            assert servers[api].requests[-1].headers["host"] == api
        else:
            assert sent == []
            assert verified.answer == "unreachable"


# --- images ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ghcr.io.evil.example/app",
        "evil.example/ghcr.io/app",
        "ghcr.io:444/app",
        "ghcr.io:80/app",
        "xghcr.io/app",
        "ghcr.io-evil.example/app",
        "www.ghcr.io/app",
        "app",
        "127.0.0.1/app",
        "localhost:5000/app",
        "169.254.169.254/app",
    ],
)
def test_an_image_on_another_host_than_the_tags_is_refused_before_anything_is_sent(text: str) -> None:
    def explode(_: Origin) -> NoReturn:
        raise AssertionError("a name was resolved")

    with pytest.raises(HostNotAllowed) as caught:
        verify(
            parse_image(text),
            *credentials(),
            allowed_hosts=frozenset({"ghcr.io"}),
            transport=Transport(resolve=explode),
        )
    assert not any(trace in str(caught.value) for trace in TRACES)


@pytest.mark.parametrize(
    "text", ["ghcr.io@evil.example/app", "user:pw@ghcr.io/app", "ghcr.io:443@evil.example/app", "ghcr.io\\evil/app"]
)
def test_user_info_in_an_image_is_no_image(text: str) -> None:
    with pytest.raises(Malformed):
        parse_image(text)


LOOK_ALIKES = (
    "127.0.0.1:{other}/team/app",
    "localhost:{other}/team/app",
    "localhost:{own}/team/app",
    "127.0.0.2:{own}/team/app",
    "127.0.0.1/team/app",
    "127.0.0.1:{other}/127.0.0.1:{own}/app",
    "127.0.0.1:{own}.evil.example/app",
    "127.0.0.1:{own}@127.0.0.1:{other}/app",
    "user:password@127.0.0.1:{own}/app",
    "http://127.0.0.1:{own}/app",
    "127.0.0.1:0{own}/app",
    "127.0.0.1:{own}\\@127.0.0.1:{other}/app",
    "127.0.0.1:{own}%40127.0.0.1:{other}/app",
    "[::1]:{own}/app",
    "\uff11\uff12\uff17.0.0.1:{other}/app",
)


@pytest.mark.parametrize("text", LOOK_ALIKES)
def test_an_image_that_only_resembles_one_of_the_tags_registry_collects_nothing(
    registry: Recording, collector: Recording, text: str
) -> None:
    """The complete check of an image: invalid, or the secret's value stays unread; no registry gets a request."""

    def read(*_: object) -> NoReturn:
        raise AssertionError("the value was read")

    registry.script = takes_credentials
    arn = Arn.parse("arn:aws:secretsmanager:us-east-1:111122223333:secret:registry/own-AbCdEf")
    its = Secret(arn=arn, name="registry/own", tags={"pullguard:registry": registry.host})
    try:
        image = parse_image(text.format(own=registry.port, other=collector.port))
    except Malformed:
        pass
    else:
        assert isinstance(verification(its, image, read), NotAsked)
    assert (registry.connections, collector.connections) == (0, 0)


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1:443", 443), ("127.0.0.1:80", 80), ("127.0.0.1", 80)])
def test_a_loopback_host_is_asked_at_its_port_and_at_no_other(host: str, port: int) -> None:
    with recording(takes_credentials) as record:
        transport = Elsewhere(ports={f"127.0.0.1:{port}": record.port})
        verified = verify(image_at(host), *credentials(), allowed_hosts=frozenset({host}), transport=transport)
    assert verified.answer == "ok"
    others = frozenset({"127.0.0.1", "127.0.0.1:80", "127.0.0.1:443"} - {host})
    with pytest.raises(HostNotAllowed):
        verify(image_at(host), *credentials(), allowed_hosts=others, transport=transport)


@pytest.mark.parametrize("host", ["ghcr.io@evil.example", "GHCR.io", "ghcr.io:443", "ghcr.io/", "ghcr.io\r\nx", ""])
def test_a_host_that_is_not_in_its_one_spelling_is_refused_even_where_a_tag_names_it(host: str) -> None:
    image = ImageReference(text=host, host=host, repository="app", tag=None, digest=None)
    with pytest.raises(HostNotAllowed):
        verify(image, *credentials(), allowed_hosts=frozenset({host}))


def test_no_host_is_allowed_where_the_tag_names_none(registry: Recording) -> None:
    with pytest.raises(HostNotAllowed):
        verify(image_at(registry.host), *credentials(), allowed_hosts=frozenset())
    assert registry.connections == 0


# --- TLS ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("certified", "trusted"), [("registry.example.com", False), ("other.example.com", True), ("example.com", True)]
)
def test_nothing_is_sent_over_tls_that_does_not_verify(certified: str, trusted: bool) -> None:
    with recording(takes_credentials, tls_name=certified) as record:
        ports = {"registry.example.com:443": record.port}
        transport = Elsewhere(ports=ports, tls=trusting) if trusted else Elsewhere(ports=ports)
        verified = verify(
            image_at("registry.example.com"),
            *credentials(),
            allowed_hosts=frozenset({"registry.example.com"}),
            timeout_s=5,
            transport=transport,
        )
        assert verified.answer == "unreachable"
        assert "TLS certificate" in verified.detail
        assert record.requests == []


def test_a_host_that_is_not_loopback_is_never_asked_over_plain_http() -> None:
    with recording(takes_credentials) as record:
        verified = verify(
            image_at("registry.example.com:5000"),
            *credentials(),
            allowed_hosts=frozenset({"registry.example.com:5000"}),
            timeout_s=5,
            transport=Elsewhere(ports={"registry.example.com:5000": record.port}, tls=trusting),
        )
        assert verified.answer == "unreachable"
        assert "TLS" in verified.detail
        assert record.requests == []


def test_proxies_of_the_environment_are_not_used(
    registry: Recording, collector: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{collector.host}")
    registry.script = takes_credentials
    verified = verify(image_at(registry.host), *credentials(), allowed_hosts=frozenset({registry.host}), timeout_s=5)
    assert verified.answer == "ok"
    assert collector.connections == 0


# --- what is said about it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 307, 400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("phase", ["manifest", "token"])
def test_nothing_that_a_registry_echoes_is_repeated(
    registry: Recording, caplog: pytest.LogCaptureFixture, phase: str, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    challenge = f'Bearer realm="http://{registry.host}/token",service="s"' if phase == "token" else "Basic realm=r"

    def script(request: Request) -> Reply:
        if request.authorization is None:
            return Reply(status=401, headers=(("WWW-Authenticate", challenge),))
        echo = f"{PASSWORD} {BASIC}"
        body = json.dumps({"errors": [{"code": PASSWORD, "message": echo}, {"code": "DENIED"}], "token": echo})
        headers = (
            ("Location", f"https://{BASIC[6:]}.evil.example/{PASSWORD}"),
            ("WWW-Authenticate", f"{echo} r={echo}"),
        )
        return Reply(status=status, headers=headers, body=body.encode())

    registry.script = script
    verified = verify(image_at(registry.host), *credentials(), allowed_hosts=frozenset({registry.host}), timeout_s=5)
    for trace in TRACES:
        assert trace.lower() not in f"{verified!r} {caplog.text}".lower()
        assert not any(trace in each.target for each in registry.requests)


def test_a_fault_of_our_own_shows_no_credentials_in_its_traceback() -> None:
    def explode(_: Origin) -> NoReturn:
        raise RuntimeError(f"{PASSWORD} {BASIC}")

    with pytest.raises(VerificationBroke) as caught:
        verify(
            image_at("ghcr.io"),
            *credentials(),
            allowed_hosts=frozenset({"ghcr.io"}),
            transport=Transport(resolve=explode),
        )
    reported = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    own = reported[reported.index("registry/credentials.py") :]
    assert not any(trace in own for trace in (PASSWORD, BASIC[6:]))
    assert caught.value.__context__ is None
    assert "RuntimeError in explode" in str(caught.value)


# --- without credentials -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, "anonymous-ok"),
        (401, "rejected"),
        (403, "rejected"),
        (404, "no-such-image"),
        (429, "rate-limited"),
        (500, "unreachable"),
    ],
)
@pytest.mark.parametrize("scheme", ["none", "basic", "bearer"])
def test_as_anybody_nothing_is_sent_but_the_question(
    registry: Recording, scheme: str, status: int, answer: RegistryAnswer
) -> None:
    challenge = {"basic": 'Basic realm="r"', "bearer": f'Bearer realm="http://{registry.host}/token"'}.get(scheme)

    def script(request: Request) -> Reply:
        if request.path == "/token":
            return Reply(body=b'{"token": "anybodys"}')
        if request.path == "/v2/" and challenge:
            return Reply(status=401, headers=(("WWW-Authenticate", challenge),))
        return Reply(status=200 if request.path == "/v2/" else status)

    registry.script = script
    said = anonymous_pull(image_at(registry.host), allowed_hosts=frozenset({registry.host}))

    wanted: RegistryAnswer = "unreachable" if scheme == "none" and answer == "rejected" else answer
    assert said.answer == wanted
    assert {sent for _, _, sent in registry.sent} <= {None, "Bearer anybodys"}


def test_as_anybody_no_host_is_asked_that_no_tag_names(registry: Recording) -> None:
    with pytest.raises(HostNotAllowed):
        anonymous_pull(image_at(registry.host), allowed_hosts=frozenset({"ghcr.io"}))
    assert registry.connections == 0


# --- the value of a secret ---------------------------------------------------------------------------------------

GHCR = image_at("ghcr.io")
ROTATING = fakes.secret(stages={"v1": ("AWSCURRENT",), "v2": ("AWSPENDING",)})
Value = Lookup[tuple[ValueShape, HiddenText | None, HiddenText | None]]


def value(version: str, *, has_both: bool = True) -> Value:
    shape = ValueShape(form="json-object", version_id=version)
    return shape, HiddenText(f"user of {version}"), HiddenText(f"password of {version}") if has_both else None


@pytest.mark.parametrize(
    ("secret", "current", "pending", "answers", "expected"),
    [
        pytest.param(fakes.secret(), value("v1"), None, ("ok",), ("ok", None), id="taken"),
        pytest.param(fakes.secret(), value("v1"), None, ("rejected",), ("rejected", None), id="refused"),
        pytest.param(ROTATING, value("v1"), None, ("ok",), ("ok", None), id="taken-during-a-rotation"),
        pytest.param(
            ROTATING, value("v1"), value("v2"), ("rejected", "ok"), ("rejected", "ok"), id="the-next-value-is-taken"
        ),
        pytest.param(
            ROTATING, value("v1"), fakes.denied(), ("rejected",), ("rejected", None), id="the-next-value-is-unread"
        ),
        pytest.param(
            ROTATING,
            value("v1"),
            value("v2", has_both=False),
            ("rejected",),
            ("rejected", None),
            id="the-next-value-has-no-password",
        ),
        pytest.param(
            ROTATING,
            value("v1"),
            (ValueShape(form="json-object"), None, HiddenText("password")),
            ("rejected",),
            ("rejected", None),
            id="the-next-value-has-no-username",
        ),
    ],
)
def test_the_registry_gets_the_current_value_and_the_next_one_if_it_refuses_that(
    secret: Secret,
    current: Value,
    pending: Value,
    answers: tuple[RegistryAnswer, ...],
    expected: tuple[str, str | None],
) -> None:
    values, sent = {None: current, "v2": pending}, list[tuple[str, str]]()

    def ask(image: ImageReference, user: HiddenText, password: HiddenText, **allowed: object) -> Verification:
        assert (image, allowed) == (GHCR, {"allowed_hosts": frozenset({"ghcr.io"})})
        sent.append((user.reveal(), password.reveal()))
        return Verification(answer=answers[len(sent) - 1])

    found = verification(secret, GHCR, lambda _, version: values[version], ask=ask)
    assert isinstance(found, Verification)
    assert (found.answer, found.pending) == expected
    both = [("user of v1", "password of v1"), ("user of v2", "password of v2")]
    assert sent == both[: len(answers)]


@pytest.mark.parametrize("current", [fakes.denied(), value("v1", has_both=False)], ids=["unread", "incomplete"])
def test_a_value_that_is_unread_or_incomplete_is_not_sent(current: Value) -> None:
    found = verification(fakes.secret(), GHCR, lambda _, __: current, ask=never)
    assert found == current if isinstance(current, Unreadable) else isinstance(found, NotAsked)


@pytest.mark.parametrize(
    "secret",
    [
        fakes.secret(registry=None),
        fakes.secret(registry="quay.io"),
        fakes.secret(registry="ghcr.io evil_host!"),
        fakes.secret(outside="prod/*"),
        fakes.secret(deleted_at=fakes.NOW),
        fakes.secret(type="SalesforceClientSecret"),
    ],
    ids=["no-tag", "another-registry", "unreadable-tag", "excluded", "to-be-deleted", "external"],
)
def test_a_value_that_is_not_to_be_verified_is_not_even_read(secret: Secret) -> None:
    assert isinstance(verification(secret, GHCR, never, ask=never), NotAsked)


class Remembered:
    """Answers to logins, as the ledger keeps them."""

    def __init__(self) -> None:
        self.answers: dict[tuple[Arn, str, str], Verification] = {}

    def known(self, login: tuple[Arn, str, str]) -> Verification | None:
        return self.answers.get(login)

    def keep(self, login: tuple[Arn, str, str], said: Verification) -> None:
        self.answers[login] = said


def test_a_version_whose_answer_is_known_is_not_sent_again() -> None:
    logins, secret, refused = Remembered(), fakes.secret(), Verification(answer="rejected")
    asked = verification(secret, GHCR, lambda _, __: value("v1"), ask=lambda *_, **__: refused, logins=logins)
    assert asked == refused
    assert logins.answers == {(secret.arn, "v1", "ghcr.io"): refused}
    assert verification(secret, GHCR, lambda _, __: value("v1"), ask=never, logins=logins) == refused


def never(*_: object, **__: object) -> NoReturn:
    raise AssertionError
