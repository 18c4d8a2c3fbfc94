"""Load a scene into moto, gather and examine what is there, as the deployed validator and the audit do."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from moto import mock_aws

from pullguard.aws.clients import Clients
from pullguard.aws.readers import AwsReaders, ReadValues
from pullguard.aws.survey import survey_running
from pullguard.checks.examine import examine
from pullguard.checks.gather import gather
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Finding
from pullguard.domain.task_definition import TaskDefinition
from tests.registry.recording import Reply, Request, recording
from tests.worlds.catalogue.scene import Answers, Scene, prepare


@cache
def clients(region: str) -> Clients:
    """Return clients of a Region, made once: making them takes longer than all that a test does."""
    return Clients(boto3.Session(region_name=region))


def client(service: str, region: str) -> Any:
    return clients(region).get(service)


def facts_of(scene: Scene, *, values: ReadValues = "opted-in") -> tuple[Facts, ...]:
    """Return what is gathered of each family of a scene; a scene that many rows share is gathered once."""
    bare = replace(scene, facts=None)
    key = f"{asdict(bare)} {values}"
    if key not in _GATHERED:
        with mock_aws() as aws, registry_of(scene.registry) as host:
            aws.reset()
            prepare(scene, client, {"registry": host})
            _GATHERED[key] = tuple(gathered(bare, clients(scene.region), values=values))
    return tuple(scene.facts(each) if scene.facts is not None else each for each in _GATHERED[key])


_GATHERED: dict[str, tuple[Facts, ...]] = {}


def findings_of(scene: Scene, *, values: ReadValues = "opted-in") -> tuple[Finding, ...]:
    """Return every finding in a scene."""
    return tuple(finding for facts in facts_of(scene, values=values) for finding in examine(facts).findings)


def gathered(scene: Scene, aws: Clients, *, values: ReadValues = "opted-in") -> Iterator[Facts]:
    """Gather the facts about each family of a scene that is loaded already."""
    account = aws.get("sts").get_caller_identity()["Account"]
    verify = scene.registry is not None
    readers = AwsReaders(aws, account=account, values=values, verify=verify, lists_all=True, loopback=True)
    now = datetime.now(UTC) + scene.after
    with ThreadPoolExecutor(1) as threads:
        running = survey_running(readers.ecs, threads)
    for definition in scene.world.task_definitions:
        facts = gather(definition.family, readers, now=now)
        assert isinstance(facts, Facts)
        newest = readers.task_definition(definition.family)
        assert isinstance(newest, TaskDefinition)
        yield facts.with_usage(running.usage(facts.task_definition, newest))


@contextmanager
def registry_of(answers: Answers | None) -> Iterator[str]:
    """Yield the host of a registry that gives these answers; empty without any."""
    if answers is None:
        yield ""
        return
    with recording(lambda request: _reply(request, answers)) as registry:
        host = registry.host
        if answers.manifest is not None:
            yield host
            return
    yield host  # a host without a listener


def _reply(request: Request, answers: Answers) -> Reply:
    if request.path == "/v2/":
        challenge = (("WWW-Authenticate", 'Basic realm="registry"'),) if answers.unauthorized == 401 else ()
        return Reply(status=answers.unauthorized, headers=challenge)
    if request.authorization is None and answers.to_anybody is not None:
        return Reply(status=answers.to_anybody)
    return Reply(status=answers.manifest or 500)
