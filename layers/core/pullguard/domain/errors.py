"""Pullguard's own errors: each says what happened, to which resource, why, and what to do."""

from typing import Final

from pullguard.domain.pasted_credentials import hidden

# More characters than the recognition of a token needs: texts are inspected this far beyond what is shown.
_TOKEN_CHARS: Final = 256


class PullguardError(Exception):
    """The base class of Pullguard's own errors; its text is written for people."""


class Malformed(PullguardError):
    """External text that violates its format.

    ``what`` names the kind of text, ``text`` is the text itself (shown shortened, with control characters escaped),
    ``why`` the rule that it breaks.
    """

    def __init__(self, what: str, text: str, why: str) -> None:
        self.what = what
        self.text = text
        self.why = why
        super().__init__(f"{what} {shown(text)} {why}")


class Rejected(PullguardError):
    """An event or a message that can never be handled: it belongs in the dead-letter queue with this reason."""


class NotNow(PullguardError):
    """AWS cannot be asked at the moment: the message returns to its queue and is retried."""


class MalformedItem(PullguardError):
    """A ledger item that cannot be read: its keys and the reason."""

    def __init__(self, partition: str, sort: str, why: str) -> None:
        super().__init__(
            f"the ledger's item pk {shown(partition, 400)}, sk {shown(sort, 400)} cannot be read: {why}. "
            "Find out what wrote it; docs/operations.md (The ledger) says which items may be deleted."
        )


class Denied(PullguardError):
    """AWS refused a write; ``permission`` is the IAM action, ``code`` the error's code."""

    def __init__(self, permission: str, resource: str, code: str) -> None:
        self.permission = permission
        self.resource = resource
        self.code = code
        super().__init__(f"AWS refused {permission} on {resource} ({code})")


class Misconfigured(PullguardError):
    """The deployment lacks something: one line that names the variable or parameter and the remedy."""


def shown(text: str, limit: int = 120) -> str:
    """Return ``text`` quoted for a message: control characters escaped, long texts cut, tokens not shown."""
    text = hidden(text[: limit + _TOKEN_CHARS])
    cut = text if len(text) <= limit else f"{text[:limit]}…"
    return f'"{"".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)}"'
