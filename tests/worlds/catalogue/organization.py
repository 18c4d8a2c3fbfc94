"""Worlds in which another account or the organization decides. No emulator supports these: facts by hand."""

from dataclasses import replace
from typing import Any

from pullguard.domain.role import NamedPolicy
from tests.worlds.catalogue import by_hand
from tests.worlds.catalogue.parts import DECRYPT, READ, SECRET, allow, deny, document, healthy, to
from tests.worlds.catalogue.scene import Case, Scene

OTHER_ACCOUNT = "444455556666"
OUR_ROLE = "arn:aws:iam::123456789012:role/web-execution"
HEALTHY = Scene(world=healthy())


def _policy(name: str, *statements: dict[str, Any]) -> NamedPolicy:
    return NamedPolicy(name=name, document=document(*statements), arn=f"arn:aws:organizations::aws:policy/{name}")


FULL_ACCESS = _policy("FullAWSAccess", allow("*"))


def _blocked(way: str, broken: by_hand.Change, near_miss: by_hand.Change) -> Case:
    return Case(
        check="secret-access-blocked-by-organization",
        way=way,
        broken=replace(HEALTHY, facts=broken),
        near_miss=replace(HEALTHY, facts=near_miss),
    )


BLOCKED = (
    _blocked(
        "a control policy denies",
        by_hand.controlled(FULL_ACCESS, _policy("no-secrets", allow("*"), deny("secretsmanager:*"))),
        by_hand.controlled(FULL_ACCESS, _policy("no-iam", allow("*"), deny("iam:*"))),
    ),
    _blocked(
        "a level allows something else only",
        by_hand.controlled(FULL_ACCESS, _policy("only-s3", allow("s3:*"))),
        by_hand.controlled(FULL_ACCESS, _policy("only-these", allow(["secretsmanager:*", "kms:*"]))),
    ),
    _blocked(
        "a control policy denies another Region",
        by_hand.controlled(
            _policy(
                "regions", allow("*"), deny("*", Condition={"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}})
            )
        ),
        by_hand.controlled(
            _policy(
                "regions", allow("*"), deny("*", Condition={"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}})
            )
        ),
    ),
    _blocked(
        "the simulator says so",
        by_hand.simulated("implicitDeny", organization_allows=False),
        by_hand.simulated("allowed", organization_allows=True),
    ),
    _blocked(
        "the simulator says that it is denied",
        by_hand.simulated("explicitDeny", organization_allows=False),
        by_hand.simulated("allowed", organization_allows=None),
    ),
)

# --- another account's secret --------------------------------------------------------------------------------------

_READS_THEIRS = f"arn:aws:secretsmanager:us-east-1:{OTHER_ACCOUNT}:secret:{SECRET}-??????"
_THEIR_KEY = f"arn:aws:kms:us-east-1:{OTHER_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_THEIRS = Scene(world=healthy(allows=(allow(READ, _READS_THEIRS), allow(DECRYPT, _THEIR_KEY))))
_LETS_US_IN = document(to({"AWS": OUR_ROLE}, READ))
_LETS_ACCOUNT_IN = document(to({"AWS": "arn:aws:iam::123456789012:root"}, READ))
_KEY_LETS_US_IN = by_hand.a_key(OTHER_ACCOUNT, document(to({"AWS": OUR_ROLE}, DECRYPT)))


def _theirs(policy: Any, key: Any = _KEY_LETS_US_IN) -> Scene:
    return replace(_THEIRS, facts=by_hand.of_account(OTHER_ACCOUNT, resource_policy=policy, key=key))


RESOURCE_POLICY_MISSING = (
    Case(
        check="secret-resource-policy-missing",
        way="no policy at all",
        broken=_theirs(None),
        near_miss=_theirs(_LETS_US_IN),
    ),
    Case(
        check="secret-resource-policy-missing",
        way="lets a third account in",
        broken=_theirs(document(to({"AWS": "777788889999"}, READ))),
        near_miss=_theirs(document(to({"AWS": ["777788889999", "123456789012"]}, READ))),
    ),
    Case(
        check="secret-resource-policy-missing",
        way="lets us describe it only",
        broken=_theirs(document(to({"AWS": OUR_ROLE}, "secretsmanager:DescribeSecret"))),
        near_miss=_theirs(_LETS_ACCOUNT_IN),
    ),
)
DEFAULT_KEY_CROSS_ACCOUNT = (
    Case(
        check="default-key-cross-account",
        way="no key of its own",
        broken=_theirs(_LETS_US_IN, key=None),
        near_miss=_theirs(_LETS_US_IN),
    ),
    Case(
        check="default-key-cross-account",
        way="aws/secretsmanager by name",
        broken=_theirs(_LETS_US_IN, key=replace(_KEY_LETS_US_IN, manager="AWS", policy={})),
        near_miss=HEALTHY,
    ),
)
THEIR_KEY = (
    Case(
        check="decrypt-access-denied",
        way="the key of another account does not let us in",
        broken=_theirs(_LETS_US_IN, key=replace(_KEY_LETS_US_IN, policy=document(to({"AWS": OTHER_ACCOUNT}, "kms:*")))),
        near_miss=_theirs(
            _LETS_US_IN, key=replace(_KEY_LETS_US_IN, policy=document(to({"AWS": "123456789012"}, DECRYPT)))
        ),
    ),
    Case(
        check="decrypt-access-missing",
        way="the key of another account, on our side",
        broken=replace(_theirs(_LETS_US_IN), world=healthy(allows=(allow(READ, _READS_THEIRS),))),
        near_miss=_theirs(_LETS_US_IN),
    ),
    Case(
        check="secret-access-missing",
        way="the secret of another account, on our side",
        broken=replace(_theirs(_LETS_US_IN), world=healthy(allows=(allow(DECRYPT, _THEIR_KEY),))),
        near_miss=_theirs(_LETS_US_IN),
    ),
    Case(
        check="secret-access-denied",
        way="the secret of another account, on their side",
        broken=_theirs(document(to({"AWS": OUR_ROLE}, READ), {**to("*", READ), "Effect": "Deny"})),
        near_miss=_theirs(_LETS_US_IN),
    ),
)

CASES = (*BLOCKED, *RESOURCE_POLICY_MISSING, *DEFAULT_KEY_CROSS_ACCOUNT, *THEIR_KEY)
