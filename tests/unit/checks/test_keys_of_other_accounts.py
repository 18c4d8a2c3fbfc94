"""A key without account and Region is the secret's own, and of another account's key only what AWS answers is asked."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.aws.clients import Clients
from pullguard.aws.kms import Kms
from pullguard.aws.organizations import Organizations
from pullguard.aws.readers import AwsReaders
from pullguard.checks.examine import examine
from pullguard.domain.arn import Arn, key_beside
from pullguard.domain.errors import Malformed
from pullguard.domain.findings import Finding
from pullguard.domain.lookup import Lookup, Missing, NotAsked, Unreadable
from pullguard.domain.role import NamedPolicy, Role
from pullguard.domain.secret import Key, KeyGrant, Secret
from pullguard.planning.planner import Rules, make_plan
from tests.fakes import ACCOUNT, REGION, World, container, denied, key, role, secret, secret_arn, task_definition

THEIRS = "444455556666"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
THEIR_SECRET = secret_arn(account=THEIRS)
THEIR_KEY = f"arn:aws:kms:{REGION}:{THEIRS}:key/{KEY_ID}"
OUR_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY_ID}"
READ = "secretsmanager:GetSecretValue"

# --- Where a key belongs -----------------------------------------------------------------------------------------

BESIDE = {
    "bare-id": (KEY_ID, THEIR_KEY),
    "multi-region-id": ("mrk-0123456789abcdef", f"arn:aws:kms:{REGION}:{THEIRS}:key/mrk-0123456789abcdef"),
    "alias": ("alias/team/registry", f"arn:aws:kms:{REGION}:{THEIRS}:alias/team/registry"),
    "id-with-its-kind": (f"key/{KEY_ID}", THEIR_KEY),
    "key-arn": (OUR_KEY, OUR_KEY),
    "alias-arn": (f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/x", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/x"),
}


@pytest.mark.parametrize(("text", "arn"), BESIDE.values(), ids=BESIDE)
def test_a_key_is_placed_where_its_secret_is(text: str, arn: str) -> None:
    assert str(key_beside(text, THEIR_SECRET)) == arn


def test_a_key_lies_in_the_partition_and_region_of_its_secret() -> None:
    china = Arn.parse(f"arn:aws-cn:secretsmanager:cn-north-1:{THEIRS}:secret:registry-AbCdEf")
    assert str(key_beside("alias/x", china)) == f"arn:aws-cn:kms:cn-north-1:{THEIRS}:alias/x"


@pytest.mark.parametrize(
    "text",
    ["", "alias/", "a b", "*", f"arn:aws:kms:{REGION}::alias/x", f"arn:aws:kms::{THEIRS}:key/{KEY_ID}",
     f"arn:aws:iam::{THEIRS}:role/x", f"arn:aws:kms:{REGION}:{THEIRS}:replicate-key/x"],
)  # fmt: skip
def test_a_text_without_a_region_or_account_is_no_key(text: str) -> None:
    with pytest.raises(Malformed):
        key_beside(text, THEIR_SECRET)


# --- What is asked -----------------------------------------------------------------------------------------------


class Answering(Clients):
    """Clients of stubs, by service; a call that no stub expects is an error."""

    def __init__(self) -> None:
        super().__init__(boto3.Session(region_name=REGION), region=REGION)
        self.stubs: dict[str, Stubber] = {}

    def on(self, service: str) -> Stubber:
        if service not in self.stubs:
            self.stubs[service] = Stubber(self.get(service, REGION))
            self.stubs[service].activate()
        return self.stubs[service]


@pytest.fixture
def aws() -> Iterator[Answering]:
    answering = Answering()
    for service in ("secretsmanager", "kms", "organizations"):
        answering.on(service)
    yield answering
    for stub in answering.stubs.values():
        stub.assert_no_pending_responses()


def described(aws: Answering, key_id: str | None, secret: Arn = THEIR_SECRET) -> None:
    """Expect the reads of one secret."""
    under: dict[str, Any] = {} if key_id is None else {"KmsKeyId": key_id}
    aws.on("secretsmanager").add_response("describe_secret", {"ARN": str(secret), "Name": "registry/ghcr", **under})
    aws.on("secretsmanager").add_response("get_resource_policy", {"ARN": str(secret), "Name": "registry/ghcr"})
    aws.on("secretsmanager").add_response("list_secret_version_ids", {"Versions": []})


def has_key(aws: Answering, asked: str, arn: str, *, own: bool) -> None:
    """Expect the reads of a customer managed key, asked for as ``asked``."""
    kms = aws.on("kms")
    metadata = {"KeyId": KEY_ID, "Arn": arn, "KeyManager": "CUSTOMER", "KeyState": "Enabled"}
    kms.add_response("describe_key", {"KeyMetadata": metadata}, {"KeyId": asked})
    if own:
        kms.add_response(
            "get_key_policy", {"Policy": json.dumps(key().policy)}, {"KeyId": arn, "PolicyName": "default"}
        )
    kms.add_response("list_grants", {"Grants": [], "Truncated": False}, {"KeyId": arn})
    if own:
        aliases = [{"AliasName": "alias/one"}, {"AliasName": "alias/two"}]
        kms.add_response("list_aliases", {"Aliases": aliases, "Truncated": False}, {"KeyId": arn})


def read(aws: Answering, secret: Arn = THEIR_SECRET) -> Secret:
    found = AwsReaders(aws, account=ACCOUNT, values="never").secret(str(secret), REGION)
    assert isinstance(found, Secret)
    return found


@pytest.mark.parametrize(
    ("key_id", "asked"),
    [(KEY_ID, THEIR_KEY), ("alias/registry", f"arn:aws:kms:{REGION}:{THEIRS}:alias/registry"), (THEIR_KEY, THEIR_KEY)],
    ids=["bare-id", "alias", "arn"],
)
def test_another_accounts_key_is_looked_up_in_its_own_account(aws: Answering, key_id: str, asked: str) -> None:
    described(aws, key_id)
    has_key(aws, asked, THEIR_KEY, own=False)
    found = read(aws).key
    assert isinstance(found, Key)
    assert str(found.arn) == THEIR_KEY
    assert found.grants == ()
    assert isinstance(found.policy, NotAsked)
    assert isinstance(found.aliases, NotAsked)
    assert (
        found.policy.command == f"aws kms get-key-policy --region {REGION} --key-id {THEIR_KEY} --policy-name default"
    )
    assert found.aliases.command == f"aws kms list-aliases --region {REGION} --key-id {THEIR_KEY}"
    assert THEIRS in found.policy.switch


def test_our_own_key_is_read_with_its_policy_and_aliases(aws: Answering) -> None:
    ours = secret_arn()
    described(aws, "alias/registry", ours)
    has_key(aws, f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/registry", OUR_KEY, own=True)
    found = read(aws, ours).key
    assert isinstance(found, Key)
    assert found.aliases == ("alias/one", "alias/two")


def test_our_own_secret_may_be_under_another_accounts_key(aws: Answering) -> None:
    ours = secret_arn()
    described(aws, THEIR_KEY, ours)
    has_key(aws, THEIR_KEY, THEIR_KEY, own=False)
    found = read(aws, ours).key
    assert isinstance(found, Key)
    assert isinstance(found.policy, NotAsked)


@pytest.mark.parametrize(
    "named", ["alias/aws/secretsmanager", f"arn:aws:kms:{REGION}:{THEIRS}:alias/aws/secretsmanager"]
)
def test_the_key_of_aws_is_known_by_its_alias_and_not_asked_for(aws: Answering, named: str) -> None:
    described(aws, named)
    assert read(aws).key is None


def test_a_key_that_cannot_be_placed_is_not_asked_for(aws: Answering) -> None:
    described(aws, f"arn:aws:kms:{REGION}::key/{KEY_ID}")
    assert isinstance(read(aws).key, NotAsked)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("NotFoundException", Missing), ("AccessDeniedException", Unreadable), ("InvalidArnException", Unreadable)],
)
def test_a_key_that_is_not_answered_is_a_fact(aws: Answering, code: str, kind: type) -> None:
    aws.on("kms").add_client_error("describe_key", code)
    assert isinstance(Kms(aws.get("kms", REGION), account=ACCOUNT).key(Arn.parse(THEIR_KEY)), kind)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (None, "o-example123"),
        ("AWSOrganizationsNotInUseException", Missing(resource="*")),
        ("AccessDeniedException", "organizations:DescribeOrganization"),
    ],
)
def test_the_organization_is_read_or_absent_or_unknown(aws: Answering, code: str | None, expected: object) -> None:
    if code is None:
        aws.on("organizations").add_response("describe_organization", {"Organization": {"Id": "o-example123"}})
    else:
        aws.on("organizations").add_client_error("describe_organization", code)
    found = Organizations(aws.get("organizations", REGION)).organization()
    assert (found.permission if isinstance(found, Unreadable) else found) == expected


# --- What follows ------------------------------------------------------------------------------------------------

LETS_IN = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": READ,
        "Resource": "*",
    },
}
NOT_ASKED = NotAsked(
    why="AWS KMS answers GetKeyPolicy of KEY in account 444455556666 only",
    switch="run get-key-policy in account 444455556666",
    command=f"aws kms get-key-policy --region {REGION} --key-id {THEIR_KEY} --policy-name default",
)
READS = {"Effect": "Allow", "Action": READ, "Resource": str(THEIR_SECRET)}
DECRYPTS = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": THEIR_KEY}


def their_key(**changes: Any) -> Key:
    return key(arn=Arn.parse(THEIR_KEY), **{"policy": NOT_ASKED, "aliases": NOT_ASKED, **changes})


def their_secret(its_key: Lookup[Key] | None = None, **changes: Any) -> Secret:
    return secret(arn=THEIR_SECRET, resource_policy=LETS_IN, key=its_key or their_key(), **changes)


def allowing(*statements: dict[str, Any]) -> Role:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return role(inline_policies=(NamedPolicy(name="own", document=document),) if statements else ())


def world(its: Secret, *statements: dict[str, Any], **changes: Any) -> World:
    return World((task_definition(container(its)),), (allowing(*statements),), (its,), **changes)


def findings(here: World) -> dict[str, Finding]:
    return {each.check: each for each in examine(here.facts()).findings}


def test_a_pull_that_only_the_key_policy_does_not_allow_is_a_question_for_the_keys_account() -> None:
    done = examine(world(their_secret(), READS, DECRYPTS).facts())
    assert done.findings == ()
    (question,) = (each for each in done.not_checked if each.check == "decrypt-access-denied")
    assert question.question == "Does the account of the key let the execution role decrypt?"
    assert question.how_to == f"run get-key-policy in account 444455556666: {NOT_ASKED.command}"
    assert question.why == NOT_ASKED.why


def test_the_question_ends_what_the_role_itself_lacked() -> None:
    before = findings(world(their_secret(), READS))["decrypt-access-missing"]
    assert before.id in examine(world(their_secret(), READS, DECRYPTS).facts()).passed


REFUSED = {
    "its grants": their_key(grants=denied("kms:ListGrants", THEIR_KEY)),
    "the key": denied("kms:DescribeKey", THEIR_KEY),
}


@pytest.mark.parametrize("its_key", REFUSED.values(), ids=REFUSED)
def test_a_denied_read_of_another_accounts_key_is_unknown(its_key: Lookup[Key]) -> None:
    done = examine(world(their_secret(its_key), READS, DECRYPTS).facts())
    assert {each.status for each in done.findings} == {"unknown"}
    assert not [each for each in done.not_checked if each.check.startswith("decrypt")]


def test_an_unread_fact_about_a_key_of_ones_own_account_is_unknown() -> None:
    own = secret(key=key(policy=NOT_ASKED))
    assert findings(world(own, {**READS, "Resource": "*"}, {**DECRYPTS, "Resource": "*"}))


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion"])
def test_nothing_is_asked_of_a_key_that_cannot_be_used_anyway(state: str) -> None:
    done = examine(world(their_secret(their_key(state=state)), READS, DECRYPTS).facts())
    assert [each.check for each in done.findings] == ["key-unusable"]
    assert not [each for each in done.not_checked if each.check.startswith("decrypt")]


def test_a_right_that_the_role_itself_lacks_fails_whatever_the_key_policy_says() -> None:
    here = world(their_secret(), READS)
    found = findings(here)["decrypt-access-missing"]
    assert (found.status, found.remedy.action) == ("fail", "none")
    assert "get-key-policy" in found.remedy.text
    assert "kms:Decrypt" in (found.remedy.snippet or "")


def test_nothing_is_granted_where_the_key_policy_may_still_forbid_it() -> None:
    for statements in ((READS,), ()):
        here = world(their_secret(), *statements)
        facts = here.facts()
        done = examine(facts).findings
        assert make_plan(facts, done, Rules()).actions == ()
        assert {each.remedy.action for each in done} == {"none"}


def test_a_deny_of_the_role_decides_whatever_the_key_policy_says() -> None:
    found = findings(world(their_secret(), READS, DECRYPTS, {**DECRYPTS, "Effect": "Deny"}))
    assert found["decrypt-access-denied"].status == "fail"
    assert "aws iam get-role-policy" in (found["decrypt-access-denied"].remedy.snippet or "")


def test_a_grant_made_by_our_account_is_enough() -> None:
    arn = str(allowing().arn)
    its_grant = KeyGrant(grant_id="g", grantee=arn, operations=("Decrypt",), issuer=ACCOUNT)
    found = findings(world(their_secret(their_key(grants=(its_grant,))), READS))
    assert {each.status for each in found.values()} <= {"unknown"}  # the policy that was not read may deny
    assert "decrypt-access-missing" not in found


def test_a_denied_read_of_another_accounts_key_names_both_accounts() -> None:
    unread = denied("kms:DescribeKey", THEIR_KEY)
    remedy = findings(world(their_secret(unread), READS, DECRYPTS))["key-unusable"].remedy
    assert "kms:DescribeKey" in remedy.text
    assert f"Account {THEIRS} has to allow it too." in remedy.text


def test_a_key_that_is_gone_is_not_replaced_by_one_that_other_accounts_cannot_use() -> None:
    gone = Missing(resource=THEIR_KEY)
    shared = secret(key=Missing(resource=OUR_KEY), resource_policy=LETS_IN)
    for each in (their_secret(gone), shared):
        remedy = findings(world(each, {**READS, "Resource": "*"}))["key-unusable"].remedy
        assert "--kms-key-id KEY-ARN" in (remedy.snippet or "")
    own = secret(key=Missing(resource=OUR_KEY))
    remedy = findings(world(own, {**READS, "Resource": "*"}))["key-unusable"].remedy
    assert "--kms-key-id alias/aws/secretsmanager" in (remedy.snippet or "")


# --- Aliases and the organization --------------------------------------------------------------------------------

BY_ALIAS = {**DECRYPTS, "Resource": "*", "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}}}
OWN_READ = {**READS, "Resource": str(secret_arn())}


@pytest.mark.parametrize(
    ("aliases", "status"),
    [
        (("alias/a", "alias/b"), None),
        (("alias/b",), "fail"),
        ((), "fail"),
        (denied("kms:ListAliases", OUR_KEY), "unknown"),
        (None, "unknown"),
    ],
    ids=["has-it", "has-another", "has-none", "denied", "not-known"],
)
def test_aliases_decide_where_they_are_known(aliases: Any, status: str | None) -> None:
    its = secret(key=key(aliases=aliases))
    found = findings(world(its, OWN_READ, BY_ALIAS)).get("decrypt-access-missing")
    assert (found.status if found else None) == status
    if isinstance(aliases, Unreadable):
        assert found is not None
        assert "kms:ListAliases" in found.remedy.text


def test_denied_aliases_bear_on_nothing_that_does_not_rest_on_them() -> None:
    its = secret(key=key(aliases=denied("kms:ListAliases", OUR_KEY)))
    assert findings(world(its, OWN_READ, {**DECRYPTS, "Resource": "*"})) == {}


IN_ORGANIZATION = {**OWN_READ, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}
OUTSIDERS = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
        "Condition": {"StringNotEquals": {"AWS:principalorgid": "o-1"}},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("organization", "status"),
    [
        ("o-1", None),
        ("o-2", "fail"),
        (Missing(resource="*"), "fail"),
        (denied("organizations:DescribeOrganization", "*"), "unknown"),
    ],
    ids=["this-one", "another", "none", "denied"],
)
@pytest.mark.parametrize("where", ["role", "secret", "key"])
def test_the_organization_decides_where_it_is_known(where: str, organization: Any, status: str | None) -> None:
    its = secret(
        resource_policy=OUTSIDERS if where == "secret" else None,
        key=key(policy={**OUTSIDERS, "Statement": [OUTSIDERS["Statement"], *key().policy["Statement"]]})  # type: ignore[index]
        if where == "key"
        else None,
    )
    statements = (IN_ORGANIZATION if where == "role" else OWN_READ, {**DECRYPTS, "Resource": "*"})
    here = world(its, *statements, in_organization=organization)
    found = list(findings(here).values())
    assert [each.status for each in found] == ([] if status is None else [status])
    if isinstance(organization, Unreadable):
        assert "organizations:DescribeOrganization" in found[0].remedy.text
    assert ("organization", "") in here.asked


def test_the_organization_is_asked_for_only_where_a_policy_mentions_it() -> None:
    here = world(secret(), OWN_READ)
    assert findings(here) == {}
    assert ("organization", "") not in here.asked
