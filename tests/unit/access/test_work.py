"""No policy, however it is written, delays an answer: counted in lines of code that run, not in seconds."""

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, TypeVar

import pytest

from pullguard.access.decision import Decision, Verdict
from pullguard.access.evaluate import Policies, decide
from pullguard.access.policy import Layer, parse_policy
from pullguard.access.request import Partial, Request
from pullguard.access.work import STEPS_MAX, TOO_MUCH, Work
from tests.unit.access.worlds import READ, SECRET, Source, allow, document, request

T = TypeVar("T")
# Whatever one step costs, and reading the policies: the hostile ones below ran from 40 million lines to no end.
LINES_MAX: Final = 12 * STEPS_MAX
WITHIN_S: Final = 60
# All inline policies of a role, and the longest name of a secret.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
INLINE_CHARS, NAME_CHARS = 10_240, 512
LONG_SECRET = SECRET.replace("registry-", "a" * NAME_CHARS + "-")
LONG_REFERENCE = "a" * 2_048


def lines_of(run: Callable[[], T]) -> tuple[T, int]:
    """Return what ``run`` returns, and how many lines of ours it ran."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if "pullguard" not in frame.f_code.co_filename:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return run(), count
    finally:
        sys.settrace(before)


def filled(pattern: str) -> str:
    """A text as long as a role's inline policies may be."""
    return (pattern * INLINE_CHARS)[: INLINE_CHARS - 200]


def many(pattern: str) -> list[str]:
    """As many of one pattern as fit, no two alike (what was compared is remembered), that match what is long."""
    each = [f"arn:*:*:*:*:*{'a' * (number % 13)}{pattern}{'?' * (number // 13)}*" for number in range(13 * 12)]
    return each[: INLINE_CHARS // (len(pattern) + 28)]


def if_like(pattern: str | list[str], operator: str = "StringLike", key: str = "secretsmanager:SecretId") -> Source:
    return allow(READ, Condition={operator: {key: pattern}})


HOSTILE: Final[dict[str, tuple[Source, ...]]] = {
    "a run of asterisks": (allow(READ, filled("*")),),
    "asterisks and question marks": (allow(READ, filled("*?")), allow(READ, "*?" * 250)),
    "asterisks between letters": (allow(READ, "arn:*:*:*:*:" + "*a" * 400 + "?*"),),
    "asterisks at colons": (allow(READ, [filled("*:"), *many("*:?*" * 10)]),),
    "many statements of them": tuple(if_like("no", key="s3:prefix") | {"Resource": each} for each in many("*a" * 20)),
    "a chunk of question marks": (allow(READ, f"*{'?' * 400}b*"), allow(READ, many(f"*{'?' * 60}b"))),
    "NotResource": ({"Effect": "Deny", "Action": READ, "NotResource": many("*a" * 20)},),
    "Action": (allow([f"secretsmanager:*{'?' * (n % 14)}*e*{'?' * (n // 14)}*" for n in range(180)]),),
    "NotAction": ({"Effect": "Allow", "Resource": "*", "NotAction": [f"{'*?' * 14}:{n}*" for n in range(300)]},),
    "StringLike": (if_like(filled("*?") + "b"), if_like(many("*a" * 20))),
    "StringLike of question marks": (if_like(f"*{'?' * 2_000}b*"), if_like(many(f"*{'?' * 60}b"))),
    "StringNotLike": (if_like(many("*?" * 20), "StringNotLike"),),
    "ArnLike": (if_like(many("*a" * 20), "ArnLike", "aws:PrincipalArn"),),
    "a value known in part": (if_like(many("AROA?" + "*?" * 20), key="aws:userid"),),
    "variables": (allow(READ, "arn:aws:secretsmanager:*:*:secret:" + "*${aws:PrincipalTag/team}" * 300),),
    "a variable that does not end": (allow(READ, "*${" + " " * 5_000), allow(READ, "*" + "${" * 2_500)),
}


def asked(resource: str = LONG_SECRET) -> Request:
    return request(
        READ,
        resource,
        secretsmanager__SecretId=LONG_REFERENCE,
        aws__PrincipalArn=f"arn:aws:iam::111122223333:role/{'a' * 64}",
        aws__PrincipalTag__team="a" * 256,
        aws__userid=Partial(parts=("AROA" + "A" * 17, None)),
    )


def decided(*statements: Source, resource: str = LONG_SECRET) -> Decision:
    own = parse_policy(document(*statements), layer=Layer.IDENTITY)
    return decide(asked(resource), Policies(identity=(own,)))


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_a_policy_says_the_answer_comes_soon(name: str) -> None:
    began = time.monotonic()
    answer, lines = lines_of(lambda: decided(*HOSTILE[name]))
    assert lines < LINES_MAX
    assert time.monotonic() - began < WITHIN_S
    assert isinstance(answer, Decision)


HEAVY: Final = HOSTILE["many statements of them"]


@pytest.mark.parametrize("statements", [(allow(READ), *HEAVY), (*HEAVY, allow(READ))], ids=["after", "before"])
def test_statements_that_were_not_compared_are_unknown_whatever_else_allows(statements: tuple[Source, ...]) -> None:
    denials = tuple({**each, "Effect": "Deny"} if "Condition" in each else each for each in statements)
    assert decided(*denials).verdict is Verdict.UNKNOWN
    assert decided(*HEAVY).verdict is Verdict.UNKNOWN


def test_a_role_has_one_bound_for_all_its_policies() -> None:
    policies = tuple(
        parse_policy(document(*HEAVY[number::20]), layer=Layer.IDENTITY, name=str(number)) for number in range(20)
    )
    answer, lines = lines_of(lambda: decide(asked(), Policies(identity=policies)))
    assert answer.verdict is Verdict.UNKNOWN
    assert set(TOO_MUCH.problems) <= set(answer.problems)
    assert lines < LINES_MAX


def test_each_question_has_the_whole_bound() -> None:
    same, policies = asked(), Policies(identity=(parse_policy(document(allow(READ)), layer=Layer.IDENTITY),))
    same.work.take(STEPS_MAX)
    assert decide(same, policies).verdict is Verdict.ALLOWED


def test_work_that_is_used_up_stays_so() -> None:
    work = Work(left=10)
    assert work.take(9)
    assert not work.take(2)
    assert not work.take(0)


def test_an_ordinary_role_at_its_quotas_is_still_judged() -> None:
    names = [f"arn:aws:secretsmanager:*:111122223333:secret:team-{number}/*-??????" for number in range(90)]
    texts = [f"arn:aws:s3:::bucket-{number}/*" for number in range(200)]
    managed = document(
        allow(["ecr:*", "logs:Put*", "s3:Get*", "ssm:Get*"], texts),
        allow("secretsmanager:Get*", names),
        allow(READ, SECRET[:-6] + "??????", Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}),
    )
    policies = tuple(parse_policy(managed, layer=Layer.IDENTITY, name=str(number)) for number in range(21))
    answer = decide(asked(SECRET), Policies(identity=policies))
    assert answer.verdict is Verdict.ALLOWED
