"""A container without credentials is only wrong where its image is not anybody's."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pullguard.checks.credentials_missing import CHECK
from pullguard.findings import Answer, Failed, Passed, Skipped, Unsure
from pullguard.image import parse_image, serves_the_public
from pullguard.model import FailedStart, Reason, RegistryAnswer, Usage, Verification
from tests.fakes import NOW, World, container, role, secret, task_definition

HUB = secret("registry/hub", registry="docker.io")
IMAGE = "docker.io/acme/web:1"
TOKEN = 'CannotPullContainerError: failed to resolve reference "{}": failed to fetch anonymous token: 401 Unauthorized'
DENIED = "CannotPullContainerError: pull access denied for {}, repository does not exist or may require 'docker login'"


def asked(world: World) -> Answer:
    (answer,) = CHECK.ask(world.facts())
    return answer


def world(image: str = IMAGE, *, said: Verification | None = None, start: FailedStart | None = None) -> World:
    return World(
        (task_definition(container(image=image)),),
        (role(),),
        (HUB,),
        running=Usage(newest=True, failed_starts=() if start is None else (start,)),
        verifications={} if said is None else {image: said},
    )


def failed(reason: str, ago: timedelta = timedelta(minutes=1)) -> FailedStart:
    return FailedStart(task_arn="task/1", stopped_at=NOW - ago, reasons=(Reason(text=reason),))


@pytest.mark.parametrize("image", [IMAGE, "nginx", "amazon/cloudwatch-agent:latest"])
def test_what_may_be_everybodys_is_not_checked_and_it_is_said_how_to(image: str) -> None:
    answer = asked(world(image))
    assert isinstance(answer, Skipped)
    assert answer.question == "Does the pull need the credentials that are kept for docker.io?"
    assert answer.why == "live verification is switched off"
    assert "--live-registry" in answer.switch


ANSWERS: dict[RegistryAnswer, type[Answer]] = {
    "ok": Passed,
    "anonymous-ok": Passed,
    "rejected": Failed,
    "no-such-image": Unsure,
    "rate-limited": Unsure,
    "unreachable": Unsure,
}


@pytest.mark.parametrize(("said", "kind"), ANSWERS.items(), ids=ANSWERS)
def test_where_the_registry_is_asked_its_answer_decides(said: RegistryAnswer, kind: type[Answer]) -> None:
    answer = asked(world(said=Verification(answer=said, detail="registry-1.docker.io answered.")))
    assert isinstance(answer, kind)
    if isinstance(answer, Failed):
        assert answer.remedy.action == "reregister"
        assert answer.evidence.startswith(
            "registry-1.docker.io answered. Tagged pullguard:registry for docker.io: arn:"
        )


STARTS = {
    "no token for anybody": (failed(TOKEN.format(IMAGE)), Failed),
    "denied": (failed(DENIED.format("acme/web")), Failed),
    "of another image": (failed(DENIED.format("acme/web-proxy")), Skipped),
    "of another namespace": (failed(DENIED.format("big-acme/web")), Skipped),
    "below it": (failed(DENIED.format("acme/web/proxy")), Skipped),
    "long ago": (failed(DENIED.format("acme/web"), timedelta(hours=1)), Skipped),
    "too many pulls": (failed("CannotPullContainerError: acme/web: toomanyrequests"), Skipped),
    "another reason": (failed("Essential container in task acme/web exited"), Skipped),
}


@pytest.mark.parametrize(("start", "kind"), STARTS.values(), ids=STARTS)
def test_a_start_that_was_refused_tells(start: FailedStart, kind: type[Answer]) -> None:
    assert isinstance(asked(world(start=start)), kind)


def test_the_registrys_own_answer_outweighs_a_start_of_a_moment_ago() -> None:
    here = world(said=Verification(answer="anonymous-ok"), start=failed(DENIED.format("acme/web")))
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
