"""A policy document, parsed once into statements. A malformed part stays in as an unknown, never as a crash.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal

from pullguard.access.conditions import Condition, compile_conditions
from pullguard.access.patterns import glob, glob_matches, steps_of
from pullguard.access.principals import Principals, compile_principals
from pullguard.access.request import Request
from pullguard.access.resources import EVERYTHING, Resources, compile_resources
from pullguard.access.ternary import Match, Unknown
from pullguard.access.work import TOO_MUCH
from pullguard.domain.documents import Repeating, read_json, why_no_object
from pullguard.domain.errors import shown
from pullguard.domain.lookup import Document

_LONG_ACTION = "secretsmanager:GetSecretValue"  # no evaluated action is longer
VERSIONS = {"2012-10-17": True, "2008-10-17": False}  # whether policies of that Version have variables


class Layer(StrEnum):
    """The kind of a policy, in the words that people use."""

    IDENTITY = "identity policy"
    BOUNDARY = "permissions boundary"
    SERVICE_CONTROL = "service control policy"
    RESOURCE_CONTROL = "resource control policy"
    RESOURCE = "resource policy"
    KEY = "key policy"
    GRANT = "grant"
    TRUST = "trust policy"


# Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html (incomplete ARNs)
_COMPLETES_ARNS = (Layer.IDENTITY, Layer.BOUNDARY)
_NAMES_PRINCIPALS = (Layer.RESOURCE, Layer.KEY, Layer.TRUST, Layer.RESOURCE_CONTROL)


@dataclass(slots=True, kw_only=True)
class Statement:
    """One statement, not changed after parsing. ``source`` is its original JSON.

    ``problem`` says which part could not be read. ``action_steps`` is the maximum cost of comparing its ``actions``.
    ``variables``: the policy's Version has policy variables.
    """

    index: int
    sid: str | None
    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...] = ()
    action_steps: int = 0
    not_action: bool = False
    resources: Resources
    principals: Principals | None = None
    not_principal: bool = False
    problem: Unknown | None = None
    source: object = None
    variables: bool = False
    compiled: tuple[Condition, ...] | None = field(default=(), repr=False, compare=False)

    @property
    def label(self) -> str:
        """The Sid, or the index from 0 if there is no Sid."""
        return self.sid or str(self.index)

    @property
    def text(self) -> str:
        """The statement as JSON, to quote."""
        return json.dumps(self.source, indent=2, ensure_ascii=False, default=str)

    @property
    def resource_texts(self) -> tuple[str, ...]:
        """The original texts of Resource; empty if the statement has no Resource, or one that cannot be read."""
        named = self.source.get("Resource") if isinstance(self.source, Mapping) else None
        listed = named if isinstance(named, list) else [named]
        return tuple(text for text in listed if isinstance(text, str))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The lines of Condition, compiled when first needed: action and resource exclude many statements."""
        if self.compiled is None:
            block = self.source.get("Condition") if isinstance(self.source, Mapping) else None
            self.compiled = compile_conditions(block, variables=self.variables)
        return self.compiled

    def covers_action(self, request: Request) -> bool:
        """Whether Action or NotAction covers the request's action; case does not count."""
        action = request.action_folded
        if action in self.actions:
            return not self.not_action
        for pattern in self.actions:
            if glob_matches(pattern, action):
                return not self.not_action
        return self.not_action

    def covers(self, request: Request) -> Match:
        """Whether action, resource and conditions all cover the request; the principal is not considered."""
        if self.problem is not None:
            return self.problem
        if not request.work.take(self.action_steps):
            return TOO_MUCH
        if not self.covers_action(request):
            return False
        covered = self.resources.cover(request)
        if covered is False:
            return False
        doubt = None if covered is True else covered
        for condition in self.conditions:
            holds = condition.holds(request)
            if holds is False:
                return False
            if holds is not True:
                doubt = holds.merged(doubt)
        return True if doubt is None else doubt


@dataclass(slots=True, kw_only=True)
class Policy:
    """A policy ready for evaluation, not changed after parsing.

    ``kind`` and ``arn`` say where to find it: ``inline``, ``managed``, or the layer's own name. ``level`` counts the
    levels of control policies from the root, 0. With a ``problem`` no part of it could be read.
    """

    name: str
    layer: Layer
    kind: str
    arn: str | None = None
    level: int | None = None
    allows: tuple[Statement, ...] = ()
    denies: tuple[Statement, ...] = ()
    problem: Unknown | None = None

    @property
    def title(self) -> str:
        """The policy in words: ``the inline policy "registry"``."""
        kind = self.layer if self.layer is not Layer.IDENTITY else f"{self.kind} policy"
        level = "" if self.level is None else f" at level {self.level}"
        return f'the {kind} "{self.name}"{level}' if self.name != self.layer else f"the {kind}{level}"


Statements = tuple[tuple[Statement, ...], tuple[Statement, ...], str | None]


def parse_policy(
    document: Document,
    *,
    layer: Layer,
    name: str | None = None,
    kind: str | None = None,
    arn: str | None = None,
    level: int | None = None,
) -> Policy:
    """Read ``document``, JSON text or the parsed object, as a policy of ``layer``.

    Never raises: a document that cannot be read is a policy whose every answer is unknown, with the reason.
    """
    statements = _read_text(document, layer) if isinstance(document, str) else _read_document(document, layer)
    allows, denies, problem = statements
    policy = Policy(
        name=layer if name is None else name,
        layer=layer,
        kind=layer if kind is None else kind,
        arn=arn,
        level=level,
        allows=allows,
        denies=denies,
    )
    return policy if problem is None else unreadable(policy, f"{policy.title} cannot be read: {problem}")


def unreadable(policy: Policy, *problems: str) -> Policy:
    """Return ``policy`` as an unreadable one: it answers every request with Unknown and ``problems``."""
    return Policy(
        name=policy.name,
        layer=policy.layer,
        kind=policy.kind,
        arn=policy.arn,
        level=policy.level,
        problem=Unknown(problems=problems),
    )


# Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
_TOP_ELEMENTS = frozenset(("Version", "Id", "Statement"))
ELEMENTS = frozenset(
    ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
)


@lru_cache(maxsize=2048)
def _read_text(text: str, layer: Layer) -> Statements:
    try:
        document = read_json(text)
    except (ValueError, RecursionError):
        return (), (), "it is not JSON"
    return _read_document(document, layer)


def _read_document(document: object, layer: Layer) -> Statements:
    if not isinstance(document, Mapping):
        return (), (), f"it {why_no_object(document)}"
    version = document.get("Version", "2008-10-17")
    if not isinstance(version, str) or version not in VERSIONS:
        return (), (), f"its Version {version!r} is invalid"
    if "Statement" not in document:
        return (), (), "it has no Statement"
    if not _TOP_ELEMENTS.issuperset(document):
        return (), (), f"{min(map(str, document.keys() - _TOP_ELEMENTS))} is not an element of a policy"
    listed, variables = document["Statement"], VERSIONS[version]
    allows: list[Statement] = []
    denies: list[Statement] = []
    for index, source in enumerate(listed if isinstance(listed, list) else [listed]):
        for statement in _read_statement(index, source, variables, layer):
            (allows if statement.effect == "Allow" else denies).append(statement)
    return tuple(allows), tuple(denies), None


def _read_statement(index: int, source: object, variables: bool, layer: Layer) -> tuple[Statement, ...]:
    sid, effect = None, None
    try:
        if not isinstance(source, Mapping):
            effect = source.once.get("Effect") if isinstance(source, Repeating) else None
            raise ValueError(f"it {why_no_object(source)}")  # noqa: TRY004, TRY301 (one kind of error, caught below)
        sid = source.get("Sid") if isinstance(source.get("Sid"), str) else None
        effect = source.get("Effect")
        if layer is Layer.KEY and _has_no_effect(source):
            return ()
        return (_compile_statement(index, sid, source, variables, layer),)
    except ValueError as error:
        problem = Unknown(problems=(f"statement {sid or index} cannot be read: {error}",))
        effects: tuple[Literal["Allow", "Deny"], ...] = ("Allow", "Deny")
        return tuple(
            Statement(index=index, sid=sid, effect=each, resources=EVERYTHING, problem=problem, source=source)
            for each in effects
            if effect not in effects or each == effect
        )


def _has_no_effect(source: Mapping[str, Any]) -> bool:
    """Whether a statement of a key policy lacks its actions or resources: KMS accepts it, and it has no effect.

    Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html
    """
    return any(source.keys().isdisjoint(pair) for pair in (("Action", "NotAction"), ("Resource", "NotResource")))


def _compile_statement(
    index: int, sid: str | None, source: Mapping[str, Any], variables: bool, layer: Layer
) -> Statement:
    effect = source.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise ValueError("Effect is neither Allow nor Deny")
    if not ELEMENTS.issuperset(source):
        # A misspelt Condition must not lift the restriction that its author intended.
        raise ValueError(f"{min(map(str, source.keys() - ELEMENTS))} is not an element of a statement")
    if "Sid" in source and sid is None:
        raise ValueError("its Sid is not a string")
    if "Condition" in source and source["Condition"] is None:
        raise ValueError("its Condition is null")
    listed, not_action = _either(source, "Action", "NotAction")
    actions, steps = zip(*map(_compile_action, listed), strict=True)
    resources = EVERYTHING
    if layer is not Layer.TRUST:
        texts, negated = _either(source, "Resource", "NotResource")
        completes, denies = layer in _COMPLETES_ARNS, effect == "Deny"
        resources = compile_resources(texts, negated=negated, variables=variables, completes=completes, denies=denies)
    principals, not_principal = _principals(source, layer, effect)
    return Statement(
        index=index,
        sid=sid,
        effect=effect,
        actions=actions,
        action_steps=sum(steps),
        not_action=not_action,
        resources=resources,
        principals=principals,
        not_principal=not_principal,
        source=source,
        variables=variables,
        compiled=None if "Condition" in source else (),
    )


@lru_cache(maxsize=4096)
def _compile_action(action: str) -> tuple[str, int]:
    """Return the glob, and the maximum cost of comparing it. Policies name few actions, but often."""
    if action != "*" and ":" not in action:
        raise ValueError(f"{shown(action)} is not an action")
    compiled = glob(action.lower())
    return compiled, steps_of(compiled, _LONG_ACTION)


def _either(source: Mapping[str, Any], positive: str, negative: str) -> tuple[list[str], bool]:
    negated = negative in source
    if negated == (positive in source):
        raise ValueError(f"it has {f'both {positive} and' if negated else f'neither {positive} nor'} {negative}")
    value = source[negative if negated else positive]
    if isinstance(value, str):
        return [value], negated
    texts = [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
    if not texts or len(texts) < len(value):
        raise ValueError(f"its {negative if negated else positive} is neither a string nor a list of strings")
    return texts, negated


def _principals(source: Mapping[str, Any], layer: Layer, effect: str) -> tuple[Principals | None, bool]:
    named, negated = "Principal" in source, "NotPrincipal" in source
    if layer not in _NAMES_PRINCIPALS:
        if named or negated:
            which = "Principal" if named else "NotPrincipal"
            raise ValueError(f"it has a {which}, which only resource policies have")
        return None, False
    if named == negated:
        raise ValueError(f"it has {'both Principal and' if named else 'neither Principal nor'} NotPrincipal")
    if negated and effect == "Allow":
        raise ValueError("NotPrincipal with Allow is not supported")
    principals = compile_principals(source["NotPrincipal" if negated else "Principal"])
    if effect == "Deny":
        principals.require_possible()
    return principals, negated
