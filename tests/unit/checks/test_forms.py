"""Forms in which people store credentials for other readers, and how to rewrite them for ECS."""

from dataclasses import replace
from typing import get_args

import pytest

from pullguard.checks.forms import FORMS, form_of, rewriting
from pullguard.domain.facts import Facts
from pullguard.domain.secret import Lookalike, Secret
from tests.fakes import GOOD_VALUE, World, container, role, secret, task_definition

ECS = '{"username": "...", "password": "..."}'


def facts(own: Secret) -> Facts:
    return World((task_definition(container(own)),), (role(reads=[own]),), (own,)).facts()


def test_every_form_that_is_recognised_has_words() -> None:
    assert set(FORMS) == set(get_args(Lookalike))


@pytest.mark.parametrize("name", get_args(Lookalike))
def test_a_rewrite_ends_in_what_ecs_reads(name: Lookalike) -> None:
    form = form_of(replace(GOOD_VALUE, lookalike=name))
    assert form == FORMS[name]
    assert ECS in form.rewrite
    assert form.rewrite.endswith(".")


def test_a_value_of_no_known_form_gets_the_other_words() -> None:
    own = secret()
    assert form_of(GOOD_VALUE) is None
    remedy = rewriting(facts(own), facts(own).task_definition.containers[0], own, GOOD_VALUE, "Store a JSON object.")
    assert remedy.text.startswith("Store a JSON object.")
    assert "put-secret-value" in (remedy.snippet or "")


@pytest.mark.parametrize(
    ("name", "command"),
    [("ecr-pullthroughcache/ghcr", "create-secret"), ("registry/ghcr", "put-secret-value")],
    ids=["amazon-ecr-reads-it", "nothing-else-reads-it"],
)
def test_a_value_that_amazon_ecr_reads_is_left_alone(name: str, command: str) -> None:
    own = secret(name)
    shape = replace(GOOD_VALUE, lookalike="pull-through-cache")
    remedy = rewriting(facts(own), facts(own).task_definition.containers[0], own, shape, "")
    assert command in (remedy.snippet or "")
    assert ("--name registry/ghcr " in (remedy.snippet or "")) is (command == "create-secret")
