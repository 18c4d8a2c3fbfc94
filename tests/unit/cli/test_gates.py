"""Gates in words: sentences name only what was found, and a skipped check is a step of its own."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Missing
from pullguard.domain.usage import FailedStart, Reason, Usage
from pullguard.domain.verification import Verification
from pullguard_cli.gates import Pull, pulls_of
from pullguard_cli.output.explanation import end_of
from tests.fakes import NOW, World, container, denied, key, role, secret, secret_arn, task_definition
from tests.sentences import faults, said_of

HUB = secret("registry/hub", registry="docker.io")
GHCR = secret()
IMAGE = "ghcr.io/acme/web:1"
ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1"
REFERENCES: dict[str, object] = {
    "none": None,
    "full": GHCR,
    "name": "registry/ghcr",
    "partial": str(GHCR.arn)[:-7],
    "gone": str(secret_arn("registry/gone")),
    "gone by name": "registry/gone",
    "stale": str(secret_arn("registry/ghcr", "ZzZzZz")),
    "malformed": "arn:aws:ssm:us-east-1:111122223333:parameter/x",
    "malformed and meant": f"{GHCR.arn}:username::",
    "empty": "",
    "white space": " ",
    "number": 5,
    "not readable": str(secret_arn("registry/hidden")),
}
ROLES: dict[str, str | None] = {
    "role": "web-execution",
    "no role": None,
    "role gone": "gone",
    "role hidden": "hidden",
    "role elsewhere": "elsewhere",
}
IMAGES = {"image": IMAGE, "ecr": ECR, "no image": "Ghcr.io//x:", "hub": "nginx"}
SECRETS = {
    "secret": GHCR,
    "key gone": replace(GHCR, key=Missing(resource="alias/gone")),
    "key disabled": replace(GHCR, key=key(state="Disabled"), value=denied("secretsmanager:GetSecretValue", "it")),
    "deleted": replace(GHCR, deleted_at=NOW),
    "no version": replace(GHCR, stages={}),
}
STOPPED = Usage(
    newest=True,
    failed_starts=(
        FailedStart(
            task_arn="task/1",
            stopped_at=NOW,
            reasons=(Reason(text="CannotPullContainerError: pull access denied for web"),),
        ),
    ),
)


def facts_of(reference: object, role_name: str | None, image: str, its: Any = GHCR, **more: Any) -> Facts:
    definition = task_definition(container(reference, image=image), role_name=role_name)
    hidden = {each: denied(resource=each) for each in (str(secret_arn("registry/hidden")), "hidden")}
    hidden |= {str(role("hidden").arn): denied(resource="hidden")}
    roles = (role(reads=[its]),)
    return World((definition,), roles, (its, HUB), unreadable=hidden, **more).facts()


def pull_of(facts: Facts) -> Pull:
    (pull,) = pulls_of(facts)
    return pull


@pytest.mark.parametrize("role_name", ROLES.values(), ids=ROLES)
@pytest.mark.parametrize("reference", REFERENCES.values(), ids=REFERENCES)
def test_no_sentence_names_what_is_not_there(reference: object, role_name: str | None) -> None:
    for image, its, running in product(IMAGES.values(), SECRETS.values(), (Usage(newest=True), STOPPED)):
        for verified in (
            {},
            {image: Verification(answer="ok")},
            {image: Verification(answer="rejected", detail="No.")},
        ):
            facts = facts_of(reference, role_name, image, its, running=running, verifications=verified)
            for pull in pulls_of(facts):
                reported = [*said_of(pull), ("end", f"{end_of(pull).plain.rstrip('.')}.")]
                assert [(gate, text) for gate, text in reported if faults(text)] == []


def steps(pull: Pull) -> dict[str, str]:
    return {step.gate: step.verdict for step in pull.steps}


def test_a_reference_to_a_secret_that_is_gone_is_named() -> None:
    step = pull_of(facts_of("registry/gone", "web-execution", IMAGE)).steps[0]
    assert (step.gate, step.verdict) == ("reference", "fail")
    assert step.reason == 'The secret "registry/gone" that container app names does not exist.'


def test_whether_credentials_are_needed_is_a_step_where_it_was_not_checked() -> None:
    pull = pull_of(facts_of(None, "web-execution", "nginx"))
    (step,) = pull.steps
    assert (step.gate, step.verdict) == ("credentials", "not checked")
    assert step.reason == (
        "Does the pull need the credentials that are kept for docker.io? Not checked, because live verification is "
        "switched off. To check: parameter VerifyCredentials=true in the deployment, or --live-registry in the command "
        "line."
    )
    assert step.how_to is not None
    assert step.how_to in step.reason
    assert end_of(pull).plain == "Whether the pull needs credentials was not checked."


CREDENTIALS: dict[str, tuple[Facts, dict[str, str], str]] = {
    "nobody's secret": (facts_of(None, None, "quay.io/a/b"), {}, ""),
    "public": (facts_of(None, None, "nginx", verifications={"nginx": Verification(answer="ok")}), {}, ""),
    "refused to anybody, accepted with credentials": (
        facts_of(
            None,
            None,
            "nginx",
            verifications={"nginx": Verification(answer="ok")},
            as_anybody={"nginx": Verification(answer="rejected", detail="401.")},
        ),
        {"credentials": "fail"},
        "The pull fails at: credentials",
    ),
    "refused": (
        facts_of(None, None, "nginx", verifications={"nginx": Verification(answer="rejected", detail="401.")}),
        {"credentials": "not checked"},
        "Whether the pull needs credentials was not checked.",
    ),
    "no answer": (
        facts_of(None, None, "nginx", verifications={"nginx": Verification(answer="unreachable", detail="Late.")}),
        {"credentials": "not checked"},
        "Whether the pull needs credentials was not checked.",
    ),
}


@pytest.mark.parametrize(("facts", "verdicts", "end"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_the_credentials_step_without_a_reference(facts: Facts, verdicts: dict[str, str], end: str) -> None:
    pull = pull_of(facts)
    assert steps(pull) == verdicts
    assert not end or end_of(pull).plain == end


def test_a_fault_of_a_neighbour_does_not_affect_a_container_without_credentials() -> None:
    definition = task_definition(container(GHCR), container(name="sidecar", image="nginx"), role_name="gone")
    pulls = {pull.container: steps(pull) for pull in pulls_of(World((definition,), (), (GHCR, HUB)).facts())}
    assert pulls["sidecar"] == {"credentials": "not checked"}
    assert pulls["app"]["role"] == "fail"


def test_a_skipped_check_is_not_a_pass() -> None:
    pull = pull_of(facts_of(GHCR, "web-execution", IMAGE))
    assert steps(pull)["registry"] == "not checked"
    assert end_of(pull).plain == "The pull gets its credentials. Not checked: registry."
    verified = facts_of(GHCR, "web-execution", IMAGE, verifications={IMAGE: Verification(answer="ok")})
    assert end_of(pull_of(verified)).plain == "The pull gets its credentials."


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("registry/gone names the secret .", ["a space before a sign"]),
        ("The execution role  exists.", ["two spaces"]),
        ("The secret None exists.", ["None"]),
        ("It is gone..", ["two full stops"]),
        ('The role "" is gone.', ["an empty quotation"]),
        ("It is gone", ["no end"]),
        ('credentials.json holds {"username": "...", "password": "..."}.', []),
    ],
)
def test_a_sentence_with_a_hole_is_found(text: str, wrong: list[str]) -> None:
    assert faults(text) == wrong
