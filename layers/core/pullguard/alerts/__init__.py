"""What people read when something breaks, is mended or is refused: one message a cause, sent through SNS.

The rules of this package:

- Image, container, family, tags, causes and evidence are somebody else's text. Each becomes one line without control,
  bidirectional or invisible characters, limited in length, and without a URL that a reader's program would link.
  Names lose every character that is not ASCII as well, so that none looks like another.
- The only links are ours: to pages of the AWS console, built from proved ARNs.
- A snippet is shown whole or not at all, since half a command is worse than none.

``deed`` and ``notice`` are what there is to tell, ``alert`` composes the message about it: ``text``, ``structured``
and ``chat`` are its three forms, made of ``headline``, ``paragraphs`` and ``links``. ``affected`` finds what a notice
names and whom it hits; all that is not ours goes through ``foreign``.
"""

from pullguard.alerts.alert import FORMATS, Alert, Format, compose
from pullguard.alerts.deed import describe
from pullguard.alerts.notice import Notice, NoticeKind
from pullguard.alerts.structured import MESSAGE_MAX_BYTES

__all__ = [
    "FORMATS",
    "MESSAGE_MAX_BYTES",
    "Alert",
    "Format",
    "Notice",
    "NoticeKind",
    "compose",
    "describe",
]
