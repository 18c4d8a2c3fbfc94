"""The file of described revisions: what it holds, what it never holds, and what it is not read from."""

import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pullguard.domain.task_definition import TaskDefinition, read_task_definition
from pullguard_cli import revision_cache
from pullguard_cli.revision_cache import RevisionCache, cache_of
from tests.fakes import ACCOUNT, REGION, revision_arn, role_arn, secret_arn

PLANTED = "hunter2"  # a short password, which nothing recognizes
TOKEN = "ghp_" + "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX"
BATCH = "arn:aws:sts::123456789012:assumed-role/AWSServiceRoleForBatch/x"
WEB = str(revision_arn())
CONTAINER: dict[str, Any] = {
    "name": "app",
    "image": "ghcr.io/acme/app:1",
    "repositoryCredentials": {"credentialsParameter": str(secret_arn())},
    "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": PLANTED}},
    "environment": [{"name": "PASSWORD", "value": PLANTED}],
    "secrets": [{"name": "PASSWORD", "valueFrom": PLANTED}],
    "command": ["login", PLANTED],
    "entryPoint": [PLANTED],
    "healthCheck": {"command": [PLANTED]},
    "dockerLabels": {"password": PLANTED},
}


def described(
    *containers: dict[str, Any], family: str = "web", tags: dict[str, str] | None = None, **members: Any
) -> Any:
    raw = {
        "taskDefinitionArn": str(revision_arn(family)),
        "family": family,
        "status": "ACTIVE",
        "executionRoleArn": str(role_arn()),
        "taskRoleArn": str(role_arn("task")),
        "requiresCompatibilities": ["FARGATE"],
        "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"},
        "placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
        "containerDefinitions": list(containers or (CONTAINER,)),
        "volumes": [{"name": PLANTED}],
        "registeredBy": f"arn:aws:iam::{ACCOUNT}:user/{PLANTED}",
        **members,
    }
    return read_task_definition(raw, tags or {})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "revisions"


def opened(path: Path, *, account: str = ACCOUNT, region: str = REGION) -> RevisionCache:
    return RevisionCache(path, account=account, region=region)


def written(path: Path, *definitions: TaskDefinition) -> str:
    cache = opened(path)
    for each in definitions:
        cache.keep(each)
    cache.save()
    assert cache.warnings == []
    return path.read_text()


def test_a_revision_is_read_again_with_its_present_tags(path: Path) -> None:
    definition = described(tags={"team": "web"})
    written(path, definition)
    cache = opened(path)
    assert (cache.families(), str(definition.arn) in cache, str(revision_arn("api")) in cache) == ({"web"}, True, False)
    kept = cache.get(str(definition.arn))
    assert kept is not None
    assert kept.had_tags
    assert kept.with_tags({"team": "web"}) == definition
    assert kept.with_tags({"team": "shop"}).tags == {"team": "shop"}
    assert cache.get(str(revision_arn("api"))) is None


def test_the_file_holds_what_checks_read_and_nothing_else(path: Path) -> None:
    head, line = written(path, described(tags={"password": PLANTED})).splitlines()
    assert json.loads(head) == {"schema_version": 1, "account": ACCOUNT, "region": REGION}
    arn, _, rest = line.partition(" ")
    assert arn == str(revision_arn())
    assert json.loads(rest) == {
        "members": {
            "taskDefinitionArn": arn,
            "executionRoleArn": str(role_arn()),
            "taskRoleArn": str(role_arn("task")),
            "requiresCompatibilities": ["FARGATE"],
            "runtimePlatform": {"operatingSystemFamily": "LINUX"},
            "placementConstraints": [{"expression": "attribute:ecs.os-type == linux"}],
            "containerDefinitions": [
                {
                    "name": "app",
                    "image": "ghcr.io/acme/app:1",
                    "repositoryCredentials": {"credentialsParameter": str(secret_arn())},
                    "logConfiguration": {"logDriver": "awslogs"},
                }
            ],
        },
        "had_tags": True,
    }


@pytest.mark.parametrize(
    "definition",
    [
        described({**CONTAINER, "repositoryCredentials": {"credentialsParameter": PLANTED}}),
        described({**CONTAINER, "repositoryCredentials": {"credentialsParameter": TOKEN}}),
        described({**CONTAINER, "repositoryCredentials": {"credentialsParameter": ""}}),
        described({**CONTAINER, "repositoryCredentials": {"credentialsParameter": f"{secret_arn()}{TOKEN}"}}),
        described({**CONTAINER, "repositoryCredentials": PLANTED}),
        described({**CONTAINER, "image": f"acme:{PLANTED}@ghcr.io/acme/app:1"}),
        described({**CONTAINER, "image": f"ghcr.io/acme/app@sha256:{PLANTED}"}),
        described({**CONTAINER, "image": f"ghcr.io/acme/app:{TOKEN}"}),
        described({**CONTAINER, "name": TOKEN}),
        described(CONTAINER, {**CONTAINER, "image": None}),
        described(executionRoleArn=TOKEN),
        described(executionRoleArn=PLANTED),
        described(taskRoleArn=PLANTED),
        described(taskRoleArn=f"{role_arn()}/{TOKEN}"),
        described(placementConstraints=[{"expression": f"attribute:x == {TOKEN}"}]),
        described(runtimePlatform=TOKEN),
    ],
)
def test_a_revision_with_a_text_that_may_be_a_credential_is_not_kept(path: Path, definition: TaskDefinition) -> None:
    cache = opened(path)
    cache.keep(definition)
    cache.save()
    assert str(definition.arn) not in cache
    assert not path.exists()


def test_the_principal_that_registered_a_revision_is_kept_only_for_aws_batch(path: Path) -> None:
    assert "registeredBy" not in written(path, described())
    assert BATCH in written(path, described(registeredBy=BATCH))


def test_only_the_owner_may_read_the_file(path: Path) -> None:
    written(path, described())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_others_may_read_is_replaced(path: Path) -> None:
    written(path, described())
    path.chmod(0o644)
    cache = opened(path)
    assert (cache.families(), cache.warnings) == ({"web"}, [])
    cache.save()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert opened(path).families() == {"web"}


def test_accounts_and_regions_have_files_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for account, region in (("111111111111", "us-east-1"), ("111111111111", "cn-north-1"), ("2" * 12, "us-east-1")):
        cache = cache_of(account, region)
        assert cache is not None
        assert cache.families() == set()
        cache.keep(described())
        cache.save()
    assert sorted(each.name for each in (tmp_path / "pullguard").iterdir()) == [
        "task-definitions-aws-111111111111-us-east-1",
        "task-definitions-aws-222222222222-us-east-1",
        "task-definitions-aws-cn-111111111111-cn-north-1",
    ]


@pytest.mark.parametrize("home", [None, "", "relative/folder"])
def test_the_usual_cache_folder_is_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", home)
    cache = cache_of(ACCOUNT, REGION)
    assert cache is not None
    cache.keep(described())
    cache.save()
    assert len(list((tmp_path / ".cache" / "pullguard").iterdir())) == 1


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", fail)
    assert cache_of(ACCOUNT, REGION) is None


def spoil(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


SPOILT: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_text(""),
    "binary": lambda path: path.write_bytes(b"\x80\x81\xff"),
    "another-schema": lambda path: spoil(path, '"schema_version": 1', '"schema_version": 0'),
    "another-account": lambda path: spoil(path, f'"account": "{ACCOUNT}"', '"account": "210987654321"'),
    "a-line-without-a-revision": lambda path: path.write_text(path.read_text() + "x\n"),
    "too-large": lambda path: path.write_text(path.read_text() + "x y\n" * 300),
    "a-link": lambda path: path.symlink_to(path.rename(path.with_name("elsewhere"))),
    "writable-by-others": lambda path: path.chmod(0o622),
    "writable-by-the-group": lambda path: path.chmod(0o620),
    "a-pipe": make_pipe,
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_a_file_that_cannot_be_used_is_reported_and_replaced(
    path: Path, spoilt: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revision_cache, "MAX_BYTES", 1200)
    written(path, described())
    spoilt(path)
    cache = opened(path)
    (warning,) = cache.warnings
    assert warning.startswith(f"the cache {path} is not used: ")
    assert "\n" not in warning
    assert cache.families() == set()
    cache.keep(described())
    cache.save()
    assert len(cache.warnings) == 1
    again = opened(path)
    assert (again.families(), again.warnings, path.is_symlink()) == ({"web"}, [], False)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "[" * 50_000, "null", "{}",
     '{"members": {}, "had_tags": false}', '{"members": null, "had_tags": false}',
     json.dumps({"had_tags": False, "members": {"taskDefinitionArn": WEB, "containerDefinitions": 7}}),
     json.dumps({"had_tags": False, "members": {"taskDefinitionArn": WEB, "containerDefinitions": [7]}}),
     json.dumps({"had_tags": False, "members": {"taskDefinitionArn": str(revision_arn("api"))}})],
)  # fmt: skip
def test_a_spoilt_revision_is_described_again(path: Path, line: str) -> None:
    written(path, described(), described(family="api"))
    head, _, api = path.read_text().splitlines()
    path.write_text(f"{head}\n{revision_arn()} {line}\n{api}\n")
    cache = opened(path)
    assert cache.get(str(revision_arn())) is None
    assert cache.get(str(revision_arn("api"))) is not None
    cache.save()
    assert opened(path).families() == {"api"}


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o733])
def test_a_folder_that_others_may_write_to_is_not_used(path: Path, mode: int) -> None:
    written(path, described())
    path.parent.chmod(mode)
    cache = opened(path)
    assert cache.families() == set()
    cache.keep(described(family="api"))
    cache.save()
    assert cache.warnings == [f"the cache {path} is not used: other users may write to it."]
    assert "api" not in path.read_text()


@pytest.mark.parametrize("of_what", ["file", "folder", "link"])
def test_a_file_or_folder_of_another_user_is_not_used(
    path: Path, of_what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(path, described())
    if of_what == "link":
        path.parent.rename(path.parent.with_name("elsewhere"))
        path.parent.symlink_to("elsewhere")
    theirs = {"file": path, "folder": path.parent, "link": path.parent}[of_what].lstat().st_ino
    checked = revision_cache._check

    def check(found: os.stat_result) -> None:
        members = list(found)
        if found.st_ino == theirs:
            members[4] += 1  # st_uid
        checked(os.stat_result(members))

    monkeypatch.setattr(revision_cache, "_check", check)
    cache = opened(path)
    assert cache.warnings == [f"the cache {path} is not used: it belongs to another user."]
    assert cache.families() == set()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = opened(tmp_path / "file" / "cache" / "revisions")
    cache.keep(described())
    cache.save()
    assert cache.warnings
    assert all("is not used: Not a directory." in each for each in cache.warnings)


def test_a_file_that_cannot_be_replaced_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(path, described())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    cache = opened(path)
    cache.keep(described(family="api"))
    cache.save()
    assert cache.warnings == [f"the cache {path} is not used: No space left on device."]
    assert (path.read_text(), list(path.parent.iterdir())) == (before, [path])


def test_the_least_recently_used_revisions_are_dropped_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    families = [f"family-{number}" for number in range(10)]
    line = len(written(path, *(described(family=each) for each in families)).splitlines()[1]) + 1
    monkeypatch.setattr(revision_cache, "MAX_BYTES", 11 * line)
    cache = opened(path)
    assert cache.get(str(revision_arn("family-0"))) is not None
    monkeypatch.setattr(revision_cache, "MAX_BYTES", 4 * line)
    cache.keep(described(family="newest"))
    cache.save()
    assert path.stat().st_size <= 4 * line
    assert opened(path).families() == {"family-9", "family-0", "newest"}


def test_a_file_of_the_largest_size_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(written(path, described(), described(family="api")))
    for most, families in ((size, {"web", "api"}), (size - 1, {"api"})):
        path.unlink()
        monkeypatch.setattr(revision_cache, "MAX_BYTES", most)
        written(path, described(), described(family="api"))
        again = opened(path)
        assert (again.families(), again.warnings) == (families, [])


def test_a_save_while_revisions_are_kept_leaves_a_complete_file(path: Path) -> None:
    cache = opened(path)
    families = [described(family=f"family-{number}") for number in range(300)]
    for each in families[:100]:
        cache.keep(each)
    with ThreadPoolExecutor(1) as threads:
        keeping = threads.submit(lambda: list(map(cache.keep, families[100:])))
        while not keeping.done():
            cache.save()
        keeping.result()
    cache.save()
    assert (len(opened(path).families()), list(path.parent.iterdir())) == (300, [path])


def test_nothing_is_written_if_nothing_changed(path: Path) -> None:
    written(path, described())
    before = path.stat()
    cache = opened(path)
    assert cache.get(str(revision_arn())) is not None
    cache.save()
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_concurrent_audits_leave_one_complete_file(path: Path) -> None:
    def audit(number: int) -> None:
        cache = opened(path)
        for family in range(50):
            cache.keep(described(family=f"family-{number}-{family}"))
        cache.save()
        assert cache.warnings == []

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(audit, range(24)))
    assert list(path.parent.iterdir()) == [path]
    kept = opened(path)
    assert kept.warnings == []
    assert len(kept.families()) >= 50
    assert all(kept.get(str(revision_arn(each))) is not None for each in kept.families())
