"""The form for people, as a whole."""

from pullguard.alerts import compose
from pullguard.domain.findings import Remedy
from tests.unit.alerts.notices import (
    definition,
    finding,
    notice,
)


def test_an_opened_finding_as_a_person_reads_it() -> None:
    assert (
        compose(notice()).text
        == """\
error: web cannot pull ghcr.io/acme/web (account 123456789012, eu-west-1)

Container: app, image ghcr.io/acme/web

Why: The role web-execution may not read the secret registry/ghcr.

Evidence: No policy of the role allows secretsmanager:GetSecretValue.

Pullguard: will try to grant access; the result follows in a separate alert.

To do: Let the role read the secret.
    aws iam put-role-policy
      --more

Task definition: https://console.aws.amazon.com/ecs/v2/task-definitions/web/7?region=eu-west-1
Secret: https://console.aws.amazon.com/secretsmanager/secret?name=registry%2Fghcr&region=eu-west-1
Role: https://console.aws.amazon.com/iam/home#/roles/details/web-execution
Check: secret-access-missing
Since: 2026-05-01T08:00:00Z
Finding: 0123456789abcdef
"""
    )


def test_a_text_about_several_families_names_no_container() -> None:
    broken = finding(cause="The secret registry/ghcr of container app has no password.")
    text = compose(notice(findings=(broken,), dependents=(definition("web", 7), definition("api")))).text
    assert "Why: The secret registry/ghcr has no password.\n" in text
    assert "Container:" not in text


def test_a_snippet_that_is_too_long_is_left_out_whole() -> None:
    text = compose(notice(findings=(finding(remedy=Remedy(text="Do it.", snippet="x" * 6_001)),))).text
    assert "xx" not in text
    assert "pullguard plan web prints it" in text
