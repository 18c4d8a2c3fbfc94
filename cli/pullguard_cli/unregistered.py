"""Check a task definition before it is registered: offline, or with AWS reads of the resources it names."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pullguard.checks.catalogue import CHECKS
from pullguard.checks.check import Check
from pullguard.checks.examine import Examination, examine
from pullguard.checks.gather import Readers, gather_about
from pullguard.domain.arn import Arn, SecretReference, is_account, is_region, parse_task_definition, partition_of
from pullguard.domain.errors import Malformed
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Finding, NotChecked, Skipped, Subject, Summary
from pullguard.domain.image import ImageReference
from pullguard.domain.lookup import Lookup, NotAsked
from pullguard.domain.role import Role, Simulated
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import Container, TaskDefinition, read_task_definition
from pullguard.domain.usage import Usage
from pullguard.domain.verification import Verification
from pullguard_cli.input.declared import Declared, DeployTime
from pullguard_cli.input.located import Unusable

UNKNOWN_ACCOUNT: Final = "000000000000"
NOT_ASKED: Final = NotAsked(why="AWS was not asked", switch="pullguard check --live")
_NOT_DEPLOYED: Final = NotAsked(
    why="CloudFormation sets the value on deployment", switch="pullguard audit, after the deployment"
)
_REGIONS: Final = ("us-east-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", "us-iso-east-1", "us-isob-east-1")
"""Stand-ins for an unknown Region, one for each partition. Only the partition is derived from them."""
# Checks that need only the presence of a reference, so they work before its value is known.
_PRESENCE_CHECKS: Final = frozenset({"credentials-on-ecr-image", "execution-role-missing"})


class OfflineReaders:
    """Readers without AWS. Every answer is ``NotAsked``."""

    def task_definition(self, reference: str) -> Lookup[TaskDefinition]:  # noqa: ARG002
        """Return ``NotAsked``."""
        return NOT_ASKED

    def role(self, arn: Arn) -> Lookup[Role]:  # noqa: ARG002
        """Return ``NotAsked``."""
        return NOT_ASKED

    def secret(self, secret_id: str, region: str) -> Lookup[Secret]:  # noqa: ARG002
        """Return ``NotAsked``."""
        return NOT_ASKED

    def registry_secrets(self, region: str) -> Lookup[tuple[Secret, ...]]:  # noqa: ARG002
        """Return ``NotAsked``."""
        return NOT_ASKED

    def organization(self) -> Lookup[str]:
        """Return ``NotAsked``."""
        return NOT_ASKED

    def every_secret(self, region: str) -> Lookup[tuple[Secret, ...]]:  # noqa: ARG002
        """Return ``NotAsked``."""
        return NOT_ASKED

    def every_role(self) -> Lookup[tuple[Role, ...]]:
        """Return ``NotAsked``."""
        return NOT_ASKED

    def expect(self, families: Iterable[str]) -> None:
        """Do nothing: there are no calls to share."""

    def usage(self, task_definition: TaskDefinition, *, tasks: bool = False) -> Lookup[Usage]:  # noqa: ARG002
        """Return ``NotAsked``."""
        return NOT_ASKED

    def simulation(self, role: Role, secret: Secret, reference: str) -> Lookup[tuple[Simulated, ...]]:  # noqa: ARG002
        """Return ``NotAsked``."""
        return NOT_ASKED

    def anonymous_pull(self, image: ImageReference, hosts: frozenset[str]) -> Lookup[Verification]:  # noqa: ARG002
        """Return ``NotAsked``."""
        return NOT_ASKED

    def verification(self, secret: Secret, image: ImageReference) -> Lookup[Verification]:  # noqa: ARG002
        """Return ``NotAsked``."""
        return NOT_ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The account and Region where a task definition will be registered. Unknown values have a stand-in."""

    region: str
    account: str
    region_is_known: bool = True

    @property
    def known_region(self) -> str | None:
        """The Region; None if it is a stand-in."""
        return self.region if self.region_is_known else None

    @property
    def known_account(self) -> str | None:
        """The account; None if it is a stand-in."""
        return None if self.account == UNKNOWN_ACCOUNT else self.account

    def name_of(self, declared: Declared) -> str:
        """Return the ARN of a task definition, or its family if the account or the Region is unknown.

        A task definition that is not registered has revision 0.
        """
        if declared.arn is not None:
            return str(_arn_of(declared))
        if self.known_account is None or self.known_region is None:
            return declared.family
        return self.unregistered(declared.family)

    def unregistered(self, family: str) -> str:
        """Return the ARN that the checks use for an unregistered family: revision 0."""
        return f"arn:{partition_of(self.region)}:ecs:{self.region}:{self.account}:task-definition/{family}:0"

    def without_stand_in(self, text: str) -> str:
        """Return ``text`` without ``--region`` if the Region is a stand-in, so that the AWS CLI uses its default."""
        return text if self.region_is_known else text.replace(f" --region {self.region}", "")


def home_of(declared: Declared, *, region: str | None, account: str | None, environment: Mapping[str, str]) -> Home:
    """Find Region and account.

    The Region comes from ``region``, the task definition's ARN, the environment, or the secrets' ARNs, in this order.
    The account comes from the task definition's ARN, ``account``, the role, or the secrets' ARNs. A role is in the
    account and partition of its tasks, so Regions of another partition are skipped, except ``region``.
    """
    own = _arn_of(declared)
    role = _parsed(declared.execution_role if isinstance(declared.execution_role, str) else None)
    secrets = [arn for arn in map(_parsed, _references(declared)) if arn and arn.service == "secretsmanager"]
    partition = role.partition if role else None
    named = (region, own and own.region, environment.get("AWS_REGION"), environment.get("AWS_DEFAULT_REGION"))
    known = [each for each in (*named, *(arn.region for arn in secrets)) if each and is_region(each)]
    regions = [*known, *_REGIONS]
    accounts = [own and own.account, account, role and role.account, *sorted({arn.account for arn in secrets})[:1]]
    here = region or next((each for each in regions if partition in {None, partition_of(each)}), regions[0])
    return Home(
        region=here,
        region_is_known=here in known,
        account=next((each for each in accounts if each and is_account(each)), UNKNOWN_ACCOUNT),
    )


def _references(declared: Declared) -> Iterator[str]:
    return (each.reference for each in declared.containers if isinstance(each.reference, str))


def _parsed(text: str | None) -> Arn | None:
    try:
        return Arn.parse(text) if text else None
    except Malformed:
        return None


def _arn_of(declared: Declared) -> Arn | None:
    if declared.arn is None:
        return None
    try:
        return parse_task_definition(declared.arn)
    except Malformed as error:
        raise Unusable(declared.file, f"its taskDefinitionArn {error.why}", line=declared.line) from error


def definition_of(declared: Declared, home: Home) -> TaskDefinition:
    """Return the typed view. A task definition that is not registered has revision 0."""
    role = declared.execution_role
    return read_task_definition(
        {
            "taskDefinitionArn": str(_arn_of(declared) or home.unregistered(declared.family)),
            "family": declared.family,
            "executionRoleArn": role.text if isinstance(role, DeployTime) else role,
            "containerDefinitions": [container.raw for container in declared.containers],
            "requiresCompatibilities": list(declared.compatibilities),
        },
        declared.tags,
    )


def judge(declared: Declared, home: Home, readers: Readers, *, now: datetime) -> Examination:
    """Run every check on known values. For values set on deployment, check only their presence."""
    definition = definition_of(declared, home)
    known = _only(definition, lambda index: not _has_later_reference(declared, index))
    facts = gather_about(known, readers, now=now)
    if isinstance(declared.execution_role, DeployTime):
        facts = replace(facts, role=_NOT_DEPLOYED)
    examination = examine(facts)
    later = _only(definition, lambda index: _has_later_reference(declared, index))
    if later.containers:
        examination = _together(examination, examine(_facts_of_later(facts, later), _presence_checks(known)))
    unknown = tuple(_later_values(declared, definition))
    return replace(
        examination,
        findings=tuple(_as_in_the_file(finding, declared, home) for finding in examination.findings),
        summary=examination.summary + Summary(not_checked=len(unknown)),
        not_checked=tuple(
            replace(each, task_definition=home.name_of(declared)) for each in (*examination.not_checked, *unknown)
        ),
    )


def _as_in_the_file(finding: Finding, declared: Declared, home: Home) -> Finding:
    """Replace stand-ins: name an unregistered task definition by its family, and drop an unknown Region."""
    remedy = finding.remedy
    finding = replace(
        finding,
        task_definition=home.name_of(declared),
        remedy=replace(
            remedy,
            text=home.without_stand_in(remedy.text),
            snippet=remedy.snippet and home.without_stand_in(remedy.snippet),
        ),
    )
    if declared.arn is not None:
        return finding
    made_up = f"{declared.family}:0"
    return replace(
        finding,
        cause=finding.cause.replace(made_up, declared.family),
        evidence=finding.evidence.replace(made_up, declared.family),
    )


def _has_later_reference(declared: Declared, index: int) -> bool:
    return isinstance(declared.containers[index].reference, DeployTime)


def _only(definition: TaskDefinition, wanted: Callable[[int], bool]) -> TaskDefinition:
    return replace(definition, containers=tuple(each for each in definition.containers if wanted(each.index)))


def _facts_of_later(facts: Facts, later: TaskDefinition) -> Facts:
    """Return facts in which every reference is well-formed but its secret was not read."""
    containers = tuple(map(_with_some_reference, later.containers))
    return replace(facts, task_definition=replace(later, containers=containers), secrets={}, registry_secrets=())


def _with_some_reference(container: Container) -> Container:
    text = getattr(container.reference, "text", "")
    return replace(container, reference=SecretReference(text=text, name=text, arn=None))


def _presence_checks(known: TaskDefinition) -> tuple[Check, ...]:
    already = {"execution-role-missing"} if any(each.reference for each in known.containers) else set()
    return tuple(check for check in CHECKS if check.id in _PRESENCE_CHECKS - already)


def _together(one: Examination, other: Examination) -> Examination:
    found = {finding.id: finding for finding in (*one.findings, *other.findings)}
    return Examination(
        findings=tuple(sorted(found.values(), key=lambda each: each.severity != "error")),
        passed=one.passed | other.passed,
        unread={**one.unread, **other.unread},
        not_checked=(*one.not_checked, *other.not_checked),
        summary=replace(one.summary + other.summary, task_definitions=1),
    )


def _later_values(declared: Declared, definition: TaskDefinition) -> Iterator[NotChecked]:
    """Yield a question for each reference, or image without a reference, whose value is set on deployment."""
    for each in declared.containers:
        if isinstance(each.reference, DeployTime):
            check, question = "secret-not-found", "Which secret does the reference name, and does it work?"
        elif each.reference is None and isinstance(each.image, DeployTime):
            check, question = "credentials-missing", "Which image is it, and does its pull need credentials?"
        else:
            continue
        skipped = Skipped(
            subject=Subject(task_definition=str(definition.arn), container=each.name),
            question=question,
            why=_NOT_DEPLOYED.why,
            switch=_NOT_DEPLOYED.switch,
        )
        yield NotChecked.of(check, skipped)
