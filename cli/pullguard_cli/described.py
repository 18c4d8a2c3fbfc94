"""Describe task definitions: from the cache if AWS has just shown their status and tags, otherwise from AWS."""

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Executor

from pullguard.aws.ecs import Ecs
from pullguard.aws.tagging import ARNS_A_CALL, Tagging
from pullguard.domain.arn import Arn
from pullguard.domain.lookup import Lookup, Tags
from pullguard.domain.task_definition import TaskDefinition
from pullguard.planning.reregister import REREGISTERED_TAG
from pullguard_cli.revision_cache import RevisionCache


class Described:
    """The task definitions of one audit.

    A cached revision is used only if this audit has found it among the ACTIVE ones and has read its tags. Whatever
    cannot be listed or read that way is described.
    """

    def __init__(self, ecs: Ecs, tagging: Callable[[], Tagging], cache: RevisionCache | None) -> None:
        self._ecs = ecs
        self._tagging = tagging
        self._cache = cache
        self._active: set[str] = set()
        self._newest: dict[str, str] = {}
        self._tags: dict[str, Tags] = {}

    @property
    def lists_any(self) -> bool:
        """Whether ``list_active`` has listed a revision."""
        return bool(self._active)

    def list_active(self, wants: Callable[[str], bool]) -> Collection[str] | None:
        """List ACTIVE revisions while that is cheaper than to describe the cached families that ``wants`` accepts.

        A page is one call, and saves one for each of these families that begins on it. AWS does not say how many pages
        there are: listing ends after a tenth as many useless pages as families. So it costs at most a tenth more calls
        than to describe them all.

        Return the names of all families if all revisions were listed, otherwise None.
        """
        cached = set(filter(wants, self._cache.families())) if self._cache is not None else set()
        useless_left = len(cached) // 10
        token: str | None = None
        while useless_left > 0:
            try:
                page, token = self._ecs.active_revisions(token)
            except Exception:  # noqa: BLE001 (optional: what is not listed is described)
                return None
            begun = set(map(_family_of, page)) - self._newest.keys()
            useless_left -= begun.isdisjoint(cached)
            self._active.update(page)
            for arn in page:
                newest = self._newest.setdefault(_family_of(arn), arn)
                self._newest[_family_of(arn)] = max(newest, arn, key=_revision_of)
            if token is None:
                return self._newest.keys()
        return None

    def read_tags(self, wants: Callable[[str], bool], in_use: Iterable[str], threads: Executor) -> None:
        """Read the present tags of the cached revisions that the audit needs: listed newest ones, and ``in_use``."""
        if self._cache is None:
            return
        newest = (arn for family, arn in self._newest.items() if wants(family))
        needed = [arn for arn in dict.fromkeys((*newest, *in_use)) if arn in self._active and arn in self._cache]
        calls = (needed[start : start + ARNS_A_CALL] for start in range(0, len(needed), ARNS_A_CALL))
        tagging = self._tagging()
        for tags in threads.map(lambda arns: _tags_of(tagging, arns), calls):
            self._tags |= tags

    def newest(self, family: str) -> Lookup[TaskDefinition]:
        """Describe the newest ACTIVE revision of a family."""
        return self._cached(self._newest.get(family, "")) or self._describe(family)

    def compared(self, newest: Lookup[TaskDefinition], in_use: Collection[Arn]) -> Lookup[TaskDefinition]:
        """Return ``newest``, described, if its tag says that Pullguard registered it in place of a revision ``in_use``.

        These two are compared as a whole, so that the cached members are not enough of the other one either.
        """
        source = newest.tags.get(REREGISTERED_TAG) if isinstance(newest, TaskDefinition) else None
        if not isinstance(newest, TaskDefinition) or source is None or source not in map(str, in_use):
            return newest
        self._tags.pop(source, None)
        is_cached = self._tags.pop(str(newest.arn), None) is not None
        return self._describe(str(newest.arn)) if is_cached else newest

    def revision(self, arn: str) -> Lookup[TaskDefinition]:
        """Describe a revision."""
        return self._cached(arn) or self._describe(arn)

    def _cached(self, arn: str) -> TaskDefinition | None:
        """Return a revision from the cache. If it had tags and AWS shows none, it must be described."""
        tags = self._tags.get(arn)
        kept = None if tags is None or self._cache is None else self._cache.get(arn)
        return None if kept is None or tags is None or (kept.had_tags and not tags) else kept.with_tags(tags)

    def _describe(self, reference: str) -> Lookup[TaskDefinition]:
        found = self._ecs.describe(reference)
        if self._cache is not None and isinstance(found, TaskDefinition) and found.status == "ACTIVE":
            self._cache.keep(found)
        return found


def _tags_of(tagging: Tagging, arns: list[str]) -> dict[str, Tags]:
    """Return the tags of all ``arns``, empty ones included; nothing if AWS does not show them."""
    try:
        found = tagging.tags(arns)
    except Exception:  # noqa: BLE001 (optional: without their tags, they are described)
        return {}
    return {arn: found.get(arn, {}) for arn in arns}


def _family_of(arn: str) -> str:
    return arn.rpartition("/")[2].rpartition(":")[0]


def _revision_of(arn: str) -> int:
    return int(arn.rpartition(":")[2])
