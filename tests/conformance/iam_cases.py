"""Answer IAM decision cases: ``python -m tests.conformance.iam_cases FILE...`` prints ``{"id": ..., "result": ...}``.

A case is one JSON object a line: ``id``, ``principal`` (a role's ARN), ``action``, ``resource``, ``resourceAccount``,
``context``, ``identityPolicies`` [{name, policy}], ``permissionBoundaryPolicies`` (the same, or null),
``serviceControlPolicies`` (levels {orgIdentifier, policies}, or a bare list each), ``resourcePolicy`` (or null). The
context is complete: a key that it lacks is absent from the request. Results: ``Allowed``, ``ImplicitlyDenied``,
``ExplicitlyDenied``, ``Unknown``. An object in a policy may give a member twice. A line that is no case is named on
standard error; the exit code is then 2.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pullguard.access.evaluate import Policies, decide
from pullguard.access.policy import Layer, Policy, parse_policy
from pullguard.access.request import Request, RoleSession
from pullguard.domain.arn import Arn
from pullguard.domain.documents import read_json
from pullguard.domain.errors import Malformed

Case = Mapping[str, Any]


def read_request(case: Case) -> Request:
    """Read the request of a case; the session's name is what follows the role id in ``aws:userid``."""
    context = {key: value if isinstance(value, str) else _value(value) for key, value in case["context"].items()}
    role = Arn.parse(case["principal"], service="iam", resource_type="role")
    role_id, _, session = str(context.get("aws:userid", "")).partition(":")
    caller = RoleSession(
        role_arn=case["principal"], account=role.account, partition=role.partition, role_id=role_id, session=session
    )
    return Request.of(
        caller=caller,
        action=case["action"],
        resource=case["resource"],
        resource_account=_text(case["resourceAccount"]),
        context=context,
    )


def read_policies(case: Case) -> Policies:
    """Read (and parse) the policies of a case."""
    levels = case.get("serviceControlPolicies") or []
    boundary = case.get("permissionBoundaryPolicies")
    own = Layer.KEY if case["action"].lower().startswith("kms:") else Layer.RESOURCE
    document = case.get("resourcePolicy")
    return Policies(
        identity=_named(case["identityPolicies"], Layer.IDENTITY),
        boundary=None if boundary is None else _named(boundary, Layer.BOUNDARY),
        service_control=tuple(
            _named(level["policies"] if isinstance(level, dict) else level, Layer.SERVICE_CONTROL, place)
            for place, level in enumerate(levels)
        ),
        resource=None if document is None else parse_policy(document, layer=own),
    )


def _named(policies: Iterable[Mapping[str, Any]], layer: Layer, level: int | None = None) -> tuple[Policy, ...]:
    return tuple(
        parse_policy(policy["policy"], layer=layer, name=policy["name"], kind="inline", level=level)
        for policy in policies
    )


def _value(value: object) -> str | list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return [_text(each) for each in value]
    return _text(value)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def answer(case: Case) -> str:
    """Decide one case. A malformed case raises ``KeyError``, ``TypeError``, ``AttributeError`` or ``Malformed``."""
    return decide(read_request(case), read_policies(case)).verdict


def main(paths: list[str]) -> int:
    """Answer every line of every file; return the exit code."""
    exit_code = 0
    for path in paths:
        try:
            lines = Path(path).read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            print(f"{path}: cannot be read: {error}", file=sys.stderr)
            exit_code = 2
            continue
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                case = read_json(line)
                print(json.dumps({"id": case["id"], "result": answer(case)}))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Malformed) as error:
                print(f"{path}:{number}: not a case: {type(error).__name__}: {error}", file=sys.stderr)
                exit_code = 2
    return exit_code


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print("usage: python -m tests.conformance.iam_cases FILE...", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1:]))
