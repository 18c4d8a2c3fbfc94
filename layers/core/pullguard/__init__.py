"""Pullguard keeps every Amazon ECS task able to pull its private-registry image."""

__version__ = "0.1.0"
