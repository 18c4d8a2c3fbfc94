"""The drawing of the chain behind a pull."""

from dataclasses import replace

import pytest

from pullguard.checks.catalogue import CHECKS
from pullguard_cli.incidents import incidents_of
from pullguard_cli.output.chain import GAP, NODE_WIDTH, PLACES, chain_of, place_of, short_name
from tests.unit.cli.test_incidents import audit, finding

ROLE = "arn:aws:iam::111122223333:role/team/web-execution"


@pytest.mark.parametrize(
    ("check", "place"),
    [
        ("secret-access-missing", "read"),
        ("decrypt-access-missing", "decrypt"),
        ("execution-role-not-found", "role"),
        ("no-such-check", "definition"),
    ],
)
def test_a_check_has_a_place(check: str, place: str) -> None:
    assert place_of(check) == place


def test_every_check_is_drawn_at_a_known_place() -> None:
    assert {place_of(check.id) for check in CHECKS} <= set(PLACES)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (ROLE, "web-execution"),
        ("arn:aws:secretsmanager:eu-central-1:111122223333:secret:registry/ghcr-a1b2c3", "registry/ghcr"),
        ("arn:aws:ecs:eu-central-1:111122223333:task-definition/web:7", "web:7"),
    ],
)
def test_names_are_short(text: str, name: str) -> None:
    assert short_name(text) == name


def test_places_before_the_broken_one_are_fine_and_the_rest_is_beyond() -> None:
    done = audit(finding("web", "secret-access-missing", role=ROLE))
    chain = chain_of(incidents_of(done)[0], done)
    states = {each.place: each.state for each in chain.nodes} | {each.place: each.state for each in chain.edges}
    assert [states[place] for place in PLACES] == [*["fine"] * 3, "broken", *["beyond"] * 5]
    assert chain.mark_x == 2 * NODE_WIDTH + GAP + GAP // 2
    assert "execution role web-execution, then secret registry/ghcr" in chain.words
    assert chain.words.endswith("The mark is at: the role reads the secret.")


def test_a_place_that_another_finding_reports_is_broken_as_well() -> None:
    first = finding("web", "secret-access-missing", role=ROLE)
    other = replace(finding("web", "execution-role-not-assumable", role=ROLE), container=first.container)
    done = replace(audit(first), unlisted=(other,))
    states = {each.place: each.state for each in chain_of(incidents_of(done)[0], done).edges}
    assert states[place_of(other.check)] == "broken"


@pytest.mark.parametrize(
    ("secret", "lines"),
    [
        ("short", ("short",)),
        ("registry/docker-hub", ("registry/", "docker-hub")),
        ("x" * 40, ("x" * 14, f"{'x' * 13}…")),
    ],
)
def test_long_names_are_wrapped_at_separators_and_shortened(secret: str, lines: tuple[str, ...]) -> None:
    arn = f"arn:aws:secretsmanager:eu-central-1:111122223333:secret:{secret}-a1b2c3"
    done = audit(finding("web", secret=arn))
    (node,) = (each for each in chain_of(incidents_of(done)[0], done).nodes if each.place == "secret")
    assert node.lines == lines
