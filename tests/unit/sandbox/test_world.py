import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from sandbox.emulator import client
from sandbox.world import Grant, Key, ManagedPolicy, Role, Secret, World, load, resolve
from sandbox.worlds import demo

NAMES = {"secret:web": "arn:web-a1b2c3", "account": "111122223333"}


@pytest.fixture
def names() -> Iterator[dict[str, str]]:
    with mock_aws():
        yield load(demo.world(), client)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("${secret:web}", "arn:web-a1b2c3"),
        ("arn:aws:iam::${account}:root", "arn:aws:iam::111122223333:root"),
        (["${secret:web}", 1, None], ["arn:web-a1b2c3", 1, None]),
        ({"${secret:web}": {"a": ("${account}",)}}, {"arn:web-a1b2c3": {"a": ["111122223333"]}}),
        ("arn:aws:iam::1:role/${aws:username}", "arn:aws:iam::1:role/${aws:username}"),
    ],
    ids=["whole", "inside", "list", "keys-too", "policy-variable-stays"],
)
def test_resolve(value: Any, expected: Any) -> None:
    assert resolve(value, NAMES) == expected


def test_a_reference_to_nothing_is_an_error() -> None:
    with pytest.raises(KeyError, match="secret:nowhere"):
        resolve("${secret:nowhere}", NAMES)


def test_a_stale_arn_is_another_than_the_live_one(names: dict[str, str]) -> None:
    worker = demo.SECRETS["worker"]
    assert names[f"stale:{worker}"] != names[f"secret:{worker}"]
    assert names[f"secret:{worker}"].startswith(names[f"partial:{worker}"] + "-")


@pytest.mark.parametrize("family", sorted(demo.SECRETS))
def test_the_demo_registers_what_it_says(family: str, names: dict[str, str]) -> None:
    definition = client("ecs").describe_task_definition(taskDefinition=family)["taskDefinition"]
    secret = demo.SECRETS[family]
    (container,) = definition["containerDefinitions"]
    expected = {"worker": names.get(f"stale:{secret}"), "batch": secret}.get(family, names[f"secret:{secret}"])
    assert container["repositoryCredentials"]["credentialsParameter"] == expected
    assert definition["executionRoleArn"] == names[f"role:{demo.role_name(family)}"]


def test_the_demo_runs_the_stale_revision_in_a_service(names: dict[str, str]) -> None:
    (service,) = client("ecs").describe_services(cluster=demo.CLUSTER, services=["worker"])["services"]
    assert service["taskDefinition"] == names["task-definition:worker"]
    assert service["desiredCount"] == 0


def test_passwords_are_new_each_time_and_shown_nowhere() -> None:
    first, second = demo.world(), demo.world()
    assert len(set(first.passwords() + second.passwords())) == 2 * (len(demo.SECRETS) - 1), "cron has none"
    assert not any(password in repr(first) for password in first.passwords())


def test_everything_a_world_can_hold_is_created() -> None:
    rich = World(
        policies=(ManagedPolicy(name="limit", document=_allowing("${secret:a}")),),
        roles=(
            Role(
                name="r",
                inline={"own": _allowing("${secret:a}")},
                attached=("${policy:limit}",),
                boundary="${policy:limit}",
            ),
        ),
        keys=(Key(name="k", state="Disabled", grants=(Grant(grantee="${role:r}"),)),),
        secrets=(
            Secret(name="a", value="raw text", key="${key:k}", policy=_allowing("*", principal="${role:r}")),
            Secret(name="b", value=b"\x00\x01", deleted=True),
        ),
    )
    with mock_aws():
        names = load(rich, client)
        iam, manager = client("iam"), client("secretsmanager")
        own = iam.get_role_policy(RoleName="r", PolicyName="own")["PolicyDocument"]
        boundary = iam.get_role(RoleName="r")["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
        described = manager.describe_secret(SecretId="b")
        policy = json.loads(manager.get_resource_policy(SecretId="a")["ResourcePolicy"])
        state = client("kms").describe_key(KeyId=names["key:k"])["KeyMetadata"]["KeyState"]
        grants = client("kms").list_grants(KeyId=names["key:k"])["Grants"]
    assert own == _allowing(names["secret:a"])
    assert boundary == names["policy:limit"]
    assert "DeletedDate" in described
    assert policy["Statement"][0]["Principal"] == {"AWS": names["role:r"]}
    assert state == "Disabled"
    assert grants[0]["GranteePrincipal"] == names["role:r"]


def test_worlds_are_data() -> None:
    assert json.dumps(dataclasses.asdict(demo.world()))


def _allowing(resource: str, *, principal: str | None = None) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": resource}
    who = {"Principal": {"AWS": principal}} if principal else {}
    return {"Version": "2012-10-17", "Statement": [statement | who]}
