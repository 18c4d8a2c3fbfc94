"""The steps before a member that names a secret or a role: everything the role lacks, within the owners' consent."""

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from pullguard.checks.examine import examine
from pullguard.checks.manual_policies import BOTH, DECRYPT
from pullguard.checks.role_steps import attached_instead, grant_by_hand
from pullguard.domain.findings import Finding, Remedy
from pullguard.domain.lookup import Missing, NotAsked
from pullguard.domain.policy_document import policy_document
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Secret
from pullguard.domain.verification import Verification
from tests.fakes import (
    ACCOUNT,
    REGION,
    World,
    container,
    granted,
    key,
    role,
    role_arn,
    secret,
    secret_arn,
    task_definition,
)
from tests.worlds.commands import Command, commands_of, piped, words_of

OLD, NEW = secret_arn(suffix="OldOld"), secret(suffix="NewNew")
MEMBER = f'"repositoryCredentials": {{"credentialsParameter": "{NEW.arn}"}}'
CLOSED: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}


def found(check: str, *, secrets: tuple[Secret, ...] = (NEW,), roles: tuple[Role, ...] = (), **more: Any) -> Finding:
    """Return the one finding of a check: of a task definition that names the ARN of a secret that is gone."""
    reference = more.pop("reference", OLD)
    keys = more.pop("granted_keys", {})
    definition = task_definition(container(reference, **more.pop("container", {})), **more)
    facts = World((definition,), roles, secrets).facts().with_granted_keys(keys)
    (finding,) = (each for each in examine(facts).findings if each.check == check)
    return finding


def granting(finding: Finding) -> list[Command]:
    """Return the commands that write a policy on a role."""
    return [each for each in commands_of(finding.remedy) if each.operation == "put-role-policy"]


def option(finding: Finding, name: str, *, of: str) -> str:
    """Return an option's value in the command ``of`` a finding's snippet."""
    words = list(words_of(finding.remedy.commands))
    words = words[words.index(of) :]
    return words[words.index(name) + 1]


# --- A reference to correct -----------------------------------------------------------------------------------------


def test_a_role_that_can_read_the_secret_needs_nothing() -> None:
    finding = found("reference-stale", roles=(role(reads=[NEW]),))
    assert finding.remedy.snippet == MEMBER
    assert finding.remedy.text == "Register a revision with the new ARN, and let the services run it."


def test_a_role_that_cannot_is_let_in_first() -> None:
    finding = found("reference-stale", roles=(role(),))
    assert (finding.remedy.action, finding.remedy.members) == ("reregister", (MEMBER,))
    document = json.loads(option(finding, "--policy-document", of="put-role-policy"))
    assert document["Statement"][0]["Resource"] == [str(NEW.arn)]
    assert finding.remedy.text.startswith("Let the execution role read the secret by the command, and register")


def test_a_key_is_granted_with_it() -> None:
    keyed = replace(NEW, key=key())
    finding = found("reference-stale", secrets=(keyed,), roles=(role(),))
    document = json.loads(option(finding, "--policy-document", of="put-role-policy"))
    assert document == policy_document(granted(keyed))


def test_a_role_that_ecs_cannot_assume_gets_its_trust() -> None:
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "*"}]}
    finding = found("reference-stale", roles=(role(reads=[NEW], trust_policy=trust),))
    document = piped(finding.remedy, trust)
    assert document["Statement"][0] == trust["Statement"][0]
    assert document["Statement"][1]["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}


@pytest.mark.parametrize(
    ("image", "tags", "why"),
    [
        ("evil.example/x:1", {}, "the secret registry/ghcr is for ghcr.io, the image is on evil.example"),
        ("ghcr.io/acme/web:1", {"pullguard:roles": "api-*"}, "does not name the role web-execution"),
    ],
    ids=["another registry", "other roles"],
)
def test_no_command_grants_what_an_owner_said_no_to(image: str, tags: dict[str, str], why: str) -> None:
    named = secret(suffix="NewNew", tags=tags)
    finding = found("reference-stale", secrets=(named,), roles=(role(),), container={"image": image})
    assert finding.remedy.snippet == MEMBER
    assert why in finding.remedy.text


def test_a_denial_that_no_command_removes_is_named() -> None:
    denied = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
    policies = (NamedPolicy(name="no", document=denied),)
    finding = found("reference-stale", roles=(role(inline_policies=policies),))
    assert finding.remedy.snippet == MEMBER
    assert "That alone does not let the role read it: Statement 0 of the inline policy" in finding.remedy.text


LIMIT = NamedPolicy(name="limit", document=CLOSED, arn=f"arn:aws:iam::{ACCOUNT}:policy/limit")
OF_AWS = replace(LIMIT, arn="arn:aws:iam::aws:policy/ReadOnlyAccess")
WIDENS = ["list-policy-versions", "delete-policy-version", "get-policy-version", "create-policy-version"]


def operations_of(finding: Finding) -> list[str]:
    return [each.operation for each in commands_of(finding.remedy)]


def test_a_boundary_is_widened_before_the_grant() -> None:
    finding = found("reference-stale", roles=(role(boundary=LIMIT),))
    assert operations_of(finding) == [*WIDENS, "put-role-policy"]
    assert finding.remedy.members == (MEMBER,)
    assert "Add what the pull needs to the role's permissions boundary" in finding.remedy.text


def test_a_closed_key_is_opened_by_its_policy_alone() -> None:
    closed = replace(NEW, key=key(policy=CLOSED))
    finding = found("reference-stale", secrets=(closed,), roles=(role(reads=[NEW]),))
    assert operations_of(finding) == ["get-key-policy", "put-key-policy"]


def test_a_policy_that_no_shell_accepts_is_in_the_text() -> None:
    finding = found("reference-stale", roles=(role(boundary=OF_AWS),))
    assert operations_of(finding) == ["put-role-policy"]
    assert '`{"Statement":[{"Action":"secretsmanager:GetSecretValue"' in finding.remedy.text


def test_no_boundary_is_widened_for_what_an_owner_said_no_to() -> None:
    named = secret(suffix="NewNew", tags={"pullguard:roles": "api-*"})
    finding = found("reference-stale", secrets=(named,), roles=(role(boundary=LIMIT),))
    assert finding.remedy.snippet == MEMBER
    assert "That alone does not let the role read it: The permissions boundary" in finding.remedy.text


# --- A role to create -----------------------------------------------------------------------------------------------


def test_a_role_that_is_gone_comes_back_with_trust_and_access() -> None:
    finding = found("execution-role-not-found", reference=NEW)
    assert finding.remedy.members == ()
    assert option(finding, "--role-name", of="create-role") == "web-execution"
    trust = json.loads(option(finding, "--assume-role-policy-document", of="create-role"))
    assert trust["Statement"][0]["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    document = json.loads(option(finding, "--policy-document", of="put-role-policy"))
    assert document == policy_document(granted(NEW))
    assert "--tags" not in finding.remedy.commands
    assert "attach-role-policy" not in finding.remedy.commands


def test_a_role_that_was_managed_is_so_again() -> None:
    finding = found("execution-role-not-found", reference=NEW, granted_keys={NEW.arn: None})
    assert option(finding, "--tags", of="create-role") == "Key=pullguard:managed,Value=true"


def test_a_role_that_is_gone_reads_what_its_references_will_name() -> None:
    gone = secret_arn("registry/gone", "OldOld")
    definition = task_definition(container(OLD, name="one"), container(gone, name="two"))
    facts = World((definition,), (), (NEW,)).facts()
    (finding,) = (each for each in examine(facts).findings if each.check == "execution-role-not-found")
    _trust, *granted_ = (document for each in commands_of(finding.remedy) for document in each.documents())
    resources = [each["Resource"] for document in granted_ for each in document["Statement"]]
    assert resources == [[str(NEW.arn)], [f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:registry/gone-??????"]]


def test_a_role_gets_no_access_to_what_is_kept_for_another_registry() -> None:
    finding = found("execution-role-not-found", reference=NEW, container={"image": "evil.example/x:1"})
    assert "put-role-policy" not in finding.remedy.commands
    assert "The policy leaves out registry/ghcr, since the secret registry/ghcr is for ghcr.io" in finding.remedy.text


@pytest.mark.parametrize(
    "more",
    [
        {"logConfiguration": {"logDriver": "awslogs"}},
        {"image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/web"},
    ],
    ids=["logs", "an image in Amazon ECR"],
)
def test_a_role_gets_what_else_ecs_needs_to_start_the_task(more: dict[str, Any]) -> None:
    beside = {"name": "beside", "image": "ghcr.io/acme/proxy", **more}
    facts = World((task_definition(container(NEW), beside),), (), (NEW,)).facts()
    (finding,) = (each for each in examine(facts).findings if each.check == "execution-role-not-found")
    policy = option(finding, "--policy-arn", of="attach-role-policy")
    assert policy == "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"


def test_a_path_is_kept() -> None:
    definition = task_definition(container(NEW))
    arn = f"arn:aws:iam::{ACCOUNT}:role/apps/prod/web-execution"
    facts = World((replace(definition, execution_role=arn),), (), (NEW,)).facts()
    (finding,) = (each for each in examine(facts).findings if each.check == "execution-role-not-found")
    assert option(finding, "--path", of="create-role") == "/apps/prod/"


def test_without_a_role_there_is_one_and_a_member_that_names_it() -> None:
    finding = found("execution-role-missing", reference=NEW, role_name=None)
    name = option(finding, "--role-name", of="create-role")
    assert finding.remedy.members == (f'"executionRoleArn": "arn:aws:iam::{ACCOUNT}:role/{name}"',)
    assert len(name) <= 64


def test_a_role_that_exists_meanwhile_is_kept() -> None:
    finding = found("execution-role-not-found", reference=NEW)
    assert finding.remedy.commands.startswith("{ aws iam get-role --role-name web-execution 2>/dev/null || aws iam cre")


def test_the_secrets_that_a_role_reads_do_not_affect_the_names_of_its_policies() -> None:
    """Several families share a role that is gone: the policy of one is not written over another's."""
    other = secret("registry/other")
    one = found("execution-role-not-found", reference=NEW)
    definition = task_definition(container(NEW), container(other.arn, name="two"), family="api")
    (two,) = (
        each
        for each in examine(World((definition,), (), (NEW, other)).facts()).findings
        if each.check == "execution-role-not-found"
    )
    documents = [
        {each.options["--policy-name"]: each.options["--policy-document"] for each in granting(finding)}
        for finding in (one, two)
    ]
    assert len(documents[1]) == 2
    assert documents[0].items() <= documents[1].items()


IMAGE, REFUSED, TAKEN = "ghcr.io/acme/web:1", Verification(answer="rejected"), Verification(answer="ok")


def test_two_containers_get_one_role() -> None:
    definition = task_definition(container(name="one"), container(name="two"), role_name=None)
    world = World((definition,), (), (NEW,), verifications={IMAGE: TAKEN}, as_anybody={IMAGE: REFUSED})
    one, two = (each for each in examine(world.facts()).findings if each.check == "credentials-missing")
    assert [line.partition(":")[0] for line in one.remedy.members] == ['"executionRoleArn"', '"repositoryCredentials"']
    assert "create-role" in one.remedy.commands
    assert two.remedy.snippet == MEMBER


def test_a_secret_that_was_not_looked_up_is_granted_by_its_name() -> None:
    facts = World((task_definition(container(NEW), role_name=None),), (), (NEW,)).facts()
    offline = NotAsked(why="offline", switch="ask")
    facts = replace(facts, secrets={str(NEW.arn): offline})
    (finding,) = (each for each in examine(facts).findings if each.check == "execution-role-missing")
    document = json.loads(option(finding, "--policy-document", of="put-role-policy"))
    assert document["Statement"][0]["Resource"] == [f"{str(NEW.arn)[:-7]}-??????"]


def test_long_families_get_legal_roles_of_their_own() -> None:
    families = ("f" * 255, "f" * 254)
    findings = [found("execution-role-missing", reference=NEW, role_name=None, family=each) for each in families]
    named = [option(each, "--role-name", of="get-role") for each in findings]
    assert [len(each) for each in named] == [64, 64]
    assert named[0] != named[1]


# --- Grants by hand ---------------------------------------------------------------------------------------------


def grant_of(named: Secret, actions: frozenset[str] = BOTH, **more: Any) -> dict[str, str]:
    """Return the options of the last command that writes a policy."""
    commands = commands_of(Remedy(snippet=grant_by_hand(role(**more), named, actions)))
    *_, last = (each for each in commands if each.operation in ("put-role-policy", "create-policy"))
    return last.options


KEYED_NEW = replace(NEW, key=key())
FULL: dict[str, Any] = {"inline_policies": (NamedPolicy(name="full", document={"Statement": [], "Id": "x" * 10_200}),)}


@pytest.mark.parametrize("room", [{}, FULL], ids=["inline", "attached"])
def test_no_grant_takes_the_place_of_another(room: dict[str, Any]) -> None:
    replica = replace(NEW, arn=replace(NEW.arn, region="eu-west-1"))
    grants = [
        grant_of(NEW, **room),
        grant_of(replica, **room),
        grant_of(KEYED_NEW, frozenset({DECRYPT}), **room),
        grant_of(replace(NEW, key=key(2)), frozenset({DECRYPT}), **room),
    ]
    assert len({each["--policy-name"] for each in grants}) == len(grants)
    assert grant_of(NEW, **room) == grants[0]


def test_the_names_of_policies_are_legal_and_apart() -> None:
    long = [secret(f"{end}{'x' * 500}", suffix="AbCdEf") for end in ("a", "b")]
    names = [grant_of(each)["--policy-name"] for each in (*long, secret("a/b"), secret("a-b"))]
    assert len(set(names)) == len(names)
    assert all(len(each) <= 128 and "/" not in each for each in names)


def test_a_policy_that_was_created_before_is_attached_again() -> None:
    reader = role(**FULL)
    gets, creates, attaches = commands_of(Remedy(snippet=attached_instead(reader, NEW)))
    assert [each.operation for each in (gets, creates, attaches)] == [
        "get-policy",
        "create-policy",
        "attach-role-policy",
    ]
    assert gets.options["--policy-arn"] == attaches.options["--policy-arn"]
    assert gets.options["--policy-arn"].endswith(f":policy/{creates.options['--policy-name']}")


def test_a_secret_that_another_finding_created_is_not_created_again() -> None:
    requests, creates, *_ = commands_of(found("secret-not-found", secrets=(), roles=(role(),)).remedy)
    assert (requests.operation, creates.operation) == ("describe-secret", "create-secret")
    assert requests.options["--secret-id"] == creates.options["--name"]


# --- A secret to create ---------------------------------------------------------------------------------------------


def test_a_secret_comes_back_for_the_registries_of_its_images() -> None:
    definition = task_definition(
        container(OLD, name="one", image="Ghcr.io/acme/one"),
        container(OLD, name="two", image="docker.io/acme/two"),
        container("registry/other", name="three", image="quay.io/acme/three"),
    )
    facts = World((definition,), (role(),), ()).facts()
    one, two, three = (each for each in examine(facts).findings if each.check == "secret-not-found")
    assert one.remedy.snippet == two.remedy.snippet
    assert option(one, "--tags", of="create-secret") == "Key=pullguard:registry,Value=docker.io ghcr.io"
    assert option(three, "--tags", of="create-secret") == "Key=pullguard:registry,Value=quay.io"
    assert option(one, "--name", of="create-secret") == "registry/ghcr"
    assert "whose credentialsParameter is the ARN that create-secret prints" in one.remedy.text
    assert "prints" not in three.remedy.text, "a name goes on naming it"


def test_the_tag_names_a_role_under_which_containers_run() -> None:
    definition = task_definition(container(OLD))
    raw = {**definition.raw, "taskRoleArn": definition.execution_role}
    facts = World((replace(definition, raw=raw),), (role(),), ()).facts()
    (finding,) = examine(facts).findings
    assert "Key=pullguard:roles,Value=web-execution" in shlex.split(finding.remedy.commands)


KEYED = replace(NEW, arn=OLD, key=key())


@pytest.mark.parametrize(
    ("roles", "records"),
    [
        ((role(inline_policies=(NamedPolicy(name="own", document=policy_document(granted(KEYED))),)),), {}),
        ((role(),), {OLD: key().arn}),
        ((), {OLD: key().arn}),
    ],
    ids=["a policy of the role", "a grant record", "a grant record of a role that is gone"],
)
def test_a_secret_comes_back_under_the_key_that_it_was_granted_with(roles: tuple[Role, ...], records: Any) -> None:
    finding = found("secret-not-found", secrets=(), roles=roles, granted_keys=records)
    assert option(finding, "--kms-key-id", of="create-secret") == str(key().arn)
    if roles:
        _, decrypts = json.loads(option(finding, "--policy-document", of="put-role-policy"))["Statement"]
        pattern = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:registry/ghcr-??????"
        assert decrypts["Resource"] == [str(key().arn)]
        assert decrypts["Condition"]["StringLike"]["kms:EncryptionContext:SecretARN"] == pattern


@pytest.mark.parametrize(
    "records",
    [{}, {secret_arn("registry/other", "OldOld"): key().arn}, {OLD: None}],
    ids=["no record", "a record of another secret", "without a key"],
)
def test_an_unknown_key_is_not_named(records: Any) -> None:
    finding = found("secret-not-found", secrets=(), roles=(role(),), granted_keys=records)
    assert "--kms-key-id" not in finding.remedy.commands


def test_a_role_that_may_read_any_secret_of_the_name_needs_no_grant() -> None:
    pattern = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:registry/ghcr-??????"
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": pattern}
    policies = (NamedPolicy(name="own", document={"Version": "2012-10-17", "Statement": [statement]}),)
    finding = found("secret-not-found", secrets=(), roles=(role(inline_policies=policies),))
    assert "put-role-policy" not in finding.remedy.commands


def test_nothing_is_created_in_another_account() -> None:
    theirs = f"arn:aws:secretsmanager:{REGION}:999988887777:secret:registry/ghcr-OldOld"
    finding = found("secret-not-found", reference=theirs, secrets=(), roles=(role(),))
    assert finding.remedy.snippet is None
    assert "account 999988887777" in finding.remedy.text


LONG = {"Sid": "x" * 6100, "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}

# --- Policies that are extended -------------------------------------------------------------------------------------


def test_a_trust_that_denies_is_left_to_its_owner() -> None:
    deny = {"Effect": "Deny", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [{**deny, "Effect": "Allow"}, deny]}
    finding = found("execution-role-not-assumable", reference=NEW, roles=(role(reads=[NEW], trust_policy=trust),))
    assert "update-assume-role-policy" not in str(finding.remedy.snippet)
    assert finding.remedy.text.startswith("Remove statement 1 of the trust policy, or exempt this role in it")


def test_a_trust_that_has_no_room_gives_the_statement_alone() -> None:
    long = {"Sid": "x" * 2100, "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    reader = role(reads=[NEW], trust_policy={**CLOSED, "Statement": [long]})
    finding = found("execution-role-not-assumable", reference=NEW, roles=(reader,))
    assert json.loads(str(finding.remedy.snippet))["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}


@pytest.mark.parametrize(
    ("arn", "document", "is_command"),
    [
        (f"arn:aws:iam::{ACCOUNT}:policy/limit", CLOSED, True),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", CLOSED, False),
        (f"arn:aws:iam::{ACCOUNT}:policy/limit", {**CLOSED, "Statement": [LONG]}, False),
    ],
    ids=["own policy", "AWS policy", "too long"],
)
def test_a_boundary_is_widened_where_that_is_possible(arn: str, document: Any, is_command: bool) -> None:
    bounds = NamedPolicy(name="limit", document=document, arn=arn)
    finding = found("secret-access-blocked-by-boundary", reference=NEW, roles=(role(reads=[NEW], boundary=bounds),))
    assert ("create-policy-version" in str(finding.remedy.snippet)) is is_command
    if is_command:
        assert [each.operation for each in commands_of(finding.remedy)] == [
            "list-policy-versions",
            "delete-policy-version",
            "get-policy-version",
            "create-policy-version",
        ]
        added = piped(finding.remedy, document)["Statement"]
        assert [each.get("Sid") for each in added] == [None], "two statements of one policy never share a Sid"


def test_a_role_by_another_path_is_named_and_not_created() -> None:
    facts = World((task_definition(container(NEW)),), (), (NEW,)).facts()
    facts = replace(facts, role=Missing(resource=str(role_arn()), instead=str(role_arn("other"))))
    (finding,) = (each for each in examine(facts).findings if each.check == "execution-role-not-found")
    assert finding.remedy.commands == ""
