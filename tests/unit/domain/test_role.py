"""Inline and managed policies of a role."""

from pullguard.domain.role import NamedPolicy


def test_a_policy_without_an_arn_is_inline() -> None:
    assert NamedPolicy(name="a", document={}).kind == "inline"
    assert NamedPolicy(name="a", document={}, arn="arn:aws:iam::aws:policy/a").kind == "managed"
