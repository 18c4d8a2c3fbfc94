"""The forms of an alert that the parameter ``AlertFormat`` chooses from.

Here, since a function that sends no alert reads its settings without loading what composes one.
"""

from typing import Literal, TypeAlias

Format: TypeAlias = Literal["text", "json", "chat"]
FORMATS: tuple[Format, ...] = ("text", "json", "chat")
