"""Credentials pasted in place of a secret's name: no output for people or programs repeats them."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pullguard.aws.messaging import Queues, Topic
from pullguard.checks.examine import examine
from pullguard.planning.planner import Rules, make_plan
from pullguard.store.ledger import Ledger
from tests.fakes import Sent, World, container, revision_arn, role, secret, task_definition
from tests.flows import Harness

PASSWORD = "Sup3rS3cret"
BASE64 = base64.b64encode(f"ci-user:{PASSWORD}{PASSWORD}".encode()).decode()
LOGIN = BASE64.rstrip("=")
PASTED = {
    "JSON": json.dumps({"username": "ci", "password": PASSWORD}),
    "with a colon": f"ci:{PASSWORD}",
    "a token": "gh" + f"p_{PASSWORD}" + "a1B2c3D4e5" * 3,
    "a token in an ARN": "arn:aws:secretsmanager:us-east-1:111122223333:secret:"
    + "gh"
    + f"p_{PASSWORD}{'a1B2c3D4' * 3}",
    "a password of letters and digits": f"{PASSWORD}a1B2c3D4e5F6g7H8i9J0k1L2m3",
    "a login in an ARN": f"arn:aws:secretsmanager:us-east-1:111122223333:secret:{LOGIN}-AbCdEf",
    "a login behind a name": f"ghcr-{LOGIN}",
    "behind an ARN": f"arn:aws:secretsmanager:us-east-1:111122223333:secret:registry/ghcr-AbCdEf:{PASSWORD}::",
}
IMAGES = ("ghcr.io/acme/web:1", "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1")


@pytest.mark.parametrize("image", IMAGES, ids=["elsewhere", "in ECR"])
@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
def test_no_finding_and_no_plan_repeats_them(pasted: str, image: str) -> None:
    facts = World((task_definition(container(pasted, image=image)),), (role(),)).facts()
    examination = examine(facts)
    assert examination.findings
    said = f"{examination!r} {make_plan(facts, examination.findings, Rules())!r}"
    assert PASSWORD not in said
    assert LOGIN not in said


@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
def test_no_stored_or_published_text_repeats_them(ledger: Ledger, pasted: str) -> None:
    harness = Harness(ledger, World((task_definition(container(pasted)),), (role(),)))
    harness.validate()
    assert harness.sent.events
    said = json.dumps([harness.sent.events, harness.sent.messages], default=str)
    said += repr(ledger.entries._client.scan(TableName="ledger"))
    assert PASSWORD not in said
    assert LOGIN not in said


def test_a_token_is_no_name_that_is_queried_or_created() -> None:
    pasted = PASTED["a token"]
    facts = World((task_definition(container(pasted)),), (role(),)).facts()
    (finding,) = (each for each in examine(facts).findings if each.check == "reference-malformed")
    assert "looks like a GitHub token" in finding.cause
    assert "Revoke the token" in finding.remedy.text
    assert not facts.secrets
    assert "create-secret" not in repr(examine(facts))


def test_a_token_in_an_image_is_not_repeated() -> None:
    image = f"ghcr.io/acme/web:{PASTED['a token']}"
    facts = World((task_definition(container("registry/ghcr", image=image)),), (role(),)).facts()
    examination = examine(facts)
    assert examination.findings
    assert PASSWORD not in repr(examination)


OTHERS = {"GitHub": PASTED["a token"], "base64": LOGIN, "access key": "AKIA" + "Q3EGR7WJPLM5XN2T"}
GHCR = secret()
PLACES: dict[str, Callable[[str], World]] = {
    "a container's name": lambda it: World((task_definition(container("registry/ghcr", name=it)),), (role(),)),
    "an image's tag": lambda it: World(
        (task_definition(container("registry/ghcr", image=f"ghcr.io/acme/web:{it}")),), (role(),)
    ),
    "an image": lambda it: World((task_definition(container("registry/ghcr", image=it)),), (role(),)),
    "an image's path": lambda it: World(
        (task_definition(container("registry/ghcr", image=f"ghcr.io/{it}/web:1")),), (role(),)
    ),
    "a tag of the task definition": lambda it: World(
        (task_definition(container("registry/ghcr"), tags={"token": it, it: "x"}),), (role(),)
    ),
    "a secret's tags": lambda it: World(
        (task_definition(container(GHCR)),),
        (role(),),
        (replace(GHCR, tags={"pullguard:registry": it, "pullguard:roles": it}),),
    ),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("token", OTHERS.values(), ids=OTHERS)
def test_no_stored_or_published_text_repeats_them_wherever_else_they_were_pasted(
    ledger: Ledger, token: str, place: str
) -> None:
    harness = Harness(ledger, PLACES[place](token))
    harness.validate()
    facts = harness.world.facts()
    examination = examine(facts)
    kept = ledger.entries._client.scan(TableName="ledger")
    said = json.dumps([harness.sent.events, harness.sent.messages], default=str)
    everything = f"{kept} {said} {examination} {make_plan(facts, examination.findings, Rules())}"
    assert harness.sent.events
    assert token not in everything
    assert token[4:] not in everything


def test_two_containers_with_tokens_for_names_are_two(ledger: Ledger) -> None:
    names = (PASTED["a token"], PASTED["a token"][::-1][:-4] + "x")
    both = (container("registry/ghcr", name=f"gh{'p_'}{name}") for name in names)
    Harness(ledger, World((task_definition(*both),), (role(),))).validate()
    assert len(ledger.entries.get(revision_arn()).findings) == 2


def test_people_do_not_read_a_token_that_is_the_name_of_something() -> None:
    sent, token = Sent(), PASTED["a token"]
    client: Any = sent
    Topic(client, "topic").publish(f"{token} is broken", f"arn:aws:iam::1:role/{token}", {"family": token})
    Queues(client).reject("letters", "body", reason=f"no {token}", function="f")
    read = f"{sent.alerts} {sent.messages}"
    assert PASSWORD not in read
    assert read.count("not shown") == 4  # the subject, the text, the attribute and the reason
