"""Worlds in which the reference is wrong, and ones in which it only looks odd."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sandbox.world import Role, Secret, World
from tests.worlds.catalogue.by_hand import accepted_and_refused_to_anybody, running_task
from tests.worlds.catalogue.parts import (
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
from tests.worlds.catalogue.scene import Answers, Call, Case, Scene

HEALTHY = Scene(world=healthy())
PARTIAL, STALE = f"${{partial:{SECRET}}}", f"${{stale:{SECRET}}}"
AT_HOME = "arn:aws:secretsmanager:us-east-1:${account}:secret:registry/web"
READS_ALL_OF_ITS_NAMES = (allow(READ, f"{PARTIAL}-??????"),)


def _named(reference: str, **changes: Any) -> Scene:
    return Scene(world=healthy(container=naming(reference), **changes))


def _in_region(region: str, reference: str = THE_SECRET) -> Scene:
    return Scene(region=region, world=healthy(container=naming(reference)))


def _elsewhere(reference: str, *, recreated: bool = False) -> Scene:
    """A secret in another Region, which the role may read under any suffix."""
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
        way="an ARN that was complete, of a secret that is gone",
        broken=_named(f"{AT_HOME}-q7Rk2Z", secret={"name": SECRET}),
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
        way="an ARN that ends in a word, beside a secret of the rest of the name",
        broken=_named(f"{AT_HOME}-helper", secret={"name": SECRET}),
        near_miss=HEALTHY,
    ),
    Case(
        check="secret-not-found",
        way="a misspelt ARN without its suffix, beside a secret of the rest of the name",
        broken=_named(
            f"{AT_HOME.removesuffix('/web')}-dokcer",
            secret={"name": _ENDS_SO},
            more_secrets=(_OTHER,),
            allows=(allow(READ),),
        ),
        near_miss=HEALTHY,
    ),
    Case(
        check="secret-not-found",
        way="a misspelt name of a secret that is not opted in",
        broken=_named("registry/wbe", secret={"tags": {}}),
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


PRIVATE = Answers(to_anybody=401)
_BARE = {**WITHOUT_CREDENTIALS, "image": "${registry}/acme/web:1.0"}
_FOR_REGISTRY = {"tags": {"pullguard:registry": "${registry}"}}


def _bare(registry: Answers = PRIVATE, **changes: Any) -> Scene:
    """A container that gives no credentials for a registry that a secret is kept for."""
    return Scene(
        world=healthy(**{"container": _BARE, "secret": _FOR_REGISTRY, **changes}),
        registry=registry,
    )


def _missing(way: str, near_miss: Scene, broken: Scene | None = None) -> Case:
    return Case(check="credentials-missing", way=way, broken=broken or _bare(), near_miss=near_miss)


def _at(image: str, tag: str = "registry.example.com") -> Scene:
    """A registry that no loopback address can replace: its answers are set by hand."""
    world = healthy(container={**WITHOUT_CREDENTIALS, "image": image}, secret={"tags": {"pullguard:registry": tag}})
    return Scene(world=world, facts=accepted_and_refused_to_anybody)


def _twins(image: str) -> Mapping[str, Any]:
    """Two containers with one image, of which one names the secret."""
    alone = {"name": "alone", "image": image, "memory": 128}
    return {"containerDefinitions": [{**alone, "name": "twin", **naming(THE_SECRET)}, alone]}


MISSING = (
    _missing("the registry refuses it to anybody", _bare(Answers())),
    _missing("the registry forbids it to anybody", _bare(Answers(unauthorized=200)), _bare(Answers(to_anybody=403))),
    _missing("and not to those with credentials", _bare(Answers(manifest=401))),
    _missing("and not to those with credentials, whom it limits", _bare(Answers(to_anybody=401, manifest=429))),
    _missing("and does not limit it", _bare(Answers(manifest=429))),
    _missing("and knows its name", _bare(Answers(manifest=404))),
    _missing("and answers", _bare(Answers(manifest=None))),
    _missing("and has no fault", _bare(Answers(manifest=503))),
    _missing("no task has pulled it", replace(_bare(), facts=running_task)),
    _missing("a secret that lives", _bare(secret={**_FOR_REGISTRY, "deleted": True})),
    _missing("a secret that is opted in", _bare(secret={"tags": {}})),
    _missing(
        "two secrets to choose from",
        _bare(container={**WITHOUT_CREDENTIALS, "image": "public.ecr.aws/docker/library/nginx:1"}),
        _bare(more_secrets=(Secret(name="registry/other", value=CREDENTIALS, tags=_FOR_REGISTRY["tags"]),)),
    ),
    _missing(
        "one of several hosts of a secret",
        _bare(secret={"tags": {"pullguard:registry": "docker.io ${registry} *"}}),
        _bare(secret={"tags": {"pullguard:registry": "docker.io ${registry}"}}),
    ),
    _missing(
        "a twin with credentials",
        Scene(world=healthy(task=_twins(IMAGE))),
        _bare(task=_twins("${registry}/acme/web:1.0")),
    ),
    _missing("capitals", _at("r.example.com/web"), _at("Registry.Example.COM/web")),
    _missing(
        "a port",
        _at("registry.example.com:5001/web", "registry.example.com:5000"),
        _at("registry.example.com:5000/web", "registry.example.com:5000"),
    ),
)

_ECR = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
_NEAR_ECR = {"tags": {"pullguard:registry": f"{_ECR}.example.com"}}


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
        near_miss=Scene(world=healthy(container={"image": f"{_ECR}.example.com/web:1.0"}, secret=_NEAR_ECR)),
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
