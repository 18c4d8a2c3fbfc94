"""Which revisions an audit describes again, and which calls that takes."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

from pullguard.aws.ecs import Ecs
from pullguard.aws.tagging import Tagging
from pullguard.domain.lookup import Tags
from pullguard.domain.task_definition import TaskDefinition
from pullguard.planning.reregister import REREGISTERED_TAG
from pullguard_cli.audit_result import Audit
from pullguard_cli.connection import Connection, connect
from pullguard_cli.described import Described
from pullguard_cli.revision_cache import RevisionCache
from pullguard_cli.run_audit import Auditor
from pullguard_cli.scope import Scope
from sandbox.emulator import REGION
from tests.fakes import revision_arn, role_arn, secret_arn, task_definition
from tests.unit.cli.conftest import Run, answering, in_account

ACCOUNT = "123456789012"
FAMILIES = [f"family-{number:02}" for number in range(12)]
TAG = {"key": "team", "value": "shop"}
BATCH = {"key": "AWSBatchServiceTag", "value": "batch"}


class Silent:
    """Watches nothing."""

    def found(self, families: int) -> None:
        pass

    def checked(self, family: str) -> None:
        pass


def register(family: str, image: str = "ghcr.io/acme/app:1", tags: tuple[dict[str, str], ...] = ()) -> str:
    credentials = {"credentialsParameter": str(secret_arn())}
    described = in_account("ecs").register_task_definition(
        family=family,
        executionRoleArn=str(role_arn()),
        containerDefinitions=[{"name": "app", "image": image, "memory": 64, "repositoryCredentials": credentials}],
        tags=tags,
    )
    return str(described["taskDefinition"]["taskDefinitionArn"])


@pytest.fixture
def account(aws: None) -> None:
    """An account with twelve families of three revisions. Four families have tags."""
    in_account("ecs").create_cluster(clusterName="prod")
    for revision in range(3):
        for number, family in enumerate(FAMILIES):
            register(family, f"ghcr.io/acme/app:{revision}", (TAG,) if number < 4 else ())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "revisions" / "file"


@pytest.fixture
def connection(account: None) -> Connection:
    return connect()


def audited(connection: Connection, path: Path | None, scope: Scope | None = None) -> tuple[Audit, Counter[str]]:
    """Audit with the cache in ``path``, and count the calls about task definitions."""
    calls: Counter[str] = Counter()

    def count(model: Any, **_: object) -> None:
        if "TaskDefinition" in model.name or model.name == "GetResources":
            calls[model.name] += 1

    for service in ("ecs", "resourcegroupstaggingapi"):
        connection.clients.get(service).meta.events.register("provide-client-params", count, unique_id="count")
    cache = None if path is None else RevisionCache(path, account=ACCOUNT, region=REGION)
    audit = Auditor(connection, scope or Scope(), Silent(), cache=cache).run()
    if cache is not None:
        cache.save()
        assert cache.warnings == []
    for service in ("ecs", "resourcegroupstaggingapi"):
        connection.clients.get(service).meta.events.unregister("provide-client-params", unique_id="count")
    return audit, calls


def refuse(connection: Connection, service: str, operation: str) -> None:
    events = connection.clients.get(service).meta.events
    events.register(f"before-call.{events_name(service)}.{operation}", answering("AccessDeniedException"))


def events_name(service: str) -> str:
    return {"resourcegroupstaggingapi": "resource-groups-tagging-api"}.get(service, service)


def same(connection: Connection, found: Audit) -> bool:
    """Whether an audit that describes everything finds the same."""
    return audited(connection, None)[0].to_dict() == found.to_dict()


def run_in_service(revision: str) -> None:
    in_account("ecs").create_service(cluster="prod", serviceName="web", taskDefinition=revision, desiredCount=1)


COLD = {"ListTaskDefinitionFamilies": 1, "DescribeTaskDefinition": 12}
WARM = {"ListTaskDefinitions": 1, "GetResources": 1}


def test_the_second_audit_describes_nothing(connection: Connection, path: Path) -> None:
    first, cold = audited(connection, path)
    second, warm = audited(connection, path)
    assert (cold, warm) == (COLD, WARM)
    assert first.findings
    assert first.to_dict() == second.to_dict()
    assert same(connection, second)


def test_without_a_cache_everything_is_described_each_time(connection: Connection) -> None:
    assert [audited(connection, None)[1] for _ in range(2)] == [COLD, COLD]


def test_only_new_revisions_are_described(connection: Connection, path: Path) -> None:
    audited(connection, path)
    newest = {register("family-03"), register("new")}
    second, calls = audited(connection, path)
    assert calls == {**WARM, "DescribeTaskDefinition": 2}
    assert newest <= {each.task_definition for each in second.findings}
    assert same(connection, second)
    assert audited(connection, path)[1] == WARM


def test_the_revision_that_is_the_newest_after_a_deregistration_is_described(
    connection: Connection, path: Path
) -> None:
    audited(connection, path)
    in_account("ecs").deregister_task_definition(taskDefinition="family-05:3")
    second, calls = audited(connection, path)
    assert calls == {**WARM, "DescribeTaskDefinition": 1}
    assert same(connection, second)


def test_tags_are_the_present_ones(connection: Connection, path: Path) -> None:
    """AWS Batch's tag changes the remedy."""
    before, _ = audited(connection, path)
    for family in ("family-00", "family-11"):  # one has had tags, the other not
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:3"
        in_account("ecs").tag_resource(resourceArn=arn, tags=[BATCH])
    after, calls = audited(connection, path)
    assert calls == WARM
    assert {each.remedy for each in before.findings} != {each.remedy for each in after.findings}
    assert same(connection, after)


def test_a_revision_that_had_tags_and_shows_none_is_described(connection: Connection, path: Path) -> None:
    audited(connection, path)
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/family-00:3"
    in_account("ecs").untag_resource(resourceArn=arn, tagKeys=["team"])
    second, calls = audited(connection, path)
    assert calls == {**WARM, "DescribeTaskDefinition": 1}
    assert same(connection, second)
    assert audited(connection, path)[1] == WARM, "it is known now to have none"


def test_without_the_permission_for_tags_everything_is_described(connection: Connection, path: Path) -> None:
    first, _ = audited(connection, path)
    refuse(connection, "resourcegroupstaggingapi", "GetResources")
    second, calls = audited(connection, path)
    assert calls == {**WARM, "DescribeTaskDefinition": 12}
    assert (second.to_dict(), second.gaps) == (first.to_dict(), ())


def test_without_the_permission_to_list_revisions_everything_is_described(connection: Connection, path: Path) -> None:
    first, _ = audited(connection, path)
    refuse(connection, "ecs", "ListTaskDefinitions")
    second, calls = audited(connection, path)
    assert calls == {**COLD, "ListTaskDefinitions": 1}
    assert (second.to_dict(), second.gaps) == (first.to_dict(), ())


def test_revisions_in_use_are_cached_while_they_are_active(connection: Connection, path: Path) -> None:
    run_in_service("family-02:1")
    first, cold = audited(connection, path)
    second, warm = audited(connection, path)
    assert cold == {**COLD, "DescribeTaskDefinition": 13}
    assert warm == WARM
    assert first.in_use
    assert first.to_dict() == second.to_dict()
    in_account("ecs").deregister_task_definition(taskDefinition="family-02:1")
    third, calls = audited(connection, path)
    assert calls == {**WARM, "DescribeTaskDefinition": 1}, "an INACTIVE one, each time"
    assert same(connection, third)


@pytest.mark.parametrize("cached", ["both", "the source", "the copy"])
def test_a_revision_that_replaces_one_in_use_is_compared_as_a_whole(
    connection: Connection, path: Path, cached: str
) -> None:
    """The remedy moves the service to the copy, but only if both are equal."""
    source = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/family-02:3"
    tag = {"key": REREGISTERED_TAG, "value": source}
    run_in_service("family-02:3")
    if cached == "the source":
        audited(connection, path)
    copy = register("family-02", "ghcr.io/acme/app:2", (tag,))
    if cached == "both":
        audited(connection, path)
    if cached == "the copy":
        audited(connection, path)
        lines = [line for line in path.read_text().splitlines(keepends=True) if source not in line]
        path.write_text("".join(lines))
    second, calls = audited(connection, path)
    assert calls["DescribeTaskDefinition"] == {"both": 2, "the source": 2, "the copy": 2}[cached]
    assert copy in {each.task_definition for each in second.findings}
    assert same(connection, second)


@pytest.mark.parametrize(
    ("scope", "calls"),
    [
        (Scope(clusters=("prod",)), {"DescribeTaskDefinition": 1}),
        (Scope(families=("family-0?",)), WARM),
        (Scope(families=("family-01", "family-02")), {"ListTaskDefinitionFamilies": 1, "DescribeTaskDefinition": 2}),
    ],
    ids=["a cluster", "ten families", "two families"],
)
def test_a_scope_is_listed_only_if_that_is_cheaper(
    connection: Connection, path: Path, scope: Scope, calls: dict[str, int]
) -> None:
    run_in_service("family-02:3")
    audited(connection, path)
    second, warm = audited(connection, path, scope)
    assert warm == calls
    assert second.to_dict() == audited(connection, None, scope)[0].to_dict()


# --- How far revisions are listed


class Pages:
    """ECS, of which only the list of ACTIVE revisions is asked."""

    def __init__(self, revisions: Iterator[str]) -> None:
        arns = list(revisions)
        self._pages = [tuple(arns[start : start + 100]) for start in range(0, len(arns), 100)]
        self.calls = 0

    def active_revisions(self, token: str | None = None) -> tuple[tuple[str, ...], str | None]:
        self.calls += 1
        place = int(token or 0)
        return self._pages[place], str(place + 1) if place + 1 < len(self._pages) else None


def revisions(families: int, each: int) -> Iterator[str]:
    for family in reversed(range(families)):
        for revision in range(each, 0, -1):
            yield str(revision_arn(f"family-{family:04}", revision))


def cached(path: Path, families: int) -> RevisionCache:
    cache = RevisionCache(path, account=ACCOUNT, region=REGION)
    for number in range(families):
        cache.keep(task_definition(family=f"family-{number:04}"))
    return cache


@pytest.mark.parametrize(
    ("account", "known", "calls", "complete"),
    [
        ((1000, 5), 1000, 50, True),
        ((1000, 50), 1000, 500, True),
        ((1000, 300), 1000, 150, False),  # 50 families in 150 pages, 100 of which begin none
        ((200, 5), 9, 0, False),
        ((200, 5), 0, 0, False),
        ((1000, 5), 10, 1, False),  # the cached ones come last
    ],
)
def test_revisions_are_listed_while_that_saves_calls(
    path: Path, account: tuple[int, int], known: int, calls: int, complete: bool
) -> None:
    ecs = Pages(revisions(*account))
    found = described(ecs, cached(path, known)).list_active(lambda _: True)
    assert ecs.calls == calls
    assert (found is not None and len(found) == account[0]) is complete


def described(ecs: Pages, cache: RevisionCache | None, tags: dict[str, Tags] | None = None) -> Described:
    return Described(cast(Ecs, ecs), lambda: cast(Tagging, Tagged(tags or {})), cache)


class Tagged:
    """The tags of each revision."""

    def __init__(self, tags: dict[str, Tags]) -> None:
        self.asked: list[int] = []
        self._tags = tags

    def tags(self, arns: list[str]) -> dict[str, Tags]:
        self.asked.append(len(arns))
        return {arn: self._tags[arn] for arn in arns if arn in self._tags}


def test_tags_are_read_a_hundred_at_a_time(path: Path) -> None:
    ecs = Pages(revisions(250, 7))
    tagging = Tagged({})
    from_cache = Described(cast(Ecs, ecs), lambda: cast(Tagging, tagging), cached(path, 250))
    from_cache.list_active(lambda _: True)
    with ThreadPoolExecutor(1) as threads:
        from_cache.read_tags(lambda family: family != "family-0007", (), threads)
    assert tagging.asked == [100, 100, 49]
    newest = from_cache.newest("family-0008")
    assert isinstance(newest, TaskDefinition)
    assert (newest.family, newest.revision, newest.status, newest.tags) == ("family-0008", 7, "ACTIVE", {})


def test_a_list_in_another_order_is_no_trap(path: Path) -> None:
    ecs = Pages(iter(sorted(revisions(20, 12))))
    from_cache = described(ecs, cached(path, 20))
    assert from_cache.list_active(lambda _: True) is not None
    assert set(from_cache._newest.values()) == {str(revision_arn(f"family-{number:04}", 12)) for number in range(20)}


def test_a_failed_page_keeps_what_is_known(path: Path) -> None:
    ecs = Pages(revisions(200, 2))

    def fail(token: str | None = None) -> Any:
        if token == "1":
            raise KeyError("taskDefinitionArns")
        return Pages.active_revisions(ecs, token)

    ecs.active_revisions = fail  # type: ignore[method-assign]
    from_cache = described(ecs, cached(path, 200))
    assert from_cache.list_active(lambda _: True) is None
    assert len(from_cache._newest) == 50


# --- The command


def files(tmp_path: Path) -> list[str]:
    return [each.name for each in (tmp_path / "cache").rglob("*") if each.is_file()]


def test_the_command_keeps_what_it_described(run: Run, account: None, tmp_path: Path) -> None:
    first = run("audit")
    assert files(tmp_path) == [f"task-definitions-aws-{ACCOUNT}-{REGION}"]
    second = run("audit")
    assert (first.out, first.err, first.code) == (second.out, second.err, second.code)


def test_no_cache_neither_reads_nor_writes(run: Run, account: None, tmp_path: Path) -> None:
    run("audit", "--no-cache")
    assert files(tmp_path) == []
    run("audit")
    (file,) = (each for each in (tmp_path / "cache").rglob("*") if each.is_file())
    file.write_text("spoilt")
    ran = run("audit", "--no-cache")
    assert (file.read_text(), ran.err) == ("spoilt", "")


def test_a_spoilt_cache_is_one_line(run: Run, account: None, tmp_path: Path) -> None:
    first = run("audit")
    (file,) = (each for each in (tmp_path / "cache").rglob("*") if each.is_file())
    file.write_text("spoilt")
    second = run("audit")
    assert second.err == f"pullguard: the cache {file} is not used: it is of another version, account or Region.\n"
    assert (second.out, second.code) == (first.out, first.code)
    assert run("audit").err == ""


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("http://127.0.0.1:5000", False),
        ("https://ecs.us-east-1.amazonaws.com.example.com", False),
        ("https://ecs.us-east-1.amazonaws.com", True),
        ("https://ecs.us-east-1.api.aws", True),
        ("https://vpce-0123.ecs.us-east-1.vpce.amazonaws.com", True),
        ("https://ecs.cn-north-1.amazonaws.com.cn", False),
    ],
)
def test_an_emulator_is_not_cached_by_default(
    aws: None, monkeypatch: pytest.MonkeyPatch, endpoint: str, expected: bool
) -> None:
    connection = connect()
    monkeypatch.setattr(connection.clients.get("ecs").meta, "_endpoint_url", endpoint)
    assert connection.is_aws is expected
