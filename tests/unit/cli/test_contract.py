"""Members that the JSON of every command shares."""

import pytest

from pullguard_cli.contract import SCHEMA_VERSION, finding_json
from tests.unit.cli.test_incidents import finding


@pytest.mark.parametrize("place", [("111122223333", "eu-central-1"), (None, None)], ids=["known", "unknown"])
def test_a_finding_has_its_account_and_region(place: tuple[str | None, str | None]) -> None:
    found = finding("web")
    account, region = place
    assert finding_json(found, account=account, region=region) == {
        **found.to_dict(),
        "account": account,
        "region": region,
    }


def test_the_schema_version_is_public() -> None:
    assert SCHEMA_VERSION == 2
