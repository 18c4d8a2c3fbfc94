"""The outcomes that the demo claims, one function each, which yields the deviations.

Nothing here is computed by Pullguard's own code: the expected policies are written out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.demo.evidence import (
    NO_CHECK,
    OPENED,
    OWN_POLICY,
    REFUSED,
    RESOLVED,
    Evidence,
    Faults,
    fetched,
    letters_are,
    only,
    policies_are,
    reading,
    reported,
    reported_and_fixed,
    revisions_are,
)
from sandbox.demo.observation import reference_of
from sandbox.demo.scene import about
from sandbox.inbox import Letter
from sandbox.worlds.demo import KEY, SECRETS

SOURCE_TAG = "pullguard:reregistered-from"


def web(evidence: Evidence) -> Faults:
    """Verify: granted GetSecretValue on this secret and nothing else; the agent succeeds."""
    yield from fetched(evidence.before["web"], ok=False, code="AccessDeniedException")
    yield from fetched(evidence.after["web"], ok=True)
    yield from policies_are(evidence, "web", only(reading(evidence.secret("web"))))
    yield from revisions_are(evidence.after["web"], 1)
    yield from reported_and_fixed(evidence, "web", "secret-access-missing", deeds=1)


def api(evidence: Evidence) -> Faults:
    """Verify: granted Decrypt with this key, for this secret, through Secrets Manager only."""
    secret, key = evidence.secret("api"), evidence.name(f"key:{KEY}")
    yield from fetched(evidence.before["api"], ok=False, code="AccessDeniedException")
    yield from fetched(evidence.after["api"], ok=True)
    own = evidence.after["api"].policies.get(OWN_POLICY, {})
    sid = next((each["Sid"] for each in own.get("Statement", []) if each["Action"] == "kms:Decrypt"), "")
    decrypting = {
        "Sid": sid,  # names the key by a digest
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": [key],
        "Condition": {
            "StringEquals": {
                "kms:EncryptionContext:SecretARN": [secret],
                "kms:ViaService": f"secretsmanager.{evidence.name('region')}.amazonaws.com",
            }
        },
    }
    yield from policies_are(evidence, "api", only(reading(secret), decrypting))
    yield from revisions_are(evidence.after["api"], 1)
    yield from reported_and_fixed(evidence, "api", "decrypt-access-missing", deeds=1)


def worker(evidence: Evidence) -> Faults:
    """Verify: registered again with the new ARN, granted, and the service runs worker:2."""
    secret, stale = evidence.secret("worker"), evidence.name(f"stale:{SECRETS['worker']}")
    before, after = evidence.before["worker"], evidence.after["worker"]
    yield from fetched(before, ok=False)
    yield from fetched(after, ok=True)
    yield from policies_are(evidence, "worker", only(reading(secret)))
    yield from revisions_are(before, 1)
    yield from revisions_are(after, 1, 2)
    if (reference_of(before.newest), reference_of(after.newest)) != (stale, secret):
        yield f"worker: the newest revision names {reference_of(after.newest)}, not {secret}"
    source = after.newest["tags"].get(SOURCE_TAG)
    if source != before.newest["taskDefinitionArn"]:
        yield f"worker: the tag {SOURCE_TAG} of the newest revision is {source}"
    if (lost := _differences(before.newest, after.newest)) != set():
        yield f"worker: re-registration changed {sorted(lost)}"
    if (before.running, after.running) != ("worker:1", "worker:2"):
        yield f"worker: the service ran {before.running} and runs {after.running}, not worker:2"
    yield from reported_and_fixed(evidence, "worker", "reference-stale", deeds=3)


def _differences(source: Mapping[str, Any], copy: Mapping[str, Any]) -> set[str]:
    """Return the members that differ, except the reference itself and members that always differ."""

    def comparable(revision: Mapping[str, Any]) -> dict[str, Any]:
        natural = {"taskDefinitionArn", "revision", "registeredAt", "registeredBy", "status", "tags"}
        containers = [{**each, "repositoryCredentials": None} for each in revision["containerDefinitions"]]
        tags = {key: value for key, value in revision["tags"].items() if key != SOURCE_TAG}
        kept = {key: value for key, value in revision.items() if key not in natural}
        return {**kept, "containerDefinitions": containers, "tags": tags}

    one, other = comparable(source), comparable(copy)
    return {member for member in one.keys() | other.keys() if one.get(member) != other.get(member)}


def batch(evidence: Evidence) -> Faults:
    """Verify: works by the secret's bare name; one warning, and no change."""
    yield from fetched(evidence.before["batch"], ok=True)
    yield from _untouched(evidence, "batch", (OPENED, "reference-not-full-arn"))
    for letter in about(evidence.letters, "batch"):
        if letter.attributes.get("severity") != "warning":
            yield f"batch: the message is not a warning: {letter.subject}"
    yield from fetched(evidence.after["batch"], ok=True)


def cron(evidence: Evidence) -> Faults:
    """Verify: the secret has no password, which only its owner can fix; one alert."""
    yield from fetched(evidence.before["cron"], ok=False, code="value")
    yield from fetched(evidence.after["cron"], ok=False, code="value")
    yield from _untouched(evidence, "cron", (OPENED, "secret-value-empty-field"))


def intruder(evidence: Evidence) -> Faults:
    """Verify: names a secret that is not opted in; refused, and its role gets nothing."""
    yield from fetched(evidence.before["intruder"], ok=False, code="AccessDeniedException")
    yield from fetched(evidence.after["intruder"], ok=False, code="AccessDeniedException")
    yield from _untouched(evidence, "intruder", (OPENED, "secret-access-missing"), (REFUSED, NO_CHECK))
    if evidence.after["intruder"].policies:
        yield f"intruder: the role has policies: {evidence.after['intruder'].policies}"


def healthy(evidence: Evidence) -> Faults:
    """Verify: nothing to do, and no alert."""
    yield from fetched(evidence.before["healthy"], ok=True)
    yield from fetched(evidence.after["healthy"], ok=True)
    yield from _untouched(evidence, "healthy")


def _untouched(evidence: Evidence, family: str, *letters: tuple[str, str]) -> Faults:
    yield from policies_are(evidence, family, None)
    yield from revisions_are(evidence.after[family], 1)
    yield from reported(evidence, family, *letters)


def broken_rotation(evidence: Evidence) -> Faults:
    """Verify: a rotation writes a broken value; exactly one alert, which names healthy."""
    yield from letters_are(evidence.broken, "broken rotation", (OPENED, "secret-value-malformed"))
    yield from _name_healthy(evidence.broken)


def good_rotation(evidence: Evidence) -> Faults:
    """Verify: the next rotation writes a good value; exactly one message that it is resolved."""
    yield from letters_are(evidence.fixed, "good rotation", (RESOLVED, "secret-value-malformed"))
    yield from _name_healthy(evidence.fixed)


def _name_healthy(letters: tuple[Letter, ...]) -> Faults:
    for letter in letters:
        if letter.attributes.get("family") != "healthy" or "healthy" not in letter.subject:
            yield f"the message does not name healthy: {letter.subject}"


def dead_letters(evidence: Evidence) -> Faults:
    """Verify: every message was handled; no queue has a dead letter."""
    yield from (f"{queue} holds {depth}" for queue, depth in evidence.dead.items() if depth)


def secrecy(evidence: Evidence) -> Faults:
    """Verify: no password in any log, message, event or item of the ledger."""
    if not evidence.scene.passwords:
        yield "there was no password to look for"
    for place in evidence.places:
        if place.must_hold_something and not place.texts:
            yield f"{place.name}: nothing was found there at all, so nothing is proved"
        yield from (f"{place.name}: a password in {text}" for text in place.found(evidence.scene.passwords))


def audit(evidence: Evidence) -> Faults:
    """Verify: `pullguard audit` sees the broken world, and fewer findings in the repaired one."""
    before, after = evidence.audits
    yield from (f"the audit {each.fault}" for each in (before, after) if each.fault)
    if before.fault or after.fault:
        return
    statuses = (before.status, after.status)
    if statuses != (1, 1):
        yield f"the audits ended with {statuses}, not 1 and 1: cron and intruder stay broken"
    if not before.failures() > after.failures() > 0:
        yield f"the audits count {before.failures()} failures before and {after.failures()} after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One claim of the demo, and its verification."""

    name: str
    stated: str
    proof: Callable[[Evidence], Faults]

    def faults(self, evidence: Evidence) -> tuple[str, ...]:
        """Return the deviations."""
        return tuple(self.proof(evidence))


FAMILIES = (
    Outcome(name="web", stated="role granted this secret, nothing else", proof=web),
    Outcome(name="api", stated="role granted Decrypt for this secret", proof=api),
    Outcome(name="worker", stated="worker:2 registered, granted, service moved", proof=worker),
    Outcome(name="batch", stated="untouched, one warning", proof=batch),
    Outcome(name="cron", stated="alert only", proof=cron),
    Outcome(name="intruder", stated="refused, the role gets nothing", proof=intruder),
    Outcome(name="healthy", stated="nothing done, nothing said", proof=healthy),
)
"""The outcomes that apply before the rotations."""

OUTCOMES = (
    *FAMILIES,
    Outcome(name="broken rotation", stated="one alert that names healthy", proof=broken_rotation),
    Outcome(name="good rotation", stated="one message: resolved", proof=good_rotation),
    Outcome(name="dead letters", stated="none", proof=dead_letters),
    Outcome(name="secrecy", stated="no password anywhere else", proof=secrecy),
    Outcome(name="audit", stated="fewer findings after, exit 1 both times", proof=audit),
)
