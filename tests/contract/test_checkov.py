"""Each check that checkov skips has one explanation, and the template still needs it."""

import re

import yaml

from tests.contract.cloudformation import ROOT

TEXT = (ROOT / ".checkov.yaml").read_text(encoding="utf-8")


def test_each_exception_has_its_reason_above_it() -> None:
    lines = TEXT.splitlines()
    skipped = [number for number, line in enumerate(lines) if re.fullmatch(r"  - CKV\w+", line)]
    assert [lines[number] for number in skipped if not lines[number - 1].startswith("  # ")] == []
    assert len(skipped) == len(set(yaml.safe_load(TEXT)["skip-check"]))


def test_it_is_a_step_of_the_lint_that_downloads_nothing() -> None:
    assert yaml.safe_load(TEXT)["skip-download"] is True
    _, _, lint = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlint:")
    assert "checkov --config-file .checkov.yaml --file template.yaml" in lint.split("\n\n")[0]
