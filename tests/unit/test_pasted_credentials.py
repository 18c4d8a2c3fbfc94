"""Credentials that somebody pasted where a secret is named: nothing that people or programs read repeats them."""

import json

import pytest

from pullguard.checks.examine import examine
from pullguard.ledger import Ledger
from pullguard.planner import Rules, make_plan
from tests.fakes import World, container, role, task_definition
from tests.flows import Stage

PASSWORD = "Sup3rS3cret"
PASTED = {
    "JSON": json.dumps({"username": "ci", "password": PASSWORD}),
    "with a colon": f"ci:{PASSWORD}",
    "a token": "gh" + f"p_{PASSWORD}" + "a1B2c3D4e5" * 3,
    "a token in an ARN": "arn:aws:secretsmanager:us-east-1:111122223333:secret:"
    + "gh"
    + f"p_{PASSWORD}{'a1B2c3D4' * 3}",
    "a password of letters and digits": f"{PASSWORD}a1B2c3D4e5F6g7H8i9J0k1L2m3",
    "behind an ARN": f"arn:aws:secretsmanager:us-east-1:111122223333:secret:registry/ghcr-AbCdEf:{PASSWORD}::",
}
IMAGES = ("ghcr.io/acme/web:1", "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1")


@pytest.mark.parametrize("image", IMAGES, ids=["elsewhere", "in ECR"])
@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
def test_no_finding_and_no_plan_repeats_them(pasted: str, image: str) -> None:
    facts = World((task_definition(container(pasted, image=image)),), (role(),)).facts()
    examination = examine(facts)
    assert examination.findings
    assert PASSWORD not in repr(examination)
    assert PASSWORD not in repr(make_plan(facts, examination.findings, Rules()))


@pytest.mark.parametrize("pasted", PASTED.values(), ids=PASTED)
def test_nothing_that_is_kept_or_told_repeats_them(ledger: Ledger, pasted: str) -> None:
    stage = Stage(ledger, World((task_definition(container(pasted)),), (role(),)))
    stage.validate()
    assert stage.sent.events
    assert PASSWORD not in json.dumps([stage.sent.events, stage.sent.messages], default=str)
    assert PASSWORD not in repr(ledger._client.scan(TableName="ledger"))


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
