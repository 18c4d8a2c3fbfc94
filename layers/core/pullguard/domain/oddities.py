r"""Signs that a registry did not issue a username or password; the value is examined once and then discarded.

A real password is random and may contain ``$``, ``{`` or ``<``. So a text counts as a placeholder only if it is one
from its first to its last character, or contains syntax that only template languages use. Unusual
characters are not enough.
"""

import re
from functools import cache
from typing import Final

from pullguard.domain.secret import Oddity

# Longer texts are not placeholders of that kind, and cost no time.
_WHOLE_MAX_CHARS: Final = 500
_WORDS_MAX_CHARS: Final = 80
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff"
_AROUND: Final = re.compile(rf"^[\s{_INVISIBLE}]+|[\s{_INVISIBLE}]+$")

_NOUN: Final = r"(?:PASSWORD|PASSWD|PASS|PWD|TOKEN|SECRET|USERNAME|USER|LOGIN|KEY|APIKEY|PAT|CREDENTIALS?|AUTH)"
_VARIABLE: Final = rf"(?:[A-Z0-9]+_)*{_NOUN}(?:_[A-Z0-9]+)*"
# Syntax that shells, Compose, Terraform, CloudFormation, Helm, CI systems and secret stores replace, or people bracket.
_WHOLE: Final = "|".join(
    (
        r"\$?\{\{[^\n]*\}\}",  # {{resolve:...}}, {{ .Values.token }}, ${{ secrets.TOKEN }}
        r"\$\{[A-Za-z_][A-Za-z0-9_.:/()\[\]'\" ,?=+*-]*\}",  # ${TOKEN}, ${var.token}, ${TOKEN:-none}
        r"\$\([A-Za-z_][A-Za-z0-9_. -]*\)",  # $(TOKEN)
        rf"\$(?:[Ee][Nn][Vv]:)?(?i:{_VARIABLE})",  # $TOKEN, $env:TOKEN
        rf"%(?i:{_VARIABLE})%",  # %TOKEN%
        rf"<[^<>\n]*(?i:{_NOUN}|YOUR|HERE|VALUE|NAME|REDACTED)[^<>\n]*>",  # <your token>
        rf"(?i:[\[({{]{_VARIABLE}[\])}}]|__{_VARIABLE}__|@@?{_VARIABLE}@@?)",
        r"#\{[A-Za-z_][A-Za-z0-9_.-]*\}#?",  # #{DockerPassword}
        r"__(?!X)[A-Z]{2}[A-Z0-9_]*__|%(?!X)[A-Z]{2}[A-Z0-9_]*%",  # __HUB_LOGIN__, %HUB%
        r"@Microsoft\.KeyVault\(\S+\)|!(?:Ref|Sub|GetAtt|ImportValue) \S+",
        r"([xX*?#._\u2022\u2026-])\1{2,}",  # xxx, ***, ...
        r"[\[(<{*_#-]*(?i:redacted|masked|hidden|removed|sanitized|scrubbed)[\])>}*_#-]*",  # ***REDACTED***
        r"(?:[A-Za-z]{1,8}[_-]){1,2}(?:[xX]{6,}|[*\u2022]{3,}|\.{3,}|\u2026)",  # ghp_xxxxxxxx, dckr_pat_...
        r"arn:aws[a-z-]*:(?:secretsmanager|ssm|kms):\S+",
        r"(?:file|env|ssm|op|vault|secretsmanager|awssm)://\S+",
        r"ENC\[\S+\]|vault:v[0-9]+:\S+",
        # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html
        r"(?i:privateRegistry(?:Username|Password))",
        # what Terraform prints instead of the value
        r"\((?i:sensitive(?: value)?|known after apply)\)|<(?i:sensitive)>",
        r"None|(?i:null|undefined|n/a|nil|<nil>|\[object Object\]|to-?do|tbd|fix-?me|place-?holder)",
    )
)
# The last one is ${Env} within a text; random passwords rarely have such braces around a name.
_ANYWHERE: Final = (
    rf"\{{\{{resolve:[a-z-]+:|\$\{{\{{ *(?:secrets|vars|env|inputs|github)\.|\$\{{{_VARIABLE}\}}"
    r"|\$\{(?![xX_]*\})(?:[A-Z]?[a-z]{2}|[A-Z]{3}|[A-Z]{2}_)[A-Za-z0-9_.:]{0,60}\}"
)
# change-me, REPLACE_WITH_YOUR_TOKEN, YourPasswordHere: instruction words, and nothing else.
_INSTRUCTION: Final = (
    "change|replace|fill|insert|enter|paste|provide|update|your|here|placeholder|dummy|fake|example|sample"
)
_PHRASE: Final = "(?:set|add|put)(?:me|it|this|the|your)|tobe"
_WORDS: Final = (
    rf"(?:{_INSTRUCTION}|add|put|set|me|this|it|in|with|before|after|later|please|the|an|a|my|real|actual|own|to|be|by"
    r"|deploy(?:ment|ing)?|creat(?:e|ion)|setup|install(?:ation)?|apply|manually|first|from|for|of|via"
    r"|later|soon|changed|replaced|filled|provided|updated|defined|dckr|ghp|glpat|npm"
    r"|value|password|passwd|pass|pwd|token|secret|username|user|name|login|apikey|api|key|access|personal|pat"
    r"|credentials|credential|private|registry|docker|hub|github|gitlab|ghcr|quay|account|robot|id)+[0-9!]{0,4}"
)
_SEPARATORS: Final = re.compile(r"[ _.\-]+")
_PAIRS: Final = ("<>", "[]", "()", "{}", '""', "''", "``", "\u201c\u201d", "\u2018\u2019")
_PAIRS_MAX: Final = 4
# "hunter2" with the quotation marks of the shell or file that it was copied from; a random password has others within.
_QUOTED: Final = re.compile(r"([\"'])[^\"'\s]{4,}\1")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern on first use: most invocations read no value."""
    return re.compile(pattern)


def oddity_of(text: str) -> Oddity | None:
    """Return what is odd about a username or password; None if a registry may well have issued it."""
    bare = _AROUND.sub("", text)
    if not bare:
        return "blank"
    if _is_placeholder(bare):
        return "placeholder"
    if bare != text:
        return "white-space-around"
    return "quotes-around" if _QUOTED.fullmatch(bare) else None


def _is_placeholder(text: str) -> bool:
    if _compiled(_ANYWHERE).search(text):
        return True
    within = _without_brackets(text)
    if any(len(each) <= _WHOLE_MAX_CHARS and _compiled(_WHOLE).fullmatch(each) for each in (text, within)):
        return True
    if len(within) > _WORDS_MAX_CHARS:
        return False
    words = _SEPARATORS.sub("", within).lower()
    return _compiled(_WORDS).fullmatch(words) is not None and _is_instruction(words)


def _without_brackets(text: str) -> str:
    """Return a text without the brackets or quotation marks around it."""
    for _ in range(_PAIRS_MAX):
        if len(text) <= len("<>") or text[0] + text[-1] not in _PAIRS:
            break
        text = text[1:-1]
    return text


def _is_instruction(words: str) -> bool:
    """Whether the words of the vocabulary are an instruction: a single verb may be a name."""
    return re.search(rf"{_INSTRUCTION}|{_PHRASE}", words) is not None and not re.fullmatch(_INSTRUCTION, words)
