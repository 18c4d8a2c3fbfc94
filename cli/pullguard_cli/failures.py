"""Why a command could not run: one line for people, with the remedy, instead of a traceback."""

from typing import Final

from botocore import exceptions as aws

from pullguard.aws.answers import DENIED, THROTTLED, error_code
from pullguard.errors import PullguardError

EXIT_OK: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_COULD_NOT_RUN: Final = 2

_SIGN_IN: Final = "Sign in (aws sso login, aws configure, AWS_PROFILE or --profile), and run this again."
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_REJECTED: Final = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "AuthFailure",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
    }
)
_NO_CREDENTIALS: Final = (aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError)
_SINGLE_SIGN_ON: Final = (aws.SSOError, aws.TokenRetrievalError, aws.NoAuthTokenError)


class CannotRun(PullguardError):
    """The command cannot give an answer at all; its text is one line that says why and what to do."""


def is_about_credentials(error: Exception) -> bool:
    """Whether nothing more can be read after ``error``: the caller's credentials are missing, expired or refused."""
    if isinstance(error, aws.ClientError):
        return error_code(error) in _EXPIRED | _REJECTED
    return isinstance(error, (*_NO_CREDENTIALS, *_SINGLE_SIGN_ON))


def one_line(error: Exception) -> str:
    """Say what went wrong between us and AWS, and what to do about it."""
    return " ".join(_said(error).split())


def _said(error: Exception) -> str:
    match error:
        case aws.ProfileNotFound():
            return f"{error}. Name one that `aws configure list-profiles` lists."
        case aws.NoCredentialsError():
            return f"No AWS credentials were found. {_SIGN_IN}"
        case aws.PartialCredentialsError() | aws.CredentialRetrievalError():
            return f"The AWS credentials cannot be used: {error}. {_SIGN_IN}"
        case aws.SSOError() | aws.TokenRetrievalError() | aws.NoAuthTokenError():
            return f"The AWS sign-in has expired or was never made: {error}. {_SIGN_IN}"
        case aws.NoRegionError():
            return "No AWS Region is set. Give --region, or set AWS_REGION."
        case aws.InvalidRegionError():
            return f"{error}. Give --region a Region such as eu-central-1."
        case aws.ConnectionError() | aws.HTTPClientError():
            return f"AWS did not answer: {error}. Check the Region (--region), the network, and AWS_ENDPOINT_URL."
        case aws.ClientError():
            return _refused(error)
        case ValueError() if not isinstance(error, aws.BotoCoreError):
            return f"{error}. Check AWS_ENDPOINT_URL and the AWS configuration."
        case _:
            return f"{type(error).__name__}: {error}"


def _refused(error: aws.ClientError) -> str:
    code, operation = error_code(error), error.operation_name
    if code in _EXPIRED:
        return f"The AWS credentials have expired ({operation}: {code}). {_SIGN_IN}"
    if code in _REJECTED:
        return f"AWS does not accept these credentials ({operation}: {code}). {_SIGN_IN}"
    if code in DENIED:
        return f"AWS denied {operation} ({code}). Use credentials that may read: ReadOnlyAccess is enough."
    if code in THROTTLED:
        return f"AWS throttled {operation} ({code}). Try again later, or with a lower --max-rate."
    return f"AWS refused {operation} ({code}): {error.response.get('Error', {}).get('Message', '')}"
