"""Secrets that strangers tag for a registry from which other people's containers pull without credentials.

Each attack has a registry of its own, so that nothing but its own secrets is kept for it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pullguard.domain.arn import Arn
from pullguard.domain.verification import Accepted
from pullguard.store.ledger import Ledger
from sandbox.worlds.demo import CLUSTER
from tests.e2e.attack import DONE, OPENED, RESOLVED, Attack, Mount, attack, request
from tests.e2e.ground import Ground
from tests.registry.recording import Reply, Request, Script

ATTACH = {"pullguard:attach": "true"}
_CHALLENGE = (("WWW-Authenticate", 'Basic realm="own"'),)


def registry(*, to_anybody: int, to_logins: int) -> Script:
    """A registry that gives these answers, without credentials and with any."""

    def answer(request: Request) -> Reply:
        if request.path == "/v2/" and request.authorization is None:
            return Reply(status=401, headers=_CHALLENGE)
        status = to_anybody if request.authorization is None else to_logins
        return Reply(status=status, headers=_CHALLENGE if status == 401 else ())

    return answer


TAKES_ANY_LOGIN = registry(to_anybody=401, to_logins=200)
TAKES_NO_LOGIN = registry(to_anybody=401, to_logins=401)
PUBLIC = registry(to_anybody=200, to_logins=200)
LIMITED = registry(to_anybody=401, to_logins=429)
BROKEN = registry(to_anybody=503, to_logins=200)


def _tagged(
    *,
    roles: str | None = "NAME-execution",
    tags: Mapping[str, str] = ATTACH,
    secrets: int = 1,
    runs: bool = False,
    serves: bool = False,
    kept: Mapping[str, Any] | None = None,
) -> Mount:
    """A family that pulls without credentials, and secrets that a stranger tags for its registry.

    Both executors get a request, as if from the validator. ``kept`` is planted in the ledger as the registry's answer
    to the validator.
    """

    def mount(ground: Ground, name: str) -> None:
        host = ground.registry(name)
        named = roles and roles.replace("NAME", name)
        for number in range(secrets):
            ground.secret(f"{name}-{number}" if number else name, registry=host, roles=named)
        image = f"{host}/acme/web:1"
        arn = ground.define(name, None, role=ground.role(name), image=image, tags=tags)
        if serves:
            ground.serve(name, arn)
        if runs:
            ground.client("ecs").create_cluster(clusterName=CLUSTER)
            ground.client("ecs").run_task(cluster=CLUSTER, taskDefinition=arn, count=1)
        if kept is not None:
            _plant(ground, name, arn, {"image": image, "at": datetime.now(UTC), **kept})
        for queue in ("GrantQueue", "ReregisterQueue"):
            ground.send(queue, request(arn))

    return mount


def _plant(ground: Ground, name: str, revision: str, kept: Mapping[str, Any]) -> None:
    """Put an answer into the ledger that the registry never gave."""
    secret = ground.client("secretsmanager").describe_secret(SecretId=ground.arns[name])
    (version,) = secret["VersionIdsToStages"]
    ledger = Ledger(ground.client("dynamodb"), ground.scene.stack.resources["Ledger"])
    answer = Accepted(**{"secret": Arn.parse(secret["ARN"]), "version": version, **kept})
    ledger.entries.keep_accepted(Arn.parse(revision), {"app": answer}, now=datetime.now(UTC))


def _observed_sidecar(ground: Ground, name: str) -> None:
    """A stranger's secret for the registry of a sidecar says observe; the fix of the container beside it goes on."""
    host = ground.registry(name)
    ground.secret(f"{name}-of-a-stranger", registry=host, tags={"pullguard:mode": "observe"})
    ground.define(name, ground.secret(name), role=ground.role(name), sidecar=f"{host}/acme/sidecar:1")


# Each with what its own registry answers.
_ROWS: tuple[tuple[Script, Attack], ...] = (
    (PUBLIC, attack("stranger-tags-a-public-registry", _tagged(), reported=())),
    (TAKES_NO_LOGIN, attack("stranger-whose-login-is-refused", _tagged(), reported=())),
    (LIMITED, attack("stranger-whose-login-is-limited", _tagged(), reported=())),
    (BROKEN, attack("stranger-and-a-registry-that-is-broken", _tagged(), reported=())),
    (
        TAKES_ANY_LOGIN,
        attack(
            "stranger-whose-login-is-accepted", _tagged(tags={}), "tagged pullguard:attach=true", reported=(OPENED,)
        ),
    ),
    (
        TAKES_ANY_LOGIN,
        attack("attach-in-other-words", _tagged(tags={"pullguard:attach": "yes"}), reported=(OPENED,)),
    ),
    (TAKES_ANY_LOGIN, attack("attach-for-every-role", _tagged(roles="*"), "wildcards only names no role")),
    (TAKES_ANY_LOGIN, attack("attach-without-roles", _tagged(roles=None), "wildcards only names no role")),
    (TAKES_ANY_LOGIN, attack("attach-for-another-role", _tagged(roles="api-*"), "does not name the role")),
    (TAKES_ANY_LOGIN, attack("attach-one-of-two", _tagged(secrets=2), "Choose one of the secrets", reported=(OPENED,))),
    (TAKES_ANY_LOGIN, attack("attach-while-a-task-runs", _tagged(runs=True), reported=())),
    (TAKES_NO_LOGIN, attack("kept-answer-about-another-image", _tagged(kept={"image": "ghcr.io/a/b:1"}), reported=())),
    (TAKES_NO_LOGIN, attack("kept-answer-about-another-version", _tagged(kept={"version": "x" * 32}), reported=())),
    (
        TAKES_NO_LOGIN,
        attack("kept-answer-that-is-old", _tagged(kept={"at": datetime.now(UTC) - timedelta(minutes=16)}), reported=()),
    ),
    (
        TAKES_ANY_LOGIN,
        attack(
            "attach-by-every-owner",
            _tagged(serves=True),
            reported=(OPENED, DONE, RESOLVED),
            granted=("attach-by-every-owner",),
            writes=1,
            registered=1,
            moved=1,
        ),
    ),
)
REGISTRIES: dict[str, Script] = {each.name: script for script, each in _ROWS}
STRANGERS = tuple(each for _, each in _ROWS)
OBSERVED_SIDECAR = attack(
    "strangers-secret-says-observe",
    _observed_sidecar,
    reported=(OPENED, DONE, RESOLVED),
    granted=("strangers-secret-says-observe",),
    writes=1,
)
REGISTRIES[OBSERVED_SIDECAR.name] = TAKES_ANY_LOGIN
