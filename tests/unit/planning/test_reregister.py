import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from pullguard.domain.actions import ReferenceChange
from pullguard.domain.arn import Arn
from pullguard.planning.reregister import (
    DESCRIBE_ONLY,
    REREGISTERED_TAG,
    CannotReregister,
    MemberTree,
    OwnedByBatch,
    ReferenceMoved,
    TagDoesNotFit,
    UnknownMembers,
    build_request,
    member_tree,
    unknown_members,
)

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

MODEL = botocore.session.get_session().get_service_model("ecs")
INPUT: Any = MODEL.operation_model("RegisterTaskDefinition").input_shape
KNOWN = member_tree(INPUT)
SOURCE = Arn.parse("arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7")
SECRET = Arn.parse("arn:aws:secretsmanager:eu-west-1:123456789012:secret:ghcr-AbCdEf")
CHANGE = ReferenceChange(container="app", before="stale", after=SECRET)
ADDED = {
    "taskDefinitionArn": str(SOURCE),
    "revision": 7,
    "status": "ACTIVE",
    "requiresAttributes": [{"name": "ecs.capability.task-eni", "targetType": "container-instance"}],
    "compatibilities": ["EC2", "FARGATE"],
    "registeredAt": datetime(2026, 1, 2, tzinfo=UTC),
    "registeredBy": "arn:aws:iam::123456789012:root",
    "deregisteredAt": datetime(2026, 1, 3, tzinfo=UTC),
    "deleteRequestedAt": datetime(2026, 1, 4, tzinfo=UTC),
}


def app(**more: Any) -> dict[str, Any]:
    return {"name": "app", "image": "ghcr.io/a/b", "repositoryCredentials": {"credentialsParameter": "stale"}, **more}


def described(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**ADDED, "family": "web", "containerDefinitions": list(containers) or [app()], **more}


# --- Round trip ------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)


def values(shape: Any) -> st.SearchStrategy[Any]:
    """Everything that an input shape takes, in small."""
    match shape.type_name:
        case "structure":
            required = {name: values(each) for name, each in shape.members.items() if name in shape.required_members}
            optional = {name: values(each) for name, each in shape.members.items() if name not in required}
            if getattr(shape, "is_tagged_union", False):
                return st.one_of(*(st.fixed_dictionaries({name: each}) for name, each in optional.items()))
            return st.fixed_dictionaries(required, optional=optional)
        case "list":
            return st.lists(values(shape.member), max_size=2)
        case "map":
            return st.dictionaries(TEXT, values(shape.value), max_size=2)
        case "string":
            return st.sampled_from(shape.enum) if shape.enum else TEXT
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            return st.integers(shape.metadata.get("min", 0), shape.metadata.get("max", 2**31 - 1))
        case other:
            raise AssertionError(f"the input shape has a {other} now: teach this generator")


def containers() -> st.SearchStrategy[dict[str, Any]]:
    container = INPUT.members["containerDefinitions"].member
    return values(container)


@st.composite
def definitions(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, str]]:
    """A registered task definition of any shape whose container ``app`` names a stale secret, and its tags."""
    members = {name: values(each) for name, each in INPUT.members.items() if name not in ("tags", "family")}
    made: dict[str, Any] = draw(st.fixed_dictionaries({"family": st.just("web")}, optional=members))
    some = draw(st.lists(containers(), min_size=1, max_size=3))
    for index, container in enumerate(some):
        container["name"] = f"side-{index}"
    some[draw(st.integers(0, len(some) - 1))] |= app()
    made["containerDefinitions"] = some
    keys = st.text("abcXYZ:_-", min_size=1, max_size=6) | st.just(REREGISTERED_TAG) | st.just("aws:cloudformation:x")
    return made, draw(st.dictionaries(keys, TEXT, max_size=6))


def describe(request: Mapping[str, Any], revision: int) -> tuple[dict[str, Any], dict[str, str]]:
    """The answer of DescribeTaskDefinition after ``request``: the definition, and the tags beside it."""
    definition = {name: value for name, value in request.items() if name != "tags"}
    arn = f"{str(SOURCE).rpartition(':')[0]}:{revision}"
    tags = {tag["key"]: tag["value"] for tag in request.get("tags", [])}
    return deepcopy({**definition, **ADDED, "taskDefinitionArn": arn, "revision": revision}), tags


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(definitions())
def test_the_new_revision_differs_in_the_reference_and_our_tag_only(
    made: tuple[dict[str, Any], dict[str, str]],
) -> None:
    definition, tags = made
    before, _ = describe(definition, 7)
    untouched = deepcopy((before, tags))
    request = build_request(before, tags, (CHANGE,), KNOWN, SOURCE)
    after, new_tags = describe(request, 8)

    assert ParamValidator().validate(request, INPUT).generate_report() == ""
    for container in after["containerDefinitions"]:
        if container["name"] == "app":
            assert container["repositoryCredentials"] == {"credentialsParameter": str(SECRET)}
            container["repositoryCredentials"] = {"credentialsParameter": "stale"}
    assert {**after, "taskDefinitionArn": str(SOURCE), "revision": 7} == before
    ours = {REREGISTERED_TAG: str(SOURCE)}
    assert new_tags == {key: value for key, value in tags.items() if not key.startswith("aws:")} | ours
    assert (before, tags) == untouched


@pytest.fixture
def ecs(monkeypatch: pytest.MonkeyPatch) -> "Iterator[ECSClient]":
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("ecs", region_name="eu-west-1")


REGISTERED: dict[str, dict[str, Any]] = {
    "bare": {},
    "roles-and-size": {
        "executionRoleArn": "arn:aws:iam::123456789012:role/x",
        "taskRoleArn": "arn:aws:iam::123456789012:role/t",
        "cpu": "256",
        "memory": "512",
    },
    "fargate": {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"},
    "volumes": {
        "volumes": [
            {"name": "h", "host": {"sourcePath": "/x"}},
            {"name": "d", "dockerVolumeConfiguration": {"scope": "shared", "labels": {"a": "b"}}},
            {
                "name": "e",
                "efsVolumeConfiguration": {
                    "fileSystemId": "fs-1",
                    "transitEncryption": "ENABLED",
                    "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"},
                },
            },
        ]
    },
    "fsx": {
        "volumes": [
            {
                "name": "f",
                "fsxWindowsFileServerVolumeConfiguration": {
                    "fileSystemId": "fs-2",
                    "rootDirectory": "share",
                    "authorizationConfig": {"credentialsParameter": "stale", "domain": "example.com"},
                },
            }
        ]
    },
    "proxy": {
        "proxyConfiguration": {
            "type": "APPMESH",
            "containerName": "app",
            "properties": [{"name": "ProxyIngressPort", "value": "1"}],
        }
    },
    "platform": {"runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}},
    "storage": {"ephemeralStorage": {"sizeInGiB": 40}},
    "placement": {"placementConstraints": [{"type": "memberOf", "expression": "attribute:x == y"}]},
    "accelerators": {"inferenceAccelerators": [{"deviceName": "d", "deviceType": "eia2.medium"}]},
    "namespaces": {"pidMode": "task", "ipcMode": "none"},
}
CONTAINERS: dict[str, dict[str, Any]] = {
    "secrets": {"secrets": [{"name": "A", "valueFrom": f"{SECRET}:key::"}]},
    "environment": {"environment": [{"name": "A", "value": ""}]},
    "firelens": {"firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}}},
    "logs": {"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "g"}, "secretOptions": []}},
    "depends": {"dependsOn": [{"containerName": "app", "condition": "HEALTHY"}]},
    "health": {"healthCheck": {"command": ["CMD", "true"], "interval": 5, "startPeriod": 0}},
    "linux": {"linuxParameters": {"capabilities": {"add": [], "drop": ["ALL"]}, "initProcessEnabled": False}},
    "ports": {"portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp", "appProtocol": "http2"}]},
    "ulimits": {"ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}], "privileged": False},
    "restarts": {"restartPolicy": {"enabled": True, "ignoredExitCodes": [0]}, "versionConsistency": "disabled"},
}


@pytest.mark.parametrize(
    ("task", "container"),
    [
        *(pytest.param(each, {}, id=name) for name, each in REGISTERED.items()),
        *(pytest.param({}, each, id=f"container-{name}") for name, each in CONTAINERS.items()),
    ],
)
def test_through_an_ecs_that_registers_and_describes(
    ecs: "ECSClient", task: dict[str, Any], container: dict[str, Any]
) -> None:
    side = {"name": "side", "image": "busybox", "memory": 64, **container}
    ecs.register_task_definition(
        family="web",
        containerDefinitions=[app(memory=64), side],  # type: ignore[list-item]
        tags=[{"key": "team", "value": "web"}],
        **task,
    )
    first = ecs.describe_task_definition(taskDefinition="web", include=["TAGS"])
    source = Arn.parse(first["taskDefinition"]["taskDefinitionArn"])
    tags = {tag["key"]: tag["value"] for tag in first["tags"]}
    ecs.register_task_definition(**build_request(first["taskDefinition"], tags, (CHANGE,), KNOWN, source))

    second = ecs.describe_task_definition(taskDefinition="web", include=["TAGS"])
    before, after = plain(first["taskDefinition"]), plain(second["taskDefinition"])
    assert after["containerDefinitions"][0].pop("repositoryCredentials") == {"credentialsParameter": str(SECRET)}
    assert before["containerDefinitions"][0].pop("repositoryCredentials") == {"credentialsParameter": "stale"}
    assert after == before
    assert set(task) <= set(before)
    assert all(before["containerDefinitions"][1].get(name) == value for name, value in container.items())
    assert {tag["key"]: tag["value"] for tag in second["tags"]} == {"team": "web", REREGISTERED_TAG: str(source)}


def plain(definition: Any) -> dict[str, Any]:
    changing = ("taskDefinitionArn", "revision", "registeredAt")
    return {name: value for name, value in definition.items() if name not in changing}


# --- What stays, what goes, what stops it ----------------------------------------------------------------------


def test_the_members_that_ecs_adds_are_all_the_difference_between_its_two_shapes() -> None:
    answer: Any = MODEL.operation_model("DescribeTaskDefinition").output_shape
    assert set(answer.members["taskDefinition"].members) - set(INPUT.members) == DESCRIBE_ONLY


def test_compatibilities_never_become_required() -> None:
    request = build_request(described(), {}, (CHANGE,), KNOWN, SOURCE)
    assert set(request) == {"family", "containerDefinitions", "tags"}


def test_nulls_are_left_out_and_empty_values_kept() -> None:
    request = build_request(
        described(app(cpu=0, links=[], user=None), volumes=[], cpu=None), {}, (CHANGE,), KNOWN, SOURCE
    )
    assert request["volumes"] == []
    assert "cpu" not in request
    assert request["containerDefinitions"][0] == {
        "name": "app",
        "image": "ghcr.io/a/b",
        "repositoryCredentials": {"credentialsParameter": str(SECRET)},
        "cpu": 0,
        "links": [],
    }


def test_a_reference_is_removed_whole_and_others_stay() -> None:
    other = {**app(), "name": "other"}
    change = ReferenceChange(container="app", before="stale", after=None)
    request = build_request(described(app(), other), {}, (change,), KNOWN, SOURCE)
    assert "repositoryCredentials" not in request["containerDefinitions"][0]
    assert request["containerDefinitions"][1] == other


def test_a_reference_is_added_where_there_was_none() -> None:
    change = ReferenceChange(container="app", before=None, after=SECRET)
    request = build_request(described({"name": "app"}), {}, (change,), KNOWN, SOURCE)
    assert request["containerDefinitions"] == [
        {"name": "app", "repositoryCredentials": {"credentialsParameter": str(SECRET)}}
    ]


GONE = ReferenceChange(container="app", before="stale", after=None)


@pytest.mark.parametrize(
    ("definition", "changes", "why"),
    [
        pytest.param(described(), (), "there is no reference to change", id="no-change"),
        pytest.param(described(), (CHANGE, GONE), "two changes", id="twice"),
        pytest.param(described({"name": "other"}), (CHANGE,), "0 containers", id="container-gone"),
        pytest.param(described(app(), app()), (CHANGE,), "2 containers", id="name-not-unique"),
        pytest.param(
            described(app(repositoryCredentials={"credentialsParameter": "new"})), (CHANGE,), '"new"', id="moved"
        ),
        pytest.param(described({"name": "app"}), (CHANGE,), "names no secret", id="reference-gone"),
        pytest.param(
            described({"name": "app"}),
            (ReferenceChange(container="app", before=None, after=None),),
            "is invalid",
            id="nothing-to-take-away",
        ),
        pytest.param(
            described(app(repositoryCredentials={"credentialsParameter": str(SECRET)})),
            (ReferenceChange(container="app", before=str(SECRET), after=SECRET),),
            "is invalid",
            id="no-difference",
        ),
        pytest.param(
            described(), (ReferenceChange(container="app", before="stale", after=SOURCE),), "is invalid", id="no-secret"
        ),
        pytest.param(
            {**described(), "taskDefinitionArn": f"{SOURCE}1"}, (CHANGE,), "was described", id="another-revision"
        ),
    ],
)
def test_a_change_that_does_not_fit_is_refused(
    definition: dict[str, Any], changes: tuple[ReferenceChange, ...], why: str
) -> None:
    with pytest.raises(ReferenceMoved) as caught:
        build_request(definition, {}, changes, KNOWN, SOURCE)
    assert why in caught.value.why
    assert str(SOURCE) in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("raw", "paths"),
    [
        pytest.param(described(), (), id="all-known"),
        pytest.param({**described(), "newThing": 1}, ("newThing",), id="top"),
        pytest.param({**described(), "newThing": None}, ("newThing",), id="null"),
        pytest.param(described(app(newThing={})), ("containerDefinitions[0].newThing",), id="container"),
        pytest.param(described(app(status="ACTIVE")), ("containerDefinitions[0].status",), id="describe-only-below"),
        pytest.param(
            described({"name": "a"}, app(healthCheck={"command": [], "grace": 1})),
            ("containerDefinitions[1].healthCheck.grace",),
            id="deep",
        ),
        pytest.param(
            described(app(repositoryCredentials={"credentialsParameter": "x", "kind": "y"})),
            ("containerDefinitions[0].repositoryCredentials.kind",),
            id="credentials",
        ),
        pytest.param(described(app(dockerLabels={"any": "key"})), (), id="map-keys-are-free"),
        pytest.param(
            described(app(dockerLabels={"any": {"a": 1}})), ("containerDefinitions[0].dockerLabels.any",), id="map"
        ),
        pytest.param(described(app(image=["x"])), ("containerDefinitions[0].image",), id="another-kind"),
        pytest.param(described(volumes={"a": 1}), ("volumes",), id="object-for-a-list"),
        pytest.param({**described(), "b": 1, "a": 1}, ("a", "b"), id="sorted"),
    ],
)
def test_members_that_the_sdk_does_not_know_are_named(raw: dict[str, Any], paths: tuple[str, ...]) -> None:
    wire = json.loads(json.dumps(raw, default=lambda at: at.timestamp()))
    assert unknown_members(wire, KNOWN) == paths


def test_an_unknown_member_stops_the_request_even_without_a_check_of_the_wire() -> None:
    with pytest.raises(UnknownMembers, match="newThing") as caught:
        build_request(described(app(newThing=1)), {}, (CHANGE,), KNOWN, SOURCE)
    assert caught.value.members == ("containerDefinitions[0].newThing",)


def test_a_member_that_an_older_sdk_does_not_know_is_unknown() -> None:
    older = MemberTree(kind="structure", members={k: v for k, v in KNOWN.members.items() if k != "runtimePlatform"})
    assert unknown_members({"runtimePlatform": {}}, older) == ("runtimePlatform",)


def test_an_api_that_takes_nothing_knows_nothing() -> None:
    assert unknown_members({"family": "web"}, member_tree(None)) == ("family",)


class Loop:
    name = "Loop"
    type_name = "structure"

    @property
    def members(self) -> dict[str, "Loop"]:
        return {"again": self}


def test_a_shape_that_contains_itself_is_refused() -> None:
    with pytest.raises(CannotReregister, match="Loop"):
        member_tree(Loop())


# --- Tags ------------------------------------------------------------------------------------------------------


def new_tags(tags: dict[str, str]) -> dict[str, str]:
    request = build_request(described(), tags, (CHANGE,), KNOWN, SOURCE)
    return {tag["key"]: tag["value"] for tag in request["tags"]}


def test_tags_are_copied_but_for_those_of_aws_and_our_own_old_one() -> None:
    tags = {"team": "web", "empty": "", "aws:cloudformation:stack-name": "x", "AWS:y": "z", REREGISTERED_TAG: "old"}
    assert new_tags(tags) == {"team": "web", "empty": "", REREGISTERED_TAG: str(SOURCE)}


BATCH: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "its-tag": ({"AWSBatchServiceTag": "batch"}, {}),
    "its-role": ({}, {"registeredBy": "arn:aws:sts::123456789012:assumed-role/AWSServiceRoleForBatch/aws-batch"}),
}


@pytest.mark.parametrize(("tags", "more"), BATCH.values(), ids=BATCH)
def test_a_revision_that_aws_batch_registered_is_refused(tags: dict[str, str], more: dict[str, Any]) -> None:
    with pytest.raises(OwnedByBatch) as refused:
        build_request(described(**more), tags, (CHANGE,), KNOWN, SOURCE)
    assert "Register the job definition again" in refused.value.remedy


def test_the_fiftieth_tag_is_ours_and_a_fifty_first_is_refused() -> None:
    full = {f"k{n}": "v" for n in range(49)} | {"aws:a": "b", REREGISTERED_TAG: "old"}
    assert len(new_tags(full)) == 50
    with pytest.raises(TagDoesNotFit, match="50 tags") as caught:
        new_tags(full | {"one": "more"})
    assert "Remove a tag" in caught.value.remedy


def test_an_arn_that_is_longer_than_a_tags_value_is_refused() -> None:
    source = Arn.parse(f"arn:aws:ecs:eu-west-1:123456789012:task-definition/{'f' * 255}:7")
    with pytest.raises(TagDoesNotFit, match="256"):
        build_request({**described(), "taskDefinitionArn": str(source)}, {}, (CHANGE,), KNOWN, source)
