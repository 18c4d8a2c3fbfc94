"""The causes in texts of stopped tasks, and the meaning of each: the table behind ``stopped_reason``.

Patterns are matched on words without names (``stopped_reason``), in lower case; ``<>`` is a name, ``status503`` an HTTP
status. A more specific explanation precedes a general one: of several texts, the first one in order counts.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "value-malformed",  # the secret was read, but has no user name and password
    "credentials-denied",  # the execution role may not read the secret
    "decrypt-denied",  # ... or not decrypt it
    "secret-not-found",
    "secret-deleted",  # scheduled for deletion
    "secret-unreachable",  # no network path from the task to Secrets Manager
    "secret-throttled",  # too many calls to Secrets Manager in this account and Region
    "role-credentials",  # ECS or its agent cannot get the role's credentials
    "credentials-failed",  # the secret was not read; the text was cut, or its reason is unknown
    "no-credentials-used",
    "locked-out",  # too many failed logins: wrong credentials are in use somewhere
    "address-refused",  # the registry's firewall refuses the caller's address
    "pull-denied",  # the registry refuses these credentials, or there is no such repository
    "image-not-found",
    "platform-mismatch",  # the image has no variant for the task's operating system and CPU
    "image-unsupported",  # a manifest type or schema that the runtime does not support
    "invalid-reference",  # the image's name is not a valid reference
    "tls-failed",  # the certificate is untrusted or expired, or the registry speaks plain HTTP
    "disk-full",
    "rate-limited",
    "registry-error",  # the registry or its token service answered 5xx
    "registry-unreachable",  # a network problem, whichever step it interrupted
    "pull-failed",  # a pull failed; the text was cut, or its reason is unknown
    "unclear",  # only the words that registry credentials and secrets[] have in common
    "ecr-authorization",  # out of scope: Amazon ECR
    "secret-injection",  # out of scope: secrets[].valueFrom
    "unknown",
]

_AGENT = "https://github.com/aws/amazon-ecs-agent/blob/master/"
_DOCS = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
_SECRETS_MANAGER = "https://docs.aws.amazon.com/secretsmanager/latest/"
_PULL_ERRORS = f"{_DOCS}task_cannot_pull_image.html"
_START_ERRORS = f"{_DOCS}resource-initialization-error.html"
_SERVICE_EVENTS = f"{_DOCS}service-event-messages-list.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The meaning of a text: one sentence, the checks that may say more (likeliest first), the fix, the source."""

    kind: Kind
    sentence: str
    how_to_fix: str
    checks: tuple[str, ...] = ()
    source: str = _PULL_ERRORS
    is_registry_related: bool = True


_ACCESS_CHECKS = (
    "secret-access-missing", "secret-access-denied", "secret-access-blocked-by-boundary",
    "secret-access-blocked-by-organization", "secret-resource-policy-missing", "inline-policy-quota",
)  # fmt: skip
_DECRYPT_CHECKS = ("decrypt-access-missing", "decrypt-access-denied", "key-unusable", "default-key-cross-account")
_PULL_CHECKS = ("credentials-rejected", "credentials-missing", "registry-mismatch", "image-not-found")
_EXPLAIN = "pullguard explain TASK_DEFINITION shows which statement decides."

Row: TypeAlias = tuple[str, Explanation]

# --- The role ----------------------------------------------------------------------------------------------------

_TRUST_FIX = (
    "Let ecs-tasks.amazonaws.com assume the role (aws iam update-assume-role-policy), and check that the role exists "
    "under the ARN that is named."
)
_NO_ROLE_CREDENTIALS = Explanation(
    kind="role-credentials",
    sentence="The agent got no credentials of the execution role to read the registry credentials with.",
    how_to_fix=f"Name an execution role in the task definition. {_TRUST_FIX}",
    checks=("execution-role-missing", "execution-role-not-found", "execution-role-not-assumable"),
    source=f"{_AGENT}agent/taskresource/asmauth/asmauth.go",
)
ROLE_ROWS: Final[tuple[Row, ...]] = (
    (
        r"unable to assume (?:the |a )?role|could not assume (?:the )?role",
        Explanation(
            kind="role-credentials",
            sentence="ECS could not assume the role that the task starts with.",
            how_to_fix=_TRUST_FIX,
            checks=("execution-role-not-assumable", "execution-role-not-found", "execution-role-missing"),
            source=_SERVICE_EVENTS,
        ),
    ),
    (
        r"unable to (?:find|get|retrieve) execution role credentials|unable to create asm client",
        _NO_ROLE_CREDENTIALS,
    ),
)

# --- Reading the secret with registry credentials --------------------------------------------------------------

NO_WAY: Final = (
    r"i/o timeout|time-?out exceeded|(?:exceeded while )?awaiting headers|waiting for connection|timed out|timeout"
    r"|no such host|host not found|server misbehaving|name resolution|(?:could|does) not resolve"
    r"|connection (?:re(?:fused|set)|closed|aborted|attempt failed|issue)|no route to host|network is unreachable"
    r"|host is (?:down|unreachable)|tls handshake timeout|\beof\b|broken pipe|deadline exceeded"
    r"|(?:context|request) cancell?ed|requestcancell?ed|requesterror|closed network connection|forcibly closed"
    r"|proxyconnect|proxy authentication required|status407|dial tcp|http2: |stream error|goaway"
    r"|cannot assign requested address|bad record mac|failed to respond|network configuration"
)

SECRET_ROWS: Final[tuple[Row, ...]] = (
    (
        r"asm fetching (?:authorization data|username|password)|authorizationdata is malformed"
        r"|empty secrets value|unable to unmarshal secret value|empty response",
        Explanation(
            kind="value-malformed",
            sentence="The secret was read, but it does not hold a user name and a password.",
            how_to_fix=(
                'Store {"username": "...", "password": "..."} as the secret\'s text: aws secretsmanager '
                "put-secret-value --secret-id SECRET --secret-string file://credentials.json"
            ),
            checks=(
                "secret-value-malformed",
                "secret-value-empty-field",
                "secret-value-binary",
                "secret-value-key-case",
                "secret-type-unusable",
            ),
            source=f"{_AGENT}agent/asm/asm.go",
        ),
    ),
    (
        r"access to kms|kms key|kms service key|customer master key[^:]*|perform: <kms>|kms\w*exception|kmsaccessdenied"
        r"|decryptionfailure|can't decrypt|ciphertext|key is (?:disabled|pending|not)|pending (?:deletion|import)"
        r"|keyunavailable|disabledexception",
        Explanation(
            kind="decrypt-denied",
            sentence="The execution role may not decrypt the secret with registry credentials, or its key is unusable.",
            how_to_fix=(
                "Let the execution role kms:Decrypt with the secret's key, in the role's policy and in the key's "
                f"policy, and check the key's state. {_EXPLAIN}"
            ),
            checks=_DECRYPT_CHECKS,
            source=f"{_SECRETS_MANAGER}apireference/API_GetSecretValue.html",
        ),
    ),
    (
        r"accessdenied|not authorized to perform",
        Explanation(
            kind="credentials-denied",
            sentence="The execution role may not read the secret with registry credentials.",
            how_to_fix=f"Let the execution role secretsmanager:GetSecretValue on the secret. {_EXPLAIN}",
            checks=(*_ACCESS_CHECKS, *_DECRYPT_CHECKS),
            source=f"{_AGENT}agent/asm/asm.go",
        ),
    ),
    (
        r"marked (?:for deletion|(?:as )?deleted)|was deleted|scheduled for deletion",
        Explanation(
            kind="secret-deleted",
            sentence="The secret with registry credentials is scheduled for deletion.",
            how_to_fix="aws secretsmanager restore-secret --secret-id SECRET",
            checks=("secret-scheduled-for-deletion",),
            source=f"{_SECRETS_MANAGER}apireference/API_GetSecretValue.html",
        ),
    ),
    (
        r"resourcenotfound|can't find the specified secret",
        Explanation(
            kind="secret-not-found",
            sentence="The secret with registry credentials, or its current version, does not exist.",
            how_to_fix=(
                "Register a revision that names an existing secret by its full ARN, or store a value in the secret. "
                "pullguard explain TASK_DEFINITION shows which."
            ),
            checks=(
                "reference-stale",
                "reference-not-full-arn",
                "secret-not-found",
                "secret-no-current-version",
                "reference-malformed",
            ),
            source=f"{_SECRETS_MANAGER}apireference/API_GetSecretValue.html",
        ),
    ),
    (
        r"validationexception|invalidparameter|invalid (?:name|arn)",
        Explanation(
            kind="secret-not-found",
            sentence="The reference to the secret with registry credentials is not valid for Secrets Manager.",
            how_to_fix="Register a revision that names the secret by its full ARN, with nothing after it.",
            checks=("reference-malformed", "reference-not-full-arn", "secret-not-found"),
            source=f"{_SECRETS_MANAGER}apireference/API_GetSecretValue.html",
        ),
    ),
    (
        rf"{NO_WAY}|x509",
        Explanation(
            kind="secret-unreachable",
            sentence="The task could not reach Secrets Manager for the registry credentials: check its network.",
            how_to_fix=(
                "Give the task's subnets a way to Secrets Manager: a VPC endpoint with a security group that admits "
                "the task, a NAT gateway, or a public IP address."
            ),
            source=_START_ERRORS,
        ),
    ),
    (
        r"throttl\w*(?:: rate exceeded)?|rate exceeded|too many requests",
        Explanation(
            kind="secret-throttled",
            sentence="Secrets Manager had too many calls when the task asked for the registry credentials.",
            how_to_fix="Start fewer tasks at once, or poll Secrets Manager less. A service tries again by itself.",
            source=f"{_SECRETS_MANAGER}userguide/reference_limits.html",
        ),
    ),
    (r"nocredentialproviders|security token included in the request|expiredtoken", _NO_ROLE_CREDENTIALS),
)
SECRET_FAILED: Final = Explanation(
    kind="credentials-failed",
    sentence="The registry credentials could not be read; the text was cut, or its reason is not known to Pullguard.",
    how_to_fix=f"aws ecs describe-tasks shows the whole text. {_EXPLAIN}",
    checks=(
        "reference-stale",
        *_ACCESS_CHECKS,
        *_DECRYPT_CHECKS,
        "secret-scheduled-for-deletion",
        "secret-not-found",
    ),
    source=f"{_AGENT}agent/engine/docker_task_engine.go",
)

# --- The pull itself ---------------------------------------------------------------------------------------------

NO_CREDENTIALS: Final = Explanation(
    kind="no-credentials-used",
    sentence="The image was pulled without credentials, and the registry refused.",
    how_to_fix="Register a revision that names the registry's secret in repositoryCredentials.",
    checks=("credentials-missing", "registry-mismatch"),
    source="https://github.com/aws/containers-roadmap/issues/1658",
)
LOCKED_OUT: Final = Explanation(
    kind="locked-out",
    sentence="The registry refused after too many failed logins: wrong credentials are in use somewhere.",
    how_to_fix=(
        "Store credentials that the registry accepts (aws secretsmanager put-secret-value), stop whatever else logs in "
        "with the wrong ones, and wait until the registry ends the lock."
    ),
    checks=("credentials-rejected",),
    source="https://github.com/docker/hub-feedback/issues/2217",
)
ADDRESS_REFUSED: Final = Explanation(
    kind="address-refused",
    sentence="The registry's firewall refuses the task's address.",
    how_to_fix=(
        "Allow the address in the registry's firewall: for private subnets that of the NAT gateway. Other credentials "
        "do not help."
    ),
    checks=("registry-unreachable",),
    source="https://learn.microsoft.com/azure/container-registry/container-registry-access-selected-networks",
)
_REFUSED_OF_ADDRESS = (
    r"(?:not (?:allowed|permitted|authorized|white-?listed|in )|blocked|banned|denied|forbidden|restricted)"
)
ADDRESS_REFUSALS: Final = (
    r"client with ip|\b(?:ip(?: address)?|(?:client|remote|source) address) (?:\(?<>\)? )?(?:is |was |has been )?"
    rf"{_REFUSED_OF_ADDRESS}|not (?:in|on) (?:the |an )?(?:ip )?(?:allow|white)[- ]?list"
    r"|request (?:is |was |has been )?blocked(?! due)|you have been blocked"
    r"|ip (?:allow|white)[- ]?list|(?:allow|white)[- ]?list enabled, and <> is not permitted"
    r"|public network access|firewall rules?|blocked by (?:a |the )?firewall|vpcservicecontrols\w*"
    r"|prohibited by organization's policy"
)

_LOGIN = r"(?:log[- ]?(?:in|on)s?|sign[- ]?ins?|auth(?:entications?)?|passwords?|credentials?)"
_FAILED = r"(?:failed|failing|unsuccessful|incorrect|invalid|wrong|bad)"
_MANY = r"(?:too many|many|multiple|several|repeated(?:ly)?|recurr(?:ent|ing)|consecutive|successive|excessive)"
TOO_MANY_LOGINS: Final = (
    rf"too many (?:\w+ ){{0,3}}{_LOGIN} (?:attempts|failures|tries)"
    rf"|{_MANY} (?:\w+ ){{0,2}}{_FAILED} (?:\w+ ){{0,2}}{_LOGIN}\b(?: (?:attempts|tries))?"
    rf"|{_MANY} (?:\w+ ){{0,2}}{_LOGIN} failures"
    rf"|(?:maximum|max|allowed|permitted|exceed\w*) (?:\w+ ){{0,5}}{_LOGIN} (?:attempts|failures|tries)"
    rf"|{_LOGIN} (?:attempts?|failures) (?:\w+ ){{0,2}}(?:exceed\w*|limit|reached)"
    r"|(?:sign|signed|log|logged) in too many times|brute[- ]force"
    r"|locked out|account (?:is |has been |was )?(?:temporarily )?(?:locked|blocked)"
    r"|\b(?:account|user|log-?in|sign-?in|credentials?) (?:\S+ )?(?:is |are |was |has |have |been |currently ){0,3}"
    r"(?:locked|temporarily (?:locked|blocked|disabled|suspended))"
)
PULL_ROWS: Final[tuple[Row, ...]] = (
    (TOO_MANY_LOGINS, LOCKED_OUT),
    (ADDRESS_REFUSALS, ADDRESS_REFUSED),
    (
        r"unauthenticated requests?(?: do(?:es)? not have permission)?|no basic auth credentials"
        r"|failed to fetch anonymous token",
        NO_CREDENTIALS,
    ),
    (
        r"pull access denied(?: for <>)?(?:,? repository does not exist)?|(?<!permission )\bdenied"
        r"|does not exist or (?:may require[^:]*|no pull access)|status40[13]|unauthorized|forbidden|not authorized"
        r"|authentication (?:is )?required|authorization failed|authentication failed|insufficient[_ ]scope"
        r"|(?:incorrect|invalid|bad|wrong) (?:username|user|password|credentials?|token)|login required"
        r"|(?:token|credentials?|password) (?:has |have |is |are )?(?:been )?(?:expired|invalid|revoked)",
        Explanation(
            kind="pull-denied",
            sentence="The registry refused the pull: wrong credentials, none, or no such repository.",
            how_to_fix=(
                "Store credentials that the registry accepts in the secret that the task definition names, and check "
                "that they may read this repository. pullguard explain TASK_DEFINITION --live-registry asks the "
                "registry."
            ),
            checks=_PULL_CHECKS,
        ),
    ),
    (
        r"manifest[_ ]unknown|name[_ ]unknown|blob[_ ]unknown|not known to registry|no such image|status404|not found"
        r"|does not exist(?! or )",
        Explanation(
            kind="image-not-found",
            sentence="The registry has no such image.",
            how_to_fix="Push the image, or register a revision that names a repository, tag or digest that exists.",
            checks=("image-not-found", "registry-mismatch"),
        ),
    ),
    (
        r"descriptor (?:matching|for) platform|matching manifest for|match for platform|for architecture"
        r"|does not match the[^:]* (?:platform|operating system)|no unpack platforms?"
        r"|cannot be used on this platform|operating system is not supported|cannot download \w+ image on"
        r"|incompatible with (?:a|the) <> host"
        r"|unsupported (?:platform|os\b|operating system|architecture)|(?:platform|architecture) mismatch"
        r"|(?:platform|architecture)(?: <>)? (?:is )?not supported|no (?:image|manifest|child) [^:]{0,40}platform",
        Explanation(
            kind="platform-mismatch",
            sentence="The image has no variant for the task's operating system and CPU.",
            how_to_fix=(
                "Build the image for the task's platform (docker buildx build --platform linux/amd64,linux/arm64), or "
                "set runtimePlatform in the task definition to one that the image has."
            ),
        ),
    ),
    (
        r"schema ?(?:version ?)?1\b|image format v1|deprecation notice|mismatched image rootfs(?: and manifest layers)?"
        r"|(?:no longer |not |un)supported (?:manifest|(?:\w+ )?media[- ]?type|schema|compression|image|layer)"
        r"|media[- ]?type [^:]{0,80}(?:not supported|no longer supported|unsupported)"
        r"|(?:unexpected|unknown|unrecogni[sz]ed|invalid) (?:\w+ )?(?:media[- ]?type|compression)(?: type| format)?"
        r"|no (?:\w+ ){0,2}(?:processor|handler|unpacker|decompressor|decoder|differ|applier)s? for "
        r"(?:media[- ]?type|<>)"
        r"|failed to get (?:stream )?processor"
        r"|media[- ]?type in manifest should be|<> (?:is )?not supported|not implemented: media[- ]?type|no signatures"
        r"|unknown image config|manifest[_ ]invalid|invalid manifest|invalid tar header|invalid rootfs|: unsupported$"
        r"|missing signature key|encountered remote",
        Explanation(
            kind="image-unsupported",
            sentence="The image has a manifest type or schema that the task's container runtime does not support.",
            how_to_fix="Build and push the image again with a current builder (Docker schema 2 or OCI).",
        ),
    ),
    (
        r"invalid reference(?: format[^:]*)?|invalid (?:repository|image|tag)(?: name| format)?"
        r"|repository name must be[^:]*"
        r"|(?:could not|failed to|unable to) parse (?:the )?(?:image|reference)"
        r"|(?:invalid|unsupported) (?:checksum )?digest"
        r"|not a valid (?:repository|image|reference)|object required",
        Explanation(
            kind="invalid-reference",
            sentence="The image's name is not a valid reference.",
            how_to_fix=(
                "Register a revision with a valid image: HOST/REPOSITORY:TAG in lower case, without https://, spaces "
                "or a placeholder that was not replaced."
            ),
        ),
    ),
    (
        r"x509(?:: [^:]*)?|certificate (?:signed by|has expired|is not|is valid for|verif\w+ failed|relies on|required)"
        r"|unknown authority|self[- ]signed certificate|http response to https client|http request to an https server"
        r"|tls: (?!bad rec)(?:protocol version not supported|[a-z ]*)"  # a bad record MAC is corruption on the way
        r"|malformed http response|ssl (?:error|handshake|certificate)",
        Explanation(
            kind="tls-failed",
            sentence="The registry's TLS certificate is not trusted or has expired, or the registry speaks plain HTTP.",
            how_to_fix=(
                "Give the registry a certificate of a public authority that is valid for its name. On Fargate a "
                "private authority cannot be added; on EC2 it belongs in /etc/docker/certs.d/HOST/. Other credentials "
                "do not help."
            ),
        ),
    ),
    (
        r"no space left on device|not enough (?:free )?(?:disk )?space|insufficient (?:disk )?space|disk quota exceeded"
        r"|thin pool has"
        r"|disk (?:is )?full|enospc",
        Explanation(
            kind="disk-full",
            sentence="There was no space left for the image.",
            how_to_fix=(
                "On Fargate set ephemeralStorage (21 to 200 GiB) in the task definition; on EC2 enlarge the instance's "
                "volume or remove unused images. A smaller image helps on both."
            ),
        ),
    ),
    (
        r"toomanyrequests|too many requests|status429|rate[- ]?limit|rate exceeded|(?<!disk )quota exceeded[^:]*",
        Explanation(
            kind="rate-limited",
            sentence="The registry refused because of too many pulls.",
            how_to_fix=(
                "Pull with credentials of an account with a higher limit, or through a cache (Amazon ECR pull through "
                "cache). Otherwise wait."
            ),
            checks=("registry-rate-limited", "credentials-missing"),
        ),
    ),
    (
        r"status5\d\d|internal server error|bad gateway|service (?:is )?(?:temporarily )?unavailable|gateway time-?out",
        Explanation(
            kind="registry-error",
            sentence="The registry, or its token service, answered with an error of its own (5xx).",
            how_to_fix="Check the registry's status page and wait, or pull from a copy of the image elsewhere.",
            checks=("registry-unreachable",),
        ),
    ),
    (
        rf"{NO_WAY}|inactivity time exceeded(?: timeout)?|registry endpoint|could not transition to pulled"
        r"|\b(?:get|head|post) <>: (?:forbidden|proxy authentication required)$",  # a proxy that refuses CONNECT
        Explanation(
            kind="registry-unreachable",
            sentence="The task could not reach the registry: check its network.",
            how_to_fix=(
                "Give the task's subnets a way to the registry (a NAT gateway, or a public IP address), and check "
                "security groups, DNS and proxies. Other credentials do not help."
            ),
            checks=("registry-unreachable",),
        ),
    ),
)
_PULL_FAILED = Explanation(
    kind="pull-failed",
    sentence="The image could not be pulled; the text was cut, or its reason is not known to Pullguard.",
    how_to_fix="aws ecs describe-tasks shows the whole text. pullguard explain TASK_DEFINITION checks the credentials.",
    checks=_PULL_CHECKS,
)
# Faults of the host that runs a pull. Their words also occur in registries' answers.
HOST_ROWS: Final[tuple[Row, ...]] = (
    (
        r"permission denied|operation not permitted|read-only file system|docker daemon running\??|dial unix.*"
        r"|verification failed|size validation|unexpected commit digest|executable file not found.*"
        r"|getting credentials|cannot be mapped",
        _PULL_FAILED,
    ),
)
PULL_FAILED: Final = _PULL_FAILED

# --- Unclear, and out of scope -----------------------------------------------------------------------------------

UNCLEAR: Final = Explanation(
    kind="unclear",
    sentence="Registry credentials or another secret could not be read; the text does not say which.",
    how_to_fix=f"aws ecs describe-tasks shows the whole text. {_EXPLAIN}",
    checks=("reference-stale", *_ACCESS_CHECKS, *_DECRYPT_CHECKS),
    source=_START_ERRORS,
)
ECR: Final = Explanation(
    kind="ecr-authorization",
    sentence="The image is in Amazon ECR, which does not use repositoryCredentials.",
    how_to_fix=(
        "Check the execution role's ecr: permissions, the repository's policy, and the task's way to Amazon ECR and "
        "Amazon S3."
    ),
    is_registry_related=False,
)
SECRET_INJECTION: Final = Explanation(
    kind="secret-injection",
    sentence="A secret of secrets[].valueFrom could not be read; these are not registry credentials.",
    how_to_fix="Check the secret that secrets[] names, the execution role's right to it, and the task's network.",
    source=_START_ERRORS,
    is_registry_related=False,
)
SERVICE_ROWS: Final[tuple[Row, ...]] = (
    (
        r"missing an attribute",
        Explanation(
            kind="unknown",
            sentence=(
                "ECS found no container instance with all that the task definition requires. Registry credentials "
                "require a container agent of version 1.19.0 or later; other requirements are not Pullguard's."
            ),
            how_to_fix=(
                "Update the container agent (aws ecs update-container-agent), or use a current ECS-optimized AMI."
            ),
            checks=("container-agent-too-old",),
            source=_SERVICE_EVENTS,
            is_registry_related=False,
        ),
    ),
    (
        r"unable to place a task",
        Explanation(
            kind="unknown",
            sentence="ECS found no place for the task; that is not about pulling its image.",
            how_to_fix="Check the capacity, the placement constraints and the agents of the cluster's instances.",
            source=_SERVICE_EVENTS,
            is_registry_related=False,
        ),
    ),
    (
        r"unable to consistently start tasks|tasks? failed to start",
        Explanation(
            kind="unknown",
            sentence="Tasks fail to start; this text does not say why, the stopped tasks' own reasons do.",
            how_to_fix=(
                "aws ecs list-tasks --cluster CLUSTER --desired-status STOPPED, then aws ecs describe-tasks; give its "
                "output to pullguard diagnose -."
            ),
            source=_SERVICE_EVENTS,
            is_registry_related=False,
        ),
    ),
)
UNKNOWN: Final = Explanation(
    kind="unknown",
    sentence="This is not a text that Pullguard knows.",
    how_to_fix=(
        "If the task could not pull its image, pullguard explain TASK_DEFINITION checks the registry credentials."
    ),
    source=f"{_DOCS}stopped-task-error-codes.html",
    is_registry_related=False,
)
