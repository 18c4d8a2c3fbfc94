"""Mode=observe: everything is said, nothing is done."""

from sandbox.demo.outcomes import FAMILIES
from sandbox.demo.scene import about
from tests.e2e.attacks import ATTACKS, TWO_KEYS
from tests.e2e.conftest import Observed
from tests.e2e.strangers import STRANGERS

WOULD = {
    "web": ["grant role web-execution"],
    "api": ["grant role api-execution"],
    "worker": ["grant role worker-execution", "register a new revision of worker:1"],
}


def test_no_function_writes_to_iam_or_ecs(observed: Observed) -> None:
    writes = [call for call in observed.calls if call.service in {"iam", "ecs"} and not call.is_read]
    assert writes == []


def test_under_attack_nothing_is_written_either(observed: Observed) -> None:
    assert observed.written == {}


def test_under_attack_alerts_say_what_would_be_done(observed: Observed) -> None:
    planned = {
        letter.attributes["family"]
        for letter in observed.under_attack
        if letter.attributes["kind"] == "Remediation Planned"
    }
    # Each role is reported once, under one of the families that name it.
    would = [each.name for each in ATTACKS if (each.writes or each.registered) and each not in STRANGERS]
    assert [name for name in would if not any(family.startswith(name) for family in planned)] == []
    # This stack asks no registry, so nothing proves that credentials are missing.
    refused = {each.name for each in TWO_KEYS if not each.writes} | {each.name for each in STRANGERS}
    assert refused & planned == set()


def test_roles_and_revisions_stay_as_they_were(observed: Observed) -> None:
    for name in (outcome.name for outcome in FAMILIES):
        before, after = observed.before[name], observed.after[name]
        assert (after.policies, after.numbers, after.running) == (before.policies, before.numbers, before.running)


def test_alerts_say_what_would_be_done(observed: Observed) -> None:
    planned = [letter for letter in observed.letters if letter.attributes["kind"] == "Remediation Planned"]
    for name, deeds in WOULD.items():
        subjects = " ".join(letter.subject for letter in about(planned, name))
        assert all(f"planned: {deed}" in subjects for deed in deeds), subjects
    assert {letter.attributes["family"] for letter in planned} == set(WOULD)


def test_nothing_is_reported_as_done_or_resolved(observed: Observed) -> None:
    kinds = {letter.attributes["kind"] for letter in observed.letters}
    assert kinds == {"Finding Opened", "Remediation Planned", "Remediation Refused"}


def test_each_finding_is_reported_once(observed: Observed) -> None:
    opened = [letter.subject for letter in observed.letters if letter.attributes["kind"] == "Finding Opened"]
    assert len(opened) == len(set(opened)) == 6
