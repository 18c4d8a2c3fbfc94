"""Build a SAM template and deploy it into the embedded AWS, with the same tools and arguments as anywhere else."""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.emulator import INTERPRETER, ROOT, Emulator
from sandbox.server import SandboxError

SAM = ROOT / ".tools" / "sam" / "bin" / "sam"
TEMPLATE = ROOT / "template.yaml"
BUCKET = "sandbox-artifacts"
TAIL_LINES = 30
_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A deployed stack. ``resources`` maps logical to physical ids, ``types`` logical ids to resource types."""

    name: str
    aws: Emulator
    outputs: Mapping[str, str]
    resources: Mapping[str, str]
    types: Mapping[str, str]

    def of_type(self, resource_type: str) -> dict[str, str]:
        """Return logical and physical ids of all resources of one type (``AWS::SQS::Queue``)."""
        return {logical: self.resources[logical] for logical, kind in self.types.items() if kind == resource_type}

    @property
    def functions(self) -> dict[str, str]:
        """Logical ids and names of the functions."""
        return self.of_type("AWS::Lambda::Function")

    @property
    def queues(self) -> dict[str, str]:
        """Logical ids and addresses of the queues."""
        return self.of_type("AWS::SQS::Queue")

    def role_of(self, function: str) -> str:
        """Return the name of a function's role; ``function`` is a logical id."""
        answer = self.aws.client("lambda").get_function_configuration(FunctionName=self.resources[function])
        return str(answer["Role"]).rpartition("/")[2]

    def logs(self, function: str) -> list[str]:
        """Return all log lines of a function so far, in order; ``function`` is a logical id."""
        client = self.aws.client("logs")
        configuration = self.aws.client("lambda").get_function_configuration(FunctionName=self.resources[function])
        fallback = f"/aws/lambda/{self.resources[function]}"
        group = configuration.get("LoggingConfig", {}).get("LogGroup", fallback)
        try:
            pages = list(client.get_paginator("filter_log_events").paginate(logGroupName=group))
        except client.exceptions.ResourceNotFoundException:
            return []
        events = sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])
        return [line for event in events for line in str(event["message"]).splitlines()]

    def depths(self) -> dict[str, int]:
        """Return how many messages each queue holds, waiting or in flight; queues by logical id."""
        client = self.aws.client("sqs")
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def depth(url: str) -> int:
            attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
            return sum(int(attributes[name]) for name in names)

        return {logical: depth(url) for logical, url in self.queues.items()}

    def hasten_retries(self, visibility_timeout_s: int = 2) -> None:
        """Make failed messages visible again at once, so that a test sees a retry or a dead letter within seconds."""
        client = self.aws.client("sqs")
        for url in self.queues.values():
            client.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(visibility_timeout_s)})


def build(
    template: Path = TEMPLATE,
    *,
    into: Path | None = None,
    parameters: Mapping[str, str] | None = None,
    for_emulator: bool = True,
    progress: bool = False,
) -> Path:
    """Run ``sam build`` and return the built template.

    ``into`` is a directory for this build only, so that builds do not disturb each other; without it a temporary one is
    used until the program ends. ``for_emulator`` adds bytecode for the embedded AWS's interpreter; without it the
    artefact is the deployable one. Raises SandboxError with the tool's last lines.
    """
    directory = into or _own_directory()
    directory.mkdir(parents=True, exist_ok=True)
    options: list[str | Path] = ["--template-file", template.resolve(), "--build-dir", directory / "build"]
    overrides = [f"{key}={value}" for key, value in (parameters or {}).items()]
    options += ["--parameter-overrides", *overrides] if overrides else []
    _sam("build", *options, directory=directory, environment={}, progress=progress)
    if for_emulator:
        add_bytecode(directory / "build")
    return directory / "build" / "template.yaml"


def deploy(
    aws: Emulator,
    built: Path,
    parameters: Mapping[str, str] | None = None,
    *,
    name: str = "pullguard",
    progress: bool = False,
) -> Stack:
    """Run ``sam deploy`` of a built template into the embedded AWS.

    Raises SandboxError with the tool's last lines and the reasons of the resources that failed.
    """
    s3 = aws.client("s3")
    if BUCKET not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET)
    overrides = [f"{key}={value}" for key, value in (parameters or {}).items()]
    options: list[str | Path] = ["--template-file", built, "--stack-name", name, "--region", aws.region]
    options += ["--s3-bucket", BUCKET, "--s3-prefix", name]
    options += ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    options += ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    options += ["--parameter-overrides", *overrides] if overrides else []
    directory = built.parent.parent
    try:
        _sam("deploy", *options, directory=directory, environment=aws.environment, progress=progress)
    except SandboxError as error:
        raise SandboxError("\n".join([str(error), *_failures(aws, name)])) from error
    return describe(aws, name)


def describe(aws: Emulator, name: str = "pullguard") -> Stack:
    """Return a stack that is deployed already."""
    client = aws.client("cloudformation")
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    members: list[Any] = client.describe_stack_resources(StackName=name)["StackResources"]
    return Stack(
        name=name,
        aws=aws,
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        resources={member["LogicalResourceId"]: member.get("PhysicalResourceId", "") for member in members},
        types={member["LogicalResourceId"]: member["ResourceType"] for member in members},
    )


def _own_directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="pullguard-build-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


def _failures(aws: Emulator, name: str) -> list[str]:
    client = aws.client("cloudformation")
    try:
        events = client.describe_stack_events(StackName=name)["StackEvents"]
    except client.exceptions.ClientError:
        return []
    failed = (event for event in events if str(event["ResourceStatus"]).endswith("FAILED"))
    return [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', 'no reason given')}" for event in failed]


def _sam(command: str, *options: str | Path, directory: Path, environment: Mapping[str, str], progress: bool) -> None:
    if not SAM.exists():
        raise SandboxError(f"The SAM CLI is not installed ({SAM} is missing): run `make setup`.")
    settings = directory / "samconfig.toml"  # an empty one, so that the project's own settings do not apply
    settings.write_text("version = 0.1\n")
    full = [SAM, command, *options, "--config-file", settings]
    process = subprocess.Popen(
        [str(part) for part in full],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        cwd=directory,
        env=tool_environment(directory) | dict(environment),
    )
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    watchdog = threading.Timer(_TIMEOUT_S, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        for line in process.stdout:
            tail.append(line.rstrip())
            if progress:
                print(line, end="", file=sys.stderr)
        status = process.wait()
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if status == -signal.SIGKILL:
        tail.append(f"(stopped after {_TIMEOUT_S} s, unless another process stopped it)")
    if status:
        raise SandboxError(f"sam {command} failed ({status}). Its last lines:\n" + "\n".join(tail))


def add_bytecode(directory: Path) -> None:
    """Compile the build, which is most of a cold start; the embedded AWS unpacks and runs it many times.

    Bytecode is checked by content, not by time: unpacking makes all files new.
    """
    options = ["-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([INTERPRETER, "-m", "compileall", *options, directory], check=False, timeout=_TIMEOUT_S)


def tool_environment(directory: Path) -> dict[str, str]:
    """Return the environment for the SAM CLI: the current one without AWS settings, with the project's tools."""
    tools = (ROOT / ".venv" / "bin", SAM.parent)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAM_"))}
    return kept | {
        "PATH": os.pathsep.join([*map(str, tools), os.environ.get("PATH", os.defpath)]),
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.2",
        "__SAM_CLI_APP_DIR": str(directory / "sam"),
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONWARNINGS": "ignore",
    }
