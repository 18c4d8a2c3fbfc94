"""The checks: one file a group, and ``catalogue`` with all of them.

Nothing is imported here, so that what needs one check's words does not start all of them.
"""
