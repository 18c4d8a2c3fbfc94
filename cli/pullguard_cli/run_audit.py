"""Run an audit: list, describe, gather and examine task definitions concurrently, and record what was not seen."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from operator import attrgetter
from typing import Final, Protocol

from pullguard.aws.readers import AwsReaders
from pullguard.aws.survey import Running, survey_running
from pullguard.aws.tagging import Tagging
from pullguard.checks.examine import Examination, examine, unread_task_definition
from pullguard.checks.gather import gather_about
from pullguard.domain.arn import Arn, partition_of
from pullguard.domain.errors import shown
from pullguard.domain.findings import Finding, NotChecked, Remedy, Subject, Summary, finding_id
from pullguard.domain.lookup import Lookup, Missing, Unreadable
from pullguard.domain.task_definition import TaskDefinition
from pullguard_cli.audit_result import NOT_EXAMINED, SEVERITIES, Audit
from pullguard_cli.aws_failures import is_about_credentials, one_line
from pullguard_cli.connection import Connection
from pullguard_cli.described import Described
from pullguard_cli.failures import CannotRun
from pullguard_cli.incidents import in_reading_order
from pullguard_cli.printing import counted
from pullguard_cli.revision_cache import RevisionCache
from pullguard_cli.scope import Scope

THREADS: Final = 8
# Reading one role takes at least four calls. Above this number, listing all roles of the account is cheaper.
ROLES_ONE_BY_ONE: Final = 25


class Watcher(Protocol):
    """Receives the progress of an audit, from several threads."""

    def found(self, families: int) -> None:
        """Report that ``families`` more families are queued."""

    def checked(self, family: str) -> None:
        """Report that a family is done."""


@dataclass(slots=True)
class _Collected:
    """Results so far. ``left`` maps each family that is not done to the reason, or to an empty string."""

    running: Running = field(default_factory=Running)
    findings: list[Finding] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)
    not_checked: list[NotChecked] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    unread: dict[str, tuple[Unreadable, ...]] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    undescribed: list[str] = field(default_factory=list)


class Auditor:
    """Audits one account and Region. Use once. ``cache``: revisions that earlier audits described; None: no cache."""

    def __init__(
        self,
        connection: Connection,
        scope: Scope,
        watcher: Watcher,
        *,
        cache: RevisionCache | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connection = connection
        self._scope = scope
        self._watcher = watcher
        self._now = now
        self._started_at = now()
        self._readers = AwsReaders(
            connection.clients,
            values=scope.read_values,
            account=connection.account,
            verify=scope.live_registry,
            cross_check=scope.cross_check,
            bulk_above=ROLES_ONE_BY_ONE,
            lists_all=True,
            loopback=True,
        )
        self._described = Described(
            self._readers.ecs, lambda: Tagging(connection.clients.get("resourcegroupstaggingapi")), cache
        )
        self._collected = _Collected()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="audit")
        self._surveyors = ThreadPoolExecutor(THREADS, thread_name_prefix="survey")
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="surveyor")
        self._survey: Future[Running] = Future()
        self._jobs: dict[Future[tuple[Examination, ...]], str] = {}

    def run(self) -> Audit:
        """Return the findings. After a partial audit, ``unfinished`` says what is missing and why.

        Raises ``CannotRun`` if there is nothing to report: a requested cluster or family does not exist, or the first
        AWS calls fail.
        """
        finished = False
        try:
            self._survey_and_examine()
            finished = True
        except KeyboardInterrupt:
            self._give_up("the audit was interrupted")
        except CannotRun:
            raise
        except Exception as error:  # keep the findings so far, whatever failed
            if not self._jobs:
                raise CannotRun(one_line(error)) from error
            self._give_up(one_line(error))
        finally:
            for threads in (self._threads, self._surveyors, self._aside):
                threads.shutdown(wait=finished, cancel_futures=True)
        return self._audit()

    # --- survey and families

    def _survey_and_examine(self) -> None:
        """Examine families while the list is still being read, and survey running tasks in parallel."""
        survey = self._survey = self._aside.submit(self._survey_running)
        for page in () if self._scope.clusters else self._pages():
            self._start(family for family in page if self._scope.wants(family))
        self._collected.running = survey.result()
        self._check_clusters()
        unlisted = (family for family in self._collected.running.revisions if family not in self._collected.left)
        self._start(family for family in unlisted if self._scope.wants(family))
        if self._scope.families and not self._jobs:
            where = f"account {self._connection.account}, {self._connection.region}"
            raise CannotRun(f"No family matches {' or '.join(map(shown, self._scope.families))} in {where}.")
        for job in as_completed(self._jobs):
            self._collect(job)

    def _survey_running(self) -> Running:
        """Find what runs. If that cannot be read, the audit continues, and everything counts as possibly in use."""
        try:
            return survey_running(self._readers.ecs, self._surveyors, self._scope.clusters)
        except Exception as error:
            if is_about_credentials(error):
                raise
            asked = getattr(error, "operation_name", "ListClusters")
            unread = Unreadable(permission=f"ecs:{asked}", resource="*", reason="refused", detail=one_line(error))
            return Running(unlisted=unread)

    def _pages(self) -> Iterator[Collection[str]]:
        """Yield the families, page by page; all at once if the cache allows a cheaper way to list them."""
        every = self._described.list_active(self._scope.wants)
        if self._described.lists_any:
            running = self._survey.result()
            in_use = (str(arn) for revisions in running.revisions.values() for arn in revisions)
            self._described.read_tags(self._scope.wants, in_use, self._threads)
        if every is not None:
            yield every
            return
        token: str | None = None
        while True:
            page, token = self._readers.ecs.families(token, self._scope.prefix)
            yield page
            if token is None:
                return

    def _start(self, families: Iterable[str]) -> None:
        started = tuple(dict.fromkeys(families))
        self._collected.left |= dict.fromkeys(started, "")
        self._watcher.found(len(started))
        self._jobs |= {self._threads.submit(self._family, family): family for family in started}

    def _check_clusters(self) -> None:
        for cluster in self._collected.running.clusters:
            if not cluster.exists:
                raise CannotRun(f"There is no cluster {shown(cluster.cluster)} in {self._connection.region}.")
        unread = self._collected.running.unread
        self._collected.unfinished += sorted({f"could not read where revisions run: {each}" for each in unread})

    # --- one family

    def _family(self, family: str) -> tuple[Examination, ...]:
        """Examine the newest revision of a family and every other revision in use."""
        newest = self._described.newest(family)
        running = self._survey.result()
        in_use = running.revisions.get(family, {})
        newest = self._described.compared(newest, in_use)
        described = [
            (arn, self._described.revision(str(arn)))
            for arn in in_use
            if not isinstance(newest, TaskDefinition) or arn != newest.arn
        ]
        reported_twice = isinstance(newest, Unreadable) and any(isinstance(found, Unreadable) for _, found in described)
        if not reported_twice and (not self._scope.clusters or getattr(newest, "arn", None) in in_use):
            described.insert(0, (self._arn(family), newest))
        examinations = tuple(self._examine(arn, found, newest, running) for arn, found in described)
        self._watcher.checked(family)
        return examinations

    def _examine(
        self, arn: Arn, found: Lookup[TaskDefinition], newest: Lookup[TaskDefinition], running: Running
    ) -> Examination:
        match found:
            case TaskDefinition():
                usage = running.usage(found, newest)
                facts = gather_about(found, self._readers, now=self._started_at).with_usage(usage)
                return examine(facts, self._scope.checks)
            case Unreadable():
                self._collected.undescribed.append(f"{found.permission}: {found.reason}")
                undescribed = _undescribed(arn, found)
                return replace(Examination.of(undescribed), unread={undescribed.id: (found,)})
            case Missing():  # deregistered during the audit
                return replace(Examination.of(), summary=Summary())
            case _:
                raise AssertionError(f"describing {arn} cannot be switched off")

    def _arn(self, family: str) -> Arn:
        """Return an ARN without a revision, for a family of which no revision is known."""
        region = self._connection.region
        return Arn(
            partition=partition_of(region),
            service="ecs",
            region=region,
            account=self._connection.account,
            resource=f"task-definition/{family}",
        )

    # --- collecting

    def _collect(self, job: Future[tuple[Examination, ...]]) -> None:
        family = self._jobs[job]
        try:
            examinations = job.result()
        except Exception as error:
            if is_about_credentials(error):
                raise
            self._collected.left[family] = one_line(error)
            return
        del self._collected.left[family]
        for examination in examinations:
            self._collected.findings += examination.findings
            self._collected.summary += examination.summary
            self._collected.not_checked += examination.not_checked
            self._collected.unread |= examination.unread

    def _give_up(self, why: str) -> None:
        """Keep the finished families, and record why the others are missing."""
        for job, family in self._jobs.items():
            if family in self._collected.left and job.done() and not job.cancelled() and job.exception() is None:
                self._collect(job)
        self._collected.left = {family: reason or why for family, reason in self._collected.left.items()}
        self._collected.unfinished.append(why)

    def _audit(self) -> Audit:
        collected = self._collected
        running = self._running()
        not_examined = [
            self._not_examined(arn, why)
            for family, why in collected.left.items()
            for arn in running.revisions.get(family, (self._arn(family),))
        ]
        in_use = self._in_use(running)
        severities = SEVERITIES[: SEVERITIES.index(self._scope.severity) + 1]
        found = in_reading_order((*collected.findings, *not_examined), in_use)
        findings = tuple(each for each in found if each.severity in severities)
        unknown = sum(each.status == "unknown" for each in findings)
        return Audit(
            account=self._connection.account,
            region=self._connection.region,
            findings=findings,
            unlisted=tuple(each for each in found if each.severity not in severities),
            summary=replace(
                collected.summary,
                task_definitions=collected.summary.task_definitions + len(not_examined),
                failed=len(findings) - unknown,
                unknown=unknown,
            ),
            in_use=in_use,
            unfinished=tuple(self._unfinished()),
            unread=collected.unread,
            not_checked=tuple(sorted(collected.not_checked, key=attrgetter("task_definition"))),
            scope=self._scope,
            started_at=self._started_at,
            ended_at=self._now(),
        )

    def _running(self) -> Running:
        """Return the survey of running tasks. It may be complete even if the audit was interrupted."""
        survey = self._survey
        known = survey.done() and not survey.cancelled() and survey.exception() is None
        return survey.result() if known else self._collected.running

    def _in_use(self, running: Running) -> dict[str, tuple[str, ...]]:
        """Return the revisions in use, within the scope, with the places where they run."""
        wanted = (revisions for family, revisions in running.revisions.items() if self._scope.wants(family))
        return {str(arn): places for revisions in wanted for arn, places in revisions.items()}

    def _unfinished(self) -> Iterator[str]:
        yield from self._collected.unfinished
        for what, count in Counter(self._collected.undescribed).items():
            yield f"{counted(count, 'task definition')} could not be described ({what})"
        if left := len(self._collected.left):
            yield f"{counted(left, 'family was', 'families were')} not examined, or only in part"

    def _not_examined(self, arn: Arn, why: str) -> Finding:
        unread = Unreadable(permission="ecs:DescribeTaskDefinition", resource=str(arn), reason="refused")
        return replace(
            _undescribed(arn, unread),
            cause=f"The task definition {arn.resource_name} was not examined, so its state is unknown.",
            evidence=why,
            remedy=Remedy(text="Run the audit again."),
        )


def _undescribed(arn: Arn, unread: Unreadable) -> Finding:
    """Return the finding that a task definition could not be examined. No check ran, so it has a pseudo check id."""
    subject = Subject(task_definition=str(arn))
    found = unread_task_definition(arn, unread)
    return replace(found, id=finding_id(NOT_EXAMINED, subject), check=NOT_EXAMINED)
