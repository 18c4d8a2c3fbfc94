"""One audit with fixed data, as a real account might give it: eight causes, what runs and what does not."""

from datetime import UTC, datetime

from pullguard.checks.catalogue import CHECKS
from pullguard.domain.findings import Finding, NotChecked, Remedy, Severity, Status, Subject, Summary, finding_id
from pullguard_cli.audit_result import Audit

ACCOUNT = "210987654321"
REGION = "eu-central-1"
_SOURCES = {check.id: check.source for check in CHECKS}
_SEVERITIES = {check.id: check.severity for check in CHECKS}

GHCR = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:registry/ghcr-8xKq2W"
HUB = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:registry/docker-hub-Tn4bZc"
HARBOR = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:registry/harbor-pLm93d"
QUAY = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:registry/quay-Vw5sYe"
OLD = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:registry/gitlab-a1B2c3"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/6f1c8a52-94bb-4d0e-b1f2-0f6a3c7d9e21"


def definition(name: str) -> str:
    return f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{name}"


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def finding(
    check: str,
    task_definition: str,
    *,
    cause: str,
    evidence: str,
    remedy: Remedy,
    container: str | None = "app",
    image: str | None = None,
    secret: str | None = None,
    role: str | None = None,
    key: str | None = None,
    status: Status = "fail",
    severity: Severity | None = None,
    source: str | None = None,
) -> Finding:
    arn = definition(task_definition)
    return Finding(
        id=finding_id(check, Subject(task_definition=arn, container=container)),
        check=check,
        status=status,
        severity=severity or _SEVERITIES[check],
        task_definition=arn,
        container=container,
        image=image,
        secret=secret,
        role=role,
        key=key,
        cause=cause,
        evidence=evidence,
        remedy=remedy,
        source=source or _SOURCES[check],
    )


def _deleted() -> list[Finding]:
    return [
        finding(
            "secret-scheduled-for-deletion",
            name,
            image=f"ghcr.io/acme/{name.split(':')[0]}:2026.11",
            secret=GHCR,
            role=role("ecsTaskExecutionRole"),
            cause="The secret registry/ghcr of container app is to be deleted and cannot be read.",
            evidence="DescribeSecret: DeletedDate 2026-11-28 09:14 UTC",
            remedy=Remedy(
                text="Restore the secret, or register a revision that names another one.",
                snippet=f"aws secretsmanager restore-secret --region {REGION} --secret-id {GHCR}",
            ),
        )
        for name in (
            "checkout:118",
            "search-api:61",
            "storefront:204",
            *(f"batch-{n:02}:{n + 3}" for n in range(1, 38)),
        )
    ]


def _not_granted() -> list[Finding]:
    policy = (
        "aws iam put-role-policy --role-name payments-execution --policy-name pullguard-registry-credentials "
        """--policy-document '{"Version":"2012-10-17","Statement":[{"Sid":"ReadSecret1","Effect":"Allow","""
        f""""Action":"secretsmanager:GetSecretValue","Resource":"{HARBOR}"}}]}}'"""
    )
    return [
        finding(
            "secret-access-missing",
            name,
            image="registry.acme.example:5000/payments/api:4.2.0",
            secret=HARBOR,
            role=role("payments-execution"),
            key=KEY,
            cause="The execution role may not read the secret registry/harbor of container app.",
            evidence="No statement of the role's policies allows secretsmanager:GetSecretValue on the secret.",
            remedy=Remedy(
                action="grant",
                text="Let the role payments-execution read this secret, by one inline policy that names it alone.",
                snippet=policy,
            ),
        )
        for name in ("payments-api:33", "payments-worker:12", "payments-reports:9")
    ]


def _single() -> list[Finding]:
    return [
        finding(
            "decrypt-access-denied",
            "ledger:7",
            image="registry.acme.example:5000/ledger:1.0",
            secret=HARBOR,
            role=role("ledger-execution"),
            key=KEY,
            cause="The key of the secret registry/harbor of container app is closed to the execution role.",
            evidence=(
                'Denied by the key policy: {"Sid":"Payments","Effect":"Deny","Principal":"*","Action":"kms:Decrypt",'
                '"Resource":"*","Condition":{"StringNotLike":{"aws:PrincipalArn":"*:role/payments-*"}}}'
            ),
            remedy=Remedy(
                text=(
                    "In the key policy, remove what denies, or add a statement that lets the role decrypt through "
                    "Secrets Manager."
                ),
                snippet=(
                    f'{{"Effect":"Allow","Principal":{{"AWS":"{role("ledger-execution")}"}},"Action":"kms:Decrypt",'
                    f'"Resource":"*","Condition":{{"StringEquals":{{"kms:ViaService":"secretsmanager.{REGION}.'
                    'amazonaws.com"}}}'
                ),
            ),
        ),
        finding(
            "reference-stale",
            "docs-site:15",
            image="registry.gitlab.com/acme/docs:latest",
            secret=OLD,
            role=role("ecsTaskExecutionRole"),
            cause=(
                "The secret that container app names is gone; a secret of the same name, registry/gitlab, was created "
                "again and has another ARN."
            ),
            evidence=f"{OLD} does not exist; DescribeSecret of registry/gitlab answers {OLD[:-6]}Z9y8X7",
            remedy=Remedy(
                action="reregister",
                text="Register a revision with the new ARN, and let the services run it.",
                snippet=f'"repositoryCredentials": {{"credentialsParameter": "{OLD[:-6]}Z9y8X7"}}',
            ),
        ),
        finding(
            "execution-role-not-assumable",
            "nightly-export:4",
            container=None,
            role=role("service-role/nightly-export"),
            cause="ECS cannot assume the execution role nightly-export.",
            evidence='The trust policy allows {"Service":"ec2.amazonaws.com"} only.',
            remedy=Remedy(
                text="Let ecs-tasks.amazonaws.com assume the role, in the role's trust policy.",
                snippet=(
                    '{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, '
                    '"Action": "sts:AssumeRole"}'
                ),
            ),
        ),
        finding(
            "credentials-on-ecr-image",
            "thumbnailer:21",
            container="resize",
            image=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/thumbnailer:21",
            secret=HUB,
            role=role("ecsTaskExecutionRole"),
            cause="Container resize gives registry credentials for an Amazon ECR image, which takes none.",
            evidence=f'image "{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/thumbnailer:21"',
            remedy=Remedy(
                action="reregister",
                text=(
                    "Register a revision without repositoryCredentials; ECR images are pulled with the execution "
                    "role's own ecr: permissions."
                ),
            ),
        ),
    ]


def _doubtful() -> list[Finding]:
    return [
        finding(
            "secret-access-denied",
            "edge-proxy:52",
            image="quay.io/acme/edge:9",
            secret=QUAY,
            role=role("edge-execution"),
            status="unknown",
            cause="Could not determine whether container app gets its credentials.",
            evidence="The secret's resource policy denies unless aws:SourceVpce is vpce-0a1b2c3d, known at the start.",
            remedy=Remedy(
                text=(
                    "Only the task's start can show aws:SourceVpce. Check that the task's "
                    "network or session satisfies the statement's condition, or state it on a key that is known "
                    "beforehand."
                )
            ),
        ),
        *(
            finding(
                "secret-access-too-broad",
                name,
                image="docker.io/acme/tools:3",
                secret=HUB,
                role=role("ecsTaskExecutionRole"),
                cause=("The execution role may read every secret, not only registry/docker-hub of container app."),
                evidence='SecretsManagerAll: {"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}',
                remedy=Remedy(
                    text="Put a statement that names the secret in the place of the broad one.",
                    snippet="aws iam put-role-policy --role-name ecsTaskExecutionRole --policy-name read-docker-hub …",
                ),
            )
            for name in ("tools:3", "cron:88", "mailer:17", "reports:5", "sandbox:2", "intranet:41")
        ),
    ]


NOT_CHECKED = tuple(
    NotChecked(
        check="credentials-rejected",
        task_definition=definition(f"web-{n:03}:1"),
        container="app",
        question="Does the registry accept the secret's credentials for the image?",
        why="live verification is switched off",
        how_to="parameter VerifyCredentials=true in the deployment, or --live-registry in the command line",
    )
    for n in range(214)
)


def sample_audit() -> Audit:
    findings = (*_deleted(), *_not_granted(), *_single(), *_doubtful())
    in_use = {
        definition("checkout:118"): ("service checkout in cluster production",),
        definition("storefront:204"): (
            "service storefront in cluster production",
            "service storefront in cluster canary",
        ),
        definition("search-api:61"): ("service search in cluster production",),
        definition("payments-api:33"): ("service payments-api in cluster production",),
        definition("payments-worker:12"): ("service payments-worker in cluster production",),
        definition("ledger:7"): ("service ledger in cluster production",),
        definition("edge-proxy:52"): ("service edge in cluster production",),
        definition("mailer:17"): ("service mailer in cluster internal",),
    }
    return Audit(
        account=ACCOUNT,
        region=REGION,
        findings=findings,
        summary=Summary(
            task_definitions=312,
            references=347,
            passed=4218,
            failed=sum(each.status == "fail" for each in findings),
            unknown=sum(each.status == "unknown" for each in findings),
            not_checked=len(NOT_CHECKED),
        ),
        not_checked=NOT_CHECKED,
        in_use=in_use,
        started_at=datetime(2026, 11, 23, 8, 30, 2, tzinfo=UTC),
        ended_at=datetime(2026, 11, 23, 8, 30, 41, tzinfo=UTC),
    )


def clean_audit() -> Audit:
    return Audit(
        account=ACCOUNT,
        region=REGION,
        findings=(),
        summary=Summary(task_definitions=312, references=347, passed=4279, not_checked=len(NOT_CHECKED)),
        not_checked=NOT_CHECKED,
        started_at=datetime(2026, 11, 23, 8, 30, 2, tzinfo=UTC),
        ended_at=datetime(2026, 11, 23, 8, 30, 41, tzinfo=UTC),
    )
