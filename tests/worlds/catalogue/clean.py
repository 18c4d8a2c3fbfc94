"""Task definitions in every legal notation, and the account that they belong to: nothing is wrong here.

The bare name of a secret is missing on purpose: it works, and deserves a warning. So does a statement over every
secret.
"""

import json
from collections.abc import Mapping
from typing import Any

from sandbox.world import ACCOUNT_KEY_POLICY, LAB_TRUST, Document, Grant, Key, ManagedPolicy, Role, Secret, World
from sandbox.world import TaskDefinition as Registered
from tests.worlds.catalogue.parts import CREDENTIALS, DECRYPT, ECS_TASKS, READ, allow, deny, document, to
from tests.worlds.catalogue.scene import Call, Scene

Members = Mapping[str, Any]
_SHA = "0123456789abcdef" * 4
_OTHER_SECRETS = "arn:aws:secretsmanager:*:*:secret:production/*"
_VIA = {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}
_ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"

# --- secrets and keys ----------------------------------------------------------------------------------------------


def _secret(name: str, hosts: str | None, value: Any = CREDENTIALS, key: str | None = None, **more: Any) -> Secret:
    tags = {} if hosts is None else {"pullguard:registry": hosts}
    return Secret(name=name, value=value, tags={**tags, "team": "acme"}, key=key, **more)


def _let_in(role: str, **more: Any) -> Document:
    return document(to({"AWS": f"${{role:{role}}}"}, READ, **more))


_FOREIGN_FORMS = {**CREDENTIALS, "email": "", "serveraddress": "https://index.docker.io/v1/", "n": [1, None, {"a": 1}]}
SECRETS = (
    _secret("registry/hub", "docker.io"),
    _secret("registry/ghcr", "ghcr.io"),
    _secret("registry/gitlab/deploy-token", "registry.gitlab.com registry.gitlab.example:5050"),
    _secret("registry/artifactory", "ACME.jfrog.io docker.acme.example:8443"),
    _secret("registry/local", "localhost:5000 127.0.0.1:5000 localhost [::1]:5000"),
    _secret("quay-of-old", None),
    _secret("registry-abc123", "ends.example.com"),
    _secret("a/b+c=d.e@f_g!h-i", "odd.example.com"),
    _secret("registry/extra-keys", "extra.example.com", _FOREIGN_FORMS),
    _secret("registry/spaced", "spaced.example.com", f"\n\t{json.dumps(CREDENTIALS, indent=4)}\n"),
    _secret("registry/unicode", "unicode.example.com", {"username": "ünï$çødé", "password": "pässwörd \N{KEY}"}),
    _secret("registry/rotating", "rotating.example.com"),
    _secret("registry/restored", "restored.example.com", deleted=True),
    _secret("registry/lets-in", "lets-in.example.com", policy=_let_in("named-by-secret")),
    _secret(
        "registry/spares",
        "spares.example.com",
        policy=document(
            {
                **to(
                    "*",
                    "secretsmanager:*",
                    Condition={"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/spared*"}},
                ),
                "Effect": "Deny",
            }
        ),
    ),
    _secret("registry/delegated", "delegated.example.com", key="${key:delegated}"),
    _secret("registry/direct", "direct.example.com", key="${key:direct}"),
    _secret("registry/granted", "granted.example.com", key="${key:granted}"),
    _secret("registry/via", "via.example.com", key="${key:via}"),
    _secret("registry/by-alias", "by-alias.example.com", key="alias/delegated"),
    _secret("registry/default-by-alias", "default.example.com", key="alias/aws/secretsmanager"),
)
_READERS_SECRETS = (
    "registry/hub", "registry/ghcr", "registry/gitlab/deploy-token", "registry/artifactory", "registry/local",
    "quay-of-old", "registry-abc123", "a/b+c=d.e@f_g!h-i", "registry/extra-keys", "registry/spaced",
    "registry/unicode", "registry/rotating", "registry/restored", "registry/default-by-alias",
)  # fmt: skip

_ADMINISTRATION = to({"AWS": "arn:aws:iam::${account}:root"}, ["kms:Describe*", "kms:Put*", "kms:Create*", "kms:Get*"])
KEYS = (
    Key(name="delegated"),
    Key(name="direct", policy=document(_ADMINISTRATION, to({"AWS": "${role:key-by-policy}"}, DECRYPT))),
    Key(
        name="granted",
        policy=document(_ADMINISTRATION),
        grants=(
            Grant(
                grantee="${role:key-by-grant}",
                operations=("Decrypt", "DescribeKey"),
                constraints={"EncryptionContextSubset": {"SecretARN": "${secret:registry/granted}"}},
            ),
        ),
    ),
    Key(
        name="via",
        policy=document(
            *ACCOUNT_KEY_POLICY["Statement"],
            to(
                "*",
                [DECRYPT, "kms:DescribeKey"],
                Condition={"StringEquals": {**_VIA, "kms:CallerAccount": "${account}"}},
            ),
            {
                **to({"AWS": "*"}, DECRYPT, Condition={"StringNotEqualsIfExists": _VIA}),
                "Effect": "Deny",
            },
        ),
    ),
)

# --- roles: every way to allow reading -----------------------------------------------------------------------------

_ODD_PATH = "/team~a/(eu)/#%?/"
_HUB, _HUB_PARTIAL = "${secret:registry/hub}", "${partial:registry/hub}"
_TRUST_BOUND = document(
    {
        "Sid": "ForTasksOfOurs",
        "Effect": "Allow",
        "Principal": {"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]},
        "Action": ["sts:AssumeRole"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ["${account}"]},
            "ArnLike": {"aws:SourceArn": "arn:aws:ecs:us-east-1:${account}:*"},
        },
    }
)


def _role(name: str, *statements: Members, **more: Any) -> Role:
    return Role(name=name, inline={"registry": document(*statements)} if statements else {}, **more)


def _by_condition(name: str, **condition: Members) -> Role:
    return _role(name, allow(READ, _HUB, Condition=condition))


ROLES = (
    _role("reader", allow(READ, [f"${{secret:{name}}}" for name in _READERS_SECRETS])),
    _role("by-pattern", allow(READ, f"{_HUB_PARTIAL}-??????")),
    _role("by-star", allow(READ, f"{_HUB_PARTIAL}*")),
    _role("by-prefix", allow("secretsmanager:Get*", "arn:aws:secretsmanager:*:${account}:secret:registry/*")),
    _role("by-case", allow("SECRETSMANAGER:getsecretvalue", _HUB)),
    _role("by-all-actions", allow("*", _HUB)),
    _role("by-not-action", {"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": _HUB}),
    _role(
        "by-several",
        allow("logs:*"),
        allow("secretsmanager:ListSecrets"),
        allow([READ, "kms:Decrypt"], [_HUB, _OTHER_SECRETS]),
    ),
    Role(name="by-one-statement", inline={"registry": {"Version": "2012-10-17", "Statement": allow(READ, _HUB)}}),
    Role(name="by-second-policy", inline={"a": document(allow("s3:*")), "z": document(allow(READ, _HUB))}),
    Role(name="by-attachment", attached=("${policy:read-hub}",)),
    Role(name="bounded", attached=("${policy:read-hub}",), boundary="${policy:limit}"),
    Role(name="named-by-secret"),
    _role("spared", allow(READ, "${secret:registry/spares}")),
    _role("denied-elsewhere", allow(READ, _HUB), deny("secretsmanager:*", _OTHER_SECRETS), deny("iam:*")),
    _role(
        "denied-without-tls",
        allow(READ, _HUB),
        deny("*", Condition={"Bool": {"aws:SecureTransport": "false"}}),
        deny("*", Condition={"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "eu-central-1"]}}),
        deny("secretsmanager:*", Condition={"StringNotEquals": {"aws:ResourceAccount": "${account}"}}),
    ),
    _by_condition("by-tag", StringEquals={"aws:ResourceTag/pullguard:registry": "docker.io"}),
    _by_condition("by-own-tag", StringLike={"secretsmanager:ResourceTag/team": "ac*"}),
    _by_condition("by-time", DateLessThan={"aws:CurrentTime": "2099-12-31T23:59:59Z"}),
    _by_condition("by-account", StringEqualsIfExists={"aws:PrincipalAccount": "${account}"}),
    _role("trusts-its-own", allow(READ, _HUB), trust=_TRUST_BOUND),
    _role(
        "key-by-delegation",
        allow(READ, ["${secret:registry/delegated}", "${secret:registry/by-alias}"]),
        allow(
            DECRYPT, "${key:delegated}", Condition={"StringLike": {"kms:ViaService": "secretsmanager.*.amazonaws.com"}}
        ),
    ),
    _role("key-by-policy", allow(READ, "${secret:registry/direct}")),
    _role("key-by-grant", allow(READ, "${secret:registry/granted}")),
    _role("key-by-service", allow(READ, "${secret:registry/via}")),
    _role(
        "key-by-context",
        allow(READ, "${secret:registry/delegated}"),
        allow(
            DECRYPT,
            "arn:aws:kms:us-east-1:${account}:key/*",
            Condition={"StringEquals": {**_VIA, "kms:EncryptionContext:SecretARN": "${secret:registry/delegated}"}},
        ),
    ),
    _role("abroad", allow(READ, ["${elsewhere:registry/abroad}", "${partial-elsewhere:registry/both}-??????"])),
    Role(name="nothing-to-read"),
)
POLICIES = (
    ManagedPolicy(name="read-hub", document=document(allow([READ, "secretsmanager:DescribeSecret"], _HUB))),
    ManagedPolicy(name="limit", document=document(allow(["secretsmanager:*", "kms:*", "logs:*"]), deny("iam:*"))),
)

# --- task definitions ----------------------------------------------------------------------------------------------


def _container(image: str, secret: str | None, name: str = "app", **more: Any) -> dict[str, Any]:
    credentials = {} if secret is None else {"repositoryCredentials": {"credentialsParameter": secret}}
    return {"name": name, "image": image, "essential": True, "memory": 128, **credentials, **more}


def _pulls(family: str, image: str, secret: str | None, role: str | None = "reader", **request: Any) -> Registered:
    reference = secret if secret is None or secret.startswith("$") else f"${{secret:{secret}}}"
    return _runs(family, _container(image, reference), role=role, **request)


def _runs(family: str, *containers: Members, role: str | None = "reader", **request: Any) -> Registered:
    execution = {} if role is None else {"executionRoleArn": role if ":" in role else f"${{role:{role}}}"}
    return Registered(family=family, request={**execution, "containerDefinitions": list(containers), **request})


_FARGATE: dict[str, Any] = {
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
}
_WINDOWS: dict[str, Any] = {
    "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "X86_64"}
}
_SHARE = {
    "name": "share",
    "fsxWindowsFileServerVolumeConfiguration": {
        "fileSystemId": "fs-1",
        "rootDirectory": "share",
        "authorizationConfig": {"credentialsParameter": "arn:aws:ssm:us-east-1:1:parameter/*", "domain": "example.com"},
    },
}
_INJECTED = {"secrets": [{"name": "TOKEN", "valueFrom": "${secret:registry/hub}:password::"}]}
_HUB_ONE = _container("acme/app", "${secret:registry/hub}")
IMAGES = (
    _pulls("hub-official", "nginx", "registry/hub"),
    _pulls("hub-organization", "acme/app:1.0", "registry/hub"),
    _pulls("hub-by-its-name", "docker.io/acme/app", "registry/hub"),
    _pulls("hub-library", "docker.io/library/nginx:1.27-alpine", "registry/hub"),
    _pulls("hub-index", "index.docker.io/acme/app:latest", "registry/hub"),
    _pulls("hub-api", "registry-1.docker.io/acme/app", "registry/hub"),
    _pulls("hub-by-digest", f"acme/app@sha256:{_SHA}", "registry/hub"),
    _pulls("hub-by-tag-and-digest", f"acme/app:1.0@sha256:{_SHA}", "registry/hub"),
    _pulls("ghcr-nested", "ghcr.io/acme/team/app_x.y--z:v1.2.3_rc.1-4", "registry/ghcr"),
    _pulls("ghcr-in-capitals", "GHCR.IO/acme/app:LATEST", "registry/ghcr"),
    _pulls("ghcr-with-its-port", "ghcr.io:443/acme/app", "registry/ghcr"),
    _pulls("gitlab", "registry.gitlab.com/acme/group/sub/app:main", "registry/gitlab/deploy-token"),
    _pulls("gitlab-of-our-own", "registry.gitlab.example:5050/acme/app", "registry/gitlab/deploy-token"),
    _pulls("artifactory-in-a-path", "acme.jfrog.io/docker-local/acme/app:1", "registry/artifactory"),
    _pulls("artifactory-on-a-port", "docker.acme.example:8443/app:1", "registry/artifactory"),
    _pulls("localhost", "localhost:5000/app", "registry/local"),
    _pulls("loopback-address", "127.0.0.1:5000/acme/app:1", "registry/local"),
    _pulls("quay-by-a-secret-not-opted-in", "quay.io/acme/app", "quay-of-old"),
    _pulls("ecr-private", f"{_ECR}/acme/app:1.0", None),
    _pulls("ecr-public", "public.ecr.aws/docker/library/nginx:1", None),
    _pulls("ecr-fips-in-govcloud", "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com/app", None),
    _pulls("ecr-in-china", "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/app", None),
    _pulls("no-secret-for-the-registry", "quay.io/prometheus/prometheus:v3", None),
)
NAMES = (
    _pulls("name-like-a-suffix", "ends.example.com/app", "registry-abc123"),
    _pulls("name-of-every-character", "odd.example.com/app", "a/b+c=d.e@f_g!h-i"),
    _pulls("value-with-extra-keys", "extra.example.com/app", "registry/extra-keys"),
    _pulls("value-with-white-space", "spaced.example.com/app", "registry/spaced"),
    _pulls("value-beyond-ascii", "unicode.example.com/app", "registry/unicode"),
    _pulls("rotating", "rotating.example.com/app", "registry/rotating"),
    _pulls("restored", "restored.example.com/app", "registry/restored"),
    _pulls("abroad", "abroad.example.com/app", "${elsewhere:registry/abroad}", "abroad"),
    _pulls("abroad-with-a-replica-here", "both.example.com/app", "${elsewhere:registry/both}", "abroad"),
)
ACCESS = tuple(
    _pulls(f"role-{role.name}", "acme/app:1.0", "registry/hub", role.name)
    for role in ROLES
    if role.name.startswith(("by-", "bounded", "denied-", "trusts-"))
)
OTHER_ACCESS = (
    _pulls("role-named-by-secret", "lets-in.example.com/app", "registry/lets-in", "named-by-secret"),
    _pulls("role-spared-by-secret", "spares.example.com/app", "registry/spares", "spared"),
    _pulls("role-by-short-name", "acme/app", "registry/hub", "reader", executionRoleArn="reader"),
    _pulls("role-with-a-path", "acme/app", "registry/hub", "arn:aws:iam::${account}:role/svc/team/pathed"),
    _pulls("role-with-an-odd-path", "acme/app", "registry/hub", f"arn:aws:iam::${{account}}:role{_ODD_PATH}odd"),
    _pulls("key-delegated", "delegated.example.com/app", "registry/delegated", "key-by-delegation"),
    _pulls("key-by-alias", "by-alias.example.com/app", "registry/by-alias", "key-by-delegation"),
    _pulls("key-narrowly", "delegated.example.com/app", "registry/delegated", "key-by-context"),
    _pulls("key-by-its-policy", "direct.example.com/app", "registry/direct", "key-by-policy"),
    _pulls("key-by-a-grant", "granted.example.com/app", "registry/granted", "key-by-grant"),
    _pulls("key-through-its-service", "via.example.com/app", "registry/via", "key-by-service"),
    _pulls("key-of-aws", "default.example.com/app", "registry/default-by-alias"),
)
SHAPES = (
    _pulls("on-fargate", "acme/app", "registry/hub", **_FARGATE),
    _pulls("on-windows", "acme/app", "registry/hub", **_FARGATE, **_WINDOWS, volumes=[_SHARE]),
    _pulls("on-instances", "acme/app", "registry/hub", requiresCompatibilities=["EC2"], networkMode="bridge"),
    _pulls("on-machines-of-our-own", "acme/app", "registry/hub", requiresCompatibilities=["EXTERNAL"]),
    _runs(
        "several-containers",
        _HUB_ONE,
        _container("ghcr.io/acme/app", "${secret:registry/ghcr}", "side"),
        _container("acme/app", "${secret:registry/hub}", "twin"),
        _container(f"{_ECR}/logs", None, "logs", essential=False),
        _container("quay.io/acme/app", None, "public"),
    ),
    _runs("secrets-of-another-kind", {**_HUB_ONE, **_INJECTED}),
    _runs(
        "sidecars-of-everybody",
        _HUB_ONE,
        _container("nginx:1.27", None, "proxy"),
        _container("amazon/cloudwatch-agent:latest", None, "metrics", essential=False),
        _container("ghcr.io/open-telemetry/collector:1", None, "traces", essential=False),
    ),
    _pulls("everybodys-image-and-no-role", "nginx", None, None),
    _pulls("no-role-and-no-credentials", "quay.io/acme/app", None, None),
    _pulls("a-role-that-nobody-needs", f"{_ECR}/app", None, "nothing-to-read"),
)
TASK_DEFINITIONS = (*IMAGES, *NAMES, *ACCESS, *OTHER_ACCESS, *SHAPES)

# --- events ---------------------------------------------------------------------------------------------------------


def _ask(service: str, operation: str, **arguments: Any) -> Call:
    return Call(service=service, operation=operation, arguments=arguments)


def _service(name: str, family: str, **more: Any) -> Call:
    return _ask(
        "ecs", "create_service", cluster="main", serviceName=name, taskDefinition=family, desiredCount=0, **more
    )


def _create_role(path: str, name: str) -> Call:
    trust = json.dumps(document({**LAB_TRUST["Statement"][0], "Principal": ECS_TASKS}))
    return _ask("iam", "create_role", RoleName=name, Path=path, AssumeRolePolicyDocument=trust)


def _let_read(role: str) -> Call:
    policy = json.dumps(document(allow(READ, "HUB"))).replace("HUB", _HUB)
    return _ask("iam", "put_role_policy", RoleName=role, PolicyName="registry", PolicyDocument=policy)


_ABROAD = World(
    secrets=(_secret("registry/abroad", "abroad.example.com"), _secret("registry/both", "both.example.com"))
)
SCENE = Scene(
    elsewhere=_ABROAD,
    elsewhere_then=(
        _ask(
            "secretsmanager",
            "replicate_secret_to_regions",
            SecretId="registry/both",
            AddReplicaRegions=[{"Region": "us-east-1"}],
        ),
    ),
    before=(_create_role("/svc/team/", "pathed"), _create_role(_ODD_PATH, "odd")),
    world=World(policies=POLICIES, roles=ROLES, keys=KEYS, secrets=SECRETS, task_definitions=TASK_DEFINITIONS),
    then=(
        _let_read("pathed"),
        _let_read("odd"),
        _ask("secretsmanager", "restore_secret", SecretId="${secret:registry/restored}"),
        _ask(
            "secretsmanager",
            "rotate_secret",
            SecretId="${secret:registry/rotating}",
            RotationRules={"AutomaticallyAfterDays": 30},
        ),
        _ask(
            "secretsmanager",
            "put_secret_value",
            SecretId="${secret:registry/rotating}",
            SecretString=json.dumps(CREDENTIALS),
        ),
        _ask("ecs", "create_cluster", clusterName="main"),
        _service("fargate", "on-fargate", launchType="FARGATE", platformVersion="1.4.0"),
        _service("windows", "on-windows", launchType="FARGATE", platformVersion="1.0.0"),
        _service("instances", "on-instances", launchType="EC2"),
    ),
)
