"""JSON shared by all commands (docs/audit.schema.json, docs/check.schema.json)."""

from typing import Any, Final

from pullguard.domain.findings import Finding

SCHEMA_VERSION: Final = 2
"""Schema version of the CLI's JSON. Bus events have their own (``domain/findings.py``)."""


def finding_json(finding: Finding, *, account: str | None, region: str | None) -> dict[str, Any]:
    """Return a finding as the CLI prints it: with account and Region, null if unknown."""
    return {**finding.to_dict(), "account": account, "region": region}
