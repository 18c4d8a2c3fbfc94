"""Texts of stopped tasks, by what they mean.

Their forms come from the ECS agent (agent/asm, agent/api/errormessages, agent/dockerclient), from Docker, containerd
and registries as quoted in public issues, and from the ECS Developer Guide. Names in them are invented.
"""

_ASM = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable "
    "to get registry auth from asm: service call has been retried 1 time(s): asm fetching secret from the service for "
    "arn:aws:secretsmanager:us-east-1:111122223333:secret:registry/ghcr-AbCdEf: "
)
_AGENT_ASM = "asm fetching secret from the service for registry/ghcr: "
_SECRETS = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable "
    "to retrieve secret from asm: service call has been retried 5 time(s): failed to fetch secret "
    "arn:aws:secretsmanager:us-east-1:111122223333:secret:app-AbCdEf from secrets manager: "
)
_DENIED = (
    "AccessDeniedException: User: arn:aws:sts::111122223333:assumed-role/web-execution/0a1b2c is not authorized to "
    "perform: "
)
_RESOLVE = "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref "
_DAEMON = "CannotPullContainerError: Error response from daemon: "
_ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"

TEXTS: dict[str, tuple[str, ...]] = {
    "value-malformed": (
        "asm fetching authorization data: empty response",
        "asm fetching authorization data: empty secrets value",
        "asm fetching authorization data: unable to unmarshal secret value, invalid schema",
        "asm fetching username: AuthorizationData is malformed, empty field",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to get registry auth from asm: service call has been retried 1 time(s): asm fetching password: "
        "AuthorizationData is malformed, empty field",
    ),
    "credentials-denied": (
        f"{_ASM}{_DENIED}secretsmanager:GetSecretValue on resource: registry/ghcr because no identity-based policy "
        "allows the secretsmanager:GetSecretValue action status code: 400, request id: 3c9f1d9e-4031-4401-8f2a-1",
        f"{_AGENT_ASM}{_DENIED}secretsmanager:GetSecretValue on resource: registry/ghcr",
        f"Asm fetching secret from the service for registry/ghcr: {_DENIED}secretsmanager:GetSecretValue",
        f"{_ASM}{_DENIED}secretsmanager:GetSecretValue on resource: registry/ghcr with an explicit deny in a "
        "resource-based policy",
        f"{_ASM}operation error Secrets Manager: GetSecretValue, https response error StatusCode: 400, RequestID: "
        f"3c9f1d9e, api error {_DENIED}secretsmanager:GetSecretValue on resource: x because no permissions boundary "
        "allows the secretsmanager:GetSecretValue action",
        "ResourceInitializationError: unable to pull secrets or registry auth: unable to get registry auth from asm: "
        "There is a connection issue between the task and AWS Secrets Manager. Check your task network configuration. "
        f"{_AGENT_ASM}{_DENIED}secretsmanager:GetSecretValue",
    ),
    "decrypt-denied": (
        f"{_ASM}AccessDeniedException: Access to KMS is not allowed status code: 400, request id: a87a66d9",
        f"{_ASM}{_DENIED}kms:Decrypt on resource: arn:aws:kms:us-east-1:111122223333:key/0a because no resource-based "
        "policy allows the kms:Decrypt action",
        f"{_AGENT_ASM}AccessDeniedException: The ciphertext refers to a customer master key that does not exist, does "
        "not exist in this region, or you are not allowed to access.",
        f"{_AGENT_ASM}DecryptionFailure: Secrets Manager can\u2019t decrypt the protected secret text using the "
        "provided KMS key.",
        f"{_AGENT_ASM}InvalidRequestException: You can't access a secret from a different AWS account if you encrypt "
        "the secret with the default KMS service key.",
        f"{_AGENT_ASM}KMSInvalidStateException: arn:aws:kms:us-east-1:111122223333:key/0a is pending deletion.",
    ),
    "secret-not-found": (
        f"{_ASM}ResourceNotFoundException: Secrets Manager can\u2019t find the specified secret.",
        f"{_AGENT_ASM}ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging "
        "label: AWSCURRENT",
        f"{_AGENT_ASM}ValidationException: Invalid name. Must be a valid name containing alphanumeric characters",
        f"{_AGENT_ASM}InvalidParameterException: The ARN is in an invalid format",
    ),
    "secret-deleted": (
        f"{_ASM}InvalidRequestException: You can't perform this operation on the secret because it was marked for "
        "deletion.",
        f"{_AGENT_ASM}InvalidRequestException: You can't perform this operation on the secret because it was deleted.",
    ),
    "secret-unreachable": (
        f"{_ASM}RequestCanceled: request context canceled caused by: context deadline exceeded",
        f"{_ASM}RequestError: send request failed caused by: Post https://secretsmanager.us-east-1.amazonaws.com/: "
        "dial tcp 203.0.113.7:443: i/o timeout",
        f"{_ASM}operation error Secrets Manager: GetSecretValue, https response error StatusCode: 0, RequestID: , "
        "canceled, context deadline exceeded",
        "ResourceInitializationError: unable to pull secrets or registry auth: unable to get registry auth from asm: "
        "There is a connection issue between the task and AWS Secrets Manager. Check your task network configuration.",
        f'{_AGENT_ASM}RequestError: send request failed caused by: Post "https://secretsmanager.us-east-1.amazonaws.com'
        '/": dial tcp: lookup secretsmanager.us-east-1.amazonaws.com on 10.0.0.2:53: no such host',
        f'{_AGENT_ASM}RequestError: send request failed caused by: Post "https://secretsmanager.us-east-1.amazonaws.com'
        '/": x509: certificate signed by unknown authority',
    ),
    "secret-throttled": (
        f"{_ASM}ThrottlingException: Rate exceeded status code: 400, request id: 3c9f1d9e",
        f"{_AGENT_ASM}ThrottlingException: Too Many Requests",
    ),
    "role-credentials": (
        "asm resource: unable to find execution role credentials",
        "unable to create ASM client: no region",
        "ECS was unable to assume the role 'arn:aws:iam::111122223333:role/web-execution' that was provided for this "
        "task. Please verify that the role being passed has the proper trust relationship and permissions and that "
        "your IAM user has permissions to pass this role.",
        "(service web) failed to launch a task with (error ECS was unable to assume the role "
        "'arn:aws:iam::111122223333:role/web-execution' that was provided for this task.).",
        f"{_AGENT_ASM}ExpiredTokenException: The security token included in the request is expired",
    ),
    "credentials-failed": (
        _ASM[:255],
        f"{_ASM}AccessDeni",
        "CannotPullContainerAuthError: something",
        "CannotPullContainerAuthError: engine docker private registry credentials: not found",
        "CannotPullContainerError: dockerauth: missing container's registry auth data",
    ),
    "no-credentials-used": (
        'CannotPullContainerError: inspect image has been retried 1 time(s): failed to resolve ref "ghcr.io/acme/web:1"'
        ": failed to authorize: failed to fetch anonymous token",
        f"{_RESOLVE}ghcr.io/acme/web:1: failed to authorize: failed to fetch anonymous token: unexpected status from "
        "GET request to https://ghcr.io/token?scope=repository%3Aacme%2Fweb%3Apull&service=ghcr.io: 403 Forbidden",
        f"{_DAEMON}Get https://registry.example.com/v2/acme/web/manifests/1: no basic auth credentials",
        f'{_DAEMON}Head "https://europe-docker.pkg.dev/v2/acme/web/app/manifests/1": denied: Unauthenticated request. '
        'Unauthenticated requests do not have permission "artifactregistry.repositories.downloadArtifacts" on resource '
        '"projects/acme/locations/europe/repositories/web" (or it may not exist)',
    ),
    "locked-out": (
        f"{_DAEMON}Get https://registry-1.docker.io/v2/: toomanyrequests: too many failed login attempts for username "
        "or IP address",
        f"{_RESOLVE}docker.io/acme/web:1: failed to authorize: failed to fetch oauth token: unexpected status from GET "
        "request to https://auth.docker.io/token: 429 Too Many Requests: toomanyrequests: too many failed login "
        "attempts for username or IP address",
        f"{_DAEMON}Login: Too many failed login attempts. You have been locked out for one hour. Try again later or "
        "contact support. (Code: 429; Headers: map[Content-Type:[application/json]])",
        f'{_DAEMON}Get "https://acme.jfrog.example/v2/": unauthorized: This request is blocked due to recurrent login '
        "failures, please try again in 3 seconds",
        f'{_DAEMON}Get "https://quay.io/v2/": unauthorized: Too many login attempts have been made. Please reset your '
        "password.",
    ),
    "address-refused": (
        f"{_DAEMON}Head \"https://acme.azurecr.io/v2/web/manifests/1\": denied: client with IP '203.0.113.9' is not "
        "allowed access. Refer https://aka.ms/acr/firewall to grant access.",
        f"{_RESOLVE}acme.azurecr.io/web:1: failed to authorize: failed to fetch oauth token: unexpected status from "
        "GET request to https://acme.azurecr.io/oauth2/token: 403 Forbidden: denied: client with IP 203.0.113.9 is not "
        "allowed access",
        f'{_DAEMON}Head "https://ghcr.io/v2/acme/web/manifests/1": denied: Although you appear to have the correct '
        "authorization credentials, the `acme` organization has an IP allow list enabled, and 203.0.113.9 is not "
        "permitted to access this resource.",
    ),
    "pull-denied": (
        "CannotPullContainerError: The task can\u2019t pull the image. Check whether the image exists. Error response "
        "from daemon: pull access denied for acme/web, repository does not exist or may require 'docker login': "
        "denied: requested access to the resource is denied",
        "CannotPullContainerError: Error response from daemon: pull access denied for acme/web, repository does not "
        "exist",
        f"{_RESOLVE}docker.io/acme/web:1: pull access denied, repository does not exist or may require authorization: "
        "server message: insufficient_scope: authorization failed",
        "Error: image acme/web: requested access to the resource is denied unauthorized: authentication required",
        "CannotPullContainerError: API error (404): repository acme/web not found: does not exist or no pull access",
        f'{_DAEMON}Head "https://ghcr.io/v2/acme/web/manifests/1": denied: denied',
        f'{_DAEMON}Head "https://ghcr.io/v2/acme/web/manifests/1": denied',
        f'{_DAEMON}Head "https://ghcr.io/v2/acme/web/manifests/1": denied: permission_denied: read_package',
        f"{_DAEMON}error parsing HTTP 403 response body: invalid character '<' looking for beginning of value: "
        '"<html><head><title>403 Forbidden</title></head></html>"',
        f"{_RESOLVE}ghcr.io/acme/web:1: failed to authorize: failed to fetch oauth token: unexpected status: 401 "
        "Unauthorized",
        f"{_RESOLVE}nexus.example.com:8083/acme/web:1: unexpected status from HEAD request to "
        "https://nexus.example.com:8083/v2/acme/web/manifests/1: 401 Unauthorized",
        f"{_DAEMON}Get https://registry.gitlab.com/v2/acme/web/manifests/1: denied: access forbidden",
        f'{_DAEMON}Get "https://harbor.example.com/v2/library/web/manifests/1": unauthorized: unauthorized to access '
        "repository: library/web, action: pull: unauthorized to access repository: library/web, action: pull",
        f'{_DAEMON}Get "https://quay.io/v2/acme/web/manifests/1": unauthorized: access to the requested resource is '
        "not authorized",
        f"{_DAEMON}unauthorized: your account must log in with a Personal Access Token (PAT) - learn more at "
        "docs.docker.com/go/access-tokens",
        "CannotPullImageManifestError: Error response from daemon: errors:\ndenied: requested access to the resource "
        "is denied\nunauthorized: authentication required\n",
        'CannotPullContainerError: {"errors":[{"code":"DENIED","message":"requested access to the resource"}]}',
        "CannotPullContainerError: unable to retrieve auth token: invalid username/password",
        'CannotPullContainerError: \\"https://ghcr.io/v2/acme/web/manifests/1\\": unauthorized',
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
        "artifactory.example.com/public.ecr.aws/nginx/nginx:1: pulling from host artifactory.example.com failed with "
        "status code [manifests 1]: 401 Unauthorized",
        "CannotPullContainerError: Error response from daemon: pull access denied for ecr, repository does not exist "
        "or may require 'docker login'",
        f'{_DAEMON}Head "https://registry.example.com/v2/ecr/manifests/latest": unauthorized',
        "(service web) was unable to place a task. Reason: CannotPullContainerError: pull image manifest has been "
        "retried 7 time(s): failed to resolve ref docker.io/acme/web:1: pull access denied, repository does not exist "
        "or may require authorization: server message: insufficient_scope: authorization failed.",
    ),
    "image-not-found": (
        "CannotPullContainerError: failed to resolve ref ghcr.io/acme/web:9: ghcr.io/acme/web:9: not found",
        f"{_DAEMON}manifest for ghcr.io/acme/web:9 not found: manifest unknown: manifest unknown",
        f"{_DAEMON}manifest for acme/web:9 not found",
        "CannotPullContainerError: Error: image acme/web:9 not found",
        "CannotPullContainerError: Tag latest not found in repository docker.io/library/owncloud",
        f"{_DAEMON}received unexpected HTTP status: 404 Not Found",
        f'{_DAEMON}Get "https://harbor.example.com/v2/acme/web/manifests/1": unknown: repository acme/web not found',
        f"{_DAEMON}name unknown: repository name not known to registry",
    ),
    "platform-mismatch": (
        "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain "
        "descriptor matching platform 'linux/amd64'.",
        "CannotPullContainerError: failed to find a descriptor for platform {linux/amd64}",
        f"{_DAEMON}no matching manifest for linux/arm64/v8 in the manifest list entries",
        f"{_DAEMON}no matching manifest for windows/amd64 10.0.17763 in the manifest list entries",
        f'{_DAEMON}image operating system "windows" cannot be used on this platform: operating system is not supported',
        f"{_DAEMON}a Windows version 10.0.20348-based image is incompatible with a 10.0.17763 host",
        'CannotPullContainerError: failed to pull and unpack image "ghcr.io/acme/web:1": no match for platform in '
        "manifest: not found",
    ),
    "image-unsupported": (
        f"{_DAEMON}[DEPRECATION NOTICE] Docker Image Format v1 and Docker Image manifest version 2, schema 1 support "
        "is disabled by default and will be removed in an upcoming release. Suggest the author of "
        "docker.io/acme/web:1 to upgrade the image to the OCI Format or Docker Image manifest v2, schema 2.",
        f'{_DAEMON}not implemented: media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no '
        "longer supported since containerd v2.1, please rebuild the image as "
        '"application/vnd.docker.distribution.manifest.v2+json" or "application/vnd.oci.image.manifest.v1+json"',
        f"{_DAEMON}application/vnd.docker.distribution.manifest.v1+prettyjws not supported",
        f"{_DAEMON}mediaType in manifest should be 'application/vnd.docker.distribution.manifest.v2+json' not "
        "'application/vnd.oci.image.manifest.v1+json'",
        "CannotPullContainerError: unsupported manifest media type and no default available: "
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    ),
    "invalid-reference": (
        f"{_DAEMON}invalid reference format",
        f"{_DAEMON}invalid reference format: repository name must be lowercase",
        'CannotPullContainerError: failed to parse reference "https://ghcr.io/acme/web": invalid reference format',
    ),
    "tls-failed": (
        f"{_DAEMON}Get https://registry.example.com/v2/: x509: certificate signed by unknown authority",
        f'{_DAEMON}Get "https://registry.example.com/v2/": tls: failed to verify certificate: x509: certificate has '
        "expired or is not yet valid: current time 2026-01-01T00:00:00Z is after 2025-12-01T00:00:00Z",
        f'{_DAEMON}Get "https://registry.example.com/v2/": x509: certificate is valid for example.com, not '
        "registry.example.com",
        f'{_DAEMON}Get "https://nexus.example.com:8083/v2/": http: server gave HTTP response to HTTPS client',
        f"{_RESOLVE}registry.example.com/acme/web:1: failed to do request: Head "
        '"https://registry.example.com/v2/acme/web/manifests/1": tls: failed to verify certificate: x509: certificate '
        "signed by unknown authority",
        f'{_DAEMON}Get "https://registry.example.com/v2/": remote error: tls: handshake failure',
        f'{_DAEMON}Get "https://registry.example.com/v2/": tls: first record does not look like a TLS handshake',
        f"{_RESOLVE}registry.example.com/acme/web:1: failed to authorize: failed to fetch oauth token: Post "
        '"https://auth.example.com/token": x509: certificate relies on legacy Common Name field, use SANs instead',
    ),
    "disk-full": (
        "CannotPullContainerError: failed to register layer: Error processing tar file(exit status 1): write "
        "/usr/lib/libx.so: no space left on device",
        "CannotPullContainerError: ref pull has been retried 1 time(s): failed to extract layer sha256:0a1b: mount "
        "callback failed on /var/lib/containerd/tmpmounts/1: write /denied: no space left on device: unknown",
        f"{_DAEMON}write /var/lib/docker/tmp/GetImageBlob401: no space left on device",
        "CannotPullContainerError: failed to register layer: re-exec error: exit status 1: output: There is not enough "
        "space on the disk.",
    ),
    "rate-limited": (
        "CannotPullContainerError: inspect image has been retried 5 time(s): httpReadSeeker: failed open: unexpected "
        "status code https://registry-1.docker.io/v2/acme/web/manifests/sha256:2d964e: 429 Too Many Requests - Server "
        "message: toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating "
        "and upgrading: https://www.docker.com/increase-rate-limit",
        f"{_DAEMON}toomanyrequests: You have reached your unauthenticated pull rate limit.",
        f"{_RESOLVE}docker.io/acme/web:1: failed to authorize: failed to fetch anonymous token: unexpected status from "
        "GET request to https://auth.docker.io/token: 429 Too Many Requests",
        "CannotPullContainerError: toomanyrequests: Rate exceeded",
        f'{_DAEMON}Head "https://quay.io/v2/acme/web/manifests/1": Too many requests from your IP address',
    ),
    "registry-error": (
        f"{_RESOLVE}ghcr.io/acme/web:1: unexpected status from HEAD request to https://ghcr.io/v2/acme/web/manifests/1"
        ": 503 Service Unavailable",
        f"{_RESOLVE}docker.io/acme/web:1: failed to authorize: failed to fetch anonymous token: unexpected status from "
        "GET request to https://auth.docker.io/token: 503 Service Unavailable",
        f"{_DAEMON}received unexpected HTTP status: 500 Internal Server Error",
        f"{_DAEMON}error parsing HTTP 502 response body: invalid character '<' looking for beginning of value",
        "CannotPullContainerError: ref pull has been retried 1 time(s): failed to copy: httpReadSeeker: failed open: "
        "unexpected status code https://registry.example.com/v2/acme/web/blobs/sha256:0a: 504 Gateway Timeout",
        f"{_RESOLVE}registry.example.com/acme/web:1: pulling from host registry.example.com failed with status code "
        "[manifests 1]: 500 Internal Server Error",
    ),
    "registry-unreachable": (
        f'{_RESOLVE}docker.io/acme/web:1: failed to do request: Head "https://registry-1.docker.io/v2/acme/web/manifests'
        '/1": dial tcp 203.0.113.7:443: i/o timeout',
        f"{_RESOLVE}docker.io/acme/web:1: failed to authorize: failed to fetch anonymous token: Get "
        '"https://auth.docker.io/token?scope=repository%3Aacme%2Fweb%3Apull": dial tcp 203.0.113.7:443: i/o timeout',
        f"{_RESOLVE}ghcr.io/acme/web:1: failed to authorize: failed to fetch oauth token: Post "
        '"https://ghcr.io/token": dial tcp: lookup ghcr.io on 10.0.0.2:53: read udp 10.0.0.9:4242->10.0.0.2:53: i/o '
        "timeout",
        f'{_DAEMON}Get "https://registry.example.com/v2/": dial tcp: lookup registry.example.com on 10.0.0.2:53: no '
        "such host",
        f"{_DAEMON}Get https://registry.example.com/v2/: dial tcp 10.1.2.3:443: connect: connection refused",
        f"{_DAEMON}Get https://registry.example.com/v2/: net/http: TLS handshake timeout",
        f'{_DAEMON}Get "https://registry.example.com/v2/": EOF',
        "CannotPullContainerError: ref pull has been retried 1 time(s): failed to copy: httpReadSeeker: failed open: "
        'failed to do request: Get "https://registry.example.com/v2/blobs": read tcp 10.0.0.9:4242->10.0.0.2:443: '
        "read: connection reset by peer",
        f'{_DAEMON}Get "https://registry-1.docker.io/v2/": proxyconnect tcp: dial tcp 10.0.0.3:3128: connect: '
        "connection timed out",
        f'{_DAEMON}Get "https://registry-1.docker.io/v2/": Proxy Authentication Required',
        f'{_DAEMON}Get "https://registry-1.docker.io/v2/": Forbidden',
        "CannotPullContainerError: The task can\u2019t pull the image. Check your network configuration. Error "
        "response from daemon: Get https://registry-1.docker.io/v2/: net/http: request canceled while waiting for "
        "connection (Client.Timeout exceeded while awaiting headers)",
        "CannotPullContainerError: context canceled",
        "CannotPullContainerError: inactivity time exceeded timeout while pulling image",
        "CannotPullContainerError: Could not reach any registry endpoint",
        "CannotPullContainerError: API error (500): Get https://registry.example.com/v2/: net/http: request canceled "
        "while waiting for connection",
    ),
    "pull-failed": (
        "CannotPullContainerError: ref pull has been retried 5 time(s): boom",
        "CannotPullContainerError: inspect image has been retried 5 time(s): httpReaderSeeker: failed open: unexpected "
        "status code https://registry-1.docker.io/v2/acme/web/manifests/sha256:2d964e1dbe7a8c9f03f4...",
        "CannotPullContainerError: failed to register layer: open /etc/shadow: permission denied",
        "CannotPullContainerError: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker "
        "daemon running?",
        'CannotPullContainerError: failed commit on ref "manifest-sha256:0a": commit failed: unexpected commit digest '
        "sha256:0b, expected sha256:0a: failed precondition",
        f"{_RESOLVE}registry.example.com/acme/web:1: failed to authorize: failed to fetch oauth token: unexpected "
        "status: 404 Not Found",
    ),
    "unclear": (
        "ResourceInitializationError: unable to pull secrets or registry auth: pull command failed: : signal: killed",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to",
    ),
    "ecr-authorization": (
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send request "
        "failed caused by: Post https://api.ecr.us-east-1.amazonaws.com/: dial tcp 203.0.113.7:443: i/o timeout",
        "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from "
        "Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network "
        "configuration.",
        "CannotPullContainerError: The task can\u2019t pull the image. Check that the role has the permissions to pull "
        f"images from the registry. Error response from daemon: pull access denied for {_ECR}/web, repository does not "
        "exist or may require 'docker login': denied: User: arn:aws:sts::111122223333:assumed-role/web/1 is not "
        f"authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:us-east-1:111122223333:repository/web",
        "CannotPullECRContainerError: The task can\u2019t pull the image. Check your network configuration. "
        'RequestError: send request failed caused by: Post "https://api.ecr.us-east-1.amazonaws.com/": net/http: '
        "request canceled",
        f"CannotPullContainerError: API error (404): repository {_ECR}/web not found",
        f"{_DAEMON}manifest for {_ECR}/web:9 not found: manifest unknown: Requested image not found",
        f'{_RESOLVE}"{_ECR}/web:1": failed to do request: Head "https://{_ECR}/v2/web/manifests/1": dial tcp '
        "10.0.3.17:443: i/o timeout",
        f"{_DAEMON}Get https://{_ECR}/v2/: net/http: request canceled while waiting for connection",
        f"{_DAEMON}Get https://{_ECR}/v2/web/manifests/1: no basic auth credentials",
        "CannotPullContainerError: name unknown: The repository with name 'web' does not exist in the registry with id "
        "'111122223333'",
        f"{_RESOLVE}public.ecr.aws/acme/web:1: public.ecr.aws/acme/web:1: not found",
        "CannotPullContainerError: ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: failed open: "
        "failed to do request: Get "
        '"https://prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com/0a": dial tcp 203.0.113.7:443: i/o '
        "timeout",
    ),
    "secret-injection": (
        f"{_SECRETS}{_DENIED}secretsmanager:GetSecretValue on resource: app",
        f"{_SECRETS}AccessDeniedException: Access to KMS is not allowed",
        f"{_SECRETS}RequestCanceled: request context canceled caused by: context deadline exceeded. Please check your "
        "task network configuration.",
        "ResourceNotFoundException: The task can\u2019t retrieve the secret with ARN "
        "'arn:aws:secretsmanager:us-east-1:111122223333:secret:app' from AWS Secrets Manager. Check whether the secret "
        "exists in the specified Region",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to retrieve secrets from ssm: service call has been retried 1 time(s): AccessDeniedException: User: x",
        "fetching secret data from SSM Parameter Store in us-east-1: invalid parameters: /app/denied",
    ),
    "unknown": (
        "Essential container in task exited",
        "Task failed to start",
        "",
        "...",
        "Scaling activity initiated by (deployment ecs-svc/1234567890123456789)",
        "OutOfMemoryError: Container killed due to memory usage",
        "AccessDeniedException: not authorized to perform: logs:CreateLogStream",
        "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create "
        "Cloudwatch log stream: RequestError: send request failed caused by: Post https://logs.us-east-1.amazonaws.com/"
        ": dial tcp 203.0.113.7:443: i/o timeout",
        "CannotCreateContainerError: Error response from daemon: no space left on device",
        "ResourceInitializationError: failed to download env files: file download command: non empty error stream: "
        "RequestCanceled: request context canceled",
        "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:us-east-1:111122223333:x)",
        "(service web) was unable to place a task because no container instance met all of its requirements. The "
        "closest matching (container-instance 0a) is missing an attribute required by your task.",
        "(service web) was unable to place a task because no container instance met all of its requirements. The "
        "closest matching (container-instance 0a) has insufficient memory available.",
        "(service web) is unable to consistently start tasks successfully. For more information, see the "
        "Troubleshooting section of the Amazon ECS Developer Guide.",
        "service web is unable to consistently start tasks successfully.",
    ),
}
