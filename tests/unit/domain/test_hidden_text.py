"""Quotes of foreign texts hide credentials and still describe the event."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.hidden_text import without_credentials
from tests.unit.domain.stopped_texts import TEXTS

SECRET = "hunter2"
BASIC = base64.b64encode(b"ci:hunter2").decode()

HIDDEN = {
    "user info": (
        'dial "http://ci:hunter2@proxy:3128": EOF',
        'dial "http://…@proxy:3128": EOF',
    ),
    "user info with a slash and an at": (
        "Get https://ci:hun/t@hunter2@ghcr.io/v2/: denied",
        "Get https://…@ghcr.io/v2/: denied",
    ),
    "user info before a digest": (
        "https://ci:hunter2@ghcr.io/web@sha256:0a: not found",
        "https://…@ghcr.io/web@sha256:0a: not found",
    ),
    "user info without a scheme": (
        "failed to resolve ref ci:hunter2@ghcr.io/acme/web:1: denied",
        "failed to resolve ref …@ghcr.io/acme/web:1: denied",
    ),
    "a query": (
        "Get https://ghcr.io/token?password=hunter2&account=x: unauthorized",
        "Get https://ghcr.io/token?…: unauthorized",
    ),
    "a quoted query": (
        'Get "https://ghcr.io/token?account=x&password=hunter2": EOF',
        'Get "https://ghcr.io/token?…": EOF',
    ),
    "a query with a quote in it": (
        'Get "https://ghcr.io/token?password=a\'hunter2": EOF',
        'Get "https://ghcr.io/token?…": EOF',
    ),
    "a signature": (
        "unexpected status code https://x.blob.core.windows.net/b/sha256:0a?se=2024&sig=hunter2%3D: 403",
        "unexpected status code https://x.blob.core.windows.net/b/sha256:0a?…: 403",
    ),
    "a query of a path": ("GET /token?password=hunter2 failed", "GET /token?… failed"),
    "a query without a name": ("https://ghcr.io/token?hunter2 failed", "https://ghcr.io/token?… failed"),
    "a fragment": ("https://ghcr.io/token#access_token=hunter2 failed", "https://ghcr.io/token?… failed"),
    "Basic": (f"unauthorized: Authorization: Basic {BASIC}", "unauthorized: Authorization: …"),
    "Bearer": ("authorization: Bearer hunter2.x-y: denied", "authorization: … denied"),
    "a header of Go": (f"map[Authorization:[Basic {BASIC}] Accept:[*/*]]", "map[Authorization:…] Accept:[*/*]]"),
    "a header in JSON": ('{"Authorization": "Bearer hunter2"}', '{"Authorization": …"}'),
    "Digest": ('Authorization: Digest username="ci", response="hunter2"', "Authorization: …"),
    "a scheme of its own": ("Authorization: hunter2, denied", "Authorization: …, denied"),
    "a scheme without its header": (f"sent Basic {BASIC}: denied", "sent Basic …: denied"),
    "a bearer without its header": ("sent Bearer hunter2 to ghcr.io", "sent Bearer … to ghcr.io"),
    "the header of Docker": ("X-Registry-Auth: hunter2 is not valid", "X-Registry-Auth: … is not valid"),
    "JSON": ('{"username": "ci", "password": "hunter2 x"}', '{"username": "ci", "password": …}'),
    "an assignment": ("login failed with password=hunter2, denied", "login failed with password=…, denied"),
    "an option": ("docker login --password hunter2 ghcr.io", "docker login --password … ghcr.io"),
    "a token of GitHub, cut": ("denied for ghp_hunter2hunter2", "denied for …"),
    "a token without a key": (
        f"denied for {'npm' + '_'}{'hunter2A' * 5}: unauthorized",
        "denied for (an npm token; not shown): unauthorized",
    ),
}


@pytest.mark.parametrize(("text", "expected"), HIDDEN.values(), ids=HIDDEN)
def test_credentials_are_hidden(text: str, expected: str) -> None:
    found = without_credentials(text)
    assert found == expected
    assert SECRET not in found
    assert BASIC not in found


@pytest.mark.parametrize(
    "text",
    [
        "no basic auth credentials",
        "failed to fetch oauth token: unexpected status: 401 Unauthorized",
        "asm fetching password: AuthorizationData is malformed, empty field",
        "www-authenticate: Bearer realm",
        "ghcr.io/acme/web@sha256:0a: not found",
        'Head "https://ghcr.io/v2/acme/web/manifests/1": denied',
        "incorrect username or password",
        "may require authorization: server message: insufficient_scope: authorization failed",
        "asm fetching secret from the service for registry/ghcr: AccessDeniedException",
        "User: arn:aws:sts::111122223333:assumed-role/web/0a is not authorized to perform: kms:Decrypt",
    ],
)
def test_the_description_of_the_failure_is_kept(text: str) -> None:
    assert without_credentials(text) == text


def test_only_those_of_the_known_texts_that_have_a_query_change() -> None:
    changed = [each for texts in TEXTS.values() for each in texts if without_credentials(each) != each]
    assert changed
    assert all("https://" in each and "?" in each for each in changed)


@given(
    st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Cs", "Zs"]), min_size=8).filter(
        lambda text: "//" not in text
    )
)
def test_no_password_of_a_url_is_left(password: str) -> None:
    left = without_credentials(f"Get https://ci:{password}@ghcr.io/v2/: denied")
    assert left.endswith("@ghcr.io/v2/: denied")
    assert password not in left or password in "Get https://…@ghcr.io/v2/: denied"
