"""Worlds in which the reference is wrong, and ones in which it only looks odd."""

from dataclasses import replace
from typing import Any, Literal

from sandbox.world import Role, Secret, World
from sandbox.worlds.catalogue.parts import (
    CREDENTIALS,
    IMAGE,
    OPTED_IN,
    READ,
    ROLE,
    SECRET,
    THE_SECRET,
    WITHOUT_CREDENTIALS,
    allow,
    document,
    healthy,
    naming,
    task_definition,
)
from sandbox.worlds.catalogue.scene import Answers, Call, Case, Scene

HEALTHY = Scene(world=healthy())
PARTIAL, STALE = f"${{partial:{SECRET}}}", f"${{stale:{SECRET}}}"
AT_HOME = "arn:aws:secretsmanager:us-east-1:${account}:secret:registry/web"
READS_ALL_OF_ITS_NAMES = (allow(READ, f"{PARTIAL}-??????"),)


def _named(reference: str, **changes: Any) -> Scene:
    return Scene(world=healthy(container=naming(reference), **changes))


def _in_region(region: str, reference: str = THE_SECRET) -> Scene:
    return Scene(region=region, world=healthy(container=naming(reference)))


def _elsewhere(reference: str, *, recreated: bool = False) -> Scene:
    """A secret in another Region, which the role may read under whatever suffix."""
    reads = document(allow(READ, f"${{partial-elsewhere:{SECRET}}}-??????"))
    return Scene(
        elsewhere=World(secrets=(Secret(name=SECRET, value=CREDENTIALS, tags=OPTED_IN, recreated=recreated),)),
        world=World(
            roles=(Role(name=ROLE, inline={"registry": reads}),),
            task_definitions=(task_definition(naming(reference)),),
        ),
    )


def _malformed(way: str, reference: str, near_miss: Scene = HEALTHY) -> Case:
    return Case(check="reference-malformed", way=way, broken=_named(reference), near_miss=near_miss)


_INJECTED = {"secrets": [{"name": "TOKEN", "valueFrom": f"{THE_SECRET}:password::"}]}
_WINDOWS_SHARE = {
    "fileSystemId": "fs-1",
    "rootDirectory": "share",
    "authorizationConfig": {"credentialsParameter": "not a secret at all*", "domain": "example.com"},
}
MALFORMED = (
    _malformed("a JSON key after the ARN", f"{THE_SECRET}:password::", Scene(world=healthy(container=_INJECTED))),
    _malformed("a version after the ARN", f"{THE_SECRET}:::v1"),
    _malformed("colons after the ARN", f"{THE_SECRET}:::"),
    _malformed("a wildcard for the suffix", f"{PARTIAL}-??????", _named(THE_SECRET, allows=READS_ALL_OF_ITS_NAMES)),
    _malformed("a star", f"{PARTIAL}-*"),
    _malformed("a line feed at the end", f"{THE_SECRET}\n"),
    _malformed("a space in front", f" {THE_SECRET}"),
    _malformed("a policy variable", "registry/${aws:username}"),
    _malformed("a look-alike letter", "registry/w\N{CYRILLIC SMALL LETTER IE}b"),
    _malformed("a parameter of Systems Manager", "arn:aws:ssm:us-east-1:${account}:parameter/registry/web"),
    _malformed("another thing of Secrets Manager", "arn:aws:secretsmanager:us-east-1:${account}:policy:registry"),
    _malformed("no Region", "arn:aws:secretsmanager::${account}:secret:registry/web-a1B2c3"),
    _malformed(
        "another partition",
        "arn:aws-cn:secretsmanager:cn-north-1:${account}:secret:web-a1B2c3",
        _in_region("cn-north-1"),
    ),
    Case(
        check="reference-malformed",
        way="a commercial ARN in GovCloud",
        broken=_in_region("us-gov-west-1", "arn:aws:secretsmanager:us-gov-west-1:${account}:secret:web-a1B2c3"),
        near_miss=_in_region("us-gov-west-1"),
    ),
    _malformed(
        "nothing",
        "",
        Scene(
            world=healthy(
                task={"volumes": [{"name": "v", "fsxWindowsFileServerVolumeConfiguration": _WINDOWS_SHARE}]},
            )
        ),
    ),
)

_ENDS_SO, _OTHER = "registry-docker", Secret(name="registry", value=CREDENTIALS, tags=OPTED_IN)


def _ends_as_suffixes_do(way: str, *more_secrets: Secret) -> Case:
    """AWS takes the ARN without its suffix for complete, and finds nothing."""

    def scene(reference: str) -> Scene:
        return _named(
            reference,
            secret={"name": _ENDS_SO},
            allows=(allow(READ, f"${{secret:{_ENDS_SO}}}"),),
            more_secrets=more_secrets,
        )

    return Case(
        check="reference-not-full-arn",
        way=way,
        severity="error",
        broken=scene(f"${{partial:{_ENDS_SO}}}"),
        near_miss=scene(f"${{secret:{_ENDS_SO}}}"),
    )


NOT_FULL_ARN = (
    Case(
        check="reference-not-full-arn",
        way="the name",
        severity="warning",
        broken=_named(SECRET),
        near_miss=HEALTHY,
    ),
    Case(
        check="reference-not-full-arn",
        way="the ARN without its suffix",
        severity="warning",
        broken=_named(PARTIAL),
        near_miss=HEALTHY,
    ),
    _ends_as_suffixes_do("a name that ends as suffixes do"),
    _ends_as_suffixes_do("a name that ends as suffixes do, and a secret of the rest of it", _OTHER),
    Case(
        check="reference-not-full-arn",
        way="the ARN without its suffix, in another Region",
        severity="error",
        broken=_elsewhere(f"${{partial-elsewhere:{SECRET}}}"),
        near_miss=_elsewhere(f"${{elsewhere:{SECRET}}}"),
    ),
)

STALE_ARN = (
    Case(
        check="reference-stale",
        way="an ARN that ends in a word, of a secret that is gone",
        broken=_named(f"{AT_HOME}-docker", secret={"name": SECRET}),
        near_miss=HEALTHY,
    ),
    Case(
        check="reference-stale",
        way="deleted and created again",
        broken=_named(STALE, secret={"recreated": True}),
        near_miss=_named(THE_SECRET, secret={"recreated": True}),
    ),
    Case(
        check="reference-stale",
        way="deleted and created again, in another Region",
        broken=_elsewhere(f"${{stale-elsewhere:{SECRET}}}", recreated=True),
        near_miss=_elsewhere(f"${{elsewhere:{SECRET}}}", recreated=True),
    ),
)

_GONE = Call(
    service="secretsmanager",
    operation="delete_secret",
    arguments={"SecretId": THE_SECRET, "ForceDeleteWithoutRecovery": True},
)
NOT_FOUND = (
    Case(
        check="secret-not-found",
        way="a name that ends as suffixes do, scheduled for deletion beside a secret of the rest of it",
        broken=_named(
            f"${{partial:{_ENDS_SO}}}",
            secret={"name": _ENDS_SO, "deleted": True},
            more_secrets=(_OTHER,),
            allows=(allow(READ),),
        ),
        near_miss=HEALTHY,
    ),
    Case(
        check="secret-not-found",
        way="the name of nothing",
        broken=_named("registry/nothing"),
        near_miss=HEALTHY,
    ),
    Case(
        check="secret-not-found",
        way="a misspelt name",
        broken=_named("registry/wbe"),
        near_miss=HEALTHY,
    ),
    Case(
        check="secret-not-found",
        way="a misspelt ARN",
        broken=_named(f"{AT_HOME.removesuffix('web')}wbe-a1B2c3"),
        near_miss=HEALTHY,
    ),
    Case(
        check="secret-not-found",
        way="the ARN of nothing",
        broken=_named(f"{AT_HOME}-nothing-a1B2c3"),
        near_miss=HEALTHY,
    ),
    Case(check="secret-not-found", way="deleted for good", broken=replace(HEALTHY, then=(_GONE,)), near_miss=HEALTHY),
    Case(
        check="secret-not-found",
        way="the name of a secret in another Region",
        broken=_elsewhere(SECRET),
        near_miss=_elsewhere(f"${{elsewhere:{SECRET}}}"),
    ),
    Case(
        check="secret-not-found",
        way="the secret that took its name is to be deleted as well",
        broken=Scene(world=healthy(secret={"recreated": True, "deleted": True}, container=naming(STALE))),
        near_miss=_named(THE_SECRET, secret={"recreated": True}),
    ),
)


def _without(image: str, **changes: Any) -> Scene:
    return Scene(world=healthy(container={**WITHOUT_CREDENTIALS, "image": image}, **changes))


def _missing(way: str, image: str, near_miss: Scene, **changes: Any) -> Case:
    return Case(check="credentials-missing", way=way, broken=_without(image, **changes), near_miss=near_miss)


def _twin(image: str, of: str, **changes: Any) -> Scene:
    """A second container of a repository that the first pulls with the secret; no registry has to be asked."""
    (one,) = task_definition({"image": of}).request["containerDefinitions"]
    twin = {"name": "twin", "image": image, "memory": 128}
    return Scene(world=healthy(container={"image": of}, task={"containerDefinitions": [one, twin]}, **changes))


def _twins(way: str, image: str, near_miss: str, of: str = IMAGE) -> Case:
    return Case(check="credentials-missing", way=way, broken=_twin(image, of), near_miss=_twin(near_miss, of))


def _asked(way: str, broken: Answers, near_miss: Answers, status: Literal["fail", "unknown"] = "fail") -> Case:
    """The registry says itself whether it serves the image to anybody."""
    world = healthy(
        container={**WITHOUT_CREDENTIALS, "image": "${registry}/acme/web:1.0"},
        secret={"tags": {"pullguard:registry": "${registry}"}},
    )
    return Case(
        check="credentials-missing",
        way=way,
        status=status,
        broken=Scene(world=world, registry=broken),
        near_miss=Scene(world=world, registry=near_miss),
    )


_OWN = "registry.example.com/web"
_FOR_OUR_OWN = {"tags": {"pullguard:registry": "registry.example.com"}}
_FOR_A_PORT = {"tags": {"pullguard:registry": "registry.example.com:5000"}}
MISSING = (
    _asked("the registry refuses it to anybody", Answers(manifest=401), Answers()),
    _asked("the registry forbids it to anybody", Answers(manifest=403), Answers(unauthorized=200)),
    _asked("the registry has it for nobody, or for some", Answers(manifest=404), Answers(), status="unknown"),
    _missing(
        "a registry of one's own",
        _OWN,
        _without("nginx:1.27"),  # Docker Hub keeps a secret as well, and serves nginx to everybody
        secret=_FOR_OUR_OWN,
    ),
    _missing(
        "a secret that lives", _OWN, _without(_OWN, secret={**_FOR_OUR_OWN, "deleted": True}), secret=_FOR_OUR_OWN
    ),
    _missing("a secret that is opted in", _OWN, _without(_OWN, secret={"tags": {}}), secret=_FOR_OUR_OWN),
    _missing("capitals", "Registry.Example.COM/web", _without("r.example.com/web"), secret=_FOR_OUR_OWN),
    _missing(
        "a port",
        "registry.example.com:5000/web",
        _without("registry.example.com:5001/web", secret=_FOR_A_PORT),
        secret=_FOR_A_PORT,
    ),
    _missing(
        "two secrets to choose from",
        _OWN,
        _without("public.ecr.aws/docker/library/nginx:1"),
        secret=_FOR_OUR_OWN,
        more_secrets=(Secret(name="registry/other", value=CREDENTIALS, tags=_FOR_OUR_OWN["tags"]),),
    ),
    _missing(
        "one of several hosts of a secret",
        _OWN,
        _without(_OWN, secret={"tags": {"pullguard:registry": "docker.io registry.example.com *"}}),
        secret={"tags": {"pullguard:registry": "docker.io registry.example.com"}},
    ),
    _twins("a twin with credentials", "acme/web:2.0", "acme/web-proxy:2.0"),
    _twins("a twin under another name of Docker Hub", "index.docker.io/acme/web", "ghcr.io/acme/web"),
    _twins("a twin at an address of Docker Hub", "registry-1.docker.io/acme/web", "amazon/cloudwatch-agent:latest"),
    Case(
        check="credentials-missing",
        way="a twin that is nobody's official image",
        broken=_twin("acme/web", IMAGE),
        near_miss=_twin("nginx:1.27", "docker.io/library/nginx:1.27"),
    ),
)

_ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
_LOOK_ALIKE = {"tags": {"pullguard:registry": f"{_ECR}.example.com"}}


def _on_ecr(way: str, image: str, region: str = "us-east-1") -> Case:
    return Case(
        check="credentials-on-ecr-image",
        way=way,
        broken=Scene(region=region, world=healthy(container={"image": image})),
        near_miss=Scene(region=region, world=healthy(container={**WITHOUT_CREDENTIALS, "image": image})),
    )


ON_ECR = (
    _on_ecr("private", f"{_ECR}/web:1.0"),
    _on_ecr("public", "public.ecr.aws/acme/web:1.0"),
    _on_ecr("FIPS", "111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com/web:1.0", "us-gov-west-1"),
    _on_ecr("China", "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/web:1.0", "cn-north-1"),
    _on_ecr("dual-stack", "111122223333.dkr-ecr.us-east-1.on.aws/web:1.0"),
    _on_ecr("by digest", f"{_ECR}/web@sha256:{'0' * 64}"),
    Case(
        check="credentials-on-ecr-image",
        way="a malformed reference beside it",
        broken=Scene(world=healthy(container={"image": f"{_ECR}/web:1.0", **naming(f"{THE_SECRET}:password::")})),
        near_miss=Scene(world=healthy(container={"image": f"{_ECR}.example.com/web:1.0"}, secret=_LOOK_ALIKE)),
    ),
)


def _bound(way: str, image: str, hosts: str, near_miss: tuple[str, str]) -> Case:
    def scene(image: str, hosts: str) -> Scene:
        return Scene(world=healthy(container={"image": image}, secret={"tags": {"pullguard:registry": hosts}}))

    return Case(check="registry-mismatch", way=way, broken=scene(image, hosts), near_miss=scene(*near_miss))


MISMATCH = (
    _bound("another registry", "acme/web", "ghcr.io", ("ghcr.io/acme/web", "ghcr.io")),
    _bound("another port", "r.example.com:5000/web", "r.example.com", ("r.example.com:443/web", "r.example.com")),
    _bound("a subdomain", "eu.example.com/web", "example.com", ("Example.COM/web", "example.com:443")),
    Case(
        check="registry-mismatch",
        way="a secret that is kept for another registry",
        broken=Scene(world=healthy(container={"image": "quay.io/acme/web"})),
        near_miss=Scene(world=healthy(container={"image": "quay.io/acme/web"}, secret={"tags": {}})),
    ),
)

CASES = (*MALFORMED, *NOT_FULL_ARN, *STALE_ARN, *NOT_FOUND, *MISSING, *ON_ECR, *MISMATCH)
