"""What the JSON of all commands has in common (docs/audit.schema.json, docs/check.schema.json)."""

from typing import Any, Final

from pullguard.domain.findings import Finding

SCHEMA_VERSION: Final = 2
"""The version of the command line's JSON. Bus events have their own (``domain/findings.py``)."""


def finding_json(finding: Finding, *, account: str | None, region: str | None) -> dict[str, Any]:
    """Return a finding as the command line prints it: with its account and Region, null where not known."""
    return {**finding.to_dict(), "account": account, "region": region}
