from dataclasses import fields
from typing import Any

import pytest

from pullguard.domain.errors import Misconfigured
from pullguard.runtime.settings import LOG_LEVEL, POWERTOOLS, PREFIX, Settings

POWERTOOLS_VARIABLES = {"POWERTOOLS_METRICS_NAMESPACE": "Pullguard", "POWERTOOLS_SERVICE_NAME": "a_function"}
GOOD = POWERTOOLS_VARIABLES | {
    "PULLGUARD_MODE": "remediate",
    "PULLGUARD_LEDGER_TABLE": "ledger",
    "PULLGUARD_ALERT_FORMAT": "chat",
    "PULLGUARD_INFRASTRUCTURE_TAGS": "managed-by, Owned By ,,team:iac",
    "PULLGUARD_MOVE_SERVICES": "true",
    "PULLGUARD_REDEPLOY_ON_ROTATION": "true",
    "PULLGUARD_WRITES_PER_HOUR": "7",
    "PULLGUARD_STACK_NAME": "prod",
    "PULLGUARD_REVOKE_WITHOUT_CONSENT": "true",
}


def test_settings_are_read_in_their_kinds() -> None:
    read = Settings.read(GOOD, *(name.removeprefix(PREFIX).lower() for name in GOOD if name.startswith(PREFIX)))
    assert read == Settings(
        mode="remediate",
        ledger_table="ledger",
        alert_format="chat",
        infrastructure_tags=("managed-by", "Owned By", "team:iac"),
        move_services=True,
        redeploy_on_rotation=True,
        writes_per_hour=7,
        stack_name="prod",
        revoke_without_consent=True,
    )


def test_only_the_sandbox_lets_a_registry_on_its_own_machine_be_asked() -> None:
    loopback = {"PULLGUARD_LOOPBACK_REGISTRIES": "true"}
    assert not Settings.read(GOOD, "ledger_table").loopback_registries
    assert Settings.read(GOOD | loopback, "ledger_table").loopback_registries
    with pytest.raises(Misconfigured):
        Settings.read(GOOD | {"PULLGUARD_LOOPBACK_REGISTRIES": "yes"}, "ledger_table")


@pytest.mark.parametrize("setting", ["require_role_boundary", "registry_ca_bundle"])
def test_an_optional_setting_may_be_empty(setting: str) -> None:
    assert getattr(Settings.read(GOOD | {f"PULLGUARD_{setting.upper()}": ""}, setting), setting) == ""


def test_only_what_is_needed_is_read() -> None:
    assert Settings.read(GOOD, "ledger_table") == Settings(ledger_table="ledger")
    assert Settings.read(POWERTOOLS_VARIABLES) == Settings()


@pytest.mark.parametrize("setting", [each.name for each in fields(Settings)])
def test_a_variable_that_is_absent_is_named_in_one_line(setting: str) -> None:
    with pytest.raises(Misconfigured) as error:
        Settings.read(POWERTOOLS_VARIABLES, setting)
    assert f"PULLGUARD_{setting.upper()} is not set" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [None, "", " "], ids=["absent", "empty", "blank"])
@pytest.mark.parametrize("variable", POWERTOOLS)
def test_the_settings_of_powertools_are_required_too(variable: str, value: str | None) -> None:
    rest = {name: text for name, text in GOOD.items() if name != variable}
    with pytest.raises(Misconfigured, match=f"{variable} is not set"):
        Settings.read(rest if value is None else {**rest, variable: value}, "ledger_table")


NONSENSE: dict[str, tuple[str, str, str]] = {
    "an-empty-name": ("ledger_table", "  ", "is not set"),
    "an-unknown-mode": ("mode", "destroy", 'is "destroy": give one of observe, remediate'),
    "an-empty-mode": ("mode", "", "give one of observe, remediate"),
    "an-unknown-form": ("alert_format", "html", "give one of text, json, chat"),
    "a-truth-of-another-spelling": ("move_services", "True", "give one of false, true"),
    "no-number": ("writes_per_hour", "many", "give a whole number, 1 at least"),
    "zero": ("writes_per_hour", "0", "give a whole number, 1 at least"),
    "below-zero-where-zero-means-never": ("reminder_hours", "-1", "give a whole number, 0 at least"),
    "below-zero": ("writes_per_hour", "-1", "give a whole number, 1 at least"),
    "digits-of-another-script": ("writes_per_hour", "٣", "give a whole number, 1 at least"),
    "a-control-character": ("mode", "a\nb", r'is "a\nb"'),
}


@pytest.mark.parametrize(("setting", "value", "words"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_in_one_line(setting: str, value: str, words: str) -> None:
    with pytest.raises(Misconfigured) as error:
        Settings.read(POWERTOOLS_VARIABLES | {f"PULLGUARD_{setting.upper()}": value}, setting)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "level", [None, "", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "debug", "WARN", "FATAL", "NOTSET"]
)
def test_a_level_that_powertools_accepts_is_accepted(level: str | None) -> None:
    assert Settings.read(POWERTOOLS_VARIABLES | ({} if level is None else {LOG_LEVEL: level})) == Settings()


@pytest.mark.parametrize("level", ["LOUD", " ", "INFO ", "30", "a\nb"])
def test_a_level_that_it_would_break_at_is_refused_in_one_line(level: str) -> None:
    with pytest.raises(Misconfigured, match=r"POWERTOOLS_LOG_LEVEL is .*: give one of DEBUG, INFO, ") as error:
        Settings.read(POWERTOOLS_VARIABLES | {LOG_LEVEL: level})
    assert "\n" not in str(error.value)


LISTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "none": ("", ()),
    "commas-only": (" , ,", ()),
    "one": ("managed-by", ("managed-by",)),
    "a-key-with-a-space": ("Managed By", ("Managed By",)),
}


@pytest.mark.parametrize(("value", "keys"), LISTS.values(), ids=LISTS)
def test_tag_keys_are_separated_by_commas(value: str, keys: tuple[str, ...]) -> None:
    read: Any = Settings.read(POWERTOOLS_VARIABLES | {"PULLGUARD_INFRASTRUCTURE_TAGS": value}, "infrastructure_tags")
    assert read.infrastructure_tags == keys
