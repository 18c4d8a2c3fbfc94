"""The forms of an alert."""

from typing import get_args

from pullguard.domain.alert_format import FORMATS, Format


def test_every_form_is_offered() -> None:
    assert get_args(Format) == FORMATS == ("text", "json", "chat")
