"""Completion of option values."""

from pathlib import Path

import pytest

from pullguard.checks.catalogue import CHECKS
from pullguard_cli.options import complete_check, complete_profile


@pytest.mark.parametrize("beginning", ["", "reference-", "secret-value-b", "nothing"])
def test_checks_complete_with_their_meaning(beginning: str) -> None:
    offered = dict(complete_check(beginning))
    assert offered == {each.id: each.fails_when for each in CHECKS if each.id.startswith(beginning)}


@pytest.mark.parametrize(("beginning", "offered"), [("", {"default", "prod", "prod-eu"}), ("prod-", {"prod-eu"})])
def test_profiles_complete_from_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, beginning: str, offered: set[str]
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\n[profile prod]\n[profile prod-eu]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    assert set(complete_profile(beginning)) == offered
