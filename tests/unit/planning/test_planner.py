import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullguard.checks.examine import examine
from pullguard.domain.actions import Fix, Grant, MoveService, Plan, ReferenceChange, Refusal, Reregister
from pullguard.domain.arn import Arn
from pullguard.domain.facts import FailedStart, Key, NamedPolicy, Reason, Role, Secret, Usage, Verification
from pullguard.domain.findings import Remedy
from pullguard.planning.planner import Rules, distinct, make_plan, next_actions
from tests.fakes import (
    CLUSTER,
    NOW,
    World,
    container,
    denied,
    key,
    revision_arn,
    role,
    secret,
    secret_arn,
    service,
    task_definition,
)
from tests.worlds.commands import piped


def plan(world: World, **rules: Any) -> Plan:
    facts = world.facts()
    return make_plan(facts, examine(facts).findings, Rules(**rules))


def world(*containers: dict[str, Any], secrets: tuple[Secret, ...], **changes: Any) -> World:
    """One task definition in a world where its role may read nothing, unless another role is given."""
    tags = changes.pop("tags", {})
    roles = (changes.pop("role", role()),)
    return World(task_definitions=(task_definition(*containers, tags=tags),), roles=roles, secrets=secrets, **changes)


GHCR = secret()
KEYED = secret(key=key())
AWS_KEYED = secret(key=key(2, manager="AWS", policy={}))
OLD, NEW = secret_arn(suffix="OldOld"), secret(suffix="NewNew")
SUCCESSOR = revision_arn(revision=8)
IMAGE = "ghcr.io/acme/web:1"
PROVED: dict[str, Any] = {
    "verifications": {IMAGE: Verification(answer="ok")},
    "as_anybody": {IMAGE: Verification(answer="rejected")},
}
ATTACH = {"pullguard:attach": "true"}
MEANT = secret("registry/meant", tags={"pullguard:roles": "web-*"})
NEW_QUAY = secret(suffix="NewNew", registry="quay.io")
REFUSED_START = FailedStart(
    task_arn="task/1",
    stopped_at=NOW,
    reasons=(Reason(text=f"CannotPullContainerError: pull access denied for {IMAGE}, repository does not exist"),),
)


def grant(of: Secret, **changes: Any) -> Grant:
    whole = Grant(
        task_definition=revision_arn(),
        role=role().arn,
        secret=of.arn,
        key=of.key.arn if isinstance(of.key, Key) and of.key.manager == "CUSTOMER" else None,
        findings=(),
    )
    return replace(whole, **changes)


def reregister(*changes: tuple[str | None, Secret | None], name: str = "app") -> Reregister:
    return Reregister(
        task_definition=revision_arn(),
        changes=tuple(
            ReferenceChange(container=name, before=before, after=after.arn if after else None)
            for before, after in changes
        ),
        findings=(),
    )


def move(name: str = "web") -> MoveService:
    return MoveService(
        cluster=CLUSTER,
        service=service(name).service_arn,
        before=revision_arn(),
        after=SUCCESSOR,
        changes=reregister((str(OLD), NEW)).changes,
    )


def bare(actions: tuple[Fix, ...]) -> tuple[Fix, ...]:
    """The actions without the ids of their findings, for comparison."""
    return tuple(each if isinstance(each, MoveService) else replace(each, findings=()) for each in actions)


@dataclass(frozen=True)
class Case:
    """A world, and what is to be done and refused in it; ``refused`` are kinds with words of their reasons."""

    world: World
    actions: tuple[Fix, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    rules: dict[str, Any] = field(default_factory=dict)


ARN = str(GHCR.arn)
CASES = {
    # --- nothing to do
    "nothing-is-wrong": Case(world(container(GHCR), secrets=(GHCR,), role=role(reads=[GHCR]))),
    "a-bare-name-works-and-is-only-warned-of": Case(
        world(container("registry/ghcr"), secrets=(GHCR,), role=role(reads=[GHCR]))
    ),
    "a-role-that-is-gone-gets-nothing": Case(World((task_definition(container(GHCR)),), (), (GHCR,))),
    "a-role-that-cannot-be-read-gets-nothing": Case(
        world(container(GHCR), secrets=(GHCR,), unreadable={str(role().arn): denied()})
    ),
    "a-secret-that-cannot-be-read-is-not-granted": Case(
        world(container(GHCR), secrets=(GHCR,), unreadable={ARN: denied()})
    ),
    "a-secret-that-is-nowhere-is-told-of-only": Case(world(container(GHCR), secrets=())),
    "policies-that-cannot-be-read-prove-no-need": Case(
        world(container(GHCR), secrets=(GHCR,), role=role(inline_policies=denied()))
    ),
    # --- grants
    "a-grant": Case(world(container(GHCR), secrets=(GHCR,)), (grant(GHCR),)),
    "a-grant-with-its-customer-managed-key": Case(world(container(KEYED), secrets=(KEYED,)), (grant(KEYED),)),
    "only-decrypt-is-missing": Case(
        world(container(KEYED), secrets=(KEYED,), role=role(reads=[replace(KEYED, key=None)])), (grant(KEYED),)
    ),
    "aws-s-own-key-is-not-granted": Case(world(container(AWS_KEYED), secrets=(AWS_KEYED,)), (grant(AWS_KEYED),)),
    "one-grant-for-two-containers-of-a-secret": Case(
        world(container(GHCR, name="a"), container(GHCR, name="b"), secrets=(GHCR,)), (grant(GHCR),)
    ),
    "a-bare-name-that-is-denied-is-granted-by-its-arn": Case(
        world(container("registry/ghcr"), secrets=(GHCR,)), (grant(GHCR),)
    ),
    # --- the two keys
    "a-secret-that-is-not-opted-in": Case(
        world(container(secret(registry=None)), secrets=(secret(registry=None),)),
        refused=(("grant", "registry/ghcr is not opted in"),),
    ),
    "a-tag-that-cannot-be-understood-opens-nothing": Case(
        world(container(GHCR), secrets=(secret(registry="ghcr.io http://x"),)), refused=(("grant", "not opted in"),)
    ),
    "a-secret-for-another-registry": Case(
        world(container(GHCR), secrets=(secret(registry="docker.io"),)),
        refused=(("grant", "is for docker.io, the image is on ghcr.io"),),
    ),
    "an-image-on-an-evil-host-gets-nobodys-credentials": Case(
        world(container(GHCR, image="evil.example/acme/web:1"), secrets=(GHCR,)),
        refused=(("grant", "the image is on evil.example"),),
    ),
    "a-secret-for-other-roles": Case(
        world(container(GHCR), secrets=(secret(tags={"pullguard:roles": "api-*"}),)),
        refused=(("grant", "does not name the role web-execution"),),
    ),
    "a-secret-for-this-role": Case(
        world(container(GHCR), secrets=(secret(tags={"pullguard:roles": "api-* web-*"}),)), (grant(GHCR),)
    ),
    "an-empty-list-of-roles-names-none": Case(
        world(container(GHCR), secrets=(secret(tags={"pullguard:roles": " "}),)),
        refused=(("grant", "does not name the role"),),
    ),
    "a-role-that-is-not-opted-in": Case(
        world(container(GHCR), secrets=(GHCR,), role=role(managed=False)),
        refused=(("grant", "the role web-execution is not opted in"),),
    ),
    "a-role-whose-tag-says-something-else": Case(
        world(container(GHCR), secrets=(GHCR,), role=role(tags={"pullguard:managed": "True"})),
        refused=(("grant", "the role web-execution is not opted in"),),
    ),
    # --- re-registration
    "a-stale-arn": Case(world(container(OLD), secrets=(NEW,), role=role(reads=[NEW])), (reregister((str(OLD), NEW)),)),
    "a-stale-arn-whose-replacement-the-role-cannot-read": Case(
        world(container(OLD), secrets=(NEW,)), (grant(NEW), reregister((str(OLD), NEW)))
    ),
    "a-replacement-that-is-not-opted-in": Case(
        world(container(OLD), secrets=(secret(suffix="NewNew", registry=None),)),
        refused=(("grant", "is not opted in"), ("reregister", "is not opted in")),
    ),
    "a-replacement-that-is-for-other-roles": Case(
        world(
            container(OLD),
            secrets=(secret(suffix="NewNew", tags={"pullguard:registry": "ghcr.io", "pullguard:roles": "api-*"}),),
            role=role(reads=[NEW]),
        ),
        refused=(("reregister", "does not name the role web-execution"),),
    ),
    "a-replacement-under-a-role-that-is-not-opted-in": Case(
        world(container(OLD), secrets=(NEW,), role=role(reads=[NEW], managed=False)),
        refused=(("reregister", "the role web-execution is not opted in"),),
    ),
    "a-replacement-is-not-granted-where-access-to-it-cannot-be-told": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(attached_policies=denied("iam:ListAttachedRolePolicies")),
        ),
        (reregister((str(OLD), NEW)),),
    ),
    "a-suffix-that-ecs-does-not-read": Case(
        world(container(f"{ARN}:password::"), secrets=(GHCR,), role=role(reads=[GHCR])),
        (reregister((f"{ARN}:password::", GHCR)),),
    ),
    "credentials-on-an-ecr-image-are-taken-away": Case(
        world(
            container(GHCR, image="111122223333.dkr.ecr.us-east-1.amazonaws.com/web:1"),
            secrets=(GHCR,),
            role=role(reads=[GHCR]),
        ),
        (reregister((ARN, None)),),
    ),
    "missing-credentials-with-one-candidate": Case(
        world(container(), secrets=(MEANT,), role=role(reads=[MEANT]), tags=ATTACH, **PROVED),
        (reregister((None, MEANT)),),
    ),
    "missing-credentials-with-one-candidate-that-the-role-cannot-read": Case(
        world(container(), secrets=(MEANT,), tags=ATTACH, **PROVED), (grant(MEANT), reregister((None, MEANT)))
    ),
    "missing-credentials-that-the-task-definitions-owner-did-not-ask-for": Case(
        world(container(), secrets=(MEANT,), **PROVED),
        refused=(("reregister", "names no secret, and has no tag pullguard:attach=true"),),
    ),
    "missing-credentials-and-another-word-in-the-tag": Case(
        world(container(), secrets=(MEANT,), tags={"pullguard:attach": "True"}, **PROVED),
        refused=(("reregister", "no tag pullguard:attach=true"),),
    ),
    **{
        f"missing-credentials-of-a-secret-for-{name}": Case(
            world(container(), secrets=(secret(tags=tags),), tags=ATTACH, **PROVED),
            refused=(("reregister", words),),
        )
        for name, tags, words in (
            ("no-roles", {}, "a pattern of wildcards only names no role"),
            ("every-role", {"pullguard:roles": "*"}, "a pattern of wildcards only names no role"),
            ("every-role-in-other-words", {"pullguard:roles": "?* ** *"}, "wildcards only names no role"),
            ("every-role-and-another", {"pullguard:roles": "* api-*"}, "wildcards only names no role"),
            ("another-role", {"pullguard:roles": "api-*"}, "does not name the role"),
        )
    },
    "missing-credentials-and-a-role-that-is-not-managed": Case(
        world(container(), secrets=(MEANT,), role=role(managed=False), tags=ATTACH, **PROVED),
        refused=(("reregister", "has no tag pullguard:managed"),),
    ),
    "missing-credentials-and-a-stale-reference-beside-it": Case(
        world(
            container(),
            container(OLD, name="side", image="quay.io/a/b"),
            secrets=(MEANT, NEW_QUAY),
            role=role(reads=[NEW_QUAY]),
            **PROVED,
        ),
        (reregister((str(OLD), NEW_QUAY), name="side"),),
        refused=(("reregister", "has no tag pullguard:attach"),),
    ),
    "missing-credentials-with-two-candidates": Case(
        world(
            container(),
            secrets=(MEANT, secret("other", "ZzZzZz", tags=MEANT.tags)),
            role=role(reads=[MEANT]),
            tags=ATTACH,
            **PROVED,
        )
    ),
    "missing-credentials-that-nobody-has-proved": Case(
        world(container(), secrets=(MEANT,), role=role(reads=[MEANT]), tags=ATTACH)
    ),
    "missing-credentials-that-only-a-failed-start-speaks-of": Case(
        world(
            container(),
            secrets=(MEANT,),
            role=role(reads=[MEANT]),
            tags=ATTACH,
            running=Usage(newest=True, failed_starts=(REFUSED_START,)),
        )
    ),
    "missing-credentials-where-the-candidates-cannot-be-listed": Case(
        world(container(), secrets=(GHCR,), unreadable={"registry-secrets": denied()})
    ),
    # --- what must not be registered
    "cloudformation-owns-it": Case(
        world(container(OLD), secrets=(NEW,), role=role(reads=[NEW]), tags={"aws:cloudformation:stack-name": "prod"}),
        refused=(("reregister", "belongs to CloudFormation (tag aws:cloudformation:stack-name)"),),
    ),
    "aws-batch-owns-it": Case(
        world(container(OLD), secrets=(NEW,), role=role(reads=[NEW]), tags={"AWSBatchServiceTag": "batch"}),
        refused=(("reregister", "AWS Batch registered the task definition for its jobs"),),
    ),
    "aws-batch-owns-it-and-a-template-is-named-too": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            tags={"AWSBatchServiceTag": "batch", "aws:cloudformation:stack-name": "prod"},
        ),
        refused=(("reregister", "AWS Batch registered"),),
    ),
    "aws-batch-owns-it-and-a-newer-revision-exists": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            tags={"AWSBatchServiceTag": "batch"},
            running=Usage(newest=False),
        ),
        refused=(("reregister", "AWS Batch registered"),),
    ),
    "aws-batch-does-not-own-the-role": Case(
        world(container(GHCR), secrets=(GHCR,), tags={"AWSBatchServiceTag": "batch"}), (grant(GHCR),)
    ),
    "a-tag-key-of-the-parameter-owns-it": Case(
        world(container(OLD), secrets=(NEW,), role=role(reads=[NEW]), tags={"team-iac": "x"}),
        refused=(("reregister", "(tag team-iac)"),),
        rules={"infrastructure_tags": ("team-iac",)},
    ),
    "infrastructure-as-code-does-not-own-the-role": Case(
        world(container(GHCR), secrets=(GHCR,), tags={"aws:cloudformation:stack-name": "prod"}), (grant(GHCR),)
    ),
    "a-newer-revision-exists": Case(
        world(
            container(OLD), secrets=(NEW,), role=role(reads=[NEW]), running=Usage(newest=False, services=(service(),))
        ),
        refused=(("reregister", "a newer revision of the family exists"),),
    ),
    "it-cannot-be-read-whether-a-newer-one-exists": Case(
        world(container(OLD), secrets=(NEW,), role=role(reads=[NEW]), unreadable={"usage": denied()}),
        refused=(("reregister", "could not be read whether this is the newest"),),
    ),
    # --- services
    "its-successor-exists-and-services-may-be-moved": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            running=Usage(newest=False, successor=SUCCESSOR, services=(service("b"), service("a"))),
        ),
        (move("a"), move("b")),
        rules={"move_services": True},
    ),
    "its-successor-exists-and-services-may-not-be-moved": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            running=Usage(newest=False, successor=SUCCESSOR, services=(service(),)),
        ),
        refused=(("move-service", "MoveServices is off"),),
    ),
    "its-successor-exists-and-nothing-runs-it-any-more": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            running=Usage(newest=False, successor=SUCCESSOR),
        ),
        rules={"move_services": True},
    ),
    "a-service-of-codedeploy-is-not-moved": Case(
        world(
            container(OLD),
            secrets=(NEW,),
            role=role(reads=[NEW]),
            running=Usage(
                newest=False, successor=SUCCESSOR, services=(service("a"), service("b", controller="CODE_DEPLOY"))
            ),
        ),
        (move("a"),),
        refused=(("move-service", "AWS CodeDeploy deploys this service"),),
        rules={"move_services": True},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_plan(case: Case) -> None:
    made = plan(case.world, **case.rules)
    assert bare(made.actions) == case.actions
    assert [refusal.kind for refusal in made.refusals] == [kind for kind, _ in case.refused]
    for refusal, (_, words) in zip(made.refusals, case.refused, strict=True):
        assert words in refusal.why


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.refused])
def test_a_refusal_says_what_its_owner_would_do(name: str) -> None:
    for refusal in plan(CASES[name].world, **CASES[name].rules).refusals:
        assert refusal.remedy
        assert refusal.findings
        assert refusal.task_definition == revision_arn()


def test_an_action_names_the_findings_that_it_mends() -> None:
    facts = CASES["a-stale-arn-whose-replacement-the-role-cannot-read"].world.facts()
    findings = examine(facts).findings
    (stale,) = (each for each in findings if each.check == "reference-stale")
    actions = make_plan(facts, findings, Rules()).actions
    assert [getattr(each, "findings", None) for each in actions] == [(stale.id,), (stale.id,)]


def test_what_nobody_asked_for_is_in_the_plan_and_in_no_alert() -> None:
    refusals = plan(CASES["missing-credentials-that-the-task-definitions-owner-did-not-ask-for"].world).refusals
    assert [each.snippet for each in refusals] == [
        f"aws ecs tag-resource --region us-east-1 --resource-arn {revision_arn()} "
        "--tags key=pullguard:attach,value=true"
    ]
    assert distinct(refusals) == ()
    asked_for = plan(CASES["missing-credentials-of-a-secret-for-every-role"].world).refusals
    assert distinct(asked_for) == asked_for
    present = {"Tags": [{"Key": "pullguard:roles", "Value": "*"}]}
    (named,) = piped(Remedy(snippet=asked_for[0].snippet), present)
    assert named == {"Key": "pullguard:roles", "Value": "* web-execution"}


def test_grants_come_first_and_alone() -> None:
    both = plan(CASES["a-stale-arn-whose-replacement-the-role-cannot-read"].world)
    assert [type(each) for each in both.actions] == [Grant, Reregister]
    assert next_actions(both) == both.actions[:1]


def test_without_grants_everything_comes_next() -> None:
    made = plan(CASES["a-stale-arn"].world)
    assert next_actions(made) == made.actions
    assert next_actions(Plan()) == ()


HARNESS = {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}
ENDPOINT = {"StringEquals": {"aws:SourceVpce": "vpce-1"}}
READS = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": str(KEYED.arn)}
DECRYPTS = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": str(key().arn)}
NARROWED: dict[str, tuple[Secret, list[dict[str, Any]]]] = {
    "to-a-stage": (GHCR, [{**READS, "Resource": str(GHCR.arn), "Condition": HARNESS}]),
    "to-a-stage-and-no-decrypt": (KEYED, [{**READS, "Condition": HARNESS}]),
    "to-an-endpoint-and-no-decrypt": (KEYED, [{**READS, "Condition": ENDPOINT}]),
    "decrypt-to-an-endpoint-and-no-read": (KEYED, [{**DECRYPTS, "Condition": ENDPOINT}]),
    "to-the-present-stage-and-no-decrypt": (
        KEYED,
        [{**READS, "Condition": {"StringEqualsIfExists": {"secretsmanager:VersionStage": "AWSCURRENT"}}}],
    ),
    **{
        f"to-another-stage-{harness}": (
            KEYED,
            [{**READS, "Condition": {"StringEquals": {"secretsmanager:VersionStage": harness}}}],
        )
        for harness in ("AWSPREVIOUS", "AWSPENDING", "blue")
    },
    "until-a-date-and-no-decrypt": (
        KEYED,
        [{**READS, "Condition": {"DateLessThan": {"aws:CurrentTime": "2099-01-01T00:00:00Z"}}}],
    ),
    "decrypt-until-a-date-and-no-read": (
        KEYED,
        [{**DECRYPTS, "Condition": {"DateLessThan": {"aws:CurrentTime": "2099-01-01T00:00:00Z"}}}],
    ),
    "by-a-member-that-is-given-twice": (KEYED, ['{"Effect":"Allow","Action":"s3:*","Action":"kms:*","Resource":"*"}']),  # type: ignore[list-item]
}


@pytest.mark.parametrize(("its", "statements"), NARROWED.values(), ids=NARROWED)
def test_a_grant_never_widens_what_an_owner_may_have_narrowed(its: Secret, statements: list[Any]) -> None:
    texts = ",".join(each if isinstance(each, str) else json.dumps(each) for each in statements)
    narrow = NamedPolicy(name="own", document=f'{{"Version":"2012-10-17","Statement":[{texts}]}}')
    here = world(container(its), secrets=(its,), role=role(inline_policies=(narrow,)))
    assert plan(here).actions == ()
    findings = examine(here.facts()).findings
    assert {each.remedy.action for each in findings} == {"none"}
    allowed = [action for action in ("GetSecretValue", "kms:Decrypt") if f'{action}"' in texts]
    assert not [each for each in findings for action in allowed if action in (each.remedy.snippet or "")]


BOTH_ACTIONS = ("secretsmanager:GetSecretValue", "kms:Decrypt")
GRANTED: dict[str, tuple[list[dict[str, Any]], tuple[str, ...]]] = {
    "neither": ([], BOTH_ACTIONS),
    "read": ([READS], BOTH_ACTIONS[1:]),
    "read-twice-once-narrowed": ([READS, {**READS, "Condition": HARNESS}], BOTH_ACTIONS[1:]),
    "decrypt": ([DECRYPTS], BOTH_ACTIONS[:1]),
    "decrypt-through-secrets-manager": (
        [{**DECRYPTS, "Condition": {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}}}],
        BOTH_ACTIONS[:1],
    ),
}


@pytest.mark.parametrize(("statements", "lacks"), GRANTED.values(), ids=GRANTED)
def test_what_a_role_lacks_is_granted_and_a_command_grants_no_more(
    statements: list[dict[str, Any]], lacks: tuple[str, ...]
) -> None:
    policies = (NamedPolicy(name="own", document={"Version": "2012-10-17", "Statement": statements}),)
    here = world(container(KEYED), secrets=(KEYED,), role=role(inline_policies=policies if statements else ()))
    assert [type(each) for each in plan(here).actions] == [Grant]
    for finding in examine(here.facts()).findings:
        assert finding.remedy.action == "grant"
        assert tuple(action for action in BOTH_ACTIONS if action in (finding.remedy.snippet or "")) == lacks


def test_no_revision_names_a_secret_that_the_role_cannot_read_and_no_grant_lets_in() -> None:
    narrow = NamedPolicy(
        name="own", document={"Version": "2012-10-17", "Statement": [{**READS, "Condition": ENDPOINT}]}
    )
    stale = f"{str(KEYED.arn)[:-6]}Gone12"
    made = plan(world(container(stale), secrets=(KEYED,), role=role(inline_policies=(narrow,))))
    assert made.actions == ()
    (refusal,) = made.refusals
    assert (refusal.kind, "could not pull either" in refusal.why) == ("reregister", True)


def test_warnings_and_unknowns_are_never_acted_on() -> None:
    facts = CASES["a-grant"].world.facts()
    findings = examine(facts).findings
    assert make_plan(facts, findings, Rules()).actions
    warned = [replace(each, severity="warning") for each in findings]
    unsure = [replace(each, status="unknown") for each in findings]
    assert make_plan(facts, warned, Rules()) == Plan()
    assert make_plan(facts, unsure, Rules()) == Plan()


# --- Whatever stands in a task definition ------------------------------------------------------------------------

LIVE = (
    GHCR,
    secret("registry/hub", "HubHub", registry="docker.io"),
    secret("prod/db-password", "DbDbDb", registry=None),
    NEW,
    secret("keyed", "KeyKey", key=key()),
)
FOREIGN = ("arn:aws:secretsmanager:us-east-1:444455556666:secret:theirs-AbCdEf", "arn:aws:s3:::bucket", "*", "a b")
NAMES = [str(each.arn) for each in LIVE] + [each.name for each in LIVE]
references = st.one_of(
    st.none(),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES).map(lambda text: text[:-7]),
    st.sampled_from(NAMES).map(lambda text: f"{text}:password::"),
    st.sampled_from(NAMES).map(lambda text: f"{text[:-6]}Gone12"),
    st.sampled_from(FOREIGN),
    st.text(max_size=40),
)
images = st.sampled_from(
    ["ghcr.io/a/b", "docker.io/a/b:1", "nginx", "evil.example/x", "111122223333.dkr.ecr.us-east-1.amazonaws.com/a", ""]
)
usages = st.sampled_from(
    [
        Usage(newest=True),
        Usage(newest=False, services=(service(),)),
        Usage(newest=False, successor=SUCCESSOR, services=(service(),)),
    ]
)


@given(st.lists(st.tuples(references, images), max_size=4), st.booleans(), usages)
def test_no_arn_of_an_action_is_text_of_the_task_definition(
    containers: list[tuple[str | None, str]], managed: bool, usage: Usage
) -> None:
    definitions = [
        container(reference, image=image, name=f"c{number}") for number, (reference, image) in enumerate(containers)
    ]
    here = world(*definitions, secrets=LIVE, role=role(managed=managed), running=usage)
    made = plan(here, move_services=True)

    described: set[Arn] = {each.arn for each in here.secrets} | {each.arn for each in here.roles}
    described |= {each.key.arn for each in here.secrets if isinstance(each.key, Key)}
    described |= {revision_arn(), SUCCESSOR}
    assert set(arns_in(made.actions)) <= described

    opted_in = {each.arn for each in here.secrets if "pullguard:registry" in each.tags}
    for action in made.actions:
        if isinstance(action, Grant):
            assert managed
            assert action.secret in opted_in
        if isinstance(action, Reregister):
            assert {change.after for change in action.changes} <= opted_in | {None}


def arns_in(actions: tuple[Fix, ...]) -> list[Arn]:
    found: list[Arn] = []
    for action in actions:
        match action:
            case Grant():
                found += [action.task_definition, action.role, action.secret, *([action.key] if action.key else [])]
            case Reregister():
                found += [action.task_definition, *(change.after for change in action.changes if change.after)]
            case MoveService():
                found += [action.before, action.after]
    return found


def test_a_snippet_of_a_refusal_is_about_described_things() -> None:
    (refusal,) = plan(CASES["a-role-that-is-not-opted-in"].world).refusals
    assert isinstance(refusal, Refusal)
    assert refusal.snippet == ("aws iam tag-role --role-name web-execution --tags Key=pullguard:managed,Value=true")
    assert isinstance(CASES["a-role-that-is-not-opted-in"].world.roles[0], Role)
