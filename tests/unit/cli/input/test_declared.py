"""Task definitions found in a parsed file."""

import json
from typing import Any

import pytest

from pullguard_cli.input.declared import Declared, DeployTime, declared_in
from pullguard_cli.input.json_tree import json_tree
from pullguard_cli.input.located import Unusable

PLAIN: dict[str, Any] = {"family": "web", "containerDefinitions": [{"name": "app", "image": "a"}]}
PASCAL: dict[str, Any] = {"Family": "web", "ContainerDefinitions": [{"Name": "app", "Image": "a"}]}
RESOURCE = {"Type": "AWS::ECS::TaskDefinition", "Properties": PASCAL}


def read(document: Any, file: str = "deploy/my web.json") -> tuple[Declared, ...]:
    return declared_in(
        file, json_tree(json.dumps(document), lambda why, line, column: Unusable(file, why, line=line, column=column))
    )


@pytest.mark.parametrize(
    ("document", "resources"),
    [
        (PLAIN, ["my-web"]),
        (PASCAL, ["my-web"]),
        (RESOURCE, ["my-web"]),
        ({"taskDefinition": PLAIN, "tags": []}, ["my-web"]),
        ({"Resources": {"Web": RESOURCE, "Bucket": {"Type": "AWS::S3::Bucket"}, "Api": RESOURCE}}, ["Web", "Api"]),
        ({"Resources": {}}, []),
    ],
    ids=["ECS", "properties", "resource", "described", "template", "empty template"],
)
def test_every_format_is_found(document: object, resources: list[str]) -> None:
    found = read(document)
    assert [each.resource for each in found] == resources
    assert {each.family for each in found} <= {"web"}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("registry/ghcr", "registry/ghcr"),
        ({"Ref": "Secret"}, DeployTime(text="!Ref Secret")),
        ({"Fn::Join": ["", ["a", "b"]]}, DeployTime(text="!Join ")),
        ({"Fn::GetAtt": ["Secret", "Id"]}, DeployTime(text="!GetAtt Secret")),
        ("{{resolve:ssm:/registry}}", DeployTime(text="{{resolve:ssm:/registry}}")),
    ],
    ids=["value", "Ref", "Join", "GetAtt", "dynamic reference"],
)
def test_values_set_on_deployment_are_marked(reference: object, expected: object) -> None:
    container = {"Name": "app", "Image": "a", "RepositoryCredentials": {"CredentialsParameter": reference}}
    (found,) = read({"ContainerDefinitions": [container]})
    assert found.containers[0].reference == expected


def test_a_number_in_place_of_a_reference_is_kept_as_a_number() -> None:
    container = {"name": "app", "image": "a", "repositoryCredentials": {"credentialsParameter": 42}}
    (found,) = read({"containerDefinitions": [container]})
    assert found.containers[0].raw["repositoryCredentials"] == {"credentialsParameter": 42}


@pytest.mark.parametrize(
    ("file", "family"), [("-", "stdin"), ("a/b.task.json", "b"), ("ü.json", "-"), (".json", "unnamed")]
)
def test_without_a_family_the_file_gives_the_name(file: str, family: str) -> None:
    (found,) = read({"containerDefinitions": PLAIN["containerDefinitions"]}, file)
    assert found.family == family


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "is not a task definition: expected an object"),
        ({"family": "web"}, "has no containerDefinitions: is this a task definition?"),
        ({"containerDefinition": []}, 'has no containerDefinitions; did you mean "containerDefinition"?'),
        ({**PLAIN, "family": "a b"}, '"a b" is not a valid ECS name (up to 255 letters, digits, - and _)'),
        ({"containerDefinitions": PLAIN["containerDefinitions"] * 2}, 'two containers have the name "app"'),
        ({**PLAIN, "executionRoleArn": 7}, "executionRoleArn is not a string"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(document: object, message: str) -> None:
    with pytest.raises(Unusable) as refused:
        read(document)
    assert message in str(refused.value)
