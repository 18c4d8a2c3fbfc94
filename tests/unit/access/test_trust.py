"""Whether ECS may assume the execution role."""

import pytest

from pullguard.access.decision import Verdict
from pullguard.access.verdict import pull_access, trust_allows_ecs_tasks
from tests.unit.access.worlds import OURS, READS, ROOT, THEIRS, TRUST, Source, document, role, secret, to

ARN_OF = "arn:aws:ecs:us-east-1:{}:*".format


TRUSTS = [
    ("plain", {}, Verdict.ALLOWED),
    ("among-others", {"Principal": {"Service": ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"]}}, Verdict.ALLOWED),
    ("ecs-itself", {"Principal": {"Service": "ecs.amazonaws.com"}}, Verdict.IMPLICITLY_DENIED),
    ("account", {"Principal": {"AWS": ROOT}}, Verdict.IMPLICITLY_DENIED),
    ("everybody", {"Principal": "*"}, Verdict.UNKNOWN),
    ("every-service", {"Principal": {"Service": "*"}}, Verdict.IMPLICITLY_DENIED),
    (
        "services-by-a-wildcard",
        {"Principal": {"Service": ["ecs-tasks.*", "ec2.amazonaws.com"]}},
        Verdict.IMPLICITLY_DENIED,
    ),
    ("other-action", {"Action": "sts:TagSession"}, Verdict.IMPLICITLY_DENIED),
    ("all-of-sts", {"Action": "sts:*"}, Verdict.ALLOWED),
    ("source-account", {"Condition": {"StringEquals": {"aws:SourceAccount": OURS}}}, Verdict.ALLOWED),
    ("other-account", {"Condition": {"StringEquals": {"aws:SourceAccount": THEIRS}}}, Verdict.IMPLICITLY_DENIED),
    ("source-arn", {"Condition": {"ArnLike": {"aws:SourceArn": ARN_OF(OURS)}}}, Verdict.ALLOWED),
    ("source-arn-text", {"Condition": {"StringLike": {"aws:SourceArn": ARN_OF(OURS)}}}, Verdict.ALLOWED),
    ("other-source-arn", {"Condition": {"ArnLike": {"aws:SourceArn": ARN_OF(THEIRS)}}}, Verdict.IMPLICITLY_DENIED),
    (
        "other-region",
        {"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:ecs:eu-west-1:*:*"}}},
        Verdict.IMPLICITLY_DENIED,
    ),
    (
        "cluster",
        {"Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:ecs:us-east-1:{OURS}:cluster/a"}}},
        Verdict.UNKNOWN,
    ),
    ("external-id", {"Condition": {"StringEquals": {"sts:ExternalId": "x"}}}, Verdict.IMPLICITLY_DENIED),
    ("source-ip", {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, Verdict.UNKNOWN),
]


@pytest.mark.parametrize(("changes", "verdict"), [row[1:] for row in TRUSTS], ids=[row[0] for row in TRUSTS])
def test_whether_ecs_may_assume_the_role(changes: Source, verdict: Verdict) -> None:
    assert trust_allows_ecs_tasks(role(trust=TRUST | changes), region="us-east-1").verdict is verdict


def test_a_deny_of_services_by_a_wildcard_is_unknown() -> None:
    denies = {**TRUST, "Effect": "Deny", "Principal": {"Service": "*"}}
    who = role(trust_policy=document(TRUST, denies))
    assert trust_allows_ecs_tasks(who, region="us-east-1").verdict is Verdict.UNKNOWN


def test_a_deny_of_services_does_not_deny_a_role() -> None:
    theirs = secret(resource_policy=document(to({"Service": "*"}, "Deny")))
    assert pull_access(role(READS), theirs).state == "pass"


def test_without_a_region_a_condition_on_it_is_unknown() -> None:
    who = role(trust=TRUST | {"Condition": {"ArnLike": {"aws:SourceArn": ARN_OF(OURS)}}})
    assert trust_allows_ecs_tasks(who).verdict is Verdict.UNKNOWN
