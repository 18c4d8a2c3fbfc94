"""Findings as SARIF."""

import jsonschema

from pullguard.checks.catalogue import CHECKS
from pullguard_cli.output.sarif import sarif
from tests.unit.cli.placed import SARIF, checked, placed


def test_sarif_has_every_check_as_a_rule() -> None:
    rules = sarif(checked(), {})["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [each.id for each in CHECKS]


def test_unknown_findings_are_open_without_a_level() -> None:
    log = sarif(checked(placed("unknown"), placed(file="-"), placed(file="/elsewhere/a/../x.json")), {})
    jsonschema.validate(log, SARIF)
    results = log["runs"][0]["results"]
    assert (results[0]["kind"], results[0]["level"]) == ("open", "none")
    uris = [each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for each in results]
    assert uris == ["deploy/web.json", "stdin", "file:///elsewhere/x.json"]
