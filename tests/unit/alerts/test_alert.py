"""One message in three forms, with the same subject and attributes."""

import json

import pytest

from pullguard.alerts.alert import Alert, compose
from pullguard.alerts.chat import as_chat
from pullguard.alerts.headline import attributes_of, subject_of
from pullguard.alerts.structured import as_json
from pullguard.alerts.text import as_text
from pullguard.domain.alert_format import FORMATS, Format
from tests.unit.alerts.notices import definition, notice

SHARED = notice(dependents=(definition("web", 7), definition("api")))


@pytest.mark.parametrize(
    ("form", "text"),
    [("text", as_text(SHARED)), ("json", as_json(SHARED)), ("chat", json.dumps(as_chat(SHARED)))],
    ids=["text", "json", "chat"],
)
def test_each_form_has_its_text_and_all_the_same_subject(form: Format, text: str) -> None:
    assert compose(SHARED, form) == Alert(subject=subject_of(SHARED), text=text, attributes=attributes_of(SHARED))


def test_text_is_the_default() -> None:
    assert compose(SHARED) == compose(SHARED, "text")


@pytest.mark.parametrize("form", FORMATS)
def test_every_attribute_has_a_value(form: Format) -> None:
    assert compose(notice(), form).attributes == {
        "kind": "Finding Opened",
        "check": "secret-access-missing",
        "severity": "error",
        "status": "fail",
        "family": "web",
    }
