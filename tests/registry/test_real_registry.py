"""A real registry (docker-registry) with images pushed for real, by Basic and by tokens."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pullguard.domain.image import parse_image
from pullguard.domain.secret_value import HiddenText
from pullguard.domain.verification import RegistryAnswer, Verification
from pullguard.registry import anonymous_pull, verify
from sandbox.registry import PrivateRegistry
from sandbox.server import SandboxError
from sandbox.token_service import Account

PASSWORD = "s3cr:et-ü /+"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=["basic", "bearer"])
def registry(request: pytest.FixtureRequest) -> Iterator[PrivateRegistry]:
    accounts = {"ci": Account(password=PASSWORD, repositories=("team/*",))}
    with PrivateRegistry(accounts, bearer=request.param == "bearer", public=("public/*",)) as running:
        running.push("team/app", "1.0")
        running.push("team/app", "latest", b"another")
        running.push("public/app", "1.0")
        running.push("other/app", "1.0")
        yield running


def ask(registry: PrivateRegistry, rest: str, *, password: str = PASSWORD, trust_tokens: bool = True) -> Verification:
    hosts = {registry.host} | ({registry.tokens.host} if registry.tokens and trust_tokens else set())
    return verify(
        parse_image(f"{registry.host}/{rest}"),
        HiddenText("ci"),
        HiddenText(password),
        allowed_hosts=frozenset(hosts),
    )


@pytest.mark.parametrize(
    ("rest", "answer"),
    [
        ("team/app:1.0", "ok"),
        ("team/app", "ok"),
        ("public/app:1.0", "ok"),
        ("team/app:2.0", "no-such-image"),
        (f"team/app@sha256:{'0' * 64}", "no-such-image"),
        ("team/none:1.0", "no-such-image"),
    ],
)
def test_images_and_their_references(registry: PrivateRegistry, rest: str, answer: RegistryAnswer) -> None:
    assert ask(registry, rest).answer == answer


@pytest.mark.parametrize(("rest", "is_public"), [("team/app:1.0", False), ("public/app:1.0", True)])
def test_good_credentials_for_what_is_anybodys(registry: PrivateRegistry, rest: str, is_public: bool) -> None:
    # Without a token service it asks everybody for a password.
    assert ask(registry, rest).is_public is (is_public and registry.tokens is not None)


def test_an_image_by_its_digest_whatever_its_tag(registry: PrivateRegistry) -> None:
    digest = registry.push("team/app", "3.0", b"a third")
    assert ask(registry, f"team/app@{digest}").answer == "ok"
    assert ask(registry, f"team/app:gone@{digest}").answer == "ok"


@pytest.mark.parametrize(
    ("rest", "by_basic", "by_tokens"),
    [
        ("team/app:1.0", "rejected", "rejected"),
        ("public/app:1.0", "rejected", "anonymous-ok"),  # without tokens it asks everybody for a password
    ],
)
def test_without_credentials(
    registry: PrivateRegistry, rest: str, by_basic: RegistryAnswer, by_tokens: RegistryAnswer
) -> None:
    hosts = {registry.host} | ({registry.tokens.host} if registry.tokens else set())
    asked = anonymous_pull(parse_image(f"{registry.host}/{rest}"), allowed_hosts=frozenset(hosts))
    assert asked.answer == (by_basic if registry.tokens is None else by_tokens)
    assert asked.detail.endswith("It was asked without credentials.") or registry.tokens is not None


def test_wrong_credentials(registry: PrivateRegistry) -> None:
    verified = ask(registry, "team/app:1.0", password="wrong")
    assert verified.answer == "rejected"
    assert "public" not in verified.detail


def test_wrong_credentials_for_a_public_image(registry: PrivateRegistry) -> None:
    verified = ask(registry, "public/app:1.0", password="wrong")
    assert verified.answer == "rejected"
    assert ("public" in verified.detail.split("manifests")[-1]) is (registry.tokens is not None)


def test_right_credentials_for_a_repository_that_they_may_not_read(registry: PrivateRegistry) -> None:
    if registry.tokens is None:
        assert ask(registry, "other/app:1.0").answer == "ok"  # htpasswd knows no repositories
        return
    verified = ask(registry, "other/app:1.0")
    assert verified.answer == "rejected"
    assert "took the credentials" in verified.detail


def test_a_token_service_that_is_not_in_the_tag_gets_nothing(registry: PrivateRegistry) -> None:
    if registry.tokens is None:
        return
    verified = ask(registry, "team/app:1.0", trust_tokens=False)
    assert verified.answer == "unreachable"
    assert registry.tokens.host in verified.detail


def test_a_rotated_password_is_accepted_at_once_and_the_old_one_refused(registry: PrivateRegistry) -> None:
    registry.set_password("ci", "rotated")
    try:
        assert ask(registry, "team/app:1.0").answer == "rejected"
        assert ask(registry, "team/app:1.0", password="rotated").answer == "ok"
    finally:
        registry.set_password("ci", PASSWORD)
    assert ask(registry, "team/app:1.0").answer == "ok"


def test_a_stopped_registry_is_unreachable_and_leaves_nothing_behind() -> None:
    with PrivateRegistry({"ci": Account(password=PASSWORD)}) as running:
        scratch = running._scratch
        assert scratch is not None
        assert scratch.exists()
    assert ask(running, "team/app").answer == "unreachable"
    assert not scratch.exists()


def test_a_port_in_use_is_reported_as_such() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SandboxError, match="address already in use"):
            PrivateRegistry({}, port=taken.getsockname()[1]).start()


def test_a_registry_ends_with_its_parent_process() -> None:
    program = (
        "import time\nfrom sandbox.registry import PrivateRegistry\n"
        "with PrivateRegistry({}) as registry:\n"
        "    print(registry.port, registry._scratch, flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        reported, scratch = parent.stdout.readline().decode().split()
        port = int(reported)
        assert _answers(port)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while (_answers(port) or Path(scratch).exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _answers(port)
    assert not Path(scratch).exists()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
