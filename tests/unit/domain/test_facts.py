"""Facts of one task definition, completed one by one."""

from dataclasses import replace

from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Missing
from pullguard.domain.secret import RotationEnd
from pullguard.domain.usage import Usage
from pullguard.domain.verification import Accepted
from tests.fakes import NOW, container, secret, secret_arn, task_definition


def test_facts_are_completed_one_by_one() -> None:
    whole = Facts(task_definition=task_definition(container("a")), now=NOW)
    ends = {secret_arn(): RotationEnd(outcome="failed", at=NOW)}
    accepted = {"app": Accepted(image="i", secret=secret_arn(), version="v1", at=NOW)}
    done = (
        whole.with_usage(Usage(newest=True))
        .with_accepted(accepted)
        .with_had_pulled(True)
        .with_rotation_ends(ends)
        .with_granted_keys({secret_arn(): None})
    )
    assert done == replace(
        whole,
        usage=Usage(newest=True),
        accepted=accepted,
        had_pulled=True,
        rotation_ends=ends,
        granted_keys={secret_arn(): None},
    )


def test_every_answer_about_a_secret_is_described() -> None:
    named, gone, again = secret(), Missing(resource="b"), secret("c")
    facts = Facts(
        task_definition=task_definition(),
        now=NOW,
        secrets={"a": named},
        namesakes={"b": gone},
        replacements={"b": again},
    )
    assert facts.described == (named, gone, again)
