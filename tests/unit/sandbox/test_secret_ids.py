import pytest

from sandbox.secret_ids import names

PREFIX = "arn:aws:secretsmanager:us-east-1:111122223333:secret:"


@pytest.mark.parametrize(
    ("secret_id", "arn", "expected"),
    [
        ("registry/web-AbCdEf", "registry/web-AbCdEf", True),
        ("registry/web", "registry/web-AbCdEf", True),
        ("registry/we", "registry/web-AbCdEf", False),
        ("registry/web-AbCdE", "registry/web-AbCdEf", False),
        ("registry/web-GoneGo", "registry/web-AbCdEf", False),
        ("app-docker-AbCdEf", "app-docker-AbCdEf", True),
        ("app-docker", "app-docker-AbCdEf", False),
        ("app", "app-docker-AbCdEf", False),
        ("app-docker", "app-docker", True),
    ],
)
def test_an_arn_names_a_secret_as_aws_documents(secret_id: str, arn: str, expected: bool) -> None:
    assert names(f"{PREFIX}{secret_id}", f"{PREFIX}{arn}") is expected
