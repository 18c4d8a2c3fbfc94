"""Map AWS errors to facts: named codes become ``Missing`` or ``Unreadable``; everything else propagates."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, TypeVar

from botocore.exceptions import ClientError, ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError
from botocore.exceptions import ReadTimeoutError as ReadTimedOut

from pullguard.domain.errors import Denied, PullguardError
from pullguard.domain.lookup import Missing, Unreadable

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
THROTTLED: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "SlowDown",
    }
)
# AWS faults, independent of the request.
_FAULTS: Final = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "InternalServiceError",
        "ServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
_SERVER_ERROR: Final = 500
# A request that failed with one of these never reached AWS.
NEVER_SENT: Final = (EndpointConnectionError, ConnectTimeoutError)
UNREACHABLE: Final = (EndpointConnectionError, ConnectTimeoutError, ReadTimedOut, ConnectionClosedError)


def asks(*actions: str) -> Callable[[F], F]:
    """Mark a gateway method with the IAM actions that it needs; tests compare the template with these marks."""

    def mark(method: F) -> F:
        method.iam_actions = frozenset(actions)  # type: ignore[attr-defined]
        return method

    return mark


def error_code(error: ClientError) -> str:
    """Return the code of an AWS error, such as ``AccessDeniedException``."""
    return error.response.get("Error", {}).get("Code", "")


def is_fault(error: ClientError) -> bool:
    """Whether AWS itself failed: the same call may succeed a moment later."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error_code(error) in _FAULTS or status >= _SERVER_ERROR


def safe_words(error: Exception) -> str:
    """Describe an error without any secret value: the text of an unlisted error may quote its input."""
    match error:
        case PullguardError():
            return f"{type(error).__name__}: {error}"
        case ClientError():
            return f"{error_code(error)} from {error.operation_name}"
        case _:
            return type(error).__name__


def looked_up(
    permission: str,
    resource: str,
    call: Callable[[], T],
    *,
    missing: frozenset[str] = frozenset(),
    refused: frozenset[str] = frozenset(),
    outlasts_faults: bool = False,
) -> T | Missing | Unreadable:
    """Make ``call`` and turn its named failures into facts about ``resource``.

    ``permission`` is the IAM action of the call (if ``call`` makes several, the result names the one that failed).
    ``missing`` are the error codes of this call for a resource that does not exist, ``refused`` those for one that
    cannot be read in its current state. With ``outlasts_faults``, an AWS fault becomes ``Unreadable``. Any other error
    propagates.
    """
    try:
        return call()
    except ClientError as error:
        code = error_code(error)
        if code in missing:
            return Missing(resource=resource)
        reason = _reason(code, refused) or ("unreachable" if outlasts_faults and is_fault(error) else None)
        if reason is None:
            raise
        asked = f"{permission.partition(':')[0]}:{error.operation_name}"
        return Unreadable(permission=asked, resource=resource, reason=reason, detail=code)
    except UNREACHABLE as error:
        return Unreadable(permission=permission, resource=resource, reason="unreachable", detail=type(error).__name__)


@contextmanager
def writing(service: str, resource: str, *, refused: frozenset[str] = frozenset()) -> Iterator[None]:
    """Turn an access error of a call to ``service`` about ``resource`` into ``Denied``; everything else propagates.

    ``refused`` are further codes of this call that say that nothing was written, and nothing will be by a repetition.
    """
    try:
        yield
    except ClientError as error:
        if (code := error_code(error)) not in DENIED | refused:
            raise
        raise Denied(f"{service}:{error.operation_name}", resource, code) from error


_Reason = Literal["denied", "throttled", "unreachable", "refused"]


def _reason(code: str, refused: frozenset[str]) -> _Reason | None:
    if code in DENIED:
        return "denied"
    if code in THROTTLED:
        return "throttled"
    return "refused" if code in refused else None
