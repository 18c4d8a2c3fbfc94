"""A registry's answers and their meaning."""

import json
from urllib.parse import urlsplit

import pytest

from pullguard.domain.verification import RegistryAnswer
from pullguard.registry import anonymous_pull
from pullguard.registry.answers import usable_challenge
from pullguard.registry.transport import Response
from tests.registry.recording import BASIC, Reply, Request, recording
from tests.unit.registry.scripts import TOKEN, ask, basic, bearer, error, image_at


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


BASIC_AND_BEARER = ('Basic realm="r"', 'Bearer realm="https://auth.example/token"')


@pytest.mark.parametrize(
    ("status", "challenges", "scheme"),
    [
        (401, BASIC_AND_BEARER, "bearer"),
        (401, BASIC_AND_BEARER[:1], "basic"),
        (401, ("Bearer",), None),
        (401, ('Digest realm="https://auth.example/token"',), None),
        (401, (), None),
        (200, BASIC_AND_BEARER, None),
        (400, BASIC_AND_BEARER, None),
        (403, BASIC_AND_BEARER, None),
    ],
)
def test_a_login_follows_a_401_with_a_challenge_that_docker_would_use(
    status: int, challenges: tuple[str, ...], scheme: str | None
) -> None:
    found = usable_challenge(Response(status=status, challenges=challenges))
    assert (None if found is None else found.scheme) == scheme


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


# The registry refuses the credentials themselves or their access to one repository. Answers to: the manifest request,
# the token request, and the token request without scope.
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
def test_refusals_of_login_and_of_the_repository_are_distinct(
    manifest: Reply, token: Reply | None, login: Reply | None, refuses: str
) -> None:
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
