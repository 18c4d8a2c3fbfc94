"""``pullguard diagnose``: explain a stopped reason or a service event, offline."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from pullguard.domain.diagnosis import UNKNOWN, Diagnosis, Explanation, diagnose, priority
from pullguard.domain.errors import shown
from pullguard.domain.hidden_text import without_credentials
from pullguard.domain.image import ImageReference, parse_images
from pullguard.domain.usage import Reason
from pullguard_cli.failures import CannotRun
from pullguard_cli.options import TextFormat, TextOrJson
from pullguard_cli.printing import output, says

STANDARD_INPUT: Final = "-"
# DescribeTasks returns at most 100 tasks, which is well below this.
MAX_BYTES: Final = 1024 * 1024
_LISTS: Final = ("tasks", "services", "taskArns", "serviceArns")
_NOTHING_STOPPED: Final = Explanation(
    kind="unknown",
    sentence="The JSON contains no stopped task and no service event.",
    how_to_fix=(
        "ECS keeps stopped tasks for about an hour. List them with aws ecs list-tasks --cluster CLUSTER "
        "--desired-status STOPPED, then pipe the output of aws ecs describe-tasks into pullguard diagnose -."
    ),
    source="https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-errors.html",
    is_registry_related=False,
)
_HOW_TO_GIVE_IT: Final = "Pass a stopped reason or a service event in quotes, or - to read standard input."


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stopped task: the reasons, its containers' images, and the execution role of its overrides."""

    reasons: tuple[Reason, ...]
    images: tuple[ImageReference, ...] = ()
    role: str | None = None


def diagnose_command(
    text: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT|-",
            help="A stopped reason, a service event, or JSON that contains them; - for standard input.",
            show_default=False,
        ),
    ],
    *,
    format_: TextOrJson = None,
) -> None:
    """Explain why a task did not start, from the text that Amazon ECS reports. Works offline.

    Accepts the reason of a task or container, a service event, the output of `aws ecs describe-tasks` or
    `describe-services`, and EventBridge events. Among several texts, it explains the most specific one about a pull.

    **Examples**

    - `pullguard diagnose "CannotPullContainerError: pull access denied for acme/web, repository does not exist"`
    - `aws ecs describe-tasks --cluster prod --tasks ID | pullguard diagnose -`
    """
    given = _standard_input() if text == [STANDARD_INPUT] else _argument(" ".join(text))
    answer = answer_to(given)
    if format_ is TextFormat.JSON or (format_ is None and not sys.stdout.isatty()):
        sys.stdout.write(json.dumps(answer, indent=2) + "\n")
    else:
        _print(answer, output())


def answer_to(text: str) -> dict[str, Any]:
    """Return the explanation as JSON: kind, summary, checks, how_to_fix and source."""
    stops = stops_in(text)
    found = [(diagnose(stop.reasons, stop.images), stop) for stop in stops or (Stop(reasons=(Reason(text=text),)),)]
    diagnosis, stop = min(found, key=lambda each: priority(each[0]))
    explanation = diagnosis.explanation
    if stops is not None and not stops and (explanation == UNKNOWN or _is_list_of_aws(text)):
        diagnosis, explanation = Diagnosis(explanation=_NOTHING_STOPPED), _NOTHING_STOPPED
    return {
        "kind": explanation.kind,
        "summary": " ".join((explanation.sentence, *_named(diagnosis, stop))),
        "checks": list(explanation.checks),
        "how_to_fix": explanation.how_to_fix,
        "source": explanation.source,
    }


def stops_in(text: str) -> tuple[Stop, ...] | None:
    """Return the stopped tasks and service events in AWS's JSON output. None if ``text`` is not JSON."""
    document = _document(text)
    return None if document is None else tuple(_stops(document))


def _document(text: str) -> object:
    try:
        return json.loads(text) if text.lstrip()[:1] in ("{", "[", '"') else None
    except (ValueError, RecursionError):
        return None


def _is_list_of_aws(text: str) -> bool:
    """Whether the text is AWS's JSON list of tasks or services. Its other text does not explain a pull."""
    document = _document(text)
    return isinstance(document, Mapping) and any(isinstance(document.get(each), list) for each in _LISTS)


def _stops(value: object) -> Iterator[Stop]:
    match value:
        case str() if value.strip():
            yield Stop(reasons=(Reason(text=value),))
        case list():
            for each in value:
                yield from _stops(each)
        case {"detail": Mapping() as detail}:  # an EventBridge event
            yield from _stops(detail)
        case {"tasks": list() as tasks}:
            yield from _stops(tasks)
        case {"services": list() as services}:
            for service in services:
                yield from _stops(service.get("events") if isinstance(service, Mapping) else None)
        case {"message": str() as message} | {"reason": str() as message}:  # a service event
            yield from _stops(message)
        case Mapping() if "stoppedReason" in value or "containers" in value:
            yield from _task(value)
        case _:
            return


def _task(task: Mapping[str, Any]) -> Iterator[Stop]:
    containers = [each for each in _list(task.get("containers")) if isinstance(each, Mapping)]
    texts = ((task.get("stoppedReason"), None), *((each.get("reason"), each.get("image")) for each in containers))
    reasons = tuple(Reason(text=text, image=_text(image)) for text, image in texts if isinstance(text, str) and text)
    overrides = task.get("overrides")
    if reasons:
        yield Stop(
            reasons=reasons,
            images=parse_images(filter(None, (_text(each.get("image")) for each in containers))),
            role=_text(overrides.get("executionRoleArn")) if isinstance(overrides, Mapping) else None,
        )


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _named(diagnosis: Diagnosis, stop: Stop) -> Iterator[str]:
    """Yield sentences that name the host and role in the text, only if they are well-formed."""
    if diagnosis.registry is not None:
        yield f"The image is at {diagnosis.registry}."
    if diagnosis.role is not None:
        yield f"The role is {diagnosis.role.arn or f'{diagnosis.role.name} of account {diagnosis.role.account}'}."
    if stop.role is not None:
        role = shown(without_credentials(stop.role))
        yield f"The task's overrides replace the task definition's execution role with {role}."


def _argument(text: str) -> str:
    try:
        return _usable(text.encode())
    except UnicodeEncodeError:  # Python keeps invalid UTF-8 bytes as surrogates
        raise CannotRun(f"The text is not UTF-8. {_HOW_TO_GIVE_IT}") from None


def _standard_input() -> str:
    if sys.stdin is None:  # it is closed
        raise CannotRun(f"There is no standard input. {_HOW_TO_GIVE_IT}")
    try:
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    except OSError as error:
        raise CannotRun(f"Cannot read standard input: {error.strerror}. {_HOW_TO_GIVE_IT}") from None
    return _usable(data)


def _usable(data: bytes) -> str:
    """Decode the text. Raises ``CannotRun`` if it is unusable, without quoting it."""
    if len(data) > MAX_BYTES:
        raise CannotRun(f"The text is larger than 1 MB. {_HOW_TO_GIVE_IT}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CannotRun(f"The text is not UTF-8. {_HOW_TO_GIVE_IT}") from None
    if not text.strip():
        raise CannotRun(f"The text is empty. {_HOW_TO_GIVE_IT}")
    if "\0" in text:
        raise CannotRun(f"The text is binary. {_HOW_TO_GIVE_IT}")
    return text


def _print(answer: Mapping[str, Any], console: Console) -> None:
    console.print(says(answer["kind"], "bold"))
    console.print(says(answer["summary"]))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_row(says("How to fix it", "dim"), says(answer["how_to_fix"]))
    if answer["checks"]:
        table.add_row(says("Checks", "dim"), says(", ".join(answer["checks"])))
    table.add_row(says("Source", "dim"), says(answer["source"]))
    console.print(table)
