"""The ``pullguard`` command."""

INTERRUPTED = "pullguard: interrupted before there was anything to report."


def version_line() -> str:
    """Return the output of ``pullguard --version``."""
    from importlib.metadata import version  # noqa: PLC0415 (slow import, not needed for the help text)

    return f"pullguard {version('pullguard')}"
