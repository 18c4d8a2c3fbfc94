"""Known forms of credentials for other consumers, and how to rewrite each for ECS."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pullguard.checks.check import put_value
from pullguard.checks.new_secret import beside
from pullguard.checks.role_steps import creating
from pullguard.domain.facts import Facts
from pullguard.domain.findings import Remedy
from pullguard.domain.secret import Lookalike, Secret, ValueShape
from pullguard.domain.task_definition import Container

# Amazon ECR requires this form: https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html
_PULL_THROUGH_CACHE: Final = "ecr-pullthroughcache/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form: ``what`` the secret holds, and the ``rewrite`` that makes it usable, both in words."""

    what: str
    rewrite: str


_ECS: Final = '{"username": "...", "password": "..."}'
FORMS: Final[Mapping[Lookalike, Form]] = {
    "pull-through-cache": Form(
        what="credentials for Amazon ECR's pull through cache",
        rewrite=f'Rename accessToken: {{"username": "...", "accessToken": "..."}} becomes {_ECS}.',
    ),
    "docker-config": Form(
        what="Docker's own configuration",
        rewrite=(
            f'Store one entry\'s credentials alone: {{"auths": {{"HOST": {{"auth": "..."}}}}}} becomes {_ECS}. '
            "auth is the base64 form of username:password."
        ),
    ),
    "kubernetes-docker-config": Form(
        what="Docker's own configuration, as a Secret of Kubernetes holds it",
        rewrite=(
            'Store one entry\'s credentials alone: {".dockerconfigjson": {"auths": {"HOST": {"auth": "..."}}}} becomes '
            f"{_ECS}. auth is the base64 form of username:password."
        ),
    ),
    "kubernetes-secret": Form(
        what="the manifest of a Kubernetes Secret",
        rewrite=(
            'Store the credentials alone: {"kind": "Secret", "data": {".dockerconfigjson": "..."}} becomes '
            f"{_ECS}. The members of data are in base64, and so is auth in .dockerconfigjson, which is the base64 form "
            "of username:password."
        ),
    ),
    "credential-helper": Form(
        what="the answer of one of Docker's credential helpers",
        rewrite=f'Rename its members: {{"ServerURL": "...", "Username": "...", "Secret": "..."}} becomes {_ECS}.',
    ),
    "by-host": Form(
        what="an object for each registry host",
        rewrite=f'Store one host\'s object alone: {{"HOST": {_ECS}}} becomes {_ECS}.',
    ),
    "nested": Form(
        what="username and password in an object within the object",
        rewrite=f'Store the inner object alone: {{"NAME": {_ECS}}} becomes {_ECS}.',
    ),
    "token-alone": Form(
        what="a token without the name of its account",
        rewrite=f'Store the token as the password, beside its account\'s name: {{"token": "..."}} becomes {_ECS}.',
    ),
    "other-names": Form(
        what="members of other names",
        rewrite=f"Name the two members exactly username and password: {_ECS}.",
    ),
    "quoted-json": Form(
        what="the JSON object as a quoted string",
        rewrite=f"Store the object itself, without quotation marks around it and backslashes in it: {_ECS}.",
    ),
    "list": Form(what="the JSON object in a list", rewrite=f"Store the object itself: [{_ECS}] becomes {_ECS}."),
    "user-and-password": Form(
        what="username:password as one text",
        rewrite=f"Store the two as JSON: username:password becomes {_ECS}.",
    ),
}


def form_of(shape: ValueShape) -> Form | None:
    """Return the known form of a value that ECS cannot use; None if it is not a known one."""
    return None if shape.lookalike is None else FORMS[shape.lookalike]


def rewriting(facts: Facts, container: Container, secret: Secret, shape: ValueShape, otherwise: str) -> Remedy:
    """Return the remedy for a value that ECS cannot use: the exact rewrite of a known form, else ``otherwise``.

    If Amazon ECR needs the form that the value has, the credentials go into a separate secret.
    """
    form = form_of(shape)
    if form is None:
        return put_value(secret, otherwise)
    if shape.lookalike == "pull-through-cache" and secret.name.startswith(_PULL_THROUGH_CACHE):
        name = f"registry/{secret.name.removeprefix(_PULL_THROUGH_CACHE)}"
        text = (
            "Leave this secret, since Amazon ECR's pull through cache reads that form, and store the credentials in a "
            "secret of their own."
        )
        return creating(facts, container, beside(facts, secret, name), text)
    return put_value(secret, form.rewrite)
