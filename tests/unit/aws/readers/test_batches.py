"""A batch reads each fact once, and the next batch reads it again."""

from typing import Any

from pullguard.aws.clients import Clients
from pullguard.aws.readers import AwsReaders
from pullguard.checks.gather import gather
from pullguard.domain.arn import Arn
from pullguard.domain.facts import Facts
from pullguard.domain.role import Role
from pullguard.domain.task_definition import TaskDefinition
from pullguard.domain.usage import Places, ScheduleUse, Usage
from tests.fakes import NOW
from tests.unit.aws.readers.scene import MOTO, Session, build

ONE_READ_OF_EACH_FACT = {
    "DescribeTaskDefinition": 2,  # there are two revisions
    "GetRole": 1,
    "ListRolePolicies": 1,
    "GetRolePolicy": 1,
    "ListAttachedRolePolicies": 1,
    "GetPolicy": 1,
    "GetPolicyVersion": 1,
    "DescribeSecret": 1,
    "GetResourcePolicy": 1,
    "GetSecretValue": 1,
    "ListSecretVersionIds": 1,
    "DescribeKey": 1,
    "GetKeyPolicy": 1,
    "ListGrants": 1,
    "ListAliases": 1,
}


def test_a_batch_reads_each_fact_once(session: Session) -> None:
    one, other = build(session[0])
    session[1].clear()
    readers = AwsReaders(Clients(session[0]), account=MOTO, values="opted-in")
    for arn in (one, other, one):
        found = gather(arn, readers, now=NOW)
        assert isinstance(found, Facts)
        assert isinstance(found.role, Role)
    assert {name: session[1].count(name) for name in session[1]} == ONE_READ_OF_EACH_FACT


def test_the_newest_revision_of_a_family_is_described_once_by_either_name(session: Session) -> None:
    one, other = build(session[0])
    readers = AwsReaders(Clients(session[0]), account=MOTO, values="never")
    newest = readers.task_definition("web")
    assert isinstance(newest, TaskDefinition)
    session[1].clear()
    assert readers.task_definition(str(newest.arn)) is newest
    assert session[1] == []
    (older,) = {one, other} - {str(newest.arn)}
    found = readers.task_definition(older)
    assert isinstance(found, TaskDefinition)
    assert str(found.arn) == older


def test_a_revision_is_asked_for_as_the_newest_of_its_family_first(session: Session) -> None:
    """Both have to be known if something is wrong, and most revisions are the newest."""
    older, newest = build(session[0])
    for arn, calls in ((newest, 1), (older, 2)):
        session[1].clear()
        found = AwsReaders(Clients(session[0]), account=MOTO, values="never").task_definition(arn)
        assert isinstance(found, TaskDefinition)
        assert str(found.arn) == arn
        assert session[1] == ["DescribeTaskDefinition"] * calls


class Nowhere:
    """The places of families that run nowhere."""

    def not_listed(self) -> None:
        return None

    def places(self, family: str) -> Places:
        return Places()


class Starts:
    """What starts tasks outside services; ``asked`` are the questions."""

    def __init__(self, use: ScheduleUse) -> None:
        self.use, self.asked = use, list[str]()

    def schedules(self) -> tuple[ScheduleUse, ...]:
        self.asked.append("schedules")
        return (self.use,)

    def alone(self) -> dict[Arn, bool]:
        self.asked.append("alone")
        return {self.use.task_definition: True}


def test_schedules_are_read_and_starts_only_where_they_may_decide(session: Session) -> None:
    """A preview names the schedules of any revision; starts decide only whether an older one is in use."""
    older, newest = build(session[0])
    for arn, asked in ((newest, ["schedules"]), (older, ["schedules", "alone"])):
        use = ScheduleUse(kind="rule", name="nightly", within="default", task_definition=Arn.parse(arn))
        starts: Any = Starts(use)
        readers = AwsReaders(Clients(session[0]), account=MOTO, values="never", starts=starts, places=Nowhere())
        described = readers.task_definition(arn)
        assert isinstance(described, TaskDefinition)
        usage = readers.usage(described)
        assert isinstance(usage, Usage)
        assert (usage.newest, usage.schedules, starts.asked) == (arn == newest, (use,), asked)
        assert usage.started_alone is (arn == older)


def test_the_next_batch_reads_anew(session: Session) -> None:
    arn, _ = build(session[0])
    for _ in range(2):
        gather(arn, AwsReaders(Clients(session[0]), account=MOTO, values="never"), now=NOW)
    assert session[1].count("DescribeSecret") == 2
