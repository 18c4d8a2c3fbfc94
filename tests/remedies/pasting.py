"""Do what a remedy says, as a person who pastes it: commands into a shell, members into the task definition."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3

from pullguard.alerts import Notice, compose
from pullguard.aws.clients import Clients
from pullguard.checks.examine import examine
from pullguard.domain.findings import Finding
from sandbox.agent import Fetch, fetch
from sandbox.emulator import ROOT, Emulator, client
from tests.registry.recording import Reply, Request, recording
from tests.worlds.catalogue.scene import Scene, prepare
from tests.worlds.examining import gathered

AWS_CLI = ROOT / ".tools" / "aws" / "bin"
CREDENTIALS_FILE = "credentials.json"
GOOD = {"username": "acme-web", "password": "the-registry-accepts-this-one"}
"""The content of the file that a remedy names."""

_SHELL_TIMEOUT_S = 120
_INDENT = "    "  # of a snippet in an alert
_OUTPUT_ONLY = (
    *("taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities"),
    *("registeredAt", "registeredBy", "deregisteredAt"),
)

_OF_THE_TASK = frozenset({"executionRoleArn"})


class PasteFailed(Exception):
    """The shell ended with an error; the text has the commands and what they printed."""


@dataclass(slots=True, kw_only=True)
class Place:
    """A loaded scene on the embedded AWS, and the person in front of it, in ``directory``."""

    aws: Emulator
    scene: Scene
    directory: Path
    names: Mapping[str, str] = field(default_factory=dict)

    def findings(self) -> tuple[Finding, ...]:
        """Return what an audit finds now."""
        session = boto3.Session(
            aws_access_key_id=self.aws.credentials.access_key_id,
            aws_secret_access_key=self.aws.credentials.secret_access_key,
            region_name=self.scene.region,
        )
        return tuple(found for facts in gathered(self.scene, Clients(session)) for found in examine(facts).findings)

    def revisions(self) -> list[dict[str, Any]]:
        """Return the newest revision of each family of the scene, as described."""
        families = [each.family for each in self.scene.world.task_definitions]
        return [dict(self.ecs.describe_task_definition(taskDefinition=each)["taskDefinition"]) for each in families]

    def pulls(self) -> list[Fetch]:
        """Return what the ECS agent gets for each reference of the newest revisions."""
        return [
            fetch(self.aws, revision["executionRoleArn"], each["repositoryCredentials"]["credentialsParameter"])
            for revision in self.revisions()
            for each in revision["containerDefinitions"]
            if "repositoryCredentials" in each
        ]

    @property
    def ecs(self) -> Any:
        return self.aws.client("ecs", region=self.scene.region)

    def paste(self, finding: Finding) -> str:
        """Do what the alert about ``finding`` shows; return what the shell printed. Raises PasteFailed."""
        printed = self.run(finding)
        self.register_members(finding)
        return printed

    def run(self, finding: Finding) -> str:
        """Run the commands that the alert about ``finding`` shows; return what the shell printed."""
        shown = replace(finding.remedy, snippet=shown_in_alert(finding) or None)
        assert shown.snippet == finding.remedy.snippet
        return shell(self.aws, shown.commands, self.directory) if shown.commands else ""

    def register_members(self, finding: Finding) -> None:
        """Register a revision with the members that the finding gives, if it gives any."""
        if members := finding.remedy.members:
            family = finding.task_definition.rpartition("/")[2].partition(":")[0]
            self.register(family, finding.container, json.loads(f"{{{','.join(members)}}}"))

    def register(self, family: str, container: str | None, members: Mapping[str, Any]) -> None:
        """Register a revision with these members: of the task those that are its own, of ``container`` all others."""
        (revision,) = (each for each in self.revisions() if each["family"] == family)
        request = {name: value for name, value in revision.items() if name not in _OUTPUT_ONLY}
        request |= {name: value for name, value in members.items() if name in _OF_THE_TASK}
        for target in (each for each in request["containerDefinitions"] if each["name"] == container):
            target |= {name: value for name, value in members.items() if name not in _OF_THE_TASK}
        self.ecs.register_task_definition(**request)


def shell(aws: Emulator, commands: str, directory: Path) -> str:
    """Run ``commands`` in a shell with the real AWS CLI; return what it printed. Raises PasteFailed."""
    own = {**aws.environment, "HOME": str(directory)}
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail"],
        input=commands,
        cwd=directory,
        env={**own, "PATH": f"{AWS_CLI}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
        capture_output=True,
        text=True,
        timeout=_SHELL_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise PasteFailed(f"{commands}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def shown_in_alert(finding: Finding) -> str:
    """Return what an alert shows to paste, line by line."""
    notice = Notice(kind="Finding Opened", account="111122223333", region="us-east-1", findings=(finding,))
    lines = compose(notice).text.splitlines()
    return "\n".join(line.removeprefix(_INDENT) for line in lines if line.startswith(_INDENT))


@contextmanager
def placed(aws: Emulator, scene: Scene, directory: Path) -> Iterator[Place]:
    """Load ``scene`` into an emptied AWS; a registry of the scene takes ``GOOD`` and refuses everything else."""
    aws.reset()
    (directory / CREDENTIALS_FILE).write_text(json.dumps(GOOD))

    def clients(service: str, region: str) -> Any:
        return client(service, endpoint_url=aws.endpoint_url, region=region)

    with recording(_reply) as registry:
        names = prepare(scene, clients, {"registry": registry.host})
        yield Place(aws=aws, scene=replace(scene, facts=None), directory=directory, names=names)


_BASIC = base64.b64encode(f"{GOOD['username']}:{GOOD['password']}".encode()).decode()


def _reply(request: Request) -> Reply:
    if request.authorization == f"Basic {_BASIC}":
        return Reply(status=200)
    return Reply(status=401, headers=(("WWW-Authenticate", 'Basic realm="registry"'),))
