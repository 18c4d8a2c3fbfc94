"""Create all AWS clients: lazily, once per service and Region."""

from threading import Lock
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config

from pullguard.aws import deadline

if TYPE_CHECKING:
    import boto3


class Clients:
    """Clients by service and Region, with retries and timeouts for a Lambda function; they keep the deadline.

    Without a ``session`` botocore makes them: boto3 adds nothing to a client, and 20 ms to a cold start.
    """

    def __init__(self, session: "boto3.Session | None" = None, *, region: str | None = None, attempts: int = 5) -> None:
        self._create: Any
        if session is None:
            own = botocore.session.get_session()
            self._create, self._region = own.create_client, region or own.get_config_variable("region")
        else:
            self._create, self._region = session.client, session.region_name
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
        return str(self._region)

    def get(self, service: str, region: str | None = None) -> Any:
        """Return the client of ``service`` in ``region`` (default: the session's Region)."""
        key = (service, region or self.region)
        with self._making:
            if key not in self._made:
                client = self._create(service, region_name=key[1], config=self._config)
                deadline.keep(client)
                self._made[key] = client
            return self._made[key]
