"""Findings put together by what causes them: one broken secret that breaks forty families is one cause.

``identity`` says which findings have one cause, and what it is that is broken. ``record`` is a cause's life: opened,
changed, resolved, each told once. ``dependents`` says whom it hits. The audit's report and the alerts both group by
these rules, so that what is one line there is one message here.
"""

from pullguard.incidents.dependents import Dependent, dependents_of, together
from pullguard.incidents.identity import about, broken_thing, cause_id, common_sentence, resource_name, shared_things
from pullguard.incidents.incident import CauseRecord, Member, advance_cause, leading

__all__ = [
    "CauseRecord",
    "Dependent",
    "Member",
    "about",
    "advance_cause",
    "broken_thing",
    "cause_id",
    "common_sentence",
    "dependents_of",
    "leading",
    "resource_name",
    "shared_things",
    "together",
]
