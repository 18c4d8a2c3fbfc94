"""Resource and NotResource: which resources a statement covers, and where AWS leaves that unclear.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pullguard.access.patterns import ARN_PARTS, MANY, glob, glob_matches, resource_matches, steps_of
from pullguard.access.request import Request
from pullguard.access.ternary import Match, Unknown
from pullguard.access.variables import VARIABLE, Template, Text, Unresolved, compile_text, expand
from pullguard.access.work import TOO_MUCH
from pullguard.domain.errors import shown


@dataclass(slots=True, kw_only=True)
class Resources:
    """The texts of one statement, ready for evaluation and not changed; ``negated`` for NotResource.

    ``unsure`` are texts for which AWS does not say whether they cover their matches.
    """

    certain: tuple[Text, ...]
    unsure: tuple[Text, ...] = ()
    negated: bool = False

    def cover(self, request: Request) -> Match:
        """Whether the statement covers the request's resource."""
        if MANY in self.certain or request.resource in self.certain:
            return not self.negated
        doubt: Unknown | None = None
        for pattern in self.certain:
            text = expand(pattern, request) if isinstance(pattern, Template) else pattern
            if isinstance(text, Unresolved):
                if not request.work.take(steps_of(text.widest, request.resource)):
                    return TOO_MUCH
                if glob_matches(text.widest, request.resource):
                    doubt = text.doubt.merged(doubt)
            elif text is not None:
                match = resource_matches(text, request.resource, request.work)
                if match is True:
                    return not self.negated
                if match is not False:
                    doubt = match.merged(doubt)
        if any(_perhaps_covers(text, request) for text in self.unsure):
            doubt = Unknown(problems=("an ARN of fewer than six parts has a wildcard before its last",)).merged(doubt)
        return self.negated if doubt is None else doubt


EVERYTHING = Resources(certain=(MANY,))
"""``*``, and the resources of a trust policy's statements, which name none."""


def _perhaps_covers(pattern: Text, request: Request) -> bool:
    text = expand(pattern, request) if isinstance(pattern, Template) else pattern
    widest = text.widest if isinstance(text, Unresolved) else text
    if widest is None:
        return False
    return not request.work.take(steps_of(widest, request.resource)) or glob_matches(widest, request.resource)


def compile_resources(texts: list[str], *, negated: bool, variables: bool, completes: bool, denies: bool) -> Resources:
    """Compile the texts of a Resource element, or of NotResource (``negated``).

    ``completes``: the layer is one whose incomplete ARNs IAM completes. Raises ``ValueError`` for texts that AWS would
    not accept, if reading them as matching nothing would allow more.
    """
    if texts == ["*"] and not negated:
        return EVERYTHING
    certain, unsure = _completed(texts) if completes else (texts, [])
    if negated or denies:
        _require_arns(certain)
    if not variables or "${" not in "".join(texts):
        return Resources(certain=tuple(map(glob, certain)), unsure=tuple(map(glob, unsure)), negated=negated)
    _require_variables_in_place((*certain, *unsure))
    return Resources(
        certain=tuple([compile_text(text, wildcards=True, variables=True) for text in certain]),
        unsure=tuple([compile_text(text, wildcards=True, variables=True) for text in unsure]),
        negated=negated,
    )


def _require_arns(texts: Iterable[str]) -> None:
    """Refuse texts that are not ARNs if matching nothing would allow more; elsewhere they simply match nothing."""
    for text in texts:
        if not text.startswith(("*", "arn:")):
            raise ValueError(f"{shown(text)} is neither an ARN nor *")


def _completed(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """Complete each ARN of fewer than six parts with ``*`` for the missing ones, as IAM does.

    If a wildcard before the last part may cover several parts, the number of missing parts is unknown: such a text is
    returned in both readings, as the second list.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    certain: list[str] = []
    unsure: list[str] = []
    for text in texts:
        plain = VARIABLE.sub("$", text) if "${" in text else text
        missing = ARN_PARTS - 1 - plain.count(":")
        if missing <= 0 or not f"{plain}:".startswith("arn:"):
            certain.append(text)
        elif "*" in plain.rpartition(":")[0]:
            unsure += [text, text + ":*" * missing]
        else:
            certain.append(text + ":*" * missing)
    return certain, unsure


def _require_variables_in_place(texts: Iterable[str]) -> None:
    """Refuse a variable before the fifth colon, where IAM does not expand it.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    for text in texts:
        if "${" in text and any("${" in part for part in VARIABLE.sub("${", text).split(":", ARN_PARTS - 1)[:-1]):
            raise ValueError(f"{shown(text)} has a policy variable before the fifth colon")
