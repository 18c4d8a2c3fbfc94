"""Why a command could not run: one line for people, with the remedy, instead of a traceback."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Final

from botocore import exceptions as aws

from pullguard.aws.answers import DENIED, THROTTLED, error_code
from pullguard.domain.errors import PullguardError

EXIT_OK: Final = 0
EXIT_FINDINGS: Final = 1
EXIT_COULD_NOT_RUN: Final = 2

_NOT_AWS: Final = "Check AWS_ENDPOINT_URL, proxies, and whether the network wants you to sign in first."
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


@contextmanager
def asking_aws() -> Iterator[None]:
    """Turn whatever goes wrong while AWS is asked into ``CannotRun``: what answers need not be AWS."""
    try:
        yield
    except CannotRun:
        raise
    except Exception as error:
        raise CannotRun(one_line(error)) from error


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
        case aws.BotoCoreError() | PullguardError():
            return f"{type(error).__name__}: {error}"
        case _:
            return _of_nobody_known(error)


def _of_nobody_known(error: Exception) -> str:
    """Say what went wrong where neither AWS nor botocore says so: what answered may be anything."""
    match error:
        case _ if _is_no_answer(error):  # its text quotes what was answered, which may be anything
            return f"What answered is not AWS: its answer cannot be read. {_NOT_AWS}"
        case KeyError() | TypeError() | AttributeError():
            return (
                f"An answer lacks what AWS always tells ({_fault(error)}): either something other than AWS answered, "
                f"or this is a fault of Pullguard. {_NOT_AWS}"
            )
        case ValueError():
            return f"{error}. Check AWS_ENDPOINT_URL and the AWS configuration."
        case _:
            return f"Pullguard failed: {_fault(error)}"


def _is_no_answer(error: Exception) -> bool:
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 (slow to import, and seldom needed)

    return isinstance(error, ResponseParserError)


def _fault(error: Exception) -> str:
    """Name an error that nobody foresaw, and the line that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f"{type(error).__name__}: {error}" + "".join(f", {PurePath(at.filename).name}:{at.lineno}" for at in last)


def _refused(error: aws.ClientError) -> str:
    code, operation = error_code(error), error.operation_name
    if not code:
        return f"What answered {operation} is not AWS: it gives no error code. {_NOT_AWS}"
    if code in _EXPIRED:
        return f"The AWS credentials have expired ({operation}: {code}). {_SIGN_IN}"
    if code in _REJECTED:
        return f"AWS does not accept these credentials ({operation}: {code}). {_SIGN_IN}"
    if code in DENIED:
        may_read = "ReadOnlyAccess, or what docs/permissions.md lists"
        return f"AWS denied {operation} ({code}). Use credentials that may read: {may_read}."
    if code in THROTTLED:
        return f"AWS throttled {operation} ({code}). Try again later, or with a lower --max-rate."
    message = error.response.get("Error", {}).get("Message", "")
    return f"AWS refused {operation} ({code}){f': {message}' if message else '.'}"
