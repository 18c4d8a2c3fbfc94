"""Results of ``pullguard check`` for the tests of its outputs, and the schema of SARIF."""

from pullguard.domain.findings import Finding, Remedy, Summary
from pullguard_cli.check_result import Checked, Placed
from pullguard_cli.input.located import Unusable

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}


LOCATIONS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["physicalLocation"],
        "additionalProperties": False,
        "properties": {
            "physicalLocation": {
                "type": "object",
                "required": ["artifactLocation"],
                "additionalProperties": False,
                "properties": {
                    "artifactLocation": {
                        "type": "object",
                        "required": ["uri"],
                        "additionalProperties": False,
                        "properties": {"uri": {"type": "string", "pattern": r"^[A-Za-z0-9._~/%:@!$&'()*+,;=-]+$"}},
                    },
                    "region": {
                        "type": "object",
                        "required": ["startLine"],
                        "properties": {"startLine": {"type": "integer", "minimum": 1}},
                    },
                },
            }
        },
    },
}


SARIF = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules", "version"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id", "shortDescription", "helpUri", "defaultConfiguration"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": TEXT,
                                                "fullDescription": TEXT,
                                                "help": TEXT,
                                                "helpUri": {"type": "string", "pattern": "^https://"},
                                                "defaultConfiguration": {
                                                    "properties": {"level": {"enum": ["error", "warning", "note"]}}
                                                },
                                            },
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "invocations": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["executionSuccessful"],
                            "properties": {
                                "executionSuccessful": {"type": "boolean"},
                                "toolExecutionNotifications": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "required": ["message"],
                                        "properties": {"message": TEXT, "locations": LOCATIONS},
                                    },
                                },
                            },
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "locations", "partialFingerprints"],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "kind": {"enum": ["fail", "open"]},
                                "level": {"enum": ["none", "warning", "error"]},
                                "message": TEXT,
                                "locations": LOCATIONS | {"minItems": 1},
                                "partialFingerprints": {
                                    "type": "object",
                                    "additionalProperties": {"type": "string"},
                                },
                            },
                            "if": {"properties": {"kind": {"const": "open"}}},
                            "then": {"properties": {"level": {"const": "none"}}},
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip


HOSTILE = "a%b:c,d\n::error::owned\r\x1b[2J ##[add-mask]x"


def placed(status: str = "fail", *, file: str = "deploy/web.json", text: str = "It is broken.") -> Placed:
    finding = Finding(
        id="0123456789abcdef", check="secret-not-found", status="unknown" if status == "unknown" else "fail",
        severity="warning" if status == "warning" else "error", task_definition="web:0", container="app", image=None,
        secret=None, role=None, key=None, cause=text, evidence=text,
        remedy=Remedy(text=text, snippet=text), source="https://docs.aws.amazon.com/",
    )  # fmt: skip
    return Placed(finding=finding, file=file, line=7)


def checked(*found: Placed, unusable: tuple[Unusable, ...] = (), live: bool = False) -> Checked:
    return Checked(
        placed=found, unusable=unusable, empty=(), account=None, region=None, live=live,
        summary=Summary(task_definitions=1, references=2, failed=len(found), not_checked=3),
    )  # fmt: skip
