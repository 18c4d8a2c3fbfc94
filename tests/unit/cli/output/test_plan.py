"""The text of ``pullguard plan``."""

import json

from sandbox.world import World
from tests.unit.cli.conftest import Run, in_account


def test_plan_shows_a_diff_against_the_current_policy(run: Run, broken: World) -> None:
    run_text = run("plan", "web", "--format", "text").out
    assert '+      "Action": "secretsmanager:GetSecretValue",' in run_text
    assert "Nothing was written." in run_text
    planned = json.loads(run("plan", "web").out)["calls"][0]["parameters"]
    in_account("iam").put_role_policy(**planned)
    after = run("plan", "web", "--format", "json")
    assert (after.code, json.loads(after.out)["calls"]) == (0, [])
    assert "There is nothing to fix." in run("plan", "web", "--format", "text").out


def test_plan_lists_findings_to_fix_by_hand(run: Run, broken: World) -> None:
    ran = run("plan", "cron", "--format", "json")
    planned = json.loads(ran.out)
    assert (ran.code, planned["calls"]) == (1, [])
    assert [each["check"] for each in planned["left_to_people"]] == ["secret-value-empty-field"]
    out = run("plan", "cron", "--format", "text").out
    assert "Pullguard has nothing to do: the findings must be fixed by hand." in out
    assert "put-secret-value" in out


def test_plan_does_not_change_what_works(run: Run, broken: World) -> None:
    ran = run("plan", "batch", "--format", "text")
    assert ran.code == 0
    assert "warning  reference-not-full-arn" in ran.out
    assert "It works today, so it is left to you" in ran.out
