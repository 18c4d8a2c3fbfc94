"""The flows wired to a world in memory, a ledger on moto, and clients that keep what is sent."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pullguard.aws.iam import Iam
from pullguard.aws.messaging import Bus, Queues, Topic
from pullguard.aws.ssm import StopSwitch
from pullguard.domain.actions import Mode
from pullguard.domain.arn import Arn
from pullguard.domain.messages import Home, ValidationRequest
from pullguard.domain.policy_document import own_policy_name, policy_document, render
from pullguard.domain.provenance import Provenance
from pullguard.domain.role_policy import RevocationRules
from pullguard.domain.stop import GO_ON
from pullguard.incidents.alert_limits import AlertLimits
from pullguard.planning.planner import Rules
from pullguard.store.incidents import IncidentStore
from pullguard.store.ledger import Ledger
from pullguard.store.sent_alerts import SentAlertStore
from pullguard.store.services import ServiceStore
from pullguard.store.starts import StartStore
from pullguard.store.task_definitions import TaskDefinitionStore
from pullguard.workflows.execute import Executor
from pullguard.workflows.notify import Alerter
from pullguard.workflows.notify_incident import IncidentNotifier
from pullguard.workflows.patch_role import RolePatcher
from pullguard.workflows.publish_once import Publisher
from pullguard.workflows.recheck_open import Recheck
from pullguard.workflows.remind import Reminder
from pullguard.workflows.report import Reporter
from pullguard.workflows.review_roles import GrantedRoles
from pullguard.workflows.summarize import Summarizer
from pullguard.workflows.validate import Validated, Validator
from pullguard.workflows.write_checks import WriteGuard
from tests.fakes import ACCOUNT, NOW, REGION, Sent, World, granted, revision_arn

HOME = Home(account=ACCOUNT, region=REGION)
OWN_POLICY = own_policy_name(REGION, "pullguard")
NEVER = RevocationRules()
NO_LIMITS = AlertLimits()
CAUSE = Provenance(kind="RegisterTaskDefinition", event_id="e-1", at=NOW)
ASKED_FOR = ValidationRequest(task_definition=revision_arn(), provenance=CAUSE)


def request(task_definition: Arn | None = None, kind: str = "RegisterTaskDefinition") -> ValidationRequest:
    return ValidationRequest(
        task_definition=task_definition or revision_arn(), provenance=Provenance(kind=kind, event_id="e-1", at=NOW)
    )


@dataclass(frozen=True)
class Parameter:
    """In the place of the client of SSM: one parameter, of which ``asked`` returns the value or AWS's error."""

    asked: Callable[[], str | ClientError]

    def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803
        value = self.asked()
        if isinstance(value, ClientError):
            raise value
        return {"Parameter": {"Name": Name, "Value": value}}


@dataclass
class Harness:
    """Everything that a flow works with; change ``world`` and ``mode`` between the acts, and let time pass."""

    ledger: Ledger
    world: World
    mode: Mode = "remediate"
    rules: Rules = field(default_factory=Rules)
    writes_per_hour: int = 20
    reminder_every: timedelta | None = timedelta(hours=24)
    limits: AlertLimits = NO_LIMITS
    stop: str | ClientError = GO_ON
    sent: Sent = field(default_factory=Sent)
    time: datetime = NOW

    def now(self) -> datetime:
        return self.time

    def later(self, **span: float) -> None:
        self.time += timedelta(**span)

    @property
    def definition_store(self) -> TaskDefinitionStore:
        return TaskDefinitionStore(self.ledger.entries._client, "ledger")

    @property
    def switch(self) -> StopSwitch:
        """The stop parameter, as ``stop`` says."""
        client: Any = Parameter(lambda: self.stop)
        return StopSwitch(client, "/pullguard/stop")

    @property
    def incidents(self) -> IncidentStore:
        return IncidentStore(self.ledger.entries._client, "ledger")

    @property
    def sent_alerts(self) -> SentAlertStore:
        return SentAlertStore(self.ledger.entries._client, "ledger")

    @property
    def starts(self) -> StartStore:
        return StartStore(self.ledger.entries._client, "ledger", now=self.now)

    @property
    def services(self) -> ServiceStore:
        return ServiceStore(self.ledger.entries._client, "ledger", now=self.now)

    @property
    def queues(self) -> Queues:
        client: Any = self.sent
        return Queues(client)

    @property
    def reporter(self) -> Reporter:
        client: Any = self.sent
        return Reporter(ledger=self.ledger, bus=Bus(client, "pullguard"))

    def validator(self) -> Validator:
        return Validator(
            readers=self.world,
            ledger=self.ledger,
            definition_store=self.definition_store,
            services=self.services,
            reporter=self.reporter,
            queues=self.queues,
            validation_queue_url="validations",
            grant_queue_url="grants.fifo",
            reregister_queue_url="reregistrations.fifo",
            mode=self.mode,
            rules=self.rules,
            policy=OWN_POLICY,
            home=HOME,
            now=self.now,
        )

    def validate(self, request: ValidationRequest = ASKED_FOR, *, message_id: str = "m-1") -> Validated:
        """Validate as a batch of its own."""
        return self.validator().validate(request, message_id=message_id)

    def executor(self, *, readers: Callable[[], World] | None = None) -> Executor:
        return Executor(
            readers=readers or (lambda: self.world),
            ledger=self.ledger,
            reporter=self.reporter,
            queues=self.queues,
            validation_queue_url="validations",
            mode=self.mode,
            rules=self.rules,
            home=HOME,
            guard=WriteGuard(
                switch=self.switch, ledger=self.ledger, writes_per_hour=self.writes_per_hour, now=self.now
            ),
            now=self.now,
        )

    def patcher(self, iam: Iam, rules: RevocationRules = NEVER, **changes: Any) -> RolePatcher:
        """Return the writer of our policy on roles; ``changes`` are of its executor."""
        return RolePatcher(
            executor=replace(self.executor(), **changes),
            iam=iam,
            definition_store=self.definition_store,
            starts=self.starts,
            policy=OWN_POLICY,
            rules=rules,
        )

    def granted_roles(self) -> GrantedRoles:
        return GrantedRoles(ledger=self.ledger, queues=self.queues, grant_queue_url="grants.fifo", now=self.now)

    def alerter(self, form: Any = "text", *, pause: Callable[[float], None] = lambda _: None) -> Alerter:
        client: Any = self.sent
        publisher = Publisher(
            topic=Topic(client, "arn:topic"),
            form=form,
            claims=self.ledger.claims,
            sent_alerts=self.sent_alerts,
            limits=self.limits,
            now=self.now,
            pause=pause,
        )
        reporter = IncidentNotifier(
            ledger=self.ledger, incidents=self.incidents, services=self.services, publisher=publisher, now=self.now
        )
        summarizer = Summarizer(ledger=self.ledger, incidents=self.incidents, publisher=publisher, now=self.now)
        again = Recheck(
            ledger=self.ledger,
            incidents=self.incidents,
            queues=self.queues,
            validation_queue_url="validations",
            now=self.now,
        )
        reminder = Reminder(
            incidents=self.incidents,
            reporter=reporter,
            publisher=publisher,
            summarizer=summarizer,
            again=again,
            every=self.reminder_every,
            now=self.now,
        )
        return Alerter(ledger=self.ledger, publisher=publisher, reporter=reporter, reminder=reminder, now=self.now)


@dataclass
class Writes:
    """A harness whose writes to IAM are exactly those that are expected."""

    harness: Harness
    stubber: Stubber
    iam: Iam

    def expect(self, *secrets: Any, error: str | None = None) -> None:
        """Expect a write that leaves these secrets: of none, the policy's deletion."""
        names = {"RoleName": "web-execution", "PolicyName": OWN_POLICY}
        document = {"PolicyDocument": render(policy_document(granted(*secrets)))} if secrets else {}
        operation = "put_role_policy" if secrets else "delete_role_policy"
        if error:
            self.stubber.add_client_error(operation, error, expected_params={**names, **document})
        else:
            self.stubber.add_response(operation, {}, {**names, **document})
