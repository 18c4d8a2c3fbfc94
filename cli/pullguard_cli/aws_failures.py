"""Errors of AWS calls as one line with the remedy. Apart from ``failures``, because botocore is slow to import."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Final

from botocore import exceptions as aws

from pullguard.aws.answers import DENIED, THROTTLED, error_code
from pullguard.domain.errors import PullguardError
from pullguard_cli.failures import CannotRun

_NOT_AWS: Final = "Check AWS_ENDPOINT_URL, proxies, and whether the network requires a sign-in."
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


@contextmanager
def asking_aws() -> Iterator[None]:
    """Turn every error of an AWS call into ``CannotRun``. The endpoint may be something other than AWS."""
    try:
        yield
    except CannotRun:
        raise
    except Exception as error:
        raise CannotRun(one_line(error)) from error


def is_about_credentials(error: Exception) -> bool:
    """Whether the caller's credentials are missing, expired or rejected, so that every further call would fail."""
    if isinstance(error, aws.ClientError):
        return error_code(error) in _EXPIRED | _REJECTED
    return isinstance(error, (*_NO_CREDENTIALS, *_SINGLE_SIGN_ON))


def one_line(error: Exception) -> str:
    """Return a one-line message: what failed, and how to fix it."""
    return " ".join(_said(error).split())


def _said(error: Exception) -> str:
    match error:
        case aws.ProfileNotFound():
            return f"{error}. `aws configure list-profiles` lists the profiles."
        case aws.NoCredentialsError():
            return f"No AWS credentials were found. {_SIGN_IN}"
        case aws.PartialCredentialsError() | aws.CredentialRetrievalError():
            return f"The AWS credentials cannot be used: {error}. {_SIGN_IN}"
        case aws.SSOError() | aws.TokenRetrievalError() | aws.NoAuthTokenError():
            return f"The AWS sign-in has expired or was never made: {error}. {_SIGN_IN}"
        case aws.NoRegionError():
            return "No AWS Region is set. Pass --region or set AWS_REGION."
        case aws.InvalidRegionError():
            return f"{error}. Pass one such as eu-central-1 with --region."
        case aws.ConnectionError() | aws.HTTPClientError():
            return f"AWS did not answer: {error}. Check the Region (--region), the network, and AWS_ENDPOINT_URL."
        case aws.ClientError():
            return _refused(error)
        case aws.BotoCoreError() | PullguardError():
            return f"{type(error).__name__}: {error}"
        case _:
            return _unexpected(error)


def _unexpected(error: Exception) -> str:
    """Describe an error that neither AWS nor botocore defines. The endpoint may be anything."""
    match error:
        case _ if _is_no_answer(error):  # do not quote it: it contains the response
            return f"The endpoint is not AWS: its response cannot be parsed. {_NOT_AWS}"
        case KeyError() | TypeError() | AttributeError():
            return (
                f"A response lacks a required member ({_fault(error)}): either the endpoint is not AWS, "
                f"or this is a bug in Pullguard. {_NOT_AWS}"
            )
        case ValueError():
            return f"{error}. Check AWS_ENDPOINT_URL and the AWS configuration."
        case _:
            return f"Pullguard failed: {_fault(error)}"


def _is_no_answer(error: Exception) -> bool:
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 (slow to import, rarely needed)

    return isinstance(error, ResponseParserError)


def _fault(error: Exception) -> str:
    """Name an unexpected error, with the file and line that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f"{type(error).__name__}: {error}" + "".join(f", {PurePath(at.filename).name}:{at.lineno}" for at in last)


def _refused(error: aws.ClientError) -> str:
    code, operation = error_code(error), error.operation_name
    if not code:
        return f"The endpoint that answered {operation} is not AWS: it returned no error code. {_NOT_AWS}"
    if code in _EXPIRED:
        return f"The AWS credentials have expired ({operation}: {code}). {_SIGN_IN}"
    if code in _REJECTED:
        return f"AWS does not accept these credentials ({operation}: {code}). {_SIGN_IN}"
    if code in DENIED:
        may_read = "ReadOnlyAccess, or the permissions in docs/permissions.md"
        return f"AWS denied {operation} ({code}). Use credentials with read access: {may_read}."
    if code in THROTTLED:
        return f"AWS throttled {operation} ({code}). Retry later, or with a lower --max-rate."
    message = error.response.get("Error", {}).get("Message", "")
    return f"AWS refused {operation} ({code}){f': {message}' if message else '.'}"
