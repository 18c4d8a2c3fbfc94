"""Worlds in which the task's platform is too old or has just failed, and ones in which that does not matter."""

from dataclasses import replace
from datetime import timedelta
from itertools import zip_longest
from typing import Any

from pullguard.domain.usage import Instance, ServiceUse, TaskUse
from tests.worlds.catalogue import by_hand
from tests.worlds.catalogue.by_hand import CLUSTER
from tests.worlds.catalogue.parts import FAMILY, WITHOUT_CREDENTIALS, healthy
from tests.worlds.catalogue.scene import Call, Case, Scene

HEALTHY = Scene(world=healthy())
_CLUSTER = Call(service="ecs", operation="create_cluster", arguments={"clusterName": "main"})


def _service(name: str = "web", **members: Any) -> Call:
    arguments = {"cluster": "main", "serviceName": name, "taskDefinition": FAMILY, "desiredCount": 0, **members}
    return Call(service="ecs", operation="create_service", arguments=arguments)


def _on_fargate(version: str | None, name: str = "web") -> Call:
    return _service(name, launchType="FARGATE", **({"platformVersion": version} if version else {}))


def _running(*services: Call, **changes: Any) -> Scene:
    return Scene(world=healthy(**changes), then=(_CLUSTER, *services))


def _windows(version: str) -> Scene:
    platform = {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "X86_64"}
    return _running(_on_fargate(version), task={"runtimePlatform": platform})


_NONE_NEEDED = {**WITHOUT_CREDENTIALS, "image": "quay.io/acme/web:1.0"}
_TASK = TaskUse(
    cluster_arn=CLUSTER,
    task_arn=f"{CLUSTER}/1",
    task_definition="web:1",
    launch_type="FARGATE",
    platform_version="1.1.0",
)
_OLD = "fargate-platform-too-old"
PLATFORM = (
    Case(check=_OLD, way="a service", broken=_running(_on_fargate("1.1.0")), near_miss=_running(_on_fargate("1.2.0"))),
    Case(
        check=_OLD, way="the first of all", broken=_running(_on_fargate("1.0.0")), near_miss=_running(_on_fargate(None))
    ),
    Case(
        check=_OLD,
        way="one of two services",
        broken=_running(_on_fargate("LATEST", "new"), _on_fargate("1.1.0", "old")),
        near_miss=_running(_on_fargate("LATEST", "new"), _on_fargate("1.10.0", "old")),
    ),
    Case(check=_OLD, way="no Windows", broken=_running(_on_fargate("1.0.0")), near_miss=_windows("1.0.0")),
    Case(
        check=_OLD,
        way="with credentials",
        broken=_running(_on_fargate("1.1.0")),
        near_miss=_running(_on_fargate("1.1.0"), container=_NONE_NEEDED),
    ),
    Case(
        check=_OLD,
        way="a task of nobody's",
        broken=replace(HEALTHY, facts=by_hand.used(tasks=(_TASK,))),
        near_miss=replace(HEALTHY, facts=by_hand.used(tasks=(replace(_TASK, platform_version="1.4.0"),))),
    ),
)

_ON_INSTANCES = ServiceUse(
    cluster_arn=CLUSTER, service_arn=f"{CLUSTER}/web", name="web", task_definition="web:1", launch_type="EC2"
)


def _instances(
    *versions: str,
    service: ServiceUse = _ON_INSTANCES,
    cluster: str = CLUSTER,
    providers: tuple[str | None, ...] = (),
    external: bool = False,
) -> Scene:
    """Instances with agents of these versions; ``providers`` are the capacity providers of the first of them."""
    attributes = frozenset({"ecs.capability.external"}) if external else frozenset[str]()
    instances = tuple(
        Instance(
            cluster_arn=cluster,
            instance_arn=f"{cluster}/i-{index}",
            agent_version=version,
            attributes=attributes,
            capacity_provider=provider,
        )
        for index, (version, provider) in enumerate(zip_longest(versions, providers))
    )
    return replace(HEALTHY, facts=by_hand.used(services=(service,), instances=instances))


def _agent(way: str, broken: Scene, near_miss: Scene) -> Case:
    return Case(check="container-agent-too-old", way=way, broken=broken, near_miss=near_miss)


_EXTERNAL = replace(_ON_INSTANCES, launch_type="EXTERNAL")
_BY_CAPACITY_PROVIDER = replace(_ON_INSTANCES, launch_type=None)
_BY_PROVIDER_A = replace(_BY_CAPACITY_PROVIDER, capacity_providers=("a",))
_CONSTRAINED = replace(_ON_INSTANCES, constraints=("attribute:stack == prod",))
_ON_FARGATE = replace(_ON_INSTANCES, launch_type="FARGATE", platform_version="1.4.0")
_FARGATE_PROVIDER = replace(_ON_INSTANCES, launch_type=None, platform_version="LATEST")
AGENT = (
    _agent("one of two", _instances("1.18.0", "1.90.0"), _instances("1.19.0", "1.90.0")),
    _agent(
        "on machines of one's own",
        _instances("1.18.9", service=_EXTERNAL, external=True),
        _instances("1.52.0", service=_EXTERNAL, external=True),
    ),
    _agent("of its launch type", _instances("1.18.9"), _instances("1.18.9", external=True)),
    _agent(
        "by capacity provider",
        _instances("1.3.1", service=_BY_CAPACITY_PROVIDER),
        _instances("1.3.1", service=_FARGATE_PROVIDER),
    ),
    _agent(
        "of its capacity provider",
        _instances("1.3.1", "1.90.0", service=_BY_PROVIDER_A, providers=("a", "b")),
        _instances("1.3.1", "1.90.0", "1.3.1", service=_BY_PROVIDER_A, providers=("b", "a")),
    ),
    _agent(
        "whatever its constraints",
        _instances("1.3.1", service=_CONSTRAINED),
        _instances("1.90.0", service=_CONSTRAINED),
    ),
    Case(
        check="container-agent-too-old",
        way="one of two, with a constraint that nobody here reads",
        status="unknown",
        broken=_instances("1.3.1", "1.90.0", service=_CONSTRAINED),
        near_miss=_instances("1.90.0", "1.90.0", service=_CONSTRAINED),
    ),
    _agent(
        "on distinct instances",
        _instances("1.3.1", "1.90.0", service=replace(_ON_INSTANCES, constraints=("distinctInstance",))),
        _instances("1.90.0", "1.90.0", service=replace(_ON_INSTANCES, constraints=("distinctInstance",))),
    ),
    _agent("not Fargate", _instances("1.18.0"), _instances("1.18.0", service=_ON_FARGATE)),
    _agent("of its cluster", _instances("1.18.0"), _instances("1.18.0", cluster=f"{CLUSTER}-of-others")),
    _agent("a version", _instances("1.18.0"), _instances("", "unknown")),
)

_PULL = "CannotPullContainerError: pull image manifest has been retried 5 time(s): toomanyrequests: too many requests"
_EXIT = "Essential container in task exited"
_ECR = "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve ecr registry auth"
_MINUTE = timedelta(minutes=1)


def _failed(way: str, reason: str, near_miss: tuple[timedelta, str], ago: timedelta = _MINUTE) -> Case:
    return Case(
        check="task-start-failed",
        way=way,
        broken=replace(HEALTHY, facts=by_hand.used(failed_starts=((ago, reason),))),
        near_miss=replace(HEALTHY, facts=by_hand.used(failed_starts=(near_miss,))),
    )


START_FAILED = (
    _failed("too many pulls", _PULL, (16 * _MINUTE, _PULL)),
    _failed("fifteen minutes ago", _PULL, (15 * _MINUTE + timedelta(seconds=1), _PULL), ago=15 * _MINUTE),
    _failed("credentials not read", "unable to pull secrets or registry auth: asm fetching secret", (_MINUTE, _EXIT)),
    _failed("not Amazon ECR's", "CannotPullContainerError: 401 Unauthorized", (_MINUTE, _ECR)),
)

CASES = (*PLATFORM, *AGENT, *START_FAILED)
