from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from pullguard.domain.errors import Rejected
from pullguard.domain.image import parse_image
from pullguard.domain.lookup import VERIFICATION_SWITCHED_OFF
from pullguard.domain.policy_document import POLICY_NAME
from pullguard.domain.role_policy import RevocationRules
from pullguard.domain.verification import Verification
from pullguard.planning.ecs_quota import SHARE_PER_S
from pullguard.runtime.bootstrap import Deployment
from pullguard.runtime.receiver import Refused
from pullguard.runtime.settings import POWERTOOLS
from pullguard.workflows.patch_role import RolePatcher
from tests.contract.cloudformation import load

ENVIRONMENT = {
    "POWERTOOLS_METRICS_NAMESPACE": "Pullguard",
    "POWERTOOLS_SERVICE_NAME": "a_function",
    "PULLGUARD_ACCOUNT": "123456789012",
    "PULLGUARD_REGION": "us-east-1",
    "PULLGUARD_STACK_NAME": "prod",
    "PULLGUARD_REJECTS_QUEUE_URL": "https://sqs/rejects",
    "PULLGUARD_LEDGER_TABLE": "ledger",
    "PULLGUARD_BUS_NAME": "bus",
    "PULLGUARD_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:topic",
    "PULLGUARD_VALIDATION_QUEUE_URL": "https://sqs/validations",
    "PULLGUARD_GRANT_QUEUE_URL": "https://sqs/grants.fifo",
    "PULLGUARD_REREGISTER_QUEUE_URL": "https://sqs/reregistrations.fifo",
    "PULLGUARD_SWEEP_QUEUE_URL": "https://sqs/sweeps",
    "PULLGUARD_MODE": "remediate",
    "PULLGUARD_ALERT_FORMAT": "json",
    "PULLGUARD_REMINDER_HOURS": "24",
    "PULLGUARD_DEBOUNCE_SECONDS": "60",
    "PULLGUARD_ALERTS_PER_FAMILY_PER_HOUR": "4",
    "PULLGUARD_ALERTS_PER_HOUR": "60",
    "PULLGUARD_INFRASTRUCTURE_TAGS": "team-iac",
    "PULLGUARD_MOVE_SERVICES": "true",
    "PULLGUARD_REDEPLOY_ON_ROTATION": "true",
    "PULLGUARD_VERIFY_CREDENTIALS": "false",
    "PULLGUARD_CROSS_CHECK": "false",
    "PULLGUARD_REGISTRY_SECRET_PATTERN": "*",
    "PULLGUARD_REQUIRE_ROLE_BOUNDARY": "arn:aws:iam::123456789012:policy/boundary",
    "PULLGUARD_REGISTRY_CA_BUNDLE": "",
    "PULLGUARD_WRITES_PER_HOUR": "3",
    "PULLGUARD_STOP_PARAMETER": "/pullguard/stop",
    "PULLGUARD_REVOKE_UNUSED_GRANTS": "true",
    "PULLGUARD_REVOKE_WITHOUT_CONSENT": "false",
    "PULLGUARD_REVOKE_GRACE_DAYS": "3",
}


class Rejects:
    """In the place of the queue's client: what was put away."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.meta = MagicMock()

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)


class Made:
    """In the place of the clients: makes none, and keeps which were asked for."""

    def __init__(self, sqs: Rejects) -> None:
        self.asked: list[str] = []
        self._sqs = sqs

    def get(self, service: str, region: str | None = None) -> Any:
        self.asked.append(service)
        return self._sqs


@pytest.fixture
def rejects() -> Rejects:
    return Rejects()


@pytest.fixture
def deployment(rejects: Rejects) -> Deployment:
    here = Deployment(ENVIRONMENT, *Deployment.VALIDATOR_NEEDS, *Deployment.EXECUTOR_NEEDS)
    made: Any = Made(rejects)
    here.clients = made
    return here


def test_the_environment_of_these_tests_is_the_templates() -> None:
    functions = load().functions().values()
    variables = {name for each in functions for name in each["Environment"]["Variables"]}
    assert {name for name in variables if name.startswith("PULLGUARD_")} == set(ENVIRONMENT) - set(POWERTOOLS)


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("verify", ["true", "false"])
def test_only_the_validator_asks_registries(verify: str) -> None:
    needs = (*Deployment.VALIDATOR_NEEDS, *Deployment.EXECUTOR_NEEDS)
    here = Deployment({**ENVIRONMENT, "PULLGUARD_VERIFY_CREDENTIALS": verify}, *needs)
    image, hosts = parse_image("127.0.0.1:1/web"), frozenset({"127.0.0.1:1"})
    assert here.executor().readers().anonymous_pull(image, hosts) == VERIFICATION_SWITCHED_OFF
    assert isinstance(here.validator().readers.anonymous_pull(image, hosts), Verification) is (verify == "true")


def test_a_validator_gets_the_deployments_choices(deployment: Deployment) -> None:
    validator = deployment.validator()
    assert (validator.mode, validator.rules.move_services) == ("remediate", True)
    assert validator.rules.infrastructure_tags == ("team-iac",)
    assert (validator.grant_queue_url, validator.reregister_queue_url) == (
        "https://sqs/grants.fifo",
        "https://sqs/reregistrations.fifo",
    )


def test_an_executor_gets_the_deployments_choices(deployment: Deployment) -> None:
    executor = deployment.executor()
    assert (executor.mode, executor.guard.writes_per_hour) == ("remediate", 3)
    assert executor.validation_queue_url == "https://sqs/validations"


@pytest.mark.parametrize("without_consent", [True, False])
@pytest.mark.parametrize("unneeded", [True, False])
def test_a_patcher_gets_the_deployments_rules(*, unneeded: bool, without_consent: bool) -> None:
    chosen = {
        "PULLGUARD_REVOKE_UNUSED_GRANTS": str(unneeded).lower(),
        "PULLGUARD_REVOKE_WITHOUT_CONSENT": str(without_consent).lower(),
    }
    rules = patcher(**chosen).rules
    assert rules == RevocationRules(unneeded=unneeded, without_consent=without_consent, grace=timedelta(days=3))


def test_no_two_stacks_share_a_policy_on_a_role() -> None:
    stacks = [(region, name) for region in ("us-east-1", "eu-west-1") for name in ("pullguard", "prod", "x" * 128)]
    names = [patcher(PULLGUARD_REGION=region, PULLGUARD_STACK_NAME=name).policy for region, name in stacks]
    assert len({*names, POLICY_NAME}) == len(stacks) + 1
    assert names[:2] == [f"{POLICY_NAME}-us-east-1", f"{POLICY_NAME}-us-east-1-prod"]
    assert max(map(len, names)) <= 128


def patcher(**changes: str) -> RolePatcher:
    made: Any = Made(MagicMock())
    here = Deployment({**ENVIRONMENT, **changes}, *Deployment.PATCHER_NEEDS)
    here.clients = made
    return here.patcher()


def test_an_executor_remembers_nothing_from_one_message_to_the_next(deployment: Deployment) -> None:
    executor = deployment.executor()
    assert executor.readers() is not executor.readers()


def test_validators_share_the_ledger_and_nothing_that_they_read(deployment: Deployment) -> None:
    one, other = deployment.validator(), deployment.validator()
    assert one.readers is not other.readers
    assert one.done is not other.done
    assert one.ledger is other.ledger


PACED = {
    "validate_task_definition": Deployment.VALIDATORS,
    "patch_execution_role": Deployment.EXECUTORS,
    "reregister_task_definition": Deployment.EXECUTORS,
    "sweep_account": Deployment.SWEEPERS,
}


@pytest.mark.parametrize("function", PACED)
def test_the_instances_of_a_function_keep_the_quota_of_ecs_together(function: str) -> None:
    (source,) = load().functions()[function]["Events"].values()
    assert source["Properties"]["ScalingConfig"]["MaximumConcurrency"] == PACED[function]


@pytest.mark.parametrize(
    ("made_by", "instances"),
    [
        (Deployment.validator, Deployment.VALIDATORS),
        (Deployment.executor, Deployment.EXECUTORS),
        (Deployment.sweeper, Deployment.SWEEPERS),
    ],
    ids=["validator", "executor", "sweeper"],
)
def test_a_throttled_function_takes_its_share(made_by: Callable[[Deployment], object], instances: int) -> None:
    here = Deployment(ENVIRONMENT, *Deployment.VALIDATOR_NEEDS, *Deployment.EXECUTOR_NEEDS, *Deployment.SWEEPER_NEEDS)
    made: Any = Made(Rejects())
    here.clients = made
    for _ in range(3):
        made_by(here)
    registered = [call.args for call in made.get("ecs").meta.events.register.call_args_list]
    (pace,) = (each.__self__ for event, each in registered if event == "needs-retry.ecs.DescribeTaskDefinition")
    assert pace.per_second is None
    pace.throttled()
    assert pace.per_second == SHARE_PER_S / instances


def test_no_client_is_made_before_it_is_needed() -> None:
    made: Any = Made(Rejects())
    here = Deployment(ENVIRONMENT, *Deployment.VALIDATOR_NEEDS)
    here.clients = made
    assert made.asked == []


def test_an_unneeded_setting_may_be_absent() -> None:
    names = (*POWERTOOLS, "PULLGUARD_REJECTS_QUEUE_URL", "PULLGUARD_LEDGER_TABLE")
    only = {name: ENVIRONMENT[name] for name in names}
    assert Deployment(only, "ledger_table").settings.ledger_table == "ledger"
    with pytest.raises(SystemExit, match="PULLGUARD_BUS_NAME"):
        Deployment(only, "bus_name")


def test_a_receiver_puts_away_where_the_deployment_says(deployment: Deployment, rejects: Rejects) -> None:
    def reject() -> None:
        raise Rejected("why")

    record = SQSRecord({"body": "body", "attributes": {"ApproximateReceiveCount": "1"}})
    assert deployment.receiver("f").receive(record, reject) == Refused(reason="why")
    assert [message["QueueUrl"] for message in rejects.sent] == ["https://sqs/rejects"]
