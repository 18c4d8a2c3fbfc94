"""AWS Systems Manager: the one parameter by which everything is stopped."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pullguard.aws.answers import asks, looked_up
from pullguard.model import Lookup
from pullguard.stop import GO_ON, Stop, read_switch, switch_text

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_NO_SUCH = frozenset({"ParameterNotFound"})
# How long "may write" is remembered: a stop takes effect within this time, and a burst of writes costs one read.
BELIEVED_S: Final = 5.0


class StopSwitch:
    """The stack's stop parameter ``name``. Only the answer "may write" is remembered.

    A stop is read again each time: the first attempt after ``pullguard resume`` must not fail on what was read before.

    ``clock`` returns seconds: of the wall where the process may be frozen, as in Lambda. An answer from its future is
    not believed; set back by less than an answer's age, it lengthens the belief by that much.
    """

    def __init__(self, client: "SSMClient", name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._name = name
        self._clock = clock
        self._may_write_at: float | None = None

    @asks("ssm:GetParameter")
    def read(self) -> Lookup[Stop | None]:
        """Return the stop, or None if Pullguard may write, which is remembered for ``BELIEVED_S``.

        Source: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
        """
        now = self._clock()
        if self._may_write_at is not None and 0 <= now - self._may_write_at < BELIEVED_S:
            return None

        def call() -> Stop | None:
            return read_switch(self._client.get_parameter(Name=self._name)["Parameter"]["Value"])

        found = looked_up("ssm:GetParameter", self._name, call, missing=_NO_SUCH)
        self._may_write_at = now if found is None else None
        return found

    @asks("ssm:PutParameter")
    def write(self, stop: Stop | None) -> None:
        """Stop everything, or (None) let it go on; the latter is remembered as an answer is. Errors propagate."""
        text = GO_ON if stop is None else switch_text(stop)
        self._client.put_parameter(Name=self._name, Value=text, Type="String", Overwrite=True)
        self._may_write_at = self._clock() if stop is None else None
