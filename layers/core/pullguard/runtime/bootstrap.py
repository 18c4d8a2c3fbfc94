"""The composition root of the deployed functions: build the workflow of a function from its settings.

Each method imports only what it assembles, so that a function loads nothing else at a cold start. No two of the six
functions need the same modules, and a single dataclass costs half a millisecond.

Clients are created lazily and kept between invocations. Readers are created for each batch or message, since they cache
what they read.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from pullguard.aws.clients import Clients
from pullguard.aws.deadline import Deadline
from pullguard.aws.messaging import Queues
from pullguard.domain.errors import Misconfigured
from pullguard.domain.messages import Home
from pullguard.runtime.receiver import RESERVE_S, Receiver
from pullguard.runtime.settings import Settings

if TYPE_CHECKING:
    from pullguard.aws.pace import Pace
    from pullguard.aws.readers import AwsReaders
    from pullguard.aws.ssm import StopSwitch
    from pullguard.planning.planner import Rules
    from pullguard.store.ledger import Ledger
    from pullguard.store.services import ServiceStore
    from pullguard.store.starts import StartStore
    from pullguard.store.task_definitions import TaskDefinitionStore
    from pullguard.workflows.execute import Executor
    from pullguard.workflows.notify import Alerter
    from pullguard.workflows.patch_role import RolePatcher
    from pullguard.workflows.report import Reporter
    from pullguard.workflows.reregister import Reregisterer
    from pullguard.workflows.resolve_change import ChangeResolver
    from pullguard.workflows.sweep import Sweeper
    from pullguard.workflows.validate import Validator


# The certificates in the layer of RegistryCaBundle: Lambda unpacks layers to /opt.
# https://docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
CA_FILE = "/opt/pullguard/ca.pem"


class Deployment:
    """The shared parts of the functions (AWS, ledger, queues, bus) under one function's settings."""

    RESOLVER_NEEDS: ClassVar = (
        "account",
        "region",
        "ledger_table",
        "validation_queue_url",
        "sweep_queue_url",
        "debounce_seconds",
    )
    _PLANNER_NEEDS: ClassVar = (
        "account",
        "region",
        "mode",
        "ledger_table",
        "bus_name",
        "infrastructure_tags",
        "move_services",
        "redeploy_on_rotation",
        "registry_secret_pattern",
        "require_role_boundary",
    )
    VALIDATOR_NEEDS: ClassVar = (
        *_PLANNER_NEEDS,
        "validation_queue_url",
        "grant_queue_url",
        "reregister_queue_url",
        "verify_credentials",
        "cross_check",
        "registry_ca_bundle",
        "stack_name",
    )
    EXECUTOR_NEEDS: ClassVar = (*_PLANNER_NEEDS, "validation_queue_url", "writes_per_hour", "stop_parameter")
    PATCHER_NEEDS: ClassVar = (
        *EXECUTOR_NEEDS,
        "stack_name",
        "revoke_unused_grants",
        "revoke_without_consent",
        "revoke_grace_days",
    )
    SWEEPER_NEEDS: ClassVar = (
        "ledger_table",
        "validation_queue_url",
        "sweep_queue_url",
        "grant_queue_url",
    )
    ALERTER_NEEDS: ClassVar = (
        "ledger_table",
        "validation_queue_url",
        "topic_arn",
        "alert_format",
        "reminder_hours",
        "alerts_per_family_per_hour",
        "alerts_per_hour",
    )
    # How many instances of each function that paces its calls to ECS run at once (MaximumConcurrency in template.yaml).
    VALIDATORS: ClassVar = 10
    EXECUTORS: ClassVar = 5
    SWEEPERS: ClassVar = 2

    def __init__(self, environment: Mapping[str, str], *needed: str) -> None:
        try:
            self.settings = Settings.read(environment, "rejects_queue_url", *needed)
        except Misconfigured as error:
            # For an exception the runtime would log a page of frames. This logs one line, and consumes no message.
            raise SystemExit(f"This function cannot start: {error}") from None
        self.clients = Clients()
        self._pace: Pace | None = None

    def _keep_pace(self, instances: int) -> None:
        """Once AWS throttles this function's calls to ECS, limit them to its share: one of ``instances``."""
        from pullguard.aws.pace import Pace
        from pullguard.planning.ecs_quota import SHARE_PER_S

        if self._pace is None:
            self._pace = Pace(share=SHARE_PER_S / instances)
            self._pace.keep(self.clients.get("ecs"))

    @property
    def home(self) -> Home:
        """The account and Region that the stack serves."""
        return Home(account=self.settings.account, region=self.settings.region)

    @cached_property
    def ledger(self) -> "Ledger":
        """The ledger."""
        from pullguard.store.ledger import Ledger

        return Ledger(self.clients.get("dynamodb"), self.settings.ledger_table)

    @cached_property
    def definition_store(self) -> "TaskDefinitionStore":
        """The store of known task definitions and sweeps."""
        from pullguard.store.task_definitions import TaskDefinitionStore

        return TaskDefinitionStore(self.clients.get("dynamodb"), self.settings.ledger_table)

    @cached_property
    def services(self) -> "ServiceStore":
        """The store of services."""
        from pullguard.store.services import ServiceStore

        return ServiceStore(self.clients.get("dynamodb"), self.settings.ledger_table, now=self.now)

    @cached_property
    def starts(self) -> "StartStore":
        """The store of task starts outside services."""
        from pullguard.store.starts import StartStore

        return StartStore(self.clients.get("dynamodb"), self.settings.ledger_table, now=self.now)

    @cached_property
    def queues(self) -> Queues:
        """The queues."""
        return Queues(self.clients.get("sqs"))

    @cached_property
    def reporter(self) -> "Reporter":
        """The reporter, which stores records in the ledger and publishes them on the bus."""
        from pullguard.aws.messaging import Bus
        from pullguard.workflows.report import Reporter

        return Reporter(ledger=self.ledger, bus=Bus(self.clients.get("events"), self.settings.bus_name))

    @cached_property
    def switch(self) -> "StopSwitch":
        """The stack's stop parameter."""
        from pullguard.aws.ssm import StopSwitch

        return StopSwitch(self.clients.get("ssm"), self.settings.stop_parameter)

    @property
    def rules(self) -> "Rules":
        """The deployment's settings that affect a plan."""
        from pullguard.planning.planner import Rules

        return Rules(
            infrastructure_tags=self.settings.infrastructure_tags,
            move_services=self.settings.move_services,
            redeploy_on_rotation=self.settings.redeploy_on_rotation,
        )

    @property
    def policy(self) -> str:
        """The name of this stack's policy on roles."""
        from pullguard.domain.policy_document import own_policy_name

        return own_policy_name(self.settings.region, self.settings.stack_name)

    def readers(self) -> "AwsReaders":
        """Return readers that never read a secret's value and ask no registry."""
        from pullguard.aws.readers import AwsReaders

        return AwsReaders(
            self.clients,
            values="never",
            account=self.settings.account,
            starts=self.starts,
            places=self.services,
            secret_pattern=self.settings.registry_secret_pattern,
            required_boundary=self.settings.require_role_boundary,
        )

    def now(self) -> datetime:
        """Return the time, UTC."""
        return datetime.now(UTC)

    def receiver(self, function: str, context: Any = None) -> Receiver:
        """Return the message receiver of one batch; ``function`` is named in each rejected message.

        ``context`` is Lambda's, for functions that receive several messages at once: it knows the remaining time.
        """
        deadline = Deadline(context.get_remaining_time_in_millis() / 1000 - RESERVE_S) if context else None
        return Receiver(
            function, queues=self.queues, rejects_queue_url=self.settings.rejects_queue_url, deadline=deadline
        )

    def validator(self) -> "Validator":
        """Return the validator of one batch: its readers cache, and read the values of opted-in secrets."""
        from pullguard.aws.readers import AwsReaders
        from pullguard.store.logins import LoginStore
        from pullguard.workflows.validate import Validator

        self._keep_pace(self.VALIDATORS)
        logins = LoginStore(self.clients.get("dynamodb"), self.settings.ledger_table, now=self.now)
        return Validator(
            readers=AwsReaders(
                self.clients,
                values="opted-in",
                account=self.settings.account,
                verify=self.settings.verify_credentials,
                cross_check=self.settings.cross_check,
                starts=self.starts,
                places=self.services,
                logins=logins,
                secret_pattern=self.settings.registry_secret_pattern,
                required_boundary=self.settings.require_role_boundary,
                ca_file=CA_FILE if self.settings.registry_ca_bundle else "",
                loopback=self.settings.loopback_registries,
            ),
            ledger=self.ledger,
            definition_store=self.definition_store,
            services=self.services,
            reporter=self.reporter,
            queues=self.queues,
            validation_queue_url=self.settings.validation_queue_url,
            grant_queue_url=self.settings.grant_queue_url,
            reregister_queue_url=self.settings.reregister_queue_url,
            mode=self.settings.mode,
            rules=self.rules,
            policy=self.policy,
            home=self.home,
            now=self.now,
        )

    def resolver(self) -> "ChangeResolver":
        """Return the workflow that resolves a change to the affected task definitions."""
        from pullguard.workflows.resolve_change import ChangeResolver

        return ChangeResolver(
            readers=self.readers(),
            ledger=self.ledger,
            definition_store=self.definition_store,
            services=self.services,
            starts=self.starts,
            queues=self.queues,
            validation_queue_url=self.settings.validation_queue_url,
            sweep_queue_url=self.settings.sweep_queue_url,
            home=self.home,
            debounce_s=self.settings.debounce_seconds,
            now=self.now,
        )

    def executor(self) -> "Executor":
        """Return the shared part of both executors."""
        from pullguard.workflows.execute import Executor
        from pullguard.workflows.write_checks import WriteGuard

        self._keep_pace(self.EXECUTORS)
        return Executor(
            readers=self.readers,
            ledger=self.ledger,
            reporter=self.reporter,
            queues=self.queues,
            validation_queue_url=self.settings.validation_queue_url,
            mode=self.settings.mode,
            rules=self.rules,
            home=self.home,
            guard=WriteGuard(
                switch=self.switch,
                ledger=self.ledger,
                writes_per_hour=self.settings.writes_per_hour,
                now=self.now,
            ),
            now=self.now,
        )

    def patcher(self) -> "RolePatcher":
        """Return the workflow that writes our policy on roles."""
        from pullguard.aws.iam import Iam
        from pullguard.domain.role_policy import RevocationRules
        from pullguard.workflows.patch_role import RolePatcher

        settings = self.settings
        return RolePatcher(
            executor=self.executor(),
            iam=Iam(self.clients.get("iam")),
            definition_store=self.definition_store,
            starts=self.starts,
            policy=self.policy,
            rules=RevocationRules(
                unneeded=settings.revoke_unused_grants,
                without_consent=settings.revoke_without_consent,
                grace=timedelta(days=settings.revoke_grace_days),
            ),
        )

    def reregisterer(self) -> "Reregisterer":
        """Return the workflow that registers corrected revisions."""
        from pullguard.aws.ecs import Ecs
        from pullguard.workflows.reregister import Reregisterer

        return Reregisterer(executor=self.executor(), ecs=Ecs(self.clients.get("ecs")))

    def sweeper(self) -> "Sweeper":
        """Return the workflow that runs the steps of a sweep."""
        from pullguard.aws.ecs import Ecs
        from pullguard.aws.schedules import Rules, Schedules, started_by
        from pullguard.workflows.review_roles import GrantedRoles
        from pullguard.workflows.settle import Settler
        from pullguard.workflows.sweep import Sweeper

        self._keep_pace(self.SWEEPERS)
        return Sweeper(
            ecs=Ecs(self.clients.get("ecs")),
            schedules=lambda clusters: started_by(
                Rules(self.clients.get("events")), Schedules(self.clients.get("scheduler")), clusters
            ),
            ledger=self.ledger,
            definition_store=self.definition_store,
            services=self.services,
            starts=self.starts,
            settler=Settler(
                definition_store=self.definition_store,
                granted=GrantedRoles(
                    ledger=self.ledger,
                    queues=self.queues,
                    grant_queue_url=self.settings.grant_queue_url,
                    now=self.now,
                ),
                now=self.now,
            ),
            queues=self.queues,
            validation_queue_url=self.settings.validation_queue_url,
            sweep_queue_url=self.settings.sweep_queue_url,
            now=self.now,
        )

    def alerter(self) -> "Alerter":
        """Return the workflow that sends alerts."""
        from pullguard.aws.messaging import Topic
        from pullguard.incidents.alert_limits import AlertLimits
        from pullguard.store.incidents import IncidentStore
        from pullguard.store.sent_alerts import SentAlertStore
        from pullguard.workflows.notify import Alerter
        from pullguard.workflows.notify_incident import IncidentNotifier
        from pullguard.workflows.publish_once import Publisher
        from pullguard.workflows.recheck_open import Recheck
        from pullguard.workflows.remind import Reminder
        from pullguard.workflows.summarize import Summarizer

        topic = Topic(self.clients.get("sns"), self.settings.topic_arn)
        publisher = Publisher(
            topic=topic,
            form=self.settings.alert_format,
            claims=self.ledger.claims,
            sent_alerts=SentAlertStore(self.clients.get("dynamodb"), self.settings.ledger_table),
            limits=AlertLimits(family=self.settings.alerts_per_family_per_hour, stack=self.settings.alerts_per_hour),
            now=self.now,
        )
        reporter = IncidentNotifier(
            ledger=self.ledger,
            incidents=IncidentStore(self.clients.get("dynamodb"), self.settings.ledger_table),
            services=self.services,
            publisher=publisher,
            now=self.now,
        )
        hours = self.settings.reminder_hours
        again = Recheck(
            ledger=self.ledger,
            incidents=reporter.incidents,
            queues=self.queues,
            validation_queue_url=self.settings.validation_queue_url,
            now=self.now,
        )
        reminder = Reminder(
            incidents=reporter.incidents,
            reporter=reporter,
            publisher=publisher,
            summarizer=Summarizer(ledger=self.ledger, incidents=reporter.incidents, publisher=publisher, now=self.now),
            again=again,
            every=timedelta(hours=hours) if hours else None,
            now=self.now,
        )
        return Alerter(ledger=self.ledger, publisher=publisher, reporter=reporter, reminder=reminder, now=self.now)
