"""Access to more than the one secret: a warning, and no failure."""

import pytest

from pullguard.access.verdict import pull_access
from tests.unit.access.worlds import OURS, READ, READS, SECRET, Source, allow, deny, ours, role, secret

BROAD = [
    ("everything", allow(), True),
    ("every-secret", allow(READ, "arn:aws:secretsmanager:*:*:secret:*"), True),
    ("every-secret-here", allow("secretsmanager:*", f"arn:aws:secretsmanager:us-east-1:{OURS}:*"), True),
    ("all-but-one", {"Effect": "Allow", "Action": READ, "NotResource": SECRET + "x"}, True),
    ("a-prefix", allow(READ, SECRET[:-6] + "*"), False),
    ("by-tag", allow(READ, Condition={"StringEquals": {"aws:ResourceTag/a": "b"}}), False),
    ("by-secret-id", allow(READ, Condition={"StringLike": {"secretsmanager:SecretId": "*registry*"}}), False),
    ("exact", READS, False),
]


@pytest.mark.parametrize(("statement", "broad"), [row[1:] for row in BROAD], ids=[row[0] for row in BROAD])
def test_access_to_every_secret_is_a_warning(statement: Source, broad: bool) -> None:
    access = pull_access(role(statement), secret(tags={"a": "b"}))
    assert access.state == "pass"
    assert [gate.finding for gate in access.warnings] == (["secret-access-too-broad"] if broad else [])
    if broad:
        cited = access.warnings[0].statements[0].statement
        assert cited is not None
        assert cited.source == statement
        assert 'policy "registry"' in access.warnings[0].reason


def test_a_broad_statement_that_does_not_let_in_is_no_warning() -> None:
    assert pull_access(role(allow(), deny(READ)), ours).gate("access-scope") is None
