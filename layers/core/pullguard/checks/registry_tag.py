"""Does the owner's opt-in tag name registry hosts?"""

from collections.abc import Iterable
from typing import Final

from pullguard.checks.check import NEEDS_SECRET, PRIVATE_REGISTRY, Check, secrets_in_use, subject_of
from pullguard.domain.consent import intended_tag
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Inapplicable, Passed, Remedy
from pullguard.domain.opt_in import REGISTRY_TAG, has_unreadable_registry_tag, readable_tag

_FORM: Final = (
    "registry hosts, separated by spaces, such as ghcr.io or registry.example.com:5000; a path, http:// or a wildcard "
    "voids the whole tag"
)


def _unreadable(facts: Facts) -> Iterable[Answer]:
    for container, secret in secrets_in_use(facts):
        subject = subject_of(facts, container)
        if REGISTRY_TAG not in secret.tags:
            yield Inapplicable(subject=subject)
        elif not has_unreadable_registry_tag(secret):
            yield Passed(subject=subject)
        else:
            yield Failed(
                subject=subject,
                cause=(
                    f"The tag {REGISTRY_TAG} of the secret {secret.name} of container {container.name} does not parse, "
                    "so the secret is not opted in: its value is not checked, and Pullguard fixes nothing with it."
                ),
                evidence=f"tag {REGISTRY_TAG} is {readable_tag(secret)}",
                remedy=Remedy(text=f"The secret's owner corrects the tag: {_FORM}.", snippet=intended_tag(secret)),
            )


CHECK = Check(
    id="registry-tag-unreadable",
    gate="secret",
    severity="warning",
    fails_when=f"the tag {REGISTRY_TAG} does not parse, so the opt-in is void",
    needs=NEEDS_SECRET,
    remedy=f"aws secretsmanager tag-resource --secret-id ARN --tags Key={REGISTRY_TAG},Value=HOST",
    source=PRIVATE_REGISTRY,
    ask=_unreadable,
)
