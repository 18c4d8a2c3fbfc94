"""Any key of the current version opens it; the secret's own key is what the next version will be under."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.access.cross_check import contradiction, questions
from pullguard.access.verdict import Circumstances, pull_access
from pullguard.aws.clients import Clients
from pullguard.aws.readers import AwsReaders
from pullguard.aws.secrets_manager import SecretsManager
from pullguard.checks.examine import examine
from pullguard.domain.actions import Grant
from pullguard.domain.arn import Arn
from pullguard.domain.findings import Finding
from pullguard.domain.lookup import Missing, Unreadable
from pullguard.domain.references import references_of
from pullguard.domain.role import NamedPolicy, Role, Simulated
from pullguard.domain.secret import Key, Secret
from pullguard.planning.planner import Rules, make_plan
from pullguard_cli.gates import pulls_of
from tests.fakes import ACCOUNT, REGION, World, container, denied, key, role, secret, secret_arn, task_definition

OLD, NEW = key(1), key(2)
AWS_KEY = key(3, manager="AWS", policy={})
CLOSED = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "kms:*", "Resource": "*"},
}
LETS_IN = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "*",
        "Resource": "*",
    },
}


def decrypting(*keys: Key, of: Secret, **tags: Any) -> Role:
    """A role that may read the secret, and decrypt with these keys."""
    reads = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": str(of.arn)}
    decrypts = [{"Effect": "Allow", "Action": "kms:Decrypt", "Resource": str(each.arn)} for each in keys]
    document = {"Version": "2012-10-17", "Statement": [reads, *decrypts]}
    return role(inline_policies=(NamedPolicy(name="own", document=document),), **tags)


def world(its: Secret, *keys: Key) -> World:
    return World((task_definition(container(its)),), (decrypting(*keys, of=its),), (its,))


def found(its: Secret, *keys: Key) -> list[tuple[str, str, str, str | None]]:
    return [(each.check, each.status, each.severity, each.key) for each in examine(world(its, *keys).facts()).findings]


def only(its: Secret, *keys: Key) -> Finding:
    (finding,) = examine(world(its, *keys).facts()).findings
    return finding


def plan(its: Secret, *keys: Key) -> tuple[Any, ...]:
    facts = world(its, *keys).facts()
    return make_plan(facts, examine(facts).findings, Rules()).actions


def under(present: Any, *current: Any, **changes: Any) -> Secret:
    return secret(key=present, current_keys=current, **changes)


DISABLED_OLD, DISABLED_NEW = key(1, state="Disabled"), key(2, state="Disabled")
OLD_ARN, NEW_ARN = str(OLD.arn), str(NEW.arn)
THEIRS = "444455556666"
THEIR_KEY = key(arn=Arn.parse(NEW_ARN.replace(ACCOUNT, THEIRS)), policy=LETS_IN)
SHARED: dict[str, Any] = {"arn": secret_arn(account=THEIRS), "resource_policy": LETS_IN}
MISSING, DENIED = "decrypt-access-missing", "decrypt-access-denied"

Expected = list[tuple[str, str, str, str | None]]
ROWS: dict[str, tuple[Secret, tuple[Key, ...], Expected]] = {
    "both-keys-both-allowed": (under(NEW, OLD, NEW), (OLD, NEW), []),
    "both-keys-the-new-one-allowed": (under(NEW, OLD, NEW), (NEW,), []),
    "both-keys-the-old-one-allowed": (under(NEW, OLD, NEW), (OLD,), [(MISSING, "fail", "warning", NEW_ARN)]),
    "both-keys-none-allowed": (under(NEW, OLD, NEW), (), [(MISSING, "fail", "error", NEW_ARN)]),
    "not-encrypted-anew-the-old-one-allowed": (under(NEW, OLD), (OLD,), [(MISSING, "fail", "warning", NEW_ARN)]),
    "not-encrypted-anew-the-new-one-allowed": (under(NEW, OLD), (NEW,), [(MISSING, "fail", "error", OLD_ARN)]),
    "not-encrypted-anew-none-allowed": (under(NEW, OLD), (), [(MISSING, "fail", "error", OLD_ARN)]),
    "the-old-one-disabled": (under(NEW, DISABLED_OLD, NEW), (OLD, NEW), []),
    "the-new-one-disabled": (
        under(DISABLED_NEW, OLD, DISABLED_NEW), (OLD, NEW), [("key-unusable", "fail", "warning", NEW_ARN)]
    ),
    "the-new-one-gone": (
        under(Missing(resource=NEW_ARN), OLD), (OLD,), [("key-unusable", "fail", "warning", None)]
    ),
    "the-old-one-gone": (under(NEW, Missing(resource=OLD_ARN), NEW), (NEW,), []),
    "both-disabled": (
        under(DISABLED_NEW, DISABLED_OLD, DISABLED_NEW), (OLD, NEW), [("key-unusable", "fail", "error", NEW_ARN)]
    ),
    "the-new-one-closed": (
        under(key(2, policy=CLOSED), OLD, key(2, policy=CLOSED)), (OLD, NEW), [(DENIED, "fail", "warning", NEW_ARN)]
    ),
    "from-a-key-to-the-default": (under(None, OLD, None), (), []),
    "from-a-key-to-the-default-not-encrypted-anew": (under(None, OLD), (), [(MISSING, "fail", "error", OLD_ARN)]),
    "from-the-default-to-a-key": (under(NEW, None, NEW), (), [(MISSING, "fail", "warning", NEW_ARN)]),
    "the-default-by-both-of-its-names": (under(AWS_KEY, None), (), []),
    "the-same-key-twice": (under(NEW, NEW, NEW), (), [(MISSING, "fail", "error", NEW_ARN)]),
    "a-list-without-a-key": (secret(key=NEW, current_keys=()), (), [(MISSING, "fail", "error", NEW_ARN)]),
    "a-list-without-a-key-and-the-present-one-allowed": (secret(key=NEW, current_keys=()), (NEW,), []),
    "the-list-is-denied": (
        secret(key=NEW, current_keys=denied("secretsmanager:ListSecretVersionIds")),
        (NEW,),
        [("key-unusable", "unknown", "error", NEW_ARN)],
    ),
    "no-keys-are-named": (secret(key=NEW), (), [(MISSING, "fail", "error", NEW_ARN)]),
    "another-accounts-from-the-default": (
        under(THEIR_KEY, None, **SHARED), (THEIR_KEY,), [("default-key-cross-account", "fail", "error", None)]
    ),
    "the-new-one-not-read": (
        under(denied("kms:DescribeKey", NEW_ARN), OLD, denied("kms:DescribeKey", NEW_ARN)),
        (OLD,),
        [("decrypt-access-missing", "unknown", "warning", None), ("key-unusable", "unknown", "warning", None)],
    ),
    "the-old-one-not-read": (under(NEW, denied("kms:DescribeKey", OLD_ARN), NEW), (NEW,), []),
    "neither-read": (
        under(NEW, denied("kms:DescribeKey", OLD_ARN), NEW),
        (),
        [("decrypt-access-missing", "unknown", "error", NEW_ARN), ("key-unusable", "unknown", "error", NEW_ARN)],
    ),
    "keys-not-read": (
        secret(key=NEW, current_keys=denied("secretsmanager:ListSecretVersionIds")),
        (NEW,),
        [("key-unusable", "unknown", "error", NEW_ARN)],
    ),
    "versions-not-found": (
        secret(current_keys=Missing(resource="it")),
        (),
        [("key-unusable", "unknown", "error", None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("its", "keys", "expected"), ROWS.values(), ids=ROWS)
def test_any_key_of_the_current_version_opens_it(its: Secret, keys: tuple[Key, ...], expected: Expected) -> None:
    assert sorted(found(its, *keys)) == expected


def test_a_right_that_only_the_next_version_needs_leaves_the_pull_passing() -> None:
    facts = world(under(NEW, OLD, NEW), OLD).facts()
    (pull,) = pulls_of(facts)
    verdicts = {step.gate: step.verdict for step in pull.steps}
    assert (verdicts["key"], verdicts["decrypt"]) == ("pass", "pass")
    (remark,) = (remark for step in pull.steps if step.gate == "decrypt" for remark in step.remarks)
    assert (remark.check, remark.severity) == (MISSING, "warning")


def test_a_warning_says_what_is_coming_and_nothing_is_granted_for_it() -> None:
    finding = only(under(NEW, OLD, NEW), OLD)
    assert "the next version of the secret registry/ghcr" in finding.cause
    assert OLD_ARN in finding.evidence
    assert finding.remedy.action == "none"
    assert NEW_ARN in (finding.remedy.snippet or "")
    assert plan(under(NEW, OLD, NEW), OLD) == ()


def test_a_grant_is_for_the_key_that_opens_this_version_and_the_next() -> None:
    (action,) = plan(under(NEW, OLD, NEW))
    assert isinstance(action, Grant)
    assert action.key == NEW.arn


@pytest.mark.parametrize(
    ("its", "keys"),
    [(under(NEW, OLD), (NEW,)), (under(None, OLD), ()), (under(THEIR_KEY, None, **SHARED), (THEIR_KEY,))],
    ids=["to-another-key", "to-the-default", "another-account"],
)
def test_a_version_that_was_not_encrypted_anew_is_stored_again(its: Secret, keys: tuple[Key, ...]) -> None:
    finding = only(its, *keys)
    assert (finding.remedy.snippet or "").startswith("aws secretsmanager put-secret-value")
    assert "which the role can use" in finding.evidence
    assert plan(its, *keys) == ()


def test_a_version_under_a_key_that_the_secret_has_no_more_is_granted_by_people() -> None:
    finding = only(under(NEW, OLD))
    assert finding.remedy.action == "none"
    assert OLD_ARN in (finding.remedy.snippet or "")
    assert plan(under(NEW, OLD)) == ()


def test_no_command_is_offered_where_the_owner_said_no() -> None:
    its = under(NEW, OLD, tags={"pullguard:roles": "api-*"})
    assert "kms:Decrypt" not in (only(its).remedy.snippet or "")


def test_the_remedy_names_the_call_that_makes_the_keys_of_a_version_known() -> None:
    its = secret(current_keys=denied("secretsmanager:ListSecretVersionIds", str(secret_arn())))
    findings = examine(world(its).facts()).findings
    assert all(f"secretsmanager:ListSecretVersionIds on {secret_arn()}" in each.remedy.text for each in findings)


def test_an_unverified_next_version_is_no_doubt_about_this_one() -> None:
    its = under(denied("kms:DescribeKey", NEW_ARN), OLD)
    assert all("next version" in each.cause for each in examine(world(its, OLD).facts()).findings)
    (pull,) = pulls_of(world(its, OLD).facts())
    assert {step.verdict for step in pull.steps if step.gate in ("key", "decrypt")} == {"pass"}


def test_a_change_of_either_key_affects_the_task_definition() -> None:
    assert {OLD_ARN, NEW_ARN} <= references_of(world(under(NEW, OLD, NEW), NEW).facts())


def test_the_simulator_counts_only_for_keys_that_the_pull_needs() -> None:
    its = under(NEW, OLD, NEW)
    who = decrypting(OLD, of=its)
    asked = questions(who, its, Circumstances())
    assert [each.resource for each in asked if each.action == "kms:Decrypt"] == [NEW_ARN, OLD_ARN]
    access = pull_access(who, its)
    denies = {arn: Simulated(action="kms:Decrypt", resource=arn, decision="explicitDeny", organization_allows=False)
              for arn in (OLD_ARN, NEW_ARN)}  # fmt: skip
    assert contradiction(access, (denies[NEW_ARN],)) is None
    assert contradiction(access, (denies[OLD_ARN],)) is not None


# --- How it is read ----------------------------------------------------------------------------------------------


def versions(*pages: list[dict[str, Any]]) -> Any:
    client = boto3.client("secretsmanager", region_name=REGION)
    with Stubber(client) as stubber:
        for place, page in enumerate(pages):
            wanted: dict[str, Any] = {"SecretId": str(secret_arn())} | ({"NextToken": str(place)} if place else {})
            more: dict[str, Any] = {"NextToken": str(place + 1)} if place + 1 < len(pages) else {}
            stubber.add_response("list_secret_version_ids", {"Versions": page, **more}, wanted)
        found = SecretsManager(client).current_keys(secret_arn())
        stubber.assert_no_pending_responses()
    return found


CURRENT: dict[str, Any] = {"VersionId": "v" * 32, "VersionStages": ["custom", "AWSCURRENT"]}
PREVIOUS: dict[str, Any] = {"VersionId": "w" * 32, "VersionStages": ["AWSPREVIOUS"], "KmsKeyIds": ["old"]}


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([[PREVIOUS, {**CURRENT, "KmsKeyIds": ["a", "b"]}]], ("a", "b")),
        ([[PREVIOUS], [{**CURRENT, "KmsKeyIds": ["a"]}]], ("a",)),
        ([[PREVIOUS, CURRENT]], None),
        ([[{**CURRENT, "KmsKeyIds": []}]], None),
        ([[PREVIOUS]], None),
        ([[]], None),
    ],
    ids=["one-page", "two-pages", "no-keys-named", "no-keys", "no-current-version", "no-versions"],
)
def test_the_keys_of_the_version_labelled_current_are_read(pages: Any, expected: Any) -> None:
    assert versions(*pages) == expected


def test_a_denied_list_of_versions_is_a_fact() -> None:
    client = boto3.client("secretsmanager", region_name=REGION)
    with Stubber(client) as stubber:
        stubber.add_client_error("list_secret_version_ids", "AccessDeniedException")
        found = SecretsManager(client).current_keys(secret_arn())
    assert isinstance(found, Unreadable)
    assert found.permission == "secretsmanager:ListSecretVersionIds"


def test_each_key_is_resolved_beside_the_secret_and_once() -> None:
    clients = Clients(boto3.Session(region_name=REGION))
    metadata = {"KeyId": "k", "Arn": NEW_ARN, "KeyManager": "AWS", "KeyState": "Enabled"}
    name = {"ARN": str(secret_arn()), "Name": "registry/ghcr"}
    with Stubber(clients.get("secretsmanager", REGION)) as manager, Stubber(clients.get("kms", REGION)) as kms:
        manager.add_response("describe_secret", {**name, "KmsKeyId": NEW_ARN})
        manager.add_response("get_resource_policy", name)
        keys = ["DefaultEncryptionKey", NEW_ARN, "alias/old"]
        manager.add_response("list_secret_version_ids", {"Versions": [{**CURRENT, "KmsKeyIds": keys}]})
        kms.add_response("describe_key", {"KeyMetadata": metadata}, {"KeyId": NEW_ARN})
        old = {**metadata, "Arn": OLD_ARN}
        kms.add_response("describe_key", {"KeyMetadata": old}, {"KeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/old"})
        found = AwsReaders(clients, account=ACCOUNT, values="never").secret(str(secret_arn()), REGION)
    assert isinstance(found, Secret)
    assert isinstance(found.current_keys, tuple)
    assert [each.arn if isinstance(each, Key) else each for each in found.current_keys] == [None, NEW.arn, OLD.arn]
