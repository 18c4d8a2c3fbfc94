"""The deployment's settings, which the template passes to a function as environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

from pullguard.domain.actions import MODES, Mode
from pullguard.domain.alert_format import FORMATS, Format
from pullguard.domain.errors import Misconfigured, shown

PREFIX = "PULLGUARD_"
# Without a namespace, Powertools raises after each invocation has done its work; without a service, metrics lack it.
# https://docs.aws.amazon.com/powertools/python/latest/core/metrics/#getting-started
POWERTOOLS = ("POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME")
# Powertools raises on an unknown level. Defaults to INFO; case-insensitive.
# https://docs.aws.amazon.com/powertools/python/latest/#environment-variables
LOG_LEVEL = "POWERTOOLS_LOG_LEVEL"
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SANDBOX_ONLY = ("loopback_registries",)
OTHER_LOG_LEVELS = ("WARN", "FATAL", "NOTSET")  # other names that Python's logging accepts


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of the application. A function receives only those that it needs; the rest stay empty.

    ``account``, ``region`` and ``stack_name`` are the stack's. Settings ending in ``_url``, ``_arn``, ``_table`` or
    ``_parameter`` name its resources. ``infrastructure_tags`` are the tag keys that mark a task definition as managed
    by infrastructure-as-code. ``require_role_boundary`` and ``registry_ca_bundle`` are empty if unused.
    ``loopback_registries`` allows registries on this machine over plain HTTP: only the sandbox sets it, never the
    template.
    """

    account: str = ""
    region: str = ""
    stack_name: str = ""
    mode: Mode = "observe"
    ledger_table: str = ""
    bus_name: str = ""
    topic_arn: str = ""
    validation_queue_url: str = ""
    grant_queue_url: str = ""
    reregister_queue_url: str = ""
    sweep_queue_url: str = ""
    rejects_queue_url: str = ""
    stop_parameter: str = ""
    alert_format: Format = "text"
    infrastructure_tags: tuple[str, ...] = ()
    move_services: bool = False
    redeploy_on_rotation: bool = False
    verify_credentials: bool = False
    cross_check: bool = False
    writes_per_hour: int = 20
    registry_secret_pattern: str = "*"  # noqa: S105 (of names)
    require_role_boundary: str = field(default="", metadata={"empty": True})
    registry_ca_bundle: str = field(default="", metadata={"empty": True})
    loopback_registries: bool = False
    revoke_unused_grants: bool = False
    revoke_without_consent: bool = False
    revoke_grace_days: int = field(default=14, metadata={"least": 0})
    reminder_hours: int = field(default=24, metadata={"least": 0})
    debounce_seconds: int = field(default=60, metadata={"least": 0})
    alerts_per_family_per_hour: int = field(default=4, metadata={"least": 0})
    alerts_per_hour: int = field(default=60, metadata={"least": 0})

    @classmethod
    def read(cls, environment: Mapping[str, str], *needed: str) -> "Settings":
        """Read the ``needed`` settings from ``PULLGUARD_*`` variables.

        Raises ``Misconfigured``, with one line that names the variable, if one is absent or invalid, including those
        that Powertools reads.
        """
        for variable in POWERTOOLS:
            _set(environment, variable)
        if (level := environment.get(LOG_LEVEL)) and level.upper() not in LOG_LEVELS + OTHER_LOG_LEVELS:
            raise _none_of(LOG_LEVEL, level, LOG_LEVELS)
        kinds = {each.name: each.type for each in fields(cls)}
        least = {each.name: each.metadata.get("least", 1) for each in fields(cls)}
        may_be_empty = {each.name for each in fields(cls) if each.metadata.get("empty") or each.type is not str}
        wanted = (*needed, *(name for name in SANDBOX_ONLY if PREFIX + name.upper() in environment))
        values: dict[str, Any] = {
            name: _read(environment, name, kinds[name], least[name], empty=name in may_be_empty) for name in wanted
        }
        return cls(**values)


def _read(environment: Mapping[str, str], name: str, kind: object, least: int, *, empty: bool) -> object:
    variable = PREFIX + name.upper()
    text = _set(environment, variable, empty=empty)
    if kind is bool:
        return _one_of(variable, text, ("false", "true")) == "true"
    if kind is int:
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise Misconfigured(f"{variable} is {shown(text)}: give a whole number, {least} at least")
        return int(text)
    if kind == Mode:
        return _one_of(variable, text, MODES)
    if kind == Format:
        return _one_of(variable, text, FORMATS)
    if kind is str:
        return text.strip()
    return tuple(key for key in map(str.strip, text.split(",")) if key)  # a tag's key may have spaces in it


def _set(environment: Mapping[str, str], variable: str, *, empty: bool = False) -> str:
    """Return the value of a variable; raises ``Misconfigured`` if it is absent, or empty but required."""
    text = environment.get(variable)
    if text is None or not (text.strip() or empty):
        raise Misconfigured(f"{variable} is not set: deploy the function with the stack's own template.yaml")
    return text


def _one_of(variable: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise _none_of(variable, text, allowed)
    return text


def _none_of(variable: str, text: str, allowed: tuple[str, ...]) -> Misconfigured:
    return Misconfigured(f"{variable} is {shown(text)}: give one of {', '.join(allowed)}")


assert get_args(Mode) == MODES  # noqa: S101 (the type and the values must agree)
