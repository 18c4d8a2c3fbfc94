import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.domain.near_names import differs_in_ending, is_near, nearest

WEB = "registry/dockerhub-web"
NEAR = [
    ("registry/dockerhub-wbe", WEB),
    ("registry/dockerhub-we", WEB),
    ("registry/dockerhb-web", WEB),
    ("registry/dockerrhub-web", WEB),
    ("registry/dockerhub_web", WEB),
    ("registry/dockerhubweb", WEB),
    ("Registry/DockerHub-Web", WEB),
    ("/registry/dockerhub-web", WEB),
    ("dockerhub-web", WEB),
    ("registery/dockerhub-web", WEB),
    ("registry/ghcr-AbCdEf", "registry/ghcr"),
    ("regsitry-web", "registry-web"),
    ("ecsTaskExecutonRole", "ecsTaskExecutionRole"),
    ("web-exection", "web-execution"),
    ("a/wbe", "a/web"),
]
FAR = [
    ("registry/web", "registry/api"),
    ("prod/registry/web", "dev/registry/web"),
    ("prod/registry/web", "prod/registry/api"),
    ("acme-prod-web", "acme-prod-api"),
    ("registry/github", "registry/gitlab"),
    ("registry/ghcr", "registry/quay"),
    ("registry/web1", "registry/web2"),
    ("app", "app-docker"),
    ("web-execution", "worker-execution"),
    ("web-execution", "web-task"),
    ("web", "db"),
    ("registry/nothing", WEB),
]


@pytest.mark.parametrize(("wanted", "name"), NEAR)
def test_a_misspelling_is_near(wanted: str, name: str) -> None:
    assert nearest([wanted], ["a", name, "zzz"]) == (name,)


@pytest.mark.parametrize(("wanted", "name"), FAR)
def test_another_thing_is_not(wanted: str, name: str) -> None:
    assert nearest([wanted], ["a", name, "zzz"]) == ()


def test_the_likeliest_comes_first_and_equals_in_alphabetical_order() -> None:
    names = ["registry/dockerhub-webs", "registry/dockerhub-web", "registry/dockerhub-weba", "x"]
    assert nearest(["registry/dockerhub-webb"], names) == nearest(["registry/dockerhub-webb"], reversed(names))
    assert nearest(["registry/dockerhub-webb"], names)[0] == "registry/dockerhub-web"
    assert nearest(["webx"], ["weba", "webc", "webb", "webd"]) == ("weba", "webb", "webc")


def test_the_nearest_of_several_readings_counts() -> None:
    assert nearest(["app-dockre", "app"], ["app-docker", "apq"]) == ("app-docker",)
    assert nearest(["registry/web-AbCdEf", "registry/web"], ["registry/wbe"]) == ("registry/wbe",)


@pytest.mark.parametrize(
    ("wanted", "name", "near"),
    [
        ("ghrc.io", "ghcr.io", True),
        ("dokcer.io", "docker.io", True),
        ("registry.exmaple.com", "registry.example.com", True),
        ("ghcr.io", "ghcr.io", False),
        ("example.com", "eu.example.com", False),
        ("r.example.com", "r.example.org", False),
        ("localhost:5000", "localhost:5001", False),
        ("quay.io", "docker.io", False),
    ],
)
def test_hosts_are_compared_word_by_word(wanted: str, name: str, near: bool) -> None:
    assert is_near(wanted, name) is near


def test_ten_thousand_names_are_compared_within_a_second() -> None:
    chosen = random.Random(7)
    names = [f"team-{chosen.randrange(400)}/registry/{chosen.randrange(10**6):06}-web" for _ in range(10_000)]
    started = time.process_time()
    assert nearest(["team-7/regsitry/dockerhub-web"], [*names, "team-7/registry/dockerhub-web"]) == (
        "team-7/registry/dockerhub-web",
    )
    assert time.process_time() - started < 1


def test_long_names_of_the_same_letters_take_no_longer() -> None:
    chosen = random.Random(7)
    letters = list("ab" * 256)

    def shuffled() -> str:
        chosen.shuffle(letters)
        return "".join(letters)

    names = [shuffled() for _ in range(1_000)]
    started = time.process_time()
    assert len(nearest([shuffled()], names)) <= 3
    assert time.process_time() - started < 5


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=8))
def test_whatever_the_names_only_some_of_them_are_offered(wanted: str, names: list[str]) -> None:
    found = nearest([wanted], names)
    assert set(found) <= set(names) - {wanted}
    assert len(found) <= 3
    assert found == nearest([wanted], reversed(names))


@pytest.mark.parametrize(
    ("host", "other", "differs"),
    [
        ("quay.i", "quay.io", True),
        ("ghcr.com", "ghcr.io", True),
        ("artifactory.acme.com", "artifactory.acme.io", True),
        ("reg.acme.com:5000", "reg.acme.io:5000", True),
        ("reg.acme.com:5000", "reg.acme.io:5001", False),
        ("reg.acme.com", "hub.acme.com", False),
        ("reg.acme.com", "reg.acme.com", False),
        ("reg.acme.com", "acme.com", False),
        ("10.0.0.1", "10.0.0.2", False),
        ("localhost:5000", "registry:5000", False),
    ],
)
def test_hosts_that_differ_in_their_ending_alone(host: str, other: str, differs: bool) -> None:
    assert differs_in_ending(host, other) is differs
    assert differs_in_ending(other, host) is differs
