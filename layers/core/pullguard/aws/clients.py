"""Create all boto3 clients: lazily, once per service and Region."""

from threading import Lock
from typing import Any

import boto3
from botocore.config import Config

from pullguard.aws import deadline


class Clients:
    """boto3 clients by service and Region, with retries and timeouts for a Lambda function; they keep the deadline."""

    def __init__(self, session: boto3.Session | None = None, *, region: str | None = None, attempts: int = 5) -> None:
        self._session = session or boto3.Session(region_name=region)
        self._config = Config(
            retries={"mode": "adaptive" if attempts > 5 else "standard", "max_attempts": attempts},  # noqa: PLR2004
            connect_timeout=3,
            read_timeout=10,
            max_pool_connections=32,
            user_agent_extra="pullguard",
        )
        self._made: dict[tuple[str, str], Any] = {}
        self._making = Lock()  # clients may be shared between threads, sessions may not

    @property
    def region(self) -> str:
        """The Region of the session."""
        return str(self._session.region_name)

    def get(self, service: str, region: str | None = None) -> Any:
        """Return the client of ``service`` in ``region`` (default: the session's Region)."""
        key = (service, region or self.region)
        with self._making:
            if key not in self._made:
                client = self._session.client(service, region_name=key[1], config=self._config)  # type: ignore[call-overload]
                deadline.keep(client)
                self._made[key] = client
            return self._made[key]
