"""Findings put together by what causes them: one broken secret that breaks forty families is one cause.

``identity`` says which findings have one cause, and what it is that is broken. ``record`` is a cause's life: opened,
changed, resolved, each told once. ``dependents`` says whom it hits. The audit's report and the alerts both group by
these rules, so that what is one line there is one message here.
"""

from pullguard.incidents.dependents import Dependent, dependents_of, together
from pullguard.incidents.identity import about, broken_thing, common_sentence, incident_id, resource_name, shared_things
from pullguard.incidents.incident import Incident, Member, advance_incident, leading

__all__ = [
    "Dependent",
    "Incident",
    "Member",
    "about",
    "advance_incident",
    "broken_thing",
    "common_sentence",
    "dependents_of",
    "incident_id",
    "leading",
    "resource_name",
    "shared_things",
    "together",
]
