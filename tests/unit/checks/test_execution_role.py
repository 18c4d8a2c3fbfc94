import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pullguard_cli.main import app

SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:registry/hub-AbCdEf"


@pytest.mark.parametrize(
    ("role", "reason"),
    [
        ("arn:aws:iam::111122223333:user/web", "is not a role"),
        ("arn:aws:iam::1:role/web", "has an invalid service, Region or account"),
        ("not a role", "has a character in its resource that no resource name may have"),
    ],
)
def test_a_text_that_names_no_role_is_reported_and_not_looked_up(tmp_path: Path, role: str, reason: str) -> None:
    definition = tmp_path / "web.json"
    container = {
        "name": "web",
        "image": "docker.io/acme/web:1",
        "repositoryCredentials": {"credentialsParameter": SECRET},
    }
    definition.write_text(json.dumps({"family": "web", "executionRoleArn": role, "containerDefinitions": [container]}))
    ran = CliRunner().invoke(app, ["check", str(definition), "--format", "json", "--region", "eu-central-1"])
    (finding,) = (each for each in json.loads(ran.stdout)["findings"] if each["check"] == "execution-role-not-found")
    assert "is not the ARN of a role" in finding["cause"]
    assert role in finding["evidence"]
    assert finding["evidence"].startswith("executionRoleArn: ")
    assert finding["evidence"].endswith(reason)
    assert finding["remedy"] == {
        "action": "none",
        "text": "Register a revision that names the role by its ARN.",
        "snippet": None,
    }
