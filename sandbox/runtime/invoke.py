"""``make invoke FUNCTION=… EVENT=…``: run one function with one event in the Lambda runtime, and show its output.

An embedded AWS runs for this call only, with the stack and the demo's world; the function uses its own role.
"""

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox import stack as stacks
from sandbox.demo import scenario
from sandbox.demo.progress import Progress
from sandbox.demo.scene import Scene, deploy
from sandbox.emulator import Call, Emulator
from sandbox.engine import gateway
from sandbox.runtime.image import ensure
from sandbox.runtime.local import Invocation, LocalRuntime, sqs_event
from sandbox.runtime.samples import EVENTS, fresh, remember
from sandbox.server import SandboxError
from sandbox.worlds import demo

USAGE = "usage: make invoke FUNCTION=resolve_change EVENT=events/eventbridge/disable-key.json"


def main() -> int:
    """Call the function and print the result; 0 if it succeeded, 1 if it failed, 2 if it could not run."""
    try:
        function, event = _arguments(sys.argv[1:])
        progress = Progress()
        progress.say(f"Lambda runtime: {ensure().origin}")
        with tempfile.TemporaryDirectory(prefix="pullguard-invoke-") as directory:
            progress.say("building the application: sam build")
            built = stacks.build(into=Path(directory) / "built")
            with Emulator(second_address=gateway()) as aws:
                scene = deploy(aws, built, scenario.PARAMETERS, progress)
                progress.say("loading the demo's world; the functions are kept from their queues")
                _set(scene)
                with LocalRuntime(scene.stack, built, Path(directory) / "local") as runtime:
                    progress.say(f"sam local invoke {function}")
                    return _show(scene, function, event, runtime)
    except SandboxError as error:
        print(error, file=sys.stderr)
        return 2


def _arguments(given: list[str]) -> tuple[str, Any]:
    """Return the function's logical id and the event, wrapped in an SQS envelope if it has no envelope yet."""
    known = {path.parent.name: path for path in stacks.TEMPLATE.parent.glob("functions/*/app.py")}
    if len(given) != 2 or given[0] not in known or not Path(given[1]).is_file():  # noqa: PLR2004
        wrong = "Both are needed."
        if len(given) == 2:  # noqa: PLR2004
            wrong = f"There is no function {given[0]}." if given[0] not in known else f"There is no file {given[1]}."
        samples = f"{EVENTS.name}/README.md says what each sample shows"
        raise SandboxError(
            f"{wrong}\n{USAGE}\nFUNCTION is one of {', '.join(sorted(known))}; EVENT is a file ({samples})."
        )
    function, text = given[0], Path(given[1]).read_text(encoding="utf-8")
    logical_id = f"{''.join(part.title() for part in function.split('_'))}Function"
    try:
        event = json.loads(text)
    except ValueError:
        event = None
    return logical_id, event if isinstance(event, dict) and "Records" in event else sqs_event(
        fresh(text), group="by hand"
    )


def _set(scene: Scene) -> None:
    scene.hold()
    scene.load(demo.world())
    remember(scene)
    for url in scene.stack.queues.values():
        scene.aws.client("sqs").purge_queue(QueueUrl=url)


def _show(scene: Scene, function: str, event: Any, runtime: LocalRuntime) -> int:
    before, since = _ledger(scene), time.time()
    invocation = runtime.invoke(function, event)
    role = scene.stack.role_of(function)
    _print("log", _log(invocation))
    _print("answer", [json.dumps(invocation.answer)])
    writes = [call for call in scene.aws.calls(since_epoch_s=since) if call.role == role and not call.is_read]
    _print("calls that write", [_reported(call) for call in writes])
    _print("ledger", [f"{pk}  {sk}" for pk, sk in sorted(_ledger(scene) - before)])
    for queue, url in scene.stack.queues.items():
        _print(queue, [message["Body"] for message in _messages(scene, url)])
    _print("alerts", [letter.subject for letter in scene.inbox.letters()])
    return 1 if invocation.answer.get("batchItemFailures") else 0


def _reported(call: Call) -> str:
    return " ".join(part for part in (f"{call.service}:{call.action}", call.target, call.error) if part)


def _log(invocation: Invocation) -> list[str]:
    """Return the function's own lines, which are JSON; `sam local` prints much more."""
    return [line for line in invocation.log.splitlines() if line.startswith('{"level"')]


def _ledger(scene: Scene) -> set[tuple[str, str]]:
    table = scene.stack.resources["Ledger"]
    return {(each["pk"]["S"], each["sk"]["S"]) for each in scene.aws.client("dynamodb").scan(TableName=table)["Items"]}


def _messages(scene: Scene, url: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = (
        scene.aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    )
    return found


def _print(title: str, lines: list[str]) -> None:
    if lines:
        print(f"\n{title}")
        for line in lines:
            print(f"  {line}")


if __name__ == "__main__":
    sys.exit(main())
