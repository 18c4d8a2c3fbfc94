"""AWS Systems Manager: the stop parameter, which pauses all remediation."""

from typing import TYPE_CHECKING

from pullguard.aws.answers import asks, looked_up
from pullguard.domain.lookup import Lookup
from pullguard.domain.stop import GO_ON, Stop, read_switch, switch_text

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_NO_SUCH = frozenset({"ParameterNotFound"})


class StopSwitch:
    """The stack's stop parameter ``name``, read every time: a stop or its end applies to the next write."""

    def __init__(self, client: "SSMClient", name: str) -> None:
        self._client = client
        self._name = name

    @asks("ssm:GetParameter")
    def read(self) -> Lookup[Stop | None]:
        """Return the stop, or None if Pullguard may write.

        Source: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html
        """

        def call() -> Stop | None:
            return read_switch(self._client.get_parameter(Name=self._name)["Parameter"]["Value"])

        return looked_up("ssm:GetParameter", self._name, call, missing=_NO_SUCH)

    @asks("ssm:PutParameter")
    def write(self, stop: Stop | None) -> None:
        """Stop all writes, or (None) resume them. Errors propagate."""
        text = GO_ON if stop is None else switch_text(stop)
        self._client.put_parameter(Name=self._name, Value=text, Type="String", Overwrite=True)
