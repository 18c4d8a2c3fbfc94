"""One message for SNS, in the form that its readers need."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from pullguard.alerts.chat import as_chat
from pullguard.alerts.headline import attributes_of, subject_of
from pullguard.alerts.notice import Notice
from pullguard.alerts.structured import as_json
from pullguard.alerts.text import as_text
from pullguard.domain.alert_format import Format


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One message for SNS Publish: ``attributes`` are its message attributes, of one value or several, none empty."""

    subject: str
    text: str
    attributes: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


def compose(notice: Notice, form: Format = "text") -> Alert:
    """Compose the message about ``notice`` in one of three forms.

    ``text`` is for people, ``json`` for programs (``schema_version`` 1), ``chat`` for Amazon Q Developer in chat
    applications, which shows it in Slack or Microsoft Teams.
    """
    match form:
        case "text":
            text = as_text(notice)
        case "json":
            text = as_json(notice)
        case "chat":
            text = json.dumps(as_chat(notice))
        case _:
            assert_never(form)
    return Alert(subject=subject_of(notice), text=text, attributes=attributes_of(notice))
