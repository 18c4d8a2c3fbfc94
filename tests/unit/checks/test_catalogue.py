"""The catalogue as the public interface that it is: ids, severities, fixes, sources."""

from itertools import groupby

import pytest

from pullguard.checks.catalogue import CHECKS
from pullguard.checks.check import GATES, Check
from pullguard.domain.diagnosis import EXPLANATIONS
from pullguard.domain.findings import RemedyAction, Severity

CATALOGUE: dict[str, tuple[Severity, RemedyAction]] = {
    "reference-malformed": ("error", "reregister"),
    "reference-not-full-arn": ("warning", "reregister"),
    "reference-stale": ("error", "reregister"),
    "secret-not-found": ("error", "none"),
    "credentials-missing": ("error", "reregister"),
    "credentials-on-ecr-image": ("error", "reregister"),
    "registry-mismatch": ("error", "none"),
    "registry-tag-unreadable": ("warning", "none"),
    "secret-scheduled-for-deletion": ("error", "none"),
    "secret-type-unusable": ("error", "none"),
    "secret-no-current-version": ("error", "none"),
    "secret-value-binary": ("error", "none"),
    "secret-value-malformed": ("error", "none"),
    "secret-value-empty-field": ("error", "none"),
    "secret-value-key-case": ("warning", "none"),
    "secret-rotation-failed": ("error", "none"),
    "secret-replica-failed": ("warning", "none"),
    "secret-value-suspicious": ("warning", "none"),
    "credentials-short-lived": ("warning", "none"),
    "credentials-expiring": ("warning", "none"),
    "execution-role-missing": ("error", "none"),
    "execution-role-not-found": ("error", "none"),
    "execution-role-not-assumable": ("error", "none"),
    "secret-access-missing": ("error", "grant"),
    "secret-access-denied": ("error", "none"),
    "secret-access-blocked-by-boundary": ("error", "none"),
    "secret-access-blocked-by-organization": ("error", "none"),
    "secret-resource-policy-missing": ("error", "none"),
    "secret-access-too-broad": ("warning", "none"),
    "inline-policy-quota": ("error", "none"),
    "key-unusable": ("error", "none"),
    "decrypt-access-missing": ("error", "grant"),
    "decrypt-access-denied": ("error", "none"),
    "default-key-cross-account": ("error", "none"),
    "credentials-rejected": ("error", "none"),
    "image-not-found": ("error", "none"),
    "registry-rate-limited": ("warning", "none"),
    "registry-unreachable": ("warning", "none"),
    "fargate-platform-too-old": ("error", "none"),
    "container-agent-too-old": ("error", "none"),
    "task-start-failed": ("error", "none"),
}


def test_each_check_has_the_id_severity_and_fix_that_people_filter_on() -> None:
    assert [(check.id, (check.severity, check.fix)) for check in CHECKS] == list(CATALOGUE.items())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_each_check_says_when_it_fails_and_rests_on_a_page(check: Check) -> None:
    assert check.source.startswith(("https://docs.aws.amazon.com/", "https://docs.docker.com/"))
    assert check.fails_when[:1] == check.fails_when[:1].strip()
    assert len(check.fails_when) > len("it fails")
    assert not check.fails_when.endswith(".")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_each_check_says_what_it_needs_and_how_to_fix_it(check: Check) -> None:
    assert check.needs.strip()
    assert check.remedy.strip()
    assert not [each for each in (check.needs, check.remedy) if each.endswith(".")]


def test_the_checks_follow_the_gates_of_a_pull_group_by_group() -> None:
    groups = [group for group, _ in groupby(check.group for check in CHECKS)]
    assert groups == list(dict.fromkeys(info.group for info in GATES.values()))


@pytest.mark.parametrize("check", [each for each in CHECKS if each.severity == "warning"], ids=lambda check: check.id)
def test_a_warning_with_a_fix_says_that_only_errors_are_fixed(check: Check) -> None:
    """The planner leaves alone what works today (``planner.make_plan``)."""
    said = check.fix_words
    assert check.fix == "none" if said is None else ("where it is an error" in said and "reported" in said)


def test_what_explains_a_stopped_task_names_checks_that_there_are() -> None:
    named = {check for explanation in EXPLANATIONS for check in explanation.checks}
    assert named
    assert named <= CATALOGUE.keys()
