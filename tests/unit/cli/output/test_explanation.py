"""The text of ``pullguard explain``."""

from sandbox.world import World
from tests.unit.cli.conftest import Run, in_account


def test_explain_reads_well(run: Run, broken: World) -> None:
    out = " ".join(run("explain", "api:1", "--format", "text").out.split())
    for text in (
        'statement 0 of the inline policy "read-registry-credentials": {"Effect": "Allow"',
        "The pull fails at: decrypt",
        "decrypt-access-missing (error)",
        "aws iam put-role-policy --role-name api-execution",
    ):
        assert text in out
    assert "The pull gets its credentials." in run("explain", "healthy", "--format", "text").out


def test_explain_of_an_image_that_needs_nothing(run: Run, aws: None) -> None:
    in_account("ecs").register_task_definition(
        family="plain", containerDefinitions=[{"name": "c", "image": "public.ecr.aws/a/b:1", "memory": 64}]
    )
    ran = run("explain", "plain", "--format", "text")
    assert ran.code == 0
    assert "no repositoryCredentials, and none" in ran.out


def test_explain_claims_only_what_was_read(run: Run, broken: World) -> None:
    out = " ".join(run("explain", "intruder", "--format", "text").out.split())
    assert "is the full ARN of a secret." in out
    assert "it may be used for this image" not in out
    healthy = " ".join(run("explain", "healthy", "--format", "text").out.split())
    assert "The AWS managed key aws/secretsmanager lets" in healthy
    assert "Allow access through AWS Secrets Manager" not in healthy
    worker = " ".join(run("explain", "worker:1", "--format", "text").out.split())
    assert "secret, value, secret access, key, decrypt" in worker
    assert worker.count("because of another gate") == 1
    assert "✓ trust" in worker
