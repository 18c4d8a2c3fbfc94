"""What a registry answers, and what that is taken to mean."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from pullguard.domain.facts import RegistryAnswer, Verification
from pullguard.domain.image import ImageReference, parse_image
from pullguard.registry import anonymous_pull, verify
from tests.registry.recording import BASIC, Recording, Reply, Request, Script, credentials, recording

DIGEST = f"sha256:{'0' * 64}"
TOKEN = Reply(body=b'{"token": "abc.DEF-1_~+/=="}')


def error(*codes: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": "…"} for code in codes]}).encode()


def image_at(record: Recording, rest: str = "team/app:1.0") -> ImageReference:
    return parse_image(f"{record.host}/{rest}")


def ask(record: Recording, rest: str = "team/app:1.0", *more_hosts: str) -> Verification:
    return verify(
        image_at(record, rest), *credentials(), allowed_hosts=frozenset({record.host, *more_hosts}), timeout_s=5
    )


def basic(manifest: Reply, *, anonymous: Reply | None = None) -> Script:
    """A registry with Basic: ``manifest`` for the right credentials, ``anonymous`` for none, else 401."""
    asks = Reply(status=401, headers=(("WWW-Authenticate", 'Basic realm="r"'),), body=error("UNAUTHORIZED"))

    def script(request: Request) -> Reply:
        if request.authorization == BASIC:
            return Reply() if request.path == "/v2/" else manifest
        return anonymous if anonymous is not None and "/manifests/" in request.path else asks

    return script


def bearer(record: Recording, manifest: Reply, token: Reply, *, anonymous: Reply | None = None) -> Script:
    """A registry that is its own token service, at /token."""
    challenge = f'Bearer realm="http://{record.host}/token?x=1",service="the registry",scope="repository:a/b:push"'

    def script(request: Request) -> Reply:
        if request.path == "/token":
            if request.authorization is None:
                return Reply(body=b'{"token": "nobody"}')
            return token if request.authorization == BASIC else Reply(status=401)
        if request.authorization == "Bearer abc.DEF-1_~+/==":
            return manifest
        if request.authorization == "Bearer nobody" and anonymous is not None:
            return anonymous
        return Reply(status=401, headers=(("Www-Authenticate", challenge),))

    return script


@pytest.mark.parametrize(
    ("manifest", "answer", "word"),
    [
        pytest.param(Reply(), "ok", "200", id="200"),
        pytest.param(Reply(status=401, body=error("UNAUTHORIZED")), "rejected", "401", id="401"),
        pytest.param(Reply(status=403, body=error("DENIED")), "rejected", "403", id="403"),
        pytest.param(Reply(status=404, body=error("MANIFEST_UNKNOWN")), "no-such-image", "MANIFEST_UNKNOWN", id="tag"),
        pytest.param(Reply(status=404, body=error("NAME_UNKNOWN")), "no-such-image", "NAME_UNKNOWN", id="repository"),
        pytest.param(Reply(status=404, body=b"<html>"), "no-such-image", "404", id="404-without-a-code"),
        pytest.param(Reply(status=404, body=error("DENIED")), "rejected", "DENIED", id="404-that-denies"),
        pytest.param(Reply(status=429), "rate-limited", "429", id="429"),
        pytest.param(Reply(status=400, body=error("toomanyrequests")), "rate-limited", "TOOMANY", id="too-many"),
        pytest.param(Reply(status=400, body=error("NAME_INVALID")), "unreachable", "NAME_INVALID", id="400"),
        pytest.param(Reply(status=500), "unreachable", "500", id="500"),
        pytest.param(Reply(status=503, body=error("UNAUTHORIZED")), "unreachable", "503", id="503"),
        pytest.param(Reply(status=304), "unreachable", "304", id="304"),
        pytest.param(Reply(status=418), "unreachable", "418", id="418"),
    ],
)
def test_the_answer_to_the_manifest_request(manifest: Reply, answer: RegistryAnswer, word: str) -> None:
    with recording() as record:
        record.script = basic(manifest)
        verified = ask(record)
        assert verified.answer == answer
        assert word in verified.detail
        record.script = bearer(record, manifest, TOKEN)
        assert ask(record).answer == answer


@pytest.mark.parametrize(
    ("token", "answer"),
    [
        pytest.param(TOKEN, "ok", id="token"),
        pytest.param(Reply(body=b'{"access_token": "abc.DEF-1_~+/=="}'), "ok", id="access-token"),
        pytest.param(Reply(status=401), "rejected", id="401"),
        pytest.param(Reply(status=403, body=error("DENIED")), "rejected", id="403"),
        pytest.param(Reply(status=429), "rate-limited", id="429"),
        pytest.param(Reply(status=400), "unreachable", id="400"),
        pytest.param(Reply(status=404), "unreachable", id="404"),
        pytest.param(Reply(status=502), "unreachable", id="502"),
        pytest.param(Reply(body=b""), "unreachable", id="empty"),
        pytest.param(Reply(body=b"[]"), "unreachable", id="a-list"),
        pytest.param(Reply(body=b'{"token": 7}'), "unreachable", id="a-number"),
        pytest.param(Reply(body=b'{"token": "a\\r\\nX-Injected: 1"}'), "unreachable", id="header-injection"),
        pytest.param(Reply(body=b"[" * 60_000), "unreachable", id="deeply-nested"),
        pytest.param(Reply(body=b" " * 60_000 + TOKEN.body), "ok", id="within-64-KB"),
        pytest.param(Reply(body=b" " * 70_000 + TOKEN.body), "unreachable", id="more-than-64-KB"),
    ],
)
def test_the_answer_of_the_token_service(token: Reply, answer: RegistryAnswer) -> None:
    with recording() as record:
        record.script = bearer(record, Reply(), token)
        assert ask(record).answer == answer
        assert "x-injected" not in record.everything.lower()


LOCKED = json.dumps({"details": "too many failed login attempts for username or IP address"}).encode()
LOCKED_AS_SPECIFIED = json.dumps(
    {"errors": [{"code": "TOOMANYREQUESTS", "message": "too many failed login attempts for username or IP address"}]}
).encode()
LOCKS = {
    "429": Reply(status=429, body=LOCKED),
    "429, as specified": Reply(status=429, body=LOCKED_AS_SPECIFIED),
    "403": Reply(status=403, body=b"This request is blocked due to recurrent login failures, try again in 3 seconds"),
    "429, in other words": Reply(status=429, body=b"User was locked due to multiple failed login attempts"),
    "400 with the code": Reply(status=400, body=LOCKED_AS_SPECIFIED),
}


@pytest.mark.parametrize("place", ["the manifest", "the manifest, with a token", "the token service", "the first"])
@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_a_lock_after_failed_logins_is_a_rejection(lock: Reply, place: str) -> None:
    with recording() as record:
        record.script = {
            "the manifest": basic(lock),
            "the manifest, with a token": bearer(record, lock, TOKEN),
            "the token service": bearer(record, Reply(), lock),
            "the first": lambda _: lock,
        }[place]
        verified = ask(record)
        assert verified.answer == "rejected"
        assert "username or IP" not in verified.detail
        assert verified.refuses == "credentials"
        assert "Too many logins have failed there" in verified.detail
        assert sum(each.authorization == BASIC for each in record.requests) <= 2, "logins prolong the lock"


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_a_lock_says_nothing_about_an_image_that_is_asked_for_without_credentials(lock: Reply) -> None:
    with recording(lambda _: lock) as record:
        said = anonymous_pull(image_at(record), allowed_hosts=frozenset({record.host}), timeout_s=5)
        assert said.answer == "rate-limited"


def test_a_server_error_is_no_lock_whatever_it_says() -> None:
    with recording() as record:
        record.script = basic(Reply(status=503, body=LOCKED))
        assert ask(record).answer == "unreachable"


def message(text: str, code: str = "DENIED") -> bytes:
    return json.dumps({"errors": [{"code": code, "message": text}]}).encode()


FIREWALLS = {
    "Azure": message(
        "client with IP '203.0.113.9' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."
    ),
    "GitHub": message(
        "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow "
        "list enabled, and 203.0.113.9 is not permitted to access this resource."
    ),
    "Google": message("Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x"),
    "a web application firewall": b"<html><title>403 Forbidden</title><p>Request blocked.</html>",
    "as a text": b"Access denied: your IP address 203.0.113.9 is not whitelisted",
}


@pytest.mark.parametrize("place", ["the manifest", "the manifest, with a token", "the token service", "the first"])
@pytest.mark.parametrize("body", FIREWALLS.values(), ids=FIREWALLS)
def test_a_firewall_says_nothing_about_the_credentials(body: bytes, place: str) -> None:
    firewall = Reply(status=403, body=body)
    with recording() as record:
        record.script = {
            "the manifest": basic(firewall),
            "the manifest, with a token": bearer(record, firewall, TOKEN),
            "the token service": bearer(record, Reply(), firewall),
            "the first": lambda _: firewall,
        }[place]
        verified = ask(record)
        assert (verified.answer, verified.address_refused) == ("unreachable", True)
        assert "answered 403" in verified.detail
        assert "Its firewall refuses the address that asked" in verified.detail
        assert "203.0.113" not in verified.detail, "the answer's own text is not repeated"
        assert len(record.requests) <= 5


@pytest.mark.parametrize("body", FIREWALLS.values(), ids=FIREWALLS)
def test_a_firewall_proves_no_refusal_of_the_image_to_anybody(body: bytes) -> None:
    firewall = Reply(status=403, body=body)
    with recording() as record:
        for script in (basic(Reply(), anonymous=firewall), bearer(record, Reply(), TOKEN, anonymous=firewall)):
            record.script = script
            said = anonymous_pull(image_at(record), allowed_hosts=frozenset({record.host}), timeout_s=5)
            assert (said.answer, said.address_refused) == ("unreachable", True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        message("requested access to the resource is denied"),
        message("repository acme/ip-allow-list: access denied"),
        message("user web is not allowed access to the project"),
        json.dumps({"errors": [{"code": "DENIED", "detail": {"name": "vpcservicecontrols"}}]}).encode(),
    ],
    ids=["nothing", "denied", "a name of a repository", "a user", "a name"],
)
def test_any_other_403_refuses_the_credentials(body: bytes) -> None:
    with recording() as record:
        record.script = basic(Reply(status=403, body=body))
        verified = ask(record)
        assert (verified.answer, verified.refuses, verified.address_refused) == ("rejected", "repository", False)


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


def test_credentials_that_are_taken_for_a_public_image_say_that_it_is_public() -> None:
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


# What is refused: the credentials as such, or to let them read the one repository. Answers to: the manifest, the token
# request, and the token request of no scope.
DENIED = Reply(status=403, body=error("DENIED"))
UNAUTHORIZED = Reply(status=401, body=error("UNAUTHORIZED"))
REFUSES = {
    "basic-401": (UNAUTHORIZED, None, None, "credentials"),
    "basic-403": (DENIED, None, None, "repository"),
    "token-refused": (UNAUTHORIZED, UNAUTHORIZED, UNAUTHORIZED, "credentials"),
    "token-forbidden-for-anything": (UNAUTHORIZED, DENIED, DENIED, "credentials"),
    "token-forbidden-for-this-repository": (UNAUTHORIZED, DENIED, TOKEN, "repository"),
    "token-of-no-right": (UNAUTHORIZED, TOKEN, TOKEN, "repository"),
}


@pytest.mark.parametrize(("manifest", "token", "login", "refuses"), REFUSES.values(), ids=REFUSES)
def test_what_is_refused_is_told_apart(manifest: Reply, token: Reply | None, login: Reply | None, refuses: str) -> None:
    with recording() as record:
        scripted = basic(manifest) if token is None else bearer(record, manifest, token)

        def script(request: Request) -> Reply:
            asks_for_nothing = urlsplit(request.target).path == "/token" and "scope=" not in request.target
            return (
                login
                if login is not None and asks_for_nothing and request.authorization == BASIC
                else scripted(request)
            )

        record.script = script
        verified = ask(record)
    assert (verified.answer, verified.refuses) == ("rejected", refuses)
