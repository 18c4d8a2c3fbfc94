import pytest
from botocore import exceptions as aws
from botocore.parsers import ResponseParserError

from pullguard_cli.aws_failures import is_about_credentials, one_line
from tests.unit.cli.conftest import Run


def refused(code: str) -> aws.ClientError:
    return aws.ClientError({"Error": {"Code": code, "Message": "two\nlines"}}, "GetCallerIdentity")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (aws.NoCredentialsError(), "No AWS credentials were found. Sign in"),
        (aws.PartialCredentialsError(provider="env", cred_var="x"), "cannot be used"),
        (aws.ProfileNotFound(profile="nobody"), "list-profiles"),
        (aws.UnauthorizedSSOTokenError(), "aws sso login"),
        (aws.NoRegionError(), "--region"),
        (aws.EndpointConnectionError(endpoint_url="https://ecs.nowhere"), "Check the Region"),
        (aws.ConnectTimeoutError(endpoint_url="https://x"), "AWS did not answer"),
        (refused("ExpiredToken"), "have expired"),
        (refused("InvalidClientTokenId"), "does not accept these credentials"),
        (refused("AccessDeniedException"), "ReadOnlyAccess"),
        (refused("ThrottlingException"), "--max-rate"),
        (refused(""), "The endpoint that answered GetCallerIdentity is not AWS"),
        (ResponseParserError("<html>"), "The endpoint is not AWS"),
        (KeyError("ARN"), "A response lacks a required member (KeyError: 'ARN')"),
        (RuntimeError("no"), "Pullguard failed: RuntimeError: no"),
        (refused("Surprise"), "(Surprise): two lines"),
        (ValueError("Invalid endpoint: nowhere"), "Invalid endpoint: nowhere. Check AWS_ENDPOINT_URL"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_failure_is_one_line_with_a_remedy(error: Exception, says: str) -> None:
    line = one_line(error)
    assert says in line
    assert "\n" not in line


def test_only_credentials_end_everything() -> None:
    assert is_about_credentials(refused("ExpiredTokenException"))
    assert is_about_credentials(aws.NoCredentialsError())
    assert not is_about_credentials(refused("AccessDenied"))


@pytest.mark.parametrize(
    ("surroundings", "says"),
    [
        ({"AWS_REGION": ""}, "No AWS Region is set"),
        ({"AWS_REGION": "frankfurt!"}, "is not an AWS Region"),
        ({"AWS_PROFILE": "nobody"}, "nobody"),
    ],
    ids=["no-region", "odd-region", "no-such-profile"],
)
@pytest.mark.parametrize("command", [["audit"], ["explain", "web"], ["plan", "web"]], ids=" ".join)
@pytest.mark.usefixtures("aws")
def test_bad_surroundings_end_every_command_alike(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str], surroundings: dict[str, str], says: str
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    for variable, value in surroundings.items():
        monkeypatch.setenv(variable, value)
    ran = run(*command)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert ran.err.count("\n") == 1
