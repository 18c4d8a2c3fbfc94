"""Links in each form. docs/threat-model.md quotes this file; the other tests of links are in test_links.py."""

import json

import pytest

from pullguard.alerts import compose
from sandbox.showcase.samples import SECRET
from tests.unit.alerts.notices import (
    finding,
    notice,
)


@pytest.mark.parametrize(
    "secret",
    ["registry/ghcr", "arn:aws:s3:::bucket", f"{SECRET}\nhttps://evil.example/", "arn:aws:secretsmanager:x", None],
)
def test_a_host_that_is_not_proved_gets_no_link(secret: str | None) -> None:
    links = json.loads(compose(notice(findings=(finding(secret=secret),)), "json").text)["links"]
    assert "Secret" not in links
