"""A secret's key: its state, policy, grants and aliases, of this account and of another one."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.aws.kms import Kms
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import NotAsked, Unreadable
from pullguard.domain.secret import Key, KeyGrant
from tests.fakes import ACCOUNT, NOW, REGION, role_arn
from tests.unit.aws.asking import ask, check_errors

ALIAS = Arn.parse(f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/x")
KEY = Arn.parse(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000001-12ab-34cd-56ef-1234567890ab")
GRANT = {
    "GrantId": "g-1",
    "GranteePrincipal": str(role_arn()),
    "Operations": ["Decrypt"],
    "Constraints": {"EncryptionContextEquals": {"SecretARN": "x"}},
}


def described(**members: Any) -> Any:
    return {"KeyMetadata": {"KeyId": KEY.resource_name, "Arn": str(KEY), "KeyState": "Enabled", **members}}


def test_missing_denied_and_broken_differ() -> None:
    check_errors("kms", "describe_key", lambda c: Kms(c, account=ACCOUNT).key(ALIAS), missing="NotFoundException")


def test_an_arn_that_kms_does_not_take_is_refused() -> None:
    found = ask("kms", "describe_key", lambda c: Kms(c, account=ACCOUNT).key(ALIAS), "InvalidArnException")
    assert found == Unreadable(
        permission="kms:DescribeKey", resource=str(ALIAS), reason="refused", detail="InvalidArnException"
    )


def test_an_alias_is_resolved_and_everything_about_its_key_is_read() -> None:
    client = boto3.client("kms", region_name=REGION)
    asked = {"KeyId": str(KEY)}
    with Stubber(client) as stubber:
        stubber.add_response("describe_key", described(KeyManager="CUSTOMER", DeletionDate=NOW), {"KeyId": str(ALIAS)})
        stubber.add_response("get_key_policy", {"Policy": "{}"}, {**asked, "PolicyName": "default"})
        grants: Any = {"Grants": [{**GRANT, "IssuingAccount": f"arn:aws:iam::{ACCOUNT}:root"}]}
        stubber.add_response("list_grants", grants, asked)
        stubber.add_response("list_aliases", {"Aliases": [{"AliasName": "alias/x"}]}, asked)
        found = Kms(client, account=ACCOUNT).key(ALIAS)
        stubber.assert_no_pending_responses()
    assert found == Key(
        arn=KEY,
        manager="CUSTOMER",
        state="Enabled",
        policy="{}",
        grants=(
            KeyGrant(
                grant_id="g-1",
                grantee=str(role_arn()),
                operations=("Decrypt",),
                encryption_context_equals={"SecretARN": "x"},
                issuer=ACCOUNT,
            ),
        ),
        deletion_at=NOW,
        aliases=("alias/x",),
    )


def test_the_policy_and_grants_of_an_aws_managed_key_are_not_read() -> None:
    client = boto3.client("kms", region_name=REGION)
    with Stubber(client) as stubber:
        stubber.add_response("describe_key", described(KeyManager="AWS"), {"KeyId": str(KEY)})
        found = Kms(client, account=ACCOUNT).key(KEY)
    assert found == Key(arn=KEY, manager="AWS", state="Enabled", policy={}, grants=())


def test_the_policy_and_aliases_of_a_key_of_another_account_are_for_its_owner_to_read() -> None:
    client = boto3.client("kms", region_name=REGION)
    with Stubber(client) as stubber:
        stubber.add_response("describe_key", described(KeyManager="CUSTOMER"))
        stubber.add_response("list_grants", {"Grants": []}, {"KeyId": str(KEY)})
        found = Kms(client, account="444455556666").key(KEY)
    assert isinstance(found, Key)
    assert found.grants == ()
    commands = [each.command for each in (found.policy, found.aliases) if isinstance(each, NotAsked)]
    assert commands == [
        f"aws kms get-key-policy --region {REGION} --key-id {KEY} --policy-name default",
        f"aws kms list-aliases --region {REGION} --key-id {KEY}",
    ]


@pytest.mark.parametrize(
    ("issuer", "account"),
    [(ACCOUNT, ACCOUNT), (f"arn:aws-cn:iam::{ACCOUNT}:root", ACCOUNT), ("a service", None)],
)
def test_the_issuing_account_of_a_grant_comes_bare_or_as_an_arn(issuer: str, account: str | None) -> None:
    client = boto3.client("kms", region_name=REGION)
    grants: Any = {"Grants": [{**GRANT, "IssuingAccount": issuer}]}
    with Stubber(client) as stubber:
        stubber.add_response("describe_key", described(KeyManager="CUSTOMER"))
        stubber.add_response("list_grants", grants)
        found = Kms(client, account="444455556666").key(KEY)
    assert isinstance(found, Key)
    assert isinstance(found.grants, tuple)
    assert [each.issuer for each in found.grants] == [account]


@pytest.mark.parametrize("operation", ["get_key_policy", "list_grants", "list_aliases"])
def test_a_denied_read_about_a_key_is_named_and_keeps_the_rest(operation: str) -> None:
    client = boto3.client("kms", region_name=REGION)
    answers: dict[str, Any] = {
        "get_key_policy": {"Policy": "{}"},
        "list_grants": {"Grants": []},
        "list_aliases": {"Aliases": []},
    }
    with Stubber(client) as stubber:
        stubber.add_response("describe_key", described(KeyManager="CUSTOMER"))
        for each, answer in answers.items():
            if each == operation:
                stubber.add_client_error(each, "AccessDeniedException")
            else:
                stubber.add_response(each, answer)
        found = Kms(client, account=ACCOUNT).key(KEY)
    assert isinstance(found, Key)
    unread = [each for each in (found.policy, found.grants, found.aliases) if isinstance(each, Unreadable)]
    assert [each.permission for each in unread] == [
        {"get_key_policy": "kms:GetKeyPolicy", "list_grants": "kms:ListGrants", "list_aliases": "kms:ListAliases"}[
            operation
        ]
    ]
