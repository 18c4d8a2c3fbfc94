"""Convert findings to SARIF 2.1.0, the input format of code scanning services.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html
"""

import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from pullguard.checks.catalogue import CHECKS
from pullguard.checks.check import Check
from pullguard_cli.check_result import Checked, Placed, path_in_repository
from pullguard_cli.input.located import STANDARD_INPUT, Unusable

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_INDEX: Final = {check.id: index for index, check in enumerate(CHECKS)}


def sarif(checked: Checked, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return a SARIF log with one run."""
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "pullguard",
                        "version": version("pullguard"),
                        "rules": [_rule(check) for check in CHECKS],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not checked.unusable,
                        "toolExecutionNotifications": [_notification(each, environment) for each in checked.unusable],
                    }
                ],
                "results": [_result(placed, environment) for placed in checked.placed],
            }
        ],
    }


def _rule(check: Check) -> dict[str, Any]:
    return {
        "id": check.id,
        "shortDescription": {"text": check.id.replace("-", " ").capitalize() + "."},
        "fullDescription": {"text": _fails(check)},
        "help": {"text": f"{_fails(check)}\n\n{check.source}"},
        "helpUri": check.source,
        "defaultConfiguration": {"level": check.severity},
        "properties": {"tags": [check.group], "precision": "high"},
    }


def _fails(check: Check) -> str:
    never = check.fails_when.removeprefix("never: ")
    return f"Fails when {check.fails_when}." if never == check.fails_when else f"Never fails: {never}."


def _result(placed: Placed, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return one result. Unknown findings have kind ``open`` and no level (3.27.9, 3.27.10)."""
    finding = placed.finding
    remedy = "\n".join(filter(None, (finding.remedy.text, finding.remedy.snippet)))
    unknown = finding.status == "unknown"
    rule = {"ruleIndex": _INDEX[finding.check]} if finding.check in _INDEX else {}
    return {
        "ruleId": finding.check,
        **rule,
        "kind": "open" if unknown else "fail",
        "level": "none" if unknown else finding.severity,
        "message": {"text": "\n".join((finding.cause, f"Evidence: {finding.evidence}", f"Remedy: {remedy}"))},
        "locations": [_location(placed.file, placed.line, environment)],
        "partialFingerprints": {"pullguardFinding/v1": finding.id},
    }


def _notification(unusable: Unusable, environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {"text": str(unusable)},
        "locations": [_location(unusable.file, unusable.line, environment)],
    }


def _location(file: str, line: int | None, environment: Mapping[str, str]) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(file, environment)}}
    if line is not None:
        place["region"] = {"startLine": line}
    return {"physicalLocation": place}


def _uri(file: str, environment: Mapping[str, str]) -> str:
    if file == STANDARD_INPUT:
        return "stdin"
    relative = path_in_repository(file, environment)
    if relative is not None:
        return quote(relative)
    return "file://" + quote(PurePath(os.path.abspath(file)).as_posix())  # noqa: PTH100 (Path keeps "..")
