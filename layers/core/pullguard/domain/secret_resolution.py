"""Which secret a reference means if AWS does not find it: decided by two queries, never by the text.

``…:secret:app-docker`` may be the complete ARN of a deleted secret ``app``, or the ARN of a secret ``app-docker``
without its suffix. AWS always reads it as complete and finds nothing. Therefore:

1. A secret exists whose name is the whole last part, ``app-docker``: the reference means that one.
2. No such secret exists, and a live one has the name without the suffix, ``app``: the reference is stale. Exception:
   the suffix reads as a word, or an opted-in secret has nearly the whole name. ``app-dokcer`` is more likely a
   misspelling of ``app-docker`` than the ARN of another ``app``.
3. In any other case nothing is proved, and nothing is written.

Source: https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
"""

from pullguard.domain.arn import SecretReference
from pullguard.domain.facts import Facts
from pullguard.domain.lookup import Lookup, Missing, Unreadable
from pullguard.domain.secret import Secret


def named(facts: Facts, reference: SecretReference) -> Secret | None:
    """Return the secret that a reference names, in any state: as AWS finds it, or by its whole last part."""
    found = facts.secrets.get(reference.text)
    if isinstance(found, Secret):
        return found
    return _found(facts.namesakes.get(reference.text), reference.name)


def namesake(facts: Facts, reference: SecretReference) -> Secret | None:
    """Return the live secret whose name is the whole last part of an ARN that AWS does not find."""
    return _live(_found(facts.namesakes.get(reference.text), reference.name))


def replacement(facts: Facts, reference: SecretReference) -> Secret | None:
    """Return the live secret that was recreated under the name of a deleted one: the reference is stale."""
    return _live(_replacement(facts, reference))


def other_reading(facts: Facts, reference: SecretReference) -> Secret | None:
    """Return the live secret with the name without the suffix, if the suffix may be part of a misspelt name.

    It is shown to people, and never acted on.
    """
    found = _live(_found(facts.replacements.get(reference.text), reference.name_without_suffix))
    return found if _may_be_misspelt(facts, reference) else None


def deleted(facts: Facts, reference: SecretReference) -> Secret | None:
    """Return the secret that would be meant if it were not scheduled for deletion."""
    found = _found(facts.namesakes.get(reference.text), reference.name) or _replacement(facts, reference)
    return found if found is not None and found.deleted_at is not None else None


def unread(facts: Facts, reference: SecretReference) -> Unreadable | None:
    """Return the unanswered query on which the meaning of the reference depends."""
    queries = (facts.namesakes.get(reference.text), facts.replacements.get(reference.text))
    return next((each for each in queries if isinstance(each, Unreadable)), None)


def meant(facts: Facts, reference: SecretReference) -> Secret | None:
    """Return the one live secret that a reference names, or that it is proved to mean."""
    found = facts.secrets.get(reference.text)
    if isinstance(found, Secret):
        return found
    return namesake(facts, reference) or replacement(facts, reference)


def is_lost(facts: Facts, reference: SecretReference) -> bool:
    """Whether AWS answered that the secret does not exist, and no other, not even a deleted one, is meant."""
    if not isinstance(facts.secrets.get(reference.text), Missing) or unread(facts, reference) is not None:
        return False
    return meant(facts, reference) is None and deleted(facts, reference) is None


def _replacement(facts: Facts, reference: SecretReference) -> Secret | None:
    if not isinstance(facts.namesakes.get(reference.text), Missing) or _may_be_misspelt(facts, reference):
        return None
    return _found(facts.replacements.get(reference.text), reference.name_without_suffix)


def _may_be_misspelt(facts: Facts, reference: SecretReference) -> bool:
    """Whether the last part is more likely a misspelt name than a name with a suffix that AWS generated."""
    named = (each.name for each in facts.task_definition.containers if each.reference == reference)
    near = (facts.near_secrets.get(name) for name in named)
    return reference.ends_in_a_word or any(isinstance(each, tuple) and each for each in near)


def _found(answer: Lookup[Secret] | None, name: str | None) -> Secret | None:
    """Return the found secret if it has exactly that name, in any state."""
    return answer if isinstance(answer, Secret) and answer.name == name else None


def _live(secret: Secret | None) -> Secret | None:
    return secret if secret is not None and secret.deleted_at is None else None
