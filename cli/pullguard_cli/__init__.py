"""The ``pullguard`` command."""

INTERRUPTED = "pullguard: interrupted before there was anything to report."
