"""Which image functions run in, and what is said of it; a script stands in for Docker's command."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import engine
from sandbox.runtime import available, image, stand_in
from sandbox.server import SandboxError

ANSWER_TIMEOUT_S = 0.5
REFUSED = "Error response from daemon: no such host"
DOCKER = """#!/bin/sh
case "$1 $2" in
  "ps --quiet") [ ! -e absent ] || { cat absent >&2; exit 1; } ;;
  "image inspect") cat "images/$(echo "$3" | tr /: __)" 2>/dev/null || exit 1 ;;
  pull*)
    [ ! -e silent ] || exec sleep 60
    [ -e pullable ] || { echo "REFUSED" >&2; exit 1; }
    echo "3.13-x86_64: Pulling from lambda/python"; sleep 1 ;;
  *) exit 9 ;;
esac
"""


class Docker:
    """Answers of a fake Docker: names of images with their digests, and the result of a pull."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "images").mkdir()
        script = folder / "docker"
        script.write_text(DOCKER.replace("REFUSED", REFUSED).replace('case "$1', f'cd {folder}\ncase "$1'))
        script.chmod(0o755)

    def has(self, name: str, digests: str = "[]") -> None:
        (self.folder / "images" / name.replace("/", "_").replace(":", "_")).write_text(
            f'[{{"RepoDigests": {digests}}}]'
        )

    def is_(self, what: str, text: str = "") -> None:
        (self.folder / what).write_text(text)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(image, "ANSWER_TIMEOUT_S", ANSWER_TIMEOUT_S)
    image.ensure.cache_clear()
    yield Docker(tmp_path)
    image.ensure.cache_clear()


@pytest.fixture
def real() -> str:
    return f"{image.REPOSITORY}:{stand_in.PYTHON}-{image.architecture()}"


@pytest.fixture
def kept(docker: Docker) -> str:
    """A stand-in of an earlier day."""
    name = stand_in.name(image.architecture())
    docker.has(name)
    return name


def test_aws_image_is_pulled_even_where_a_stand_in_is_kept(docker: Docker, real: str, kept: str) -> None:
    docker.is_("pullable")
    assert image.ensure() == image.RuntimeImage(name=real, origin="AWS's image, pulled now")
    assert kept != real


def test_a_kept_stand_in_says_why_it_is_used(docker: Docker, kept: str) -> None:
    found = image.ensure()
    assert found.name == kept
    assert "kept from an earlier run" in found.origin
    assert REFUSED in found.origin


def test_a_registry_that_does_not_answer_delays_nothing(docker: Docker, kept: str) -> None:
    docker.is_("silent")
    found = image.ensure()
    assert found.name == kept
    assert f"did not answer within {ANSWER_TIMEOUT_S:g} s" in found.origin


def test_a_pull_that_has_begun_may_take_its_time(docker: Docker, real: str) -> None:
    docker.is_("pullable")
    engine.pull(real, answer_timeout_s=ANSWER_TIMEOUT_S)  # the script takes a second
    with pytest.raises(SandboxError, match="was not done after"):
        engine.pull(real, answer_timeout_s=ANSWER_TIMEOUT_S, timeout_s=0.2)


@pytest.mark.parametrize(
    ("digests", "origin"),
    [
        pytest.param('["public.ecr.aws/lambda/python@sha256:0a"]', "AWS's image", id="pulled"),
        pytest.param("[]", "tagged or loaded on this machine", id="tagged by hand"),
        pytest.param("null", "tagged or loaded on this machine", id="no digests at all"),
        pytest.param('["example.com/public.ecr.aws/lambda/python@sha256:0a"]', "tagged or loaded", id="another's"),
    ],
)
def test_an_image_is_called_aws_own_only_if_it_was_pulled_from_aws(
    digests: str, origin: str, docker: Docker, real: str
) -> None:
    docker.has(real, digests)
    found = image.ensure()
    assert found.name == real
    assert origin in found.origin
    assert found.origin.startswith("AWS's image") is (origin == "AWS's image")


def test_an_engine_that_does_not_answer_is_reported_in_its_own_words(docker: Docker) -> None:
    docker.is_("absent", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\n")
    with pytest.raises(SandboxError, match=r"No Lambda runtime: no Docker engine answers .Cannot connect"):
        image.ensure()


@pytest.mark.parametrize(
    ("ci", "status"),
    [
        ("true", available.FAILS),
        ("1", available.FAILS),
        ("TRUE", available.FAILS),
        ("yes", available.FAILS),
        ("woodpecker", available.FAILS),
        ("false", available.LEFT_OUT),
        ("0", available.LEFT_OUT),
        ("", available.LEFT_OUT),
    ],
)
def test_nothing_is_left_out_in_continuous_integration(
    ci: str, status: int, docker: Docker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docker.is_("absent", "Cannot connect to the Docker daemon.\n")
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(sys, "argv", ["available", "the tests in containers"])
    assert available.main() == status
    assert "the tests in containers" in capsys.readouterr().err
