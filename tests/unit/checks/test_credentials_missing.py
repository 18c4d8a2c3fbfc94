"""A container without credentials is wrong only where the registry itself proves it: asked twice, two answers."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pullguard.checks.credentials_missing import ACCEPTED_FOR, CHECK, proof_of
from pullguard.checks.examine import examine
from pullguard.checks.gather import SECRETS_ASKED_MAX
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Passed, Skipped, Subject, Unsure, finding_id
from pullguard.domain.image import ImageReference, parse_image, serves_the_public
from pullguard.domain.lookup import TASKS_NOT_ASKED, Lookup
from pullguard.domain.secret import Secret
from pullguard.domain.usage import FailedStart, Reason, TaskUse, Usage
from pullguard.domain.verification import Accepted, RegistryAnswer, Verification
from tests.fakes import CLUSTER, NOW, World, container, denied, revision_arn, role, secret, task_definition

HUB = secret("registry/hub", registry="docker.io")
IMAGE = "docker.io/acme/web:1"
TOKEN = 'CannotPullContainerError: failed to resolve reference "{}": failed to fetch anonymous token: 401 Unauthorized'
DENIED = "CannotPullContainerError: pull access denied for {}, repository does not exist or may require 'docker login'"
REFUSED = Verification(answer="rejected", detail="registry-1.docker.io answered 401.")
TAKEN = Verification(answer="ok")
RUNS = Usage(newest=True, tasks=(TaskUse(cluster_arn=CLUSTER, task_arn="t", task_definition="web:7"),))


def asked(world: World) -> Answer:
    (answer,) = CHECK.ask(world.facts())
    return answer


def world(
    image: str = IMAGE,
    *,
    anonymous: Lookup[Verification] | None = None,
    login: Lookup[Verification] | None = None,
    start: FailedStart | None = None,
    secrets: tuple[Secret, ...] = (HUB,),
    tags: dict[str, str] | None = None,
    **changes: Any,
) -> World:
    """``anonymous`` is what the registry says to anybody, ``login`` to credentials."""
    whole = World(
        (task_definition(container(image=image), tags=tags),),
        (role(),),
        secrets,
        running=Usage(newest=True, failed_starts=() if start is None else (start,)),
        verifications={} if login is None else {image: login},
        as_anybody={} if anonymous is None else {image: anonymous},
    )
    return replace(whole, **changes)


def failed(reason: str, ago: timedelta = timedelta(minutes=1)) -> FailedStart:
    return FailedStart(task_arn="task/1", stopped_at=NOW - ago, reasons=(Reason(text=reason),))


@pytest.mark.parametrize(
    "image", [IMAGE, "nginx", "amazon/cloudwatch-agent:latest", "registry.corp.example/web", "ghcr.io:8443/web"]
)
def test_without_verification_nothing_is_inferred_and_it_is_said_how_to_ask(image: str) -> None:
    """Neither the registry's name nor anybody's tag proves anything."""
    host = parse_image(image).host
    answer = asked(world(image, secrets=(secret(registry=host),)))
    assert isinstance(answer, Skipped)
    assert answer.question == f"Does the pull need the credentials that are kept for {host}?"
    assert answer.why == "live verification is switched off"
    assert "--live-registry" in answer.switch


def test_a_container_that_pulls_the_same_repository_with_a_secret_proves_nothing() -> None:
    twin = container(HUB, name="twin", image=IMAGE)
    here = world(task_definitions=(task_definition(container(image=IMAGE), twin),))
    assert isinstance(asked(here), Skipped)


# --- The same question, twice --------------------------------------------------------------------------------------


ANSWERS: tuple[RegistryAnswer, ...] = ("ok", "anonymous-ok", "rejected", "no-such-image", "rate-limited", "unreachable")
PASSING = {"ok", "anonymous-ok"}


@pytest.mark.parametrize("login", ANSWERS)
@pytest.mark.parametrize("anonymous", ANSWERS)
def test_it_is_an_error_only_where_anybody_is_refused_and_the_credentials_are_accepted(
    anonymous: RegistryAnswer, login: RegistryAnswer
) -> None:
    """A time-out, a limit, a fault of the server and a name that is not known prove nothing."""
    answer = asked(world(anonymous=Verification(answer=anonymous), login=Verification(answer=login)))
    proved = (anonymous, login) == ("rejected", "ok")
    assert type(answer) is (Failed if proved else Passed if anonymous in PASSING else Skipped)


def test_the_evidence_names_both_answers_and_the_secret() -> None:
    answer = asked(world(anonymous=REFUSED, login=TAKEN))
    assert isinstance(answer, Failed)
    assert answer.evidence == (
        "registry-1.docker.io answered 401. It serves it to the credentials in the secret registry/hub (version v1). "
        f"Tagged pullguard:registry for docker.io: {HUB.arn}"
    )


def test_an_image_that_is_everybodys_after_all_needs_no_credentials() -> None:
    assert isinstance(asked(world(anonymous=REFUSED, login=replace(TAKEN, is_public=True))), Skipped)


def test_nobodys_credentials_are_sent_unless_the_registry_refused_the_image_to_anybody() -> None:
    sent: list[str] = []

    class Watched(World):
        def verification(self, secret: Secret, image: ImageReference) -> Lookup[Verification]:
            sent.append(secret.name)
            return TAKEN

    definition, roles = (task_definition(container(image=IMAGE)),), (role(),)
    for anonymous in (Verification(answer="anonymous-ok"), Verification(answer="unreachable"), None):
        said = {} if anonymous is None else {IMAGE: anonymous}
        Watched(definition, roles, (HUB,), as_anybody=said).facts()
    assert sent == []
    for_others = secret("registry/else", registry="quay.io")
    Watched(definition, roles, (HUB, for_others), as_anybody={IMAGE: REFUSED}).facts()
    assert sent == ["registry/hub"]


def test_no_more_than_a_few_secrets_are_tried() -> None:
    several = tuple(secret(f"registry/{number}", registry="docker.io") for number in range(SECRETS_ASKED_MAX + 3))
    sent: list[str] = []

    class Watched(World):
        def verification(self, secret: Secret, image: ImageReference) -> Lookup[Verification]:
            sent.append(secret.name)
            return Verification(answer="rejected")

    here = Watched((task_definition(container(image=IMAGE)),), (role(),), several, as_anybody={IMAGE: REFUSED})
    assert isinstance(asked(here), Skipped)
    assert sent == [f"registry/{number}" for number in range(SECRETS_ASKED_MAX)]


def test_with_several_secrets_it_is_an_error_and_people_choose() -> None:
    other = secret("registry/other", registry="docker.io")
    answer = asked(world(anonymous=REFUSED, login=TAKEN, secrets=(HUB, other)))
    assert isinstance(answer, Failed)
    assert (answer.remedy.action, answer.remedy.text) == ("none", "Choose one of the secrets, and name it.")


# --- Nothing of the revision has pulled ------------------------------------------------------------------------------


def test_a_revision_whose_tasks_run_has_pulled() -> None:
    answer = asked(world(anonymous=REFUSED, login=TAKEN, running=RUNS))
    assert isinstance(answer, Skipped)
    assert answer.why == "a task of the revision has pulled the image without them"


def test_nothing_is_proved_if_its_tasks_were_not_listed() -> None:
    answer = asked(world(anonymous=REFUSED, login=TAKEN, running=Usage(newest=True, tasks=TASKS_NOT_ASKED)))
    assert isinstance(answer, Skipped)
    assert (answer.why, answer.switch) == (TASKS_NOT_ASKED.why, TASKS_NOT_ASKED.switch)


def test_a_task_that_is_about_to_pull_proves_nothing() -> None:
    waiting = replace(RUNS, tasks=tuple(replace(each, has_pulled=False) for each in RUNS.listed_tasks))
    assert isinstance(asked(world(anonymous=REFUSED, login=TAKEN, running=waiting)), Failed)


def test_the_answer_is_unknown_if_its_services_and_tasks_cannot_be_read() -> None:
    unread = {"usage": denied("ecs:ListTasks")}
    assert isinstance(asked(world(anonymous=REFUSED, login=TAKEN, unreadable=unread)), Unsure)
    assert isinstance(asked(world(anonymous=REFUSED, login=REFUSED, unreadable=unread)), Skipped)


def test_a_task_that_started_since_ends_an_older_finding() -> None:
    started = tuple(replace(each, started_at=NOW) for each in RUNS.listed_tasks)
    examination = examine(world(running=replace(RUNS, tasks=started)).facts())
    id_ = finding_id(CHECK.id, Subject(task_definition=str(revision_arn()), container="app"))
    assert [each.check for each in examination.not_checked] == [CHECK.id]
    assert (examination.proved_at[id_], id_ in examination.passed) == (NOW, True)


# --- What is believed of an answer that was kept ---------------------------------------------------------------------


def proved() -> Facts:
    return world(anonymous=REFUSED, login=TAKEN).facts()


KEPT: dict[str, dict[str, Any]] = {
    "of another image": {"image": "docker.io/acme/web:2"},
    "of another secret": {"secret": secret("registry/other").arn},
    "of another version": {"version": "v2"},
    "too old": {"at": NOW - ACCEPTED_FOR - timedelta(seconds=1)},
    "of the future": {"at": NOW + timedelta(minutes=6)},
}


@pytest.mark.parametrize("changes", KEPT.values(), ids=KEPT)
def test_only_a_fresh_answer_about_this_image_and_this_version_is_believed(changes: dict[str, Any]) -> None:
    facts = proved()
    (app,) = facts.task_definition.containers
    kept = facts.accepted["app"]
    assert kept == Accepted(image=IMAGE, secret=HUB.arn, version="v1", at=NOW)
    assert proof_of(facts, app) == kept
    assert proof_of(facts.with_accepted({"app": replace(kept, at=NOW - ACCEPTED_FOR)}), app) is not None
    assert proof_of(facts.with_accepted({"app": replace(kept, **changes)}), app) is None
    assert proof_of(facts.with_accepted({"side": kept}), app) is None


@pytest.mark.parametrize(
    "secrets",
    [(), (replace(HUB, tags={}),), (replace(HUB, deleted_at=NOW),), (replace(HUB, stages={"v2": ("AWSCURRENT",)}),)],
    ids=["gone", "not opted in any more", "to be deleted", "rotated since"],
)
def test_the_secret_has_to_be_there_still(secrets: tuple[Secret, ...]) -> None:
    kept = proved().accepted
    facts = world(anonymous=REFUSED, secrets=secrets).facts().with_accepted(kept)
    assert proof_of(facts, facts.task_definition.containers[0]) is None


def test_the_answer_of_a_moment_ago_is_void_where_anybody_is_served_now() -> None:
    facts = world(anonymous=Verification(answer="anonymous-ok")).facts().with_accepted(proved().accepted)
    assert proof_of(facts, facts.task_definition.containers[0]) is None


# --- What is done about it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tags", "action"), [({}, "none"), ({"pullguard:attach": "true"}, "reregister")])
def test_a_fix_is_announced_only_where_the_owner_asked_for_it(tags: dict[str, str], action: str) -> None:
    answer = asked(world(anonymous=REFUSED, login=TAKEN, tags=tags))
    assert isinstance(answer, Failed)
    assert answer.remedy.action == action
    assert answer.remedy.members == (f'"repositoryCredentials": {{"credentialsParameter": "{HUB.arn}"}}',)
    assert ("tagged pullguard:attach=true" in answer.remedy.text) is (action == "none")


ASKED = "CannotPullContainerError: Error response from daemon: {}"
STARTS = {
    "no token for anybody": (failed(TOKEN.format(IMAGE)), Failed),
    "denied": (failed(DENIED.format("acme/web")), Failed),
    "of another image": (failed(DENIED.format("acme/web-proxy")), Skipped),
    "of another registry": (failed(DENIED.format("evil.example/acme/web")), Skipped),
    "at another name of the registry": (failed(DENIED.format("index.docker.io/acme/web:1")), Failed),
    "of another namespace": (failed(DENIED.format("big-acme/web")), Skipped),
    "below it": (failed(DENIED.format("acme/web/proxy")), Skipped),
    "long ago": (failed(DENIED.format("acme/web"), timedelta(hours=1)), Skipped),
    "denied at a URL": (
        failed(ASKED.format('Head "https://registry-1.docker.io/v2/acme/web/manifests/1": unauthorized: wrong')),
        Failed,
    ),
    "a layer denied at a URL": (
        failed(ASKED.format("unexpected status code https://docker.io/v2/acme/web/blobs/sha256:ab: 403 Forbidden")),
        Failed,
    ),
    "denied at the URL of another image": (
        failed(ASKED.format('Head "https://registry-1.docker.io/v2/acme/web-proxy/manifests/1": denied: denied')),
        Skipped,
    ),
    "denied at the URL of another registry": (
        failed(ASKED.format('Head "https://ghcr.io/v2/acme/web/manifests/1": denied: denied')),
        Skipped,
    ),
    "names no image": (failed(ASKED.format("denied: acme/web is a word here")), Skipped),
    "too many pulls": (failed("CannotPullContainerError: acme/web: toomanyrequests"), Skipped),
    "another reason": (failed("Essential container in task acme/web exited"), Skipped),
}


@pytest.mark.parametrize(("start", "kind"), STARTS.values(), ids=STARTS)
def test_a_start_that_was_refused_is_an_error_and_never_for_pullguard_to_fix(
    start: FailedStart, kind: type[Answer]
) -> None:
    answer = asked(world(start=start, tags={"pullguard:attach": "true"}))
    assert isinstance(answer, kind)
    if isinstance(answer, Failed):
        assert answer.remedy.action == "none"
        assert answer.remedy.text.startswith("If the secret is meant for this image: ")


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ("ghcr.io/a/c:1", "https://ghcr.io/v2/a/c/manifests/1"),
        ("acme.azurecr.io/app:1", "https://acme.azurecr.io/v2/app/manifests/1"),
        ("registry.gitlab.com/g/p/app:1", "https://registry.gitlab.com/v2/g/p/app/manifests/latest"),
        ("reg.example.com:5000/p/a:1", "https://reg.example.com:5000/v2/p/a/manifests/1"),
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_an_image_is_named_by_the_url_that_was_asked(image: str, url: str, quote: str) -> None:
    kept = secret(registry=parse_image(image).host)
    text = f"Error response from daemon: Head {quote}{url}{quote}: denied: denied"
    assert isinstance(asked(world(image, secrets=(kept,), start=failed(text))), Failed)


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("response", "Error response from daemon: denied: x"),
        ("registry", "Error response from daemon: denied: unauthorized by the registry: login required"),
        ("docker:24-dind", DENIED.format("acme/web")),
        ("docker", "CannotPullContainerError: failed to pull image configuration: denied"),
        ("configuration", "CannotPullContainerError: error pulling image configuration: denied: x"),
    ],
)
def test_a_word_of_a_text_is_no_image(image: str, text: str) -> None:
    assert isinstance(asked(world(image, start=failed(text))), Skipped)


def given(reason: str, container: str | None, image: str | None = IMAGE) -> FailedStart:
    start = failed(reason)
    return replace(start, reasons=(Reason(text=reason, image=image, container=container),))


BARE = "CannotPullContainerError: Error response from daemon: denied: requested access to the resource is denied"
GIVEN = {
    "its own": (given(DENIED.format("acme/web"), "app"), Failed),
    "its own, without a name": (given(BARE, "app"), Failed),
    "its own, of another image": (given(DENIED.format("acme/proxy"), "app"), Skipped),
    "its own, with an override of the image": (given(BARE, "app", "docker.io/acme/proxy:1"), Skipped),
    "another's with credentials": (given(DENIED.format("acme/web"), "twin"), Skipped),
    "another's with credentials, without a name": (given(BARE, "twin"), Skipped),
    "the task's, of an image that both pull": (failed(DENIED.format("acme/web")), Skipped),
}


@pytest.mark.parametrize(("start", "kind"), GIVEN.values(), ids=GIVEN)
def test_a_reason_is_about_the_container_that_gives_it(start: FailedStart, kind: type[Answer]) -> None:
    twin = container(HUB, name="twin", image=IMAGE)
    here = world(start=start, task_definitions=(task_definition(container(image=IMAGE), twin),))
    assert isinstance(asked(here), kind)


def test_another_container_does_not_explain_why_the_start_failed() -> None:
    side = container(name="dind", image="docker:24-dind")
    start = given(DENIED.format("acme/web"), "app")
    here = world(start=start, task_definitions=(task_definition(container(HUB, image=IMAGE), side),))
    (found,) = [each for each in examine(here.facts()).findings if each.check in {CHECK.id, "task-start-failed"}]
    assert found.check == "task-start-failed"
    assert CHECK.id not in found.remedy.text


def test_a_refusal_of_one_image_says_nothing_of_another_that_was_not_found() -> None:
    missing = "CannotPullContainerError: Error response from daemon: manifest for acme/web:1 not found"
    start = failed(DENIED.format("acme/proxy"))
    start = replace(start, reasons=(*start.reasons, Reason(text=missing)))
    assert isinstance(asked(world(start=start)), Skipped)


def test_the_registrys_own_answer_outweighs_a_start_of_a_moment_ago() -> None:
    here = world(anonymous=Verification(answer="anonymous-ok"), start=failed(DENIED.format("acme/web")))
    assert isinstance(asked(here), Passed)


def test_no_registry_is_asked_that_no_secret_is_kept_for() -> None:
    here = world("quay.io/acme/web")
    assert here.facts().verifications == {}
    assert isinstance(asked(here), Passed)
    here.secrets = (replace(HUB, deleted_at=NOW),)
    assert here.facts(None).verifications == {}


@pytest.mark.parametrize(
    ("image", "public"),
    [
        ("nginx", True),
        ("GHCR.io/acme/web", True),
        ("us-docker.pkg.dev/acme/web", True),
        ("ghcr.io.example.com/web", False),
        ("notpkg.dev/web", False),
        ("ghcr.io:8443/web", False),
        ("acme.jfrog.io/web", False),
    ],
)
def test_registries_of_public_images(image: str, public: bool) -> None:
    assert serves_the_public(parse_image(image).host) is public
