"""Render an audit as one self-contained HTML file, without external resources.

All text in an audit is untrusted. The template escapes it, and unprintable characters are replaced. The page's content
security policy allows only its own style sheet and script.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Final

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from pullguard.domain.errors import shown
from pullguard_cli.audit_result import Audit
from pullguard_cli.incidents import Incident, incidents_of
from pullguard_cli.output.chain import GAP, NODE_HEIGHT, NODE_WIDTH, Chain, chain_of, short_name
from pullguard_cli.output.unasked import sentences
from pullguard_cli.printing import counted, plain

DRAWN_INCIDENTS: Final = 200
"""Number of incidents shown in full. The others, which are less important, are rows of a table."""
_OPEN_INCIDENTS: Final = 30
_LONGEST_TEXT_CHARS: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """One task definition of an incident: its name, its containers, and where it runs."""

    name: str
    containers: tuple[str, ...]
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One incident as shown on the page."""

    number: int
    incident: Incident
    level: str
    behind: tuple[Behind, ...]
    chain: Chain | None
    is_open: bool

    @property
    def running(self) -> tuple[Behind, ...]:
        """The task definitions in use."""
        return tuple(each for each in self.behind if each.places)

    @property
    def resting(self) -> tuple[Behind, ...]:
        """The task definitions not in use."""
        return tuple(each for each in self.behind if not each.places)


def render(audit: Audit) -> str:
    """Return the complete page for an audit."""
    style, script = _asset("report.css"), _asset("report.js")
    incidents = tuple(_shown(audit, number, incident) for number, incident in enumerate(incidents_of(audit), start=1))
    return _template().render(
        audit=audit,
        gaps=audit.gaps,
        not_checked=sentences(audit.not_checked),
        reported=incidents[:DRAWN_INCIDENTS],
        others=incidents[DRAWN_INCIDENTS:],
        levels={level: sum(each.level == level for each in incidents) for level in ("error", "warning", "unknown")},
        running=len({arn for each in incidents for arn in each.incident.in_use}),
        style=Markup(style),  # noqa: S704 (our own file)
        script=Markup(script),  # noqa: S704 (our own file)
        policy=_policy(style, script),
        version=version("pullguard"),
        geometry={"width": NODE_WIDTH, "height": NODE_HEIGHT, "gap": GAP},
    )


def _shown(audit: Audit, number: int, incident: Incident) -> Shown:
    return Shown(
        number=number,
        incident=incident,
        level="unknown" if incident.status == "unknown" else incident.severity,
        behind=tuple(_behind(audit, incident)),
        chain=chain_of(incident, audit) if number <= DRAWN_INCIDENTS else None,
        is_open=number <= _OPEN_INCIDENTS,
    )


def _behind(audit: Audit, incident: Incident) -> Iterable[Behind]:
    containers: dict[str, list[str]] = {}
    for finding in incident.findings:
        named = containers.setdefault(finding.task_definition, [])
        if finding.container is not None:
            named.append(finding.container)
    for arn, names in containers.items():
        yield Behind(name=short_name(arn), containers=tuple(dict.fromkeys(names)), places=audit.in_use.get(arn, ()))


def _policy(style: str, script: str) -> str:
    """Return a policy that allows this style sheet and this script only, by their hashes.

    Source: https://www.w3.org/TR/CSP3/#match-element-to-source-list
    """
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _asset(name: str) -> str:
    return files("pullguard_cli").joinpath("templates", name).read_text(encoding="utf-8").strip()


@cache
def _template() -> Template:
    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters["counted"] = counted
    environment.filters["link"] = _link
    environment.filters["utc"] = "{:%Y-%m-%d %H:%M} UTC".format
    return environment.get_template("report.html.j2")


def _finalized(value: object) -> object:
    """Escape unprintable characters: overrides reorder text, and lone surrogates cannot be encoded."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = plain(value)
    return text if len(text) <= _LONGEST_TEXT_CHARS else f"{text[:_LONGEST_TEXT_CHARS]}… (shortened)"


def _link(url: str) -> str | None:
    """Return ``url`` if it is a printable https URL, else None."""
    return url if url.startswith("https://") and url == shown(url, limit=len(url))[1:-1] else None
