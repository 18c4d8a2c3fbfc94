"""The checks, one file per group; ``catalogue`` lists all of them.

Nothing is imported here, so that a module that needs one check's words does not load all of them.
"""
