"""Findings grouped by root cause: one broken secret that breaks forty families is one incident.

``identity`` decides which findings belong to one incident, and what is broken. ``incident`` is its lifecycle,
``finding_lifecycle`` that of a finding: opened, changed, resolved, each reported once. ``dependents`` lists the
services and task definitions that it affects. The audit's report and the alerts group by the same rules, so that one
line there is one message here.
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
