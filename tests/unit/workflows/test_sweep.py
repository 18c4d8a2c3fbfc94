import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pullguard.aws.ecs import Ecs
from pullguard.domain.arn import Arn
from pullguard.domain.errors import NotNow, Rejected
from pullguard.domain.lookup import Unreadable
from pullguard.domain.messages import LISTED, UNLISTED
from pullguard.domain.usage import Places, ScheduleUse
from pullguard.store.entries import Entry
from pullguard.store.ledger import Ledger
from pullguard.store.services import NOT_LISTED, Kept
from pullguard.store.task_definitions import Sweep
from pullguard.workflows.settle import WAITS_S, Progress, Settler
from pullguard.workflows.sweep import Sweeper, Swept
from tests.fakes import CLUSTER, NOW, REGION, Crash, World, revision_arn, role_arn, secret, service
from tests.flows import Harness
from tests.unit.workflows.granted_role import keep, recorded

SCHEDULED = json.dumps({"detail-type": "Scheduled Event", "source": "aws.events", "id": "e-1", "detail": {}})


class SweepHarness:
    """A sweeper whose questions to ECS are exactly those that are expected."""

    def __init__(self, harness: Harness, stubber: Stubber, client: Any) -> None:
        self.harness = harness
        self.stubber = stubber
        self.client = client
        self.schedules: tuple[ScheduleUse, ...] | Unreadable = ()

    def expect_families(self, *families: str, token: str | None = None, following: str | None = None) -> None:
        request = {"status": "ACTIVE", "maxResults": 100, **({"nextToken": token} if token else {})}
        answer = {"families": list(families), **({"nextToken": following} if following else {})}
        self.stubber.add_response("list_task_definition_families", answer, request)

    def expect_use(self, *, services: tuple[str, ...] = (), tasks: tuple[str, ...] = ()) -> None:
        """One cluster, with services and tasks of these revisions."""
        self.stubber.add_response("list_clusters", {"clusterArns": [CLUSTER]}, {})
        named = [service(f"s{number}") for number, _ in enumerate(services)]
        self.stubber.add_response(
            "list_services",
            {"serviceArns": [each.service_arn for each in named]},
            {"cluster": CLUSTER, "maxResults": 100},
        )
        if services:
            self.stubber.add_response(
                "describe_services",
                {
                    "services": [
                        {
                            "serviceArn": each.service_arn,
                            "serviceName": each.name,
                            "status": "ACTIVE",
                            "taskDefinition": runs,
                        }
                        for each, runs in zip(named, services, strict=True)
                    ]
                },
                {"cluster": CLUSTER, "services": [each.service_arn for each in named], "include": ["TAGS"]},
            )
        arns = [f"arn:aws:ecs:{REGION}:111122223333:task/main/{number}" for number, _ in enumerate(tasks)]
        self.stubber.add_response("list_tasks", {"taskArns": arns}, {"cluster": CLUSTER, "desiredStatus": "RUNNING"})
        if tasks:
            described = [{"taskArn": arn, "taskDefinitionArn": runs} for arn, runs in zip(arns, tasks, strict=True)]
            self.stubber.add_response("describe_tasks", {"tasks": described}, {"cluster": CLUSTER, "tasks": arns})

    def step(self, body: str) -> Swept:
        harness = self.harness
        return Sweeper(
            ecs=Ecs(self.client),
            ledger=harness.ledger,
            definition_store=harness.definition_store,
            services=harness.services,
            schedules=lambda _: self.schedules,
            starts=harness.starts,
            settler=Settler(
                definition_store=harness.definition_store, granted=harness.granted_roles(), now=harness.now
            ),
            queues=harness.queues,
            validation_queue_url="validations",
            sweep_queue_url="sweeps",
            now=harness.now,
        ).step(body)

    def check(self, number: int = 0, sweep: str = "e-1") -> Swept:
        return self.step(json.dumps({"sweep": sweep, "check": number}))

    def sweep(self, *families: str) -> Swept:
        """Sweep an account whose families fit one page, and nothing runs."""
        self.expect_families(*families)
        self.expect_use()
        return self.step(SCHEDULED)

    def answer(self, *families: str, newest: int = 7, certain: bool = True, sweep: str = "e-1") -> None:
        """Answer the requests about families, each with its newest revision."""
        for family in families:
            self.harness.definition_store.answer_family(family, sweep, revision_arn(family, newest), certain=certain)

    def answer_revision(self, family: str, revision: int = 7) -> None:
        self.harness.definition_store.answer(revision_arn(family, revision), "e-1", certain=True)

    def complete(self) -> str | None:
        found = self.harness.definition_store.complete()
        return found["sweep"] if found else None

    def asked(self) -> list[str]:
        """The families and the revisions (as ``web:7``) of the requests, in order."""
        bodies = self.harness.sent.bodies("validations")
        return [each.get("family") or Arn.parse(each["task_definition"]).resource_name for each in bodies]


@pytest.fixture
def here(ledger: Ledger) -> Iterator[SweepHarness]:
    client = boto3.client("ecs", region_name=REGION)
    with Stubber(client) as stubber:
        yield SweepHarness(Harness(ledger, World()), stubber, client)
        stubber.assert_no_pending_responses()


def test_revisions_started_by_schedules_and_callers_are_requested_like_those_of_services(here: SweepHarness) -> None:
    here.schedules = tuple(
        ScheduleUse(kind="rule", name=f"nightly-{number}", within="1", task_definition=revision_arn("web", number))
        for number in (3, 4)
    )
    here.harness.starts.keep_alone(revision_arn("web", 5), ran=False)
    here.sweep("web")
    here.answer("web")
    here.check()
    assert here.asked() == ["web", "web:3", "web:4", "web:5"]
    assert here.harness.starts.schedules() == here.schedules


def test_schedules_that_could_not_be_read_keep_nothing_else_from_being_asked_for(here: SweepHarness) -> None:
    here.schedules = Unreadable(permission="scheduler:ListSchedules", resource="*", reason="denied")
    here.sweep("web")
    assert here.asked() == ["web"]
    assert isinstance(here.harness.starts.schedules(), Unreadable)


def test_a_sweep_asks_for_each_family_and_then_for_older_revisions_that_run(here: SweepHarness) -> None:
    here.expect_families("api", "web")
    here.expect_use(
        services=(str(revision_arn("web", 3)),), tasks=(str(revision_arn("job", 1)), str(revision_arn("api")))
    )
    result = here.step(SCHEDULED)
    assert (result.asked, result.done, result.sweep) == (2, True, "e-1")
    assert here.harness.definition_store.sweep_state() == {"sweep": "e-1", "ended_at": NOW.isoformat()}
    assert here.harness.sent.bodies("sweeps") == [{"sweep": "e-1", "check": 0}]
    here.answer("api")
    here.answer("web", newest=9)
    assert here.check().asked == 2  # the family job has no ACTIVE revision, and api:7 is the newest of its family
    assert here.asked() == ["api", "web", "job:1", "web:3"]
    assert {each["cause"]["kind"] for each in here.harness.sent.bodies("validations")} == {LISTED}


def test_the_revisions_of_a_family_wait_for_its_answer_but_not_beyond_the_last_check(here: SweepHarness) -> None:
    here.expect_families("api", "web")
    here.expect_use(services=tuple(str(revision_arn(family, 3)) for family in ("api", "web")))
    here.step(SCHEDULED)
    here.answer("api")
    here.check()
    assert here.asked() == ["api", "web", "api:3"]
    for number in range(1, len(WAITS_S)):
        here.check(number)
    assert here.asked() == ["api", "web", "api:3", "web:3"]
    assert here.complete() is None


def test_a_page_asks_for_the_next_one(here: SweepHarness) -> None:
    here.expect_families("api", following="more")
    here.expect_use()
    assert not here.step(SCHEDULED).done
    assert here.harness.sent.bodies("sweeps") == [{"sweep": "e-1", "token": "more"}]
    assert here.harness.definition_store.sweep_state() is None

    here.expect_families("web", token="more")
    last = here.step(json.dumps({"sweep": "e-1", "token": "more"}))
    assert (last.done, last.sweep) == (True, "e-1")
    assert here.asked() == ["api", "web"]


def test_a_sweep_that_was_asked_for_by_another_function_begins_at_the_beginning(here: SweepHarness) -> None:
    here.expect_families("web")
    here.expect_use()
    assert here.step(json.dumps({"sweep": "abc", "token": None})).asked == 1


def test_a_family_that_is_gone_meanwhile_leaves_its_known_revisions_to_ask_for(here: SweepHarness) -> None:
    here.harness.ledger.entries.keep_references(revision_arn("gone"), Entry(), frozenset())
    here.sweep("gone")
    here.harness.definition_store.answer_family("gone", "e-1", None, certain=True)
    here.check()
    assert here.asked() == ["gone", "gone:7"]


def test_a_family_whose_name_ecs_would_refuse_blocks_no_other(here: SweepHarness) -> None:
    here.expect_families("web", "no family", "")
    here.expect_use()
    assert here.step(SCHEDULED).asked == 1
    here.answer("web")
    here.check()
    assert here.complete() == "e-1"


def test_a_page_that_cannot_be_listed_is_not_passed_over_in_silence(here: SweepHarness) -> None:
    here.stubber.add_client_error("list_task_definition_families", "AccessDeniedException")
    with pytest.raises(NotNow, match="ecs:ListTaskDefinitionFamilies on the account: access was denied"):
        here.step(SCHEDULED)
    assert here.harness.definition_store.sweep_state() is None
    assert here.harness.sent.messages == []


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        ("list_task_definition_families", "ThrottlingException"),
        ("list_clusters", "ThrottlingException"),
        ("list_clusters", "ServerException"),
    ],
)
def test_a_page_that_aws_did_not_answer_is_asked_for_again_soon(here: SweepHarness, operation: str, error: str) -> None:
    if operation == "list_clusters":
        here.expect_families("web")
    here.stubber.add_client_error(operation, error)
    assert "is asked for again: ecs:List" in here.step(SCHEDULED).why
    (again,) = here.harness.sent.messages
    assert (again["QueueUrl"], again["DelaySeconds"]) == ("sweeps", 15)
    here.expect_families("web")
    here.expect_use()
    assert here.step(again["MessageBody"]).done
    assert here.asked() == ["web"]


def test_a_page_that_aws_never_answers_ends_as_a_failure(here: SweepHarness) -> None:
    """Then the queue returns it, and at last it is a dead letter."""
    here.harness.ledger.holds.keep_waiting(revision_arn("web", 7), now=NOW)
    body, delays = SCHEDULED, []
    for _ in range(3):
        here.stubber.add_client_error("list_task_definition_families", "ThrottlingException")
        here.step(body)
        body, delay_s = here.harness.sent.messages[-1]["MessageBody"], here.harness.sent.messages[-1]["DelaySeconds"]
        delays.append(delay_s)
    here.stubber.add_client_error("list_task_definition_families", "ThrottlingException")
    with pytest.raises(NotNow):
        here.step(body)
    assert delays == [15, 60, 240]
    assert here.asked() == ["web:7"]  # what waits is asked for once


@pytest.mark.parametrize("again", [-1, 4, "1", True, 1.0])
def test_a_page_is_repeated_a_few_times_only(here: SweepHarness, again: object) -> None:
    with pytest.raises(Rejected, match='"again"'):
        here.step(json.dumps({"sweep": "e-1", "token": None, "again": again}))


def test_a_revision_that_was_to_be_asked_for_keeps_the_sweep_open(
    here: SweepHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The family of a revision in use is answered after the check has asked, and before it counts the answers."""
    here.expect_families("web")
    here.expect_use(services=(str(revision_arn("web", 3)),))
    here.step(SCHEDULED)
    count = Settler.check

    def late(settler: Settler, sweep: Sweep, number: int) -> Progress:
        here.answer("web")
        return count(settler, sweep, number)

    monkeypatch.setattr(Settler, "check", late)
    here.check()
    assert here.complete() is None
    monkeypatch.undo()
    here.check(1)
    assert "web:3" in here.asked()
    here.answer_revision("web", 3)
    here.check(2)
    assert here.complete() is not None


def test_requests_and_pages_are_spread_over_the_share_of_the_quota(here: SweepHarness) -> None:
    families = tuple(f"f-{number:02}" for number in range(74))
    here.expect_families(*families, following="more")
    here.expect_use()
    here.step(SCHEDULED)
    *requests, page = here.harness.sent.messages
    assert Counter(each["DelaySeconds"] for each in requests) == {0: 19, 1: 18, 2: 19, 3: 18}
    assert page["DelaySeconds"] == 4  # 75 calls
    here.harness.later(seconds=6)
    here.expect_families("web", token="more", following="last")
    here.step(page["MessageBody"])
    assert here.harness.sent.messages[-1]["DelaySeconds"] == 0  # it came two seconds late, which are made up for


def test_a_service_of_another_controller_may_name_no_revision(here: SweepHarness) -> None:
    here.expect_families()
    here.expect_use(services=("",))
    here.step(SCHEDULED)
    here.check()
    assert here.asked() == []


def test_services_and_tasks_are_stored_for_each_family_once_all_are_listed(here: SweepHarness) -> None:
    services = here.harness.services
    services.keep(service("gone").service_arn, Kept(task_definition=str(revision_arn())))
    here.expect_families()
    here.stubber.add_response("list_clusters", {"clusterArns": [CLUSTER]}, {})
    here.stubber.add_client_error("list_services", "AccessDeniedException")
    with pytest.raises(NotNow):
        here.step(SCHEDULED)
    assert (services.not_listed(), list(services.known())) == (NOT_LISTED, [service("gone").service_arn])
    here.expect_families()
    here.expect_use(services=(str(revision_arn("web", 3)),), tasks=(str(revision_arn("job")), str(revision_arn("web"))))
    here.step(SCHEDULED)
    assert services.not_listed() is None
    assert services.known() == {
        service("s0").service_arn: Kept(task_definition=str(revision_arn("web", 3)), next_pull="scaled-out")
    }
    assert services.places("web") == Places.of((Arn.parse(service("s0").service_arn),))
    assert services.places("job") == Places.of((Arn.parse(CLUSTER),))


# --- What no page lists any more ---------------------------------------------------------------------------------


def test_a_known_revision_that_is_neither_newest_nor_in_use_is_requested_as_such(here: SweepHarness) -> None:
    for known in (revision_arn("gone"), revision_arn("web"), revision_arn("web", 6)):
        here.harness.ledger.entries.keep_references(known, Entry(), frozenset())
    here.sweep("web")
    here.answer("web")
    assert here.check().asked == 2
    kinds = [each["cause"]["kind"] for each in here.harness.sent.bodies("validations")]
    assert dict(zip(here.asked(), kinds, strict=True)) == {"web": LISTED, "gone:7": UNLISTED, "web:6": UNLISTED}
    assert [each["DelaySeconds"] for each in here.harness.sent.messages if each["QueueUrl"] == "validations"] == [0] * 3


def test_it_is_asked_for_after_the_last_page_only(here: SweepHarness) -> None:
    here.harness.ledger.entries.keep_references(revision_arn("web"), Entry(), frozenset())
    here.expect_families("api", following="more")
    here.expect_use()
    here.step(SCHEDULED)
    here.check()
    assert here.asked() == ["api"]
    here.expect_families("web", token="more")
    here.step(json.dumps({"sweep": "e-1", "token": "more"}))
    here.answer("api", "web")
    here.check()
    assert here.asked() == ["api", "web"]
    assert here.complete() == "e-1"


def test_a_revision_that_became_known_since_is_requested_by_the_next_check(here: SweepHarness) -> None:
    here.sweep("web")
    here.answer("web")
    here.harness.ledger.entries.keep_references(revision_arn("web", 8), Entry(), frozenset())
    swept = here.check()
    assert (swept.asked, here.complete()) == (1, None)
    here.answer_revision("web", 8)
    here.check(1)
    assert here.complete() == "e-1"


def test_a_check_that_dies_asks_again(here: SweepHarness) -> None:
    here.harness.ledger.entries.keep_references(revision_arn("gone"), Entry(), frozenset())
    here.sweep("web")
    here.answer("web")
    here.harness.sent.failing = ["send_message_batch"]
    with pytest.raises(Crash):
        here.check()
    assert here.check().asked == 1
    assert here.check(1).asked == 0
    assert here.asked() == ["web", "gone:7"]


def test_a_family_of_an_earlier_sweep_says_nothing_about_this_one(here: SweepHarness) -> None:
    here.sweep("web")
    here.answer("web")
    here.harness.ledger.entries.keep_references(revision_arn("web"), Entry(), frozenset())
    here.expect_families()
    here.expect_use()
    here.step(json.dumps({"sweep": "e-2", "token": None}))
    here.check(sweep="e-2")
    assert here.asked() == ["web", "web:7"]


# --- Completeness ------------------------------------------------------------------------------------------------


def test_a_sweep_is_complete_once_everything_is_answered(here: SweepHarness) -> None:
    here.sweep("api", "web")
    here.answer("api")
    waiting = here.check()
    assert waiting.measures == {"SweepAsked": 2, "SweepAnswered": 1, "SweepUncertain": 0}
    assert waiting.progress is not None
    assert waiting.progress.missing == ("web",)
    assert here.complete() is None
    here.answer("web")
    ended = {"SweepAsked": 2, "SweepAnswered": 2, "SweepUncertain": 0, "SecretsPerRoleMax": 0}
    assert here.check(1).measures == ended
    assert here.complete() == "e-1"


@pytest.mark.parametrize("certain", [True, False], ids=["complete", "incomplete"])
def test_each_sweep_ends_in_how_many_secrets_the_role_with_the_most_has(here: SweepHarness, certain: bool) -> None:
    ledger = here.harness.ledger
    for name, many in (("collector", 3), ("web-execution", 1), ("rolled-back", 0)):
        keep(ledger, *recorded(*(secret(f"registry/{name}-{number}") for number in range(many))), to=role_arn(name))
    here.sweep("web")
    assert "SecretsPerRoleMax" not in here.check().measures
    here.answer("web", certain=certain)
    assert here.check(1).measures["SecretsPerRoleMax"] == 3


def test_the_checks_come_ever_later_and_end(here: SweepHarness) -> None:
    here.sweep("web")
    for number in range(len(WAITS_S)):
        here.check(number)
    assert [each.get("DelaySeconds") for each in here.harness.sent.messages if each["QueueUrl"] == "sweeps"] == [
        *WAITS_S
    ]
    sweep = here.harness.definition_store.sweep()
    assert sweep is not None
    assert sweep.end == "incomplete"
    here.answer("web")  # too late
    here.check(0)
    assert here.complete() is None


def test_a_question_that_was_asked_in_vain_leaves_the_sweep_incomplete(here: SweepHarness) -> None:
    here.sweep("api", "web")
    here.answer("api")
    here.answer("web", certain=False)
    swept = here.check()
    assert swept.measures["SweepUncertain"] == 1
    assert (here.complete(), here.harness.sent.bodies("sweeps")) == (None, [{"sweep": "e-1", "check": 0}])


def test_an_empty_account_is_swept_completely(here: SweepHarness) -> None:
    here.sweep()
    here.check()
    assert here.complete() == "e-1"


def test_the_first_sweep_says_that_it_is(here: SweepHarness) -> None:
    assert here.sweep("web").first
    here.answer("web")
    here.check()
    here.expect_families()
    here.expect_use()
    assert not here.step(json.dumps({"sweep": "e-2", "token": None})).first


def test_a_forgotten_revision_need_not_answer(here: SweepHarness) -> None:
    here.harness.ledger.entries.keep_references(revision_arn("gone"), Entry(), frozenset())
    here.sweep("web")
    here.answer("web")
    here.check()
    here.harness.definition_store.forget(revision_arn("gone"))
    here.answer_revision("gone")  # the validator stamps what it has just forgotten
    here.check(1)
    assert here.complete() == "e-1"
    assert here.harness.definition_store.known() == ()


# --- Sweeps that overlap, die, or are forged ---------------------------------------------------------------------


def test_the_later_of_two_sweeps_takes_over_and_the_earlier_never_completes(here: SweepHarness) -> None:
    here.sweep("web")
    here.expect_families("web")
    here.expect_use()
    here.step(json.dumps({"sweep": "e-2", "token": None}))
    here.answer("web", sweep="e-1")  # a late answer to the earlier one
    assert here.check(0, "e-1").why == "another sweep has taken its place"
    here.check(0, "e-2")
    assert here.complete() is None
    here.answer("web", sweep="e-2")
    here.check(1, "e-2")
    assert here.complete() == "e-2"


def test_a_late_copy_of_an_earlier_sweeps_first_page_begins_nothing(here: SweepHarness) -> None:
    here.sweep("web")
    here.expect_families()
    here.expect_use()
    here.step(json.dumps({"sweep": "e-2", "token": None}))
    assert here.step(SCHEDULED).why == "another sweep has taken its place"
    sweep = here.harness.definition_store.sweep()
    assert sweep is not None
    assert sweep.id == "e-2"


@pytest.mark.parametrize("operation", ["send_message_batch", "send_message"])
def test_a_step_that_dies_is_repeated(here: SweepHarness, operation: str) -> None:
    here.harness.sent.failing = [operation]
    with pytest.raises(Crash):
        here.sweep("web")
    if operation == "send_message_batch":
        assert here.sweep("web").done
    else:  # all was listed and asked for: what is missing is the next step only
        assert here.step(SCHEDULED).why.startswith("a copy")
    assert here.harness.sent.bodies("sweeps") == [{"sweep": "e-1", "check": 0}]


def test_a_sweep_that_died_half_way_is_never_complete(here: SweepHarness) -> None:
    here.expect_families("api", following="more")
    here.expect_use()
    here.step(SCHEDULED)
    here.answer("api")
    assert here.check().why == "not everything is listed yet"
    assert here.complete() is None


@pytest.mark.parametrize("token", ["the-last-page", ""])
def test_a_forged_step_skips_no_page(here: SweepHarness, token: str) -> None:
    here.expect_families("api", following="more")
    here.expect_use()
    here.step(SCHEDULED)
    sent = len(here.harness.sent.messages)
    forged = here.step(json.dumps({"sweep": "e-1", "token": token}))
    assert (forged.asked, forged.done) == (0, False)
    assert here.harness.sent.bodies("sweeps")[1:] == ([{"sweep": "e-1", "token": "more"}] if token == "" else [])
    assert len(here.harness.sent.messages) == sent + (token == "")


def test_a_step_that_lost_its_place_while_it_listed_ends_there(here: SweepHarness) -> None:
    here.sweep("web")
    begun = here.harness.definition_store.sweep()
    assert begun is not None
    here.harness.definition_store.begin(replace(begun, id="e-2"))
    assert not here.harness.definition_store.save(begun)


REJECTED: dict[str, tuple[Callable[[], str], str]] = {
    "no-json": (lambda: "x", "is not JSON"),
    "an-array": (lambda: "[]", "not an object"),
    "nothing": (lambda: "{}", "neither a Scheduled Event nor a step"),
    "an-event-without-its-id": (lambda: json.dumps({"detail-type": "Scheduled Event"}), "neither a Scheduled Event"),
    "another-event": (lambda: json.dumps({"detail-type": "x", "id": "y"}), "neither a Scheduled Event"),
    "a-number-for-a-token": (lambda: json.dumps({"sweep": "a", "token": 7}), "neither a Scheduled Event"),
    "no-sweep": (lambda: json.dumps({"sweep": "", "token": None}), "is not the id of one"),
    "a-sweep-too-long": (lambda: json.dumps({"sweep": "a" * 65, "token": None}), "is not the id of one"),
    "a-sweep-with-a-space": (lambda: json.dumps({"sweep": "a b", "token": None}), 'sweep "a b" is not the id of one'),
    "an-event-with-no-event-id": (lambda: json.dumps({"detail-type": "Scheduled Event", "id": "a b"}), 'sweep "a b"'),
    "a-check-that-is-no-number": (lambda: json.dumps({"sweep": "a", "check": "0"}), "the message's check"),
    "a-check-too-many": (lambda: json.dumps({"sweep": "a", "check": len(WAITS_S)}), "the message's check"),
    "a-check-below-zero": (lambda: json.dumps({"sweep": "a", "check": -1}), "the message's check"),
    "a-check-that-is-true": (lambda: json.dumps({"sweep": "a", "check": True}), "the message's check"),
    "a-token-too-long": (lambda: json.dumps({"sweep": "a", "token": "t" * 9000}), "longer than any"),
}


@pytest.mark.parametrize(("body", "words"), REJECTED.values(), ids=REJECTED)
def test_an_invalid_step_is_rejected(here: SweepHarness, body: Callable[[], str], words: str) -> None:
    with pytest.raises(Rejected, match=words):
        here.step(body())
    assert here.harness.sent.messages == []
