"""Call a gateway whose one request to AWS fails with an error code."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pullguard.domain.lookup import Missing, Unreadable
from tests.fakes import REGION


def ask(service: str, operation: str, call: Callable[[Any], Any], code: str) -> Any:
    """Return what ``call`` makes of a client of ``service`` whose ``operation`` fails with the error ``code``."""
    # The name of the service is a variable here, so that no stub knows the client's type.
    client: Any = boto3.client(service, region_name=REGION)  # type: ignore[call-overload]
    with Stubber(client) as stubber:
        stubber.add_client_error(operation, code)
        return call(client)


def check_errors(service: str, operation: str, call: Callable[[Any], Any], *, missing: str) -> None:
    """Check that the code ``missing`` is Missing, a denial is Unreadable, and any other error propagates."""
    assert isinstance(ask(service, operation, call, missing), Missing)
    denied = ask(service, operation, call, "AccessDeniedException")
    assert isinstance(denied, Unreadable)
    assert denied.reason == "denied"
    assert denied.permission.startswith(f"{service}:")
    with pytest.raises(ClientError):
        ask(service, operation, call, "InternalFailure")
