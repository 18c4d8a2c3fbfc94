"""Is the reference well-formed, complete and alive, and does it belong to this image?"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pullguard.checks import credentials_missing, misspellings
from pullguard.checks.check import (
    NAME_FULL_ARN,
    NEEDS_DEFINITION,
    NEEDS_SECRET,
    PRIVATE_REGISTRY,
    Check,
    image_of,
    is_ecr,
    reference_snippet,
    referring,
    secrets_in_use,
    skipped,
    subject_of,
    unreadable,
)
from pullguard.checks.new_secret import future_of
from pullguard.checks.role_steps import creating, naming, steps_for
from pullguard.domain import secret_resolution
from pullguard.domain.arn import Arn, MalformedReference, SecretReference
from pullguard.domain.aws_cli import command, on_secret
from pullguard.domain.errors import shown
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Answer, Failed, Inapplicable, Passed, Remedy, Severity
from pullguard.domain.lookup import Missing, NotAsked, Unreadable
from pullguard.domain.opt_in import REGISTRY_TAG, has_unreadable_registry_tag, registry_hosts
from pullguard.domain.secret import Secret
from pullguard.domain.task_definition import Container
from pullguard.incidents.identity import Breaks

_REPOSITORY_CREDENTIALS = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RepositoryCredentials.html"
_WHATS_IN_A_SECRET = "https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html"  # noqa: S105

_NAME_SECRET = "Register a revision that names the secret by its full ARN; this lists what is opted in."  # noqa: S105
_REPLACE_TOKEN = (
    "Revoke the token where it was issued, since it can be read in the task definition, and store a new one in a "
    f"secret. {_NAME_SECRET}"
)


def _malformed(facts: Facts) -> Iterable[Answer]:
    for container in facts.task_definition.containers:
        subject = subject_of(facts, container)
        if container.reference is None or is_ecr(container):
            continue
        if not isinstance(container.reference, MalformedReference):
            yield Passed(subject=subject)
            continue
        reference = container.reference
        meant = _behind_a_suffix(facts, reference)
        yield Failed(
            subject=subject,
            cause=f"The credentialsParameter of container {container.name} names no secret: it {reference.why}.",
            evidence=f"credentialsParameter is {reference.reported}",
            remedy=Remedy(
                text=_REPLACE_TOKEN if reference.problem == "token" else _NAME_SECRET,
                snippet=_list_secrets(facts),
            )
            if meant is None
            else naming(
                facts, container, meant, "register a revision that names the secret by its full ARN, nothing after it."
            ),
        )


def _behind_a_suffix(facts: Facts, reference: MalformedReference) -> Secret | None:
    """Return the secret that a malformed reference names before its suffix; None if none is proven."""
    if reference.meant is None:
        return None
    found = facts.secrets.get(reference.meant.text)
    return found if isinstance(found, Secret) else secret_resolution.namesake(facts, reference.meant)


def _list_secrets(facts: Facts) -> str:
    """Return the command that lists the secrets that a reference may name, with their registry hosts."""
    query = f"SecretList[].[ARN,Tags[?Key=='{REGISTRY_TAG}'].Value|[0]]"
    at = ("--region", facts.task_definition.arn.region)
    which = (("--filters", f"Key=tag-key,Values={REGISTRY_TAG}"), ("--query", query), ("--output", "text"))
    return command("secretsmanager", "list-secrets", at, *which)


def _not_full_arn(facts: Facts) -> Iterable[Answer]:
    for container, reference in referring(facts):
        subject = subject_of(facts, container)
        match facts.secrets.get(reference.text):
            case Secret(arn=arn) if reference.text == str(arn):
                yield Passed(subject=subject)
            case Secret() as secret:
                yield _resolves(facts, container, reference, secret)
            case Missing() if (namesake := secret_resolution.namesake(facts, reference)) is not None:
                yield _is_taken_for_complete(facts, container, reference, namesake)
            case Missing() if isinstance(facts.namesakes.get(reference.text), Missing):
                yield Inapplicable(subject=subject)  # no secret has that name: the checks below report the fault
            case NotAsked() if reference.name_without_suffix is None:
                yield _offline(facts, container, reference)
            case NotAsked() if reference.may_end_in_a_word:
                yield _may_be_complete(facts, container, reference)
            case _:
                continue


def _cause(container: Container, reference: SecretReference) -> str:
    return (
        f"Container {container.name} names its secret by {shown(reference.text)}, not by its full ARN: another "
        "secret may answer to it tomorrow, and policies on the exact ARN cannot be compared with it."
    )


def _resolves(facts: Facts, container: Container, reference: SecretReference, secret: Secret) -> Failed:
    severity = _severity_of_partial(facts, secret.arn)
    return Failed(
        subject=subject_of(facts, container),
        severity=severity,
        cause=_cause(container, reference),
        evidence=f"DescribeSecret answers {secret.arn}",
        remedy=naming(facts, container, secret, "register a revision with the secret's full ARN.")
        if severity == "error"
        else Remedy(
            action="reregister",
            text="It works today, so it is left to you: name it by its full ARN in the next revision.",
            snippet=steps_for(facts, container, secret).snippet(reference_snippet(secret)),
        ),
    )


def _is_taken_for_complete(facts: Facts, container: Container, reference: SecretReference, secret: Secret) -> Failed:
    return Failed(
        subject=subject_of(facts, container),
        severity="error",
        cause=(
            f"Container {container.name} names its secret {secret.name} by an ARN without the suffix. The name itself "
            "ends in a hyphen and six characters, so AWS takes the ARN for complete and does not find the secret."
        ),
        evidence=(
            f"DescribeSecret of {shown(reference.text)}: ResourceNotFoundException; DescribeSecret of {secret.name} "
            f"answers {secret.arn}"
        ),
        remedy=naming(facts, container, secret, "register a revision with the secret's full ARN."),
    )


def _offline(facts: Facts, container: Container, reference: SecretReference) -> Failed:
    return Failed(
        subject=subject_of(facts, container),
        severity=_severity_of_partial(facts, reference.arn),
        cause=_cause(container, reference),
        evidence="a full ARN ends in a hyphen and six letters or digits that Secrets Manager has chosen",
        remedy=Remedy(text="Name the secret by its full ARN.", snippet=_describe(facts, reference, reference.text)),
    )


def _may_be_complete(facts: Facts, container: Container, reference: SecretReference) -> Failed:
    return Failed(
        subject=subject_of(facts, container),
        severity="warning",
        cause=(
            f"Container {container.name} names its secret by {shown(reference.text)}: that may be a complete ARN, or "
            f"the ARN of a secret called {reference.name} without its suffix, which AWS does not find."
        ),
        evidence=(
            f"the ARN ends in {reference.name[-7:]}, which reads as part of a name; AWS takes any hyphen and six "
            "characters at the end for the suffix"
        ),
        remedy=Remedy(
            text=f"If the secret is called {reference.name}, write the full ARN, which this command prints.",
            snippet=_describe(facts, reference, reference.name),
        ),
    )


def _describe(facts: Facts, reference: SecretReference, secret_id: str) -> str:
    """Return the command that prints the full ARN of the secret that ``secret_id`` names."""
    region = reference.arn.region if reference.arn else facts.task_definition.arn.region
    at = (("--region", region), ("--secret-id", secret_id))
    return command("secretsmanager", "describe-secret", *at, ("--query", "ARN"), ("--output", "text"))


def _severity_of_partial(facts: Facts, secret: Arn | None) -> Severity:
    """A partial reference works only at home, as a name always is: another account or Region needs the full ARN."""
    home = facts.task_definition.arn
    at_home = secret is None or (secret.account, secret.region) == (home.account, home.region)
    return "warning" if at_home else "error"


def _stale(facts: Facts) -> Iterable[Answer]:
    for container, reference in referring(facts):
        subject = subject_of(facts, container)
        found = facts.secrets.get(reference.text)
        if isinstance(found, Secret):
            yield Passed(subject=subject)
        if not isinstance(found, Missing):
            continue
        if (unread := secret_resolution.unread(facts, reference)) is not None:
            yield unreadable(subject, f"Which secret {shown(reference.text)} means", unread)
            continue
        secret = secret_resolution.replacement(facts, reference)
        if secret is None:
            yield Inapplicable(subject=subject)  # reference-not-full-arn or secret-not-found reports it
            continue
        yield Failed(
            subject=subject,
            cause=(
                f"The secret that container {container.name} names is gone; a secret of the same name, "
                f"{secret.name}, was created again and has another ARN."
            ),
            evidence=(
                f"DescribeSecret of {reference.text} and of the name {reference.name}: ResourceNotFoundException; "
                f"DescribeSecret of {secret.name} answers {secret.arn}"
            ),
            remedy=naming(
                facts, container, secret, "register a revision with the new ARN, and let the services run it."
            ),
        )


def _not_found(facts: Facts) -> Iterable[Answer]:
    for container, reference in referring(facts):
        subject = subject_of(facts, container)
        match facts.secrets.get(reference.text):
            case Secret():
                yield Passed(subject=subject)
            case Unreadable() as unread:
                yield unreadable(subject, f"The secret of container {container.name}", unread)
            case NotAsked() as not_asked:
                yield skipped(subject, "Does the secret exist?", not_asked)
            case Missing() if secret_resolution.meant(facts, reference) is not None:
                yield Inapplicable(subject=subject)  # reference-not-full-arn or reference-stale reports it
            case Missing() if secret_resolution.unread(facts, reference) is None:
                yield Failed(
                    subject=subject,
                    cause=f"The secret {shown(reference.text)} that container {container.name} names does not exist.",
                    evidence=f"DescribeSecret of {shown(reference.text)}: ResourceNotFoundException",
                    remedy=_create_or_restore(facts, container, reference),
                )
            case _:
                continue


def _create_or_restore(facts: Facts, container: Container, reference: SecretReference) -> Remedy:
    if (deleted := secret_resolution.deleted(facts, reference)) is not None:
        steps = steps_for(facts, container, deleted)
        restored = replace(steps, commands=(on_secret(deleted, "restore-secret"), *steps.commands))
        text = (
            f"The secret {deleted.name} is scheduled for deletion: restore it, and register a revision that names it "
            "by its full ARN."
        )
        return Remedy(
            text=" ".join((text, *steps.remarks)),
            snippet=restored.snippet(reference_snippet(deleted)),
        )
    home = facts.task_definition.arn.account
    if reference.arn is not None and reference.arn.account != home:
        theirs = reference.arn.account
        partial = (
            f" If the secret is called {reference.name}, the ARN lacks its suffix and finds nothing."
            if reference.ends_in_a_word
            else ""
        )
        return Remedy(
            text=(
                f"The reference names account {theirs}, and the task runs in {home}: register a revision that names "
                f"the secret that is meant. Or the owner of account {theirs} creates it under a customer managed key, "
                f"and lets the execution role in by the resource policy and the key policy.{partial}"
            )
        )
    # A name, or an ARN without its suffix, finds the new secret only at home: elsewhere AWS needs the full ARN.
    at_home = reference.arn is None or reference.arn.region == facts.task_definition.arn.region
    printed = reference.name_without_suffix is not None or not at_home
    future = future_of(facts, reference)
    create = "Create the secret." if at_home else _of_home(facts, reference, future.name)
    otherwise = creating(facts, container, future, create, printed=printed)
    remedy = misspellings.of_secret(facts, container, future.name, otherwise)
    other = secret_resolution.other_reading(facts, reference)
    if other is None:
        return remedy
    complete = (
        f"If the ARN was complete, its secret {other.name} was created again: register a revision with {other.arn}."
    )
    return replace(remedy, text=f"{remedy.text} {complete}")


def _of_home(facts: Facts, reference: SecretReference, name: str) -> str:
    """Return what to verify before creating a secret in another Region than the task's: a twin is misleading."""
    home, named = facts.task_definition.arn.region, reference.arn.region if reference.arn else ""
    at = (("--region", home), ("--secret-id", name), ("--query", "ARN"), ("--output", "text"))
    return (
        f"The ARN names the Region {named}, and the tasks run in {home}. If the secret {name} of {home} is meant, "
        f"register a revision with its ARN, which `{command('secretsmanager', 'describe-secret', *at)}` prints. "
        f"Otherwise create the secret in {named}."
    )


def _on_ecr_image(facts: Facts) -> Iterable[Answer]:
    for container in facts.task_definition.containers:
        if not is_ecr(container):
            continue
        subject = subject_of(facts, container)
        if container.reference is None:
            yield Passed(subject=subject)
            continue
        yield Failed(
            subject=subject,
            cause=f"Container {container.name} gives registry credentials for an Amazon ECR image, which takes none.",
            evidence=f"image {shown(container.image.text)}",
            remedy=Remedy(
                action="reregister",
                text=(
                    f"Register a revision in which container {container.name} has no repositoryCredentials; ECR images "
                    "are pulled with the execution role's own ecr: permissions."
                ),
            ),
        )


def _registry_mismatch(facts: Facts) -> Iterable[Answer]:
    for container, secret in secrets_in_use(facts):
        image = image_of(container)
        subject = subject_of(facts, container)
        if image is None:
            continue
        if REGISTRY_TAG not in secret.tags or has_unreadable_registry_tag(secret):
            yield Inapplicable(subject=subject)  # registry-tag-unreadable explains the latter
            continue
        hosts = registry_hosts(secret)
        if image.host in hosts:
            yield Passed(subject=subject)
            continue
        yield Failed(
            subject=subject,
            cause=(
                f"Container {container.name} pulls from {image.host}, and its secret {secret.name} is kept for "
                f"{' and '.join(sorted(hosts))}."
            ),
            evidence=f"tag {REGISTRY_TAG} of the secret is {shown(secret.tags[REGISTRY_TAG])}",
            remedy=misspellings.of_registry_host(image, secret),
        )


STALE: Final = Check(
    id="reference-stale",
    gate="reference",
    breaks=Breaks.MISSING_SECRET,
    severity="error",
    fails_when=(
        "the ARN's secret is gone, no secret has the ARN's full last part as its name, and exactly one live secret "
        "has the name without the suffix, in the same account and Region; the suffix does not read as a word, and no "
        "opted-in secret has nearly the whole name"
    ),
    fix="reregister",
    needs=NEEDS_SECRET,
    remedy="register a revision with the new ARN, and let the services run it",
    source=_WHATS_IN_A_SECRET,
    ask=_stale,
)

ON_ECR: Final = Check(
    id="credentials-on-ecr-image",
    gate="reference",
    place="registry",
    severity="error",
    fails_when="repositoryCredentials are set on an image in Amazon ECR (private, public, FIPS, dual-stack, China)",
    fix="reregister",
    needs=NEEDS_DEFINITION,
    remedy="register a revision without repositoryCredentials",
    source=PRIVATE_REGISTRY,
    ask=_on_ecr_image,
)

CHECKS = (
    Check(
        id="reference-malformed",
        gate="reference",
        severity="error",
        fails_when=(
            "the credentialsParameter is neither a secret's name nor a Secrets Manager secret ARN: another service's "
            "ARN, a wildcard or control character, a :json-key:stage:version suffix, the wrong partition, or what "
            "looks like a pasted token"
        ),
        fix="reregister",
        needs=NEEDS_DEFINITION,
        remedy=f"{NAME_FULL_ARN}, and nothing after it",
        source=_REPOSITORY_CREDENTIALS,
        ask=_malformed,
    ),
    Check(
        id="reference-not-full-arn",
        gate="reference",
        severity="warning",
        fails_when=(
            "the reference is a name, or an ARN without its six-character suffix (an error where the secret is in "
            "another account or Region, or where its name ends in a hyphen and six characters, so that AWS does not "
            "find it: Pullguard fixes an error, and leaves what works)"
        ),
        fix="reregister",
        fix_words="re-register where it is an error; a warning is reported",
        needs=NEEDS_SECRET,
        remedy=NAME_FULL_ARN,
        source=_REPOSITORY_CREDENTIALS,
        ask=_not_full_arn,
    ),
    STALE,
    Check(
        id="secret-not-found",
        gate="reference",
        breaks=Breaks.MISSING_SECRET,
        severity="error",
        fails_when="no secret has that name or ARN, and no other is proved to be meant",
        needs=NEEDS_SECRET,
        remedy=(
            "a revision that names the one that is meant (similar names are offered), or aws secretsmanager "
            "create-secret with tags and key"
        ),
        source=PRIVATE_REGISTRY,
        ask=_not_found,
    ),
    credentials_missing.CHECK,
    ON_ECR,
    Check(
        id="registry-mismatch",
        gate="reference",
        place="sign-in",
        severity="error",
        fails_when="the secret is bound to other registry hosts than the image's",
        needs=NEEDS_SECRET,
        remedy="name a secret that is for this registry, or have its owner add the host to the tag",
        source=PRIVATE_REGISTRY,
        ask=_registry_mismatch,
    ),
)
