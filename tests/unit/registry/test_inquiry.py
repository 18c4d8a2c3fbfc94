"""The questions to a registry about one image, and what their answers say of the credentials."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from pullguard.domain.secret_value import HiddenText
from pullguard.domain.verification import RegistryAnswer, Verification
from pullguard.registry import Exchange, Transport
from pullguard.registry.inquiry import Inquiry
from pullguard.registry.origins import registry_url
from tests.registry.recording import BASIC, Recording, Reply, Request, recording
from tests.unit.registry.scripts import DIGEST, TOKEN, ask, basic, bearer, error, image_at


def test_a_registry_that_forbids_head_alone_is_asked_by_get() -> None:
    with recording() as record:
        regular = basic(Reply())
        record.script = lambda request: Reply(status=403) if request.method == "HEAD" else regular(request)
        assert ask(record).answer == "ok"


def test_a_bearer_token_is_asked_for_by_service_and_scope_with_the_credentials_and_used_alone() -> None:
    with recording() as record:
        record.script = bearer(record, Reply(), TOKEN)
        assert ask(record).answer == "ok"
        ping, token, manifest, *as_anybody = record.requests
        assert (ping.target, ping.authorization) == ("/v2/", None)
        assert parse_qs(urlsplit(token.target).query) == {
            "x": ["1"],
            "service": ["the registry"],
            "scope": ["repository:team/app:pull"],
        }
        assert token.authorization == BASIC
        assert (manifest.method, manifest.authorization) == ("HEAD", "Bearer abc.DEF-1_~+/==")
        assert {each.authorization for each in as_anybody} == {None, "Bearer nobody"}


@pytest.mark.parametrize(
    ("rest", "path"),
    [
        ("app", "/v2/app/manifests/latest"),
        ("team/app:1.0", "/v2/team/app/manifests/1.0"),
        ("a/b/c-d/e__f:V_1", "/v2/a/b/c-d/e__f/manifests/V_1"),
        (f"team/app@{DIGEST}", f"/v2/team/app/manifests/{DIGEST}"),
        (f"team/app:1.0@{DIGEST}", f"/v2/team/app/manifests/{DIGEST}"),
    ],
)
def test_the_very_reference_is_asked_for_with_every_manifest_type(rest: str, path: str) -> None:
    with recording() as record:
        record.script = basic(Reply())
        assert ask(record, rest).answer == "ok"
        asked = record.requests[-1]
        assert (asked.method, asked.path) == ("HEAD", path)
        for kind in (
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.oci.image.index.v1+json",
        ):
            assert kind in asked.headers["accept"]
        assert asked.headers["host"] == record.host


@pytest.mark.parametrize("odd", [400, 404, 405, 501])
def test_a_registry_that_answers_head_oddly_is_asked_by_get(odd: int) -> None:
    with recording() as record:
        regular = basic(Reply())
        record.script = lambda request: Reply(status=odd) if request.method == "HEAD" else regular(request)
        assert ask(record).answer == "ok"
        assert [each.method for each in record.requests if each.authorization] == ["HEAD", "GET"]


def test_refused_credentials_for_a_public_image_say_that_it_is_public() -> None:
    with recording() as record:
        record.script = bearer(record, Reply(status=403), TOKEN, anonymous=Reply())
        verified = ask(record)
        assert verified.answer == "rejected"
        assert "public" in verified.detail
        record.script = bearer(record, Reply(), Reply(status=401), anonymous=Reply())
        assert "public" in ask(record).detail
        record.script = basic(Reply(status=401), anonymous=Reply())
        assert "public" in ask(record).detail
        record.script = bearer(record, Reply(status=403), TOKEN)
        assert "public" not in ask(record).detail


def test_credentials_that_are_accepted_for_a_public_image_say_that_it_is_public() -> None:
    with recording() as record:
        record.script = bearer(record, Reply(), TOKEN, anonymous=Reply())
        verified = ask(record)
        assert (verified.answer, verified.is_public) == ("ok", True)
        assert "Without credentials it would serve the image" in verified.detail
        for private in (bearer(record, Reply(), TOKEN), basic(Reply())):
            record.script = private
            assert (ask(record).answer, ask(record).is_public) == ("ok", False)


def test_a_failure_of_the_question_whether_it_is_public_leaves_the_refusal_as_it_is() -> None:
    with recording() as record:
        regular = bearer(record, Reply(status=403), TOKEN)
        record.script = lambda r: Reply(status=500) if (r.path, r.authorization) == ("/token", None) else regular(r)
        verified = ask(record)
        assert verified.answer == "rejected"
        assert "public" not in verified.detail


@pytest.mark.parametrize(
    ("ping", "manifest", "answer", "words"),
    [
        (Reply(), Reply(), "anonymous-ok", "public"),
        (Reply(status=404), Reply(), "anonymous-ok", "public"),
        (Reply(), Reply(status=404), "no-such-image", "404"),
        (Reply(status=404), Reply(status=404, body=b"<html>"), "unreachable", "not seem to be a registry"),
        (Reply(status=404), Reply(status=404, body=error("NAME_UNKNOWN")), "no-such-image", "NAME_UNKNOWN"),
        (Reply(), Reply(status=403), "unreachable", "asks for nothing"),
        (
            Reply(status=401, headers=(("WWW-Authenticate", "Negotiate"),)),
            Reply(status=401, headers=(("WWW-Authenticate", "Negotiate"),)),
            "unreachable",
            "negotiate",
        ),
        (Reply(status=429), Reply(), "rate-limited", "429"),
        (Reply(status=503), Reply(), "unreachable", "503"),
        (Reply(status=401, headers=(("WWW-Authenticate", "Bearer"),)), Reply(status=401), "unreachable", "bearer"),
    ],
)
def test_a_registry_that_asks_for_no_usable_credentials_gets_none(
    ping: Reply, manifest: Reply, answer: RegistryAnswer, words: str
) -> None:
    with recording(lambda request: ping if request.path == "/v2/" else manifest) as record:
        verified = ask(record)
        assert verified.answer == answer
        assert verified.is_public is (answer == "anonymous-ok")
        assert words in verified.detail
        assert {each.authorization for each in record.requests} == {None}


def test_a_registry_that_asks_for_credentials_only_at_the_manifest_gets_them_there() -> None:
    with recording() as record:
        regular = basic(Reply())
        record.script = lambda request: Reply() if request.path == "/v2/" else regular(request)
        assert ask(record).answer == "ok"
        assert [each.authorization for each in record.requests] == [None, None, BASIC, None]  # last, as anybody


def test_bearer_comes_before_basic_as_docker_has_it() -> None:
    with recording() as record:
        regular = bearer(record, Reply(), TOKEN)

        def both(request: Request) -> Reply:
            reply = regular(request)
            offered = tuple(("WWW-Authenticate", f'Basic realm="r", {value}') for _, value in reply.headers)
            return Reply(status=reply.status, headers=offered, body=reply.body)

        record.script = both
        assert ask(record).answer == "ok"
        asked = [each.authorization for each in record.requests if each.path != "/token"]
        assert asked == [None, "Bearer abc.DEF-1_~+/==", "Bearer nobody"]  # last, as anybody


def test_no_body_of_a_manifest_is_read() -> None:
    with recording() as record:
        regular = basic(Reply(body=b"x" * 10_000_000))
        record.script = lambda request: Reply(status=405) if request.method == "HEAD" else regular(request)
        assert ask(record).answer == "ok"


def asked(record: Recording, *, anonymous: bool = False, allowed: frozenset[str] = frozenset()) -> Verification:
    """Ask a registry about an image, with the credentials of the tests or as anybody."""
    registry = registry_url(record.host, "/v2/")
    assert registry is not None
    return Inquiry(
        image=image_at(record),
        registry=registry,
        allowed_hosts=allowed,
        basic=None if anonymous else HiddenText(BASIC),
        exchange=Exchange(Transport(), 5),
    ).outcome()


PINGS: dict[str, tuple[Reply, Verification]] = {
    "rate-limited": (Reply(status=429), Verification(answer="rate-limited", detail="{host} answered 429 to /v2/.")),
    "broken": (Reply(status=502), Verification(answer="unreachable", detail="{host} answered 502 to /v2/.")),
    "moved-elsewhere": (
        Reply(status=307, headers=(("Location", "https://evil.example/"),)),
        Verification(
            answer="unreachable",
            detail='{host} redirects to another host ("https://evil.example/"), which is not followed.',
        ),
    ),
}


@pytest.mark.parametrize(("ping", "expected"), PINGS.values(), ids=PINGS)
def test_a_registry_that_answers_no_ping_is_asked_nothing_else(ping: Reply, expected: Verification) -> None:
    with recording(lambda _: ping) as record:
        assert asked(record) == replace(expected, detail=expected.detail.format(host=record.host))
        assert record.sent == [("GET", "/v2/", None)]


def test_without_credentials_a_public_image_is_known_as_such() -> None:
    with recording() as record:
        record.script = basic(Reply(), anonymous=Reply())
        verified = asked(record, anonymous=True)
        assert (verified.answer, verified.is_public) == ("anonymous-ok", True)
        assert verified.detail.endswith("It was asked without credentials.")
        assert {authorization for _, _, authorization in record.sent} == {None}


@pytest.mark.parametrize(("status", "refuses"), [(401, "credentials"), (403, "repository")])
def test_a_401_refuses_the_credentials_and_a_403_the_repository(status: int, refuses: str) -> None:
    with recording() as record:
        record.script = basic(Reply(status=status))
        verified = asked(record)
        assert (verified.answer, verified.refuses, verified.is_public) == ("rejected", refuses, False)


@pytest.mark.parametrize(
    ("unscoped", "refuses"),
    [
        pytest.param(TOKEN, "repository", id="taken-as-such"),
        pytest.param(Reply(status=403), "credentials", id="refused-as-such"),
        pytest.param(Reply(body=b"{}"), "credentials", id="without-a-token"),
        pytest.param(Reply(status=404, body=TOKEN.body), "credentials", id="a-token-of-no-success"),
    ],
)
def test_a_403_of_a_token_service_is_about_the_repository_if_it_takes_the_credentials(
    unscoped: Reply, refuses: str
) -> None:
    with recording() as record:
        regular = bearer(record, Reply(), TOKEN)

        def script(request: Request) -> Reply:
            if request.path == "/token" and request.authorization:
                return Reply(status=403) if "scope=" in request.target else unscoped
            return regular(request)

        record.script = script
        verified = asked(record)
        assert (verified.answer, verified.refuses) == ("rejected", refuses)


@pytest.mark.parametrize(
    ("realm", "words"),
    [
        ("not a url", 'names the token service "not a url", which is not an https address: no credentials were sent.'),
        ("http://evil.example/token", "which is not an https address: no credentials were sent."),
        ("https://evil.example/token", '"evil.example", another host, to which no credentials were sent.'),
    ],
    ids=["no-url", "plain-http", "another-host"],
)
def test_credentials_go_to_no_foreign_token_service(realm: str, words: str) -> None:
    challenge = Reply(status=401, headers=(("WWW-Authenticate", f'Bearer realm="{realm}"'),))
    with recording(lambda _: challenge) as record:
        verified = asked(record)
        assert verified.answer == "unreachable"
        assert words in verified.detail
        assert {authorization for _, _, authorization in record.sent} == {None}


@pytest.mark.parametrize("body", [b"", b"{}", b'{"token": ""}', b'{"token": 7}', b'{"token": "a b"}', b"[]"])
def test_an_answer_without_a_token_is_no_answer(body: bytes) -> None:
    with recording() as record:
        record.script = bearer(record, Reply(), Reply(body=body))
        verified = asked(record)
        assert (verified.answer, verified.detail.endswith("That is not a token.")) == ("unreachable", True)
