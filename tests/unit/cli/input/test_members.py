"""Names of members, in both spellings."""

import pytest
from botocore.loaders import Loader

from pullguard_cli.input.members import Level, _model, meant, problem_of, spelt


@pytest.mark.parametrize(("pascal", "expected"), [(True, "ContainerDefinitions"), (False, "containerDefinitions")])
def test_spelling(pascal: bool, expected: str) -> None:
    assert spelt("containerDefinitions", pascal=pascal) == expected


@pytest.mark.parametrize(
    ("level", "names", "pascal", "problem"),
    [
        ("task definition", ["family", "containerDefinitions", "taskDefinitionArn", "tags"], False, None),
        ("task definition", ["Family", "Fn::Transform"], True, None),
        ("task definition", ["Family"], False, 'unknown property "Family"; did you mean family?'),
        ("task definition", ["Fn::Transform"], False, 'unknown property "Fn::Transform" (as of botocore'),
        ("container", ["name", "repositoryCredential"], False, "did you mean repositoryCredentials?"),
        ("container", ["RepositoryCredential"], True, "did you mean RepositoryCredentials?"),
        ("credentials", ["credentialsParameter"], False, None),
        ("credentials", ["x"], False, "remove it, or update Pullguard"),
    ],
)
def test_the_first_unknown_name_is_reported(level: Level, names: list[str], pascal: bool, problem: str | None) -> None:
    found = problem_of(names, level, pascal=pascal)
    if problem is None:
        assert found is None
    else:
        assert found is not None
        assert (found[0], problem in found[1]) == (names[-1], True)


@pytest.mark.parametrize(
    ("name", "expected"), [("FAMILY", "family"), ("familly", "family"), ("cpus", "cpu"), ("replicas", None)]
)
def test_the_most_similar_name_is_meant(name: str, expected: str | None) -> None:
    assert meant(name, ("family", "cpu", "memory")) == expected


def test_the_model_is_that_of_the_sdk() -> None:
    assert _model()["shapes"] == Loader().load_service_model("ecs", "service-2")["shapes"]
