"""The alerts about faults, fixes and refusals: one message per incident, sent through SNS.

The rules of this package:

- Image, container, family, tags, causes and evidence are external text. Each becomes one line without control,
  bidirectional or invisible characters, limited in length, and without a URL that a reader's program would link. Names
  lose every character that is not ASCII as well, so that none looks like another.
- The only links are ours: to pages of the AWS console, built from validated ARNs.
- A snippet is shown whole or not at all, since half a command is worse than no command.

``deed`` and ``notice`` are the content, ``alert`` composes the message about it: ``text``, ``structured`` and ``chat``
are its three forms, made of ``headline``, ``paragraphs``, ``summary`` and ``links``. ``affected`` finds the names in a
notice and its dependents; all external text goes through ``foreign``.
"""

from pullguard.alerts.alert import Alert, compose
from pullguard.alerts.deed import describe
from pullguard.alerts.notice import Notice, NoticeKind
from pullguard.alerts.structured import MESSAGE_MAX_BYTES

__all__ = [
    "MESSAGE_MAX_BYTES",
    "Alert",
    "Notice",
    "NoticeKind",
    "compose",
    "describe",
]
