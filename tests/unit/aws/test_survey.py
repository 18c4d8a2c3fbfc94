from pullguard.aws.survey import ClusterSurvey, Running
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Lookup, Missing, Unreadable
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.usage import Instance, ServiceUse, TaskUse, Usage

ARN = "arn:aws:ecs:eu-central-1:111122223333:task-definition/web:2"
CLUSTER = "arn:aws:ecs:eu-central-1:111122223333:cluster/prod"
WEB = TaskDefinition(arn=Arn.parse(ARN), family="web", revision=2, status="ACTIVE", execution_role=None, containers=())
OLD_AGENT = Instance(cluster_arn=CLUSTER, instance_arn="i", agent_version="1.18.0")
DENIED = Unreadable(permission="ecs:ListContainerInstances", resource=CLUSTER, reason="denied")


def service(**members: str) -> ServiceUse:
    return ServiceUse(cluster_arn=CLUSTER, service_arn="s", name="web", task_definition=ARN, **members)  # type: ignore[arg-type]


def cluster(
    *services: ServiceUse,
    tasks: tuple[TaskUse, ...] = (),
    instances: Lookup[tuple[Instance, ...]] = (OLD_AGENT,),
) -> ClusterSurvey:
    return ClusterSurvey(cluster=CLUSTER, services=services, tasks=tasks, instances=instances, failed_starts=())


def test_instances_count_only_for_what_runs_on_them() -> None:
    for use, instances in ((service(launch_type="EC2"), (OLD_AGENT,)), (service(launch_type="FARGATE"), ())):
        usage = Running([cluster(use)]).usage(WEB, WEB)
        assert isinstance(usage, Usage)
        assert (usage.newest, usage.services, usage.instances) == (True, (use,), instances)


def test_fargate_by_a_capacity_provider_needs_no_instances() -> None:
    usage = Running([cluster(service(platform_version="1.4.0"), instances=DENIED)]).usage(WEB, WEB)
    assert isinstance(usage, Usage)


def test_an_unread_fact_is_a_doubt_where_it_matters() -> None:
    assert Running([cluster(service(launch_type="EC2"), instances=DENIED)]).usage(WEB, WEB) == DENIED
    assert isinstance(Running([cluster(instances=DENIED)]).usage(WEB, WEB), Usage), "it runs nowhere"
    assert Running(unlisted=DENIED).usage(WEB, WEB) == DENIED
    assert Running(unlisted=DENIED).unread == (DENIED,)


def test_places_are_described_in_words() -> None:
    task = TaskUse(cluster_arn=CLUSTER, task_arn="t", task_definition=ARN)
    assert Running([cluster(service(), tasks=(task,))]).places(WEB.arn) == ("service web in cluster prod",)
    assert Running([cluster(tasks=(task, task))]).places(WEB.arn) == ("2 tasks in cluster prod",)
    assert Running([cluster(service())]).revisions == {"web": {WEB.arn: ("service web in cluster prod",)}}
    assert Running([cluster()]).places(WEB.arn) == ()


def test_an_old_revision_is_not_the_newest() -> None:
    usage = Running().usage(WEB, Missing(resource="web"))
    assert usage == Usage(newest=False)
