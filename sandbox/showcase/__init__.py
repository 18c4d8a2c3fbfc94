"""Render the alerts in docs/ as their readers see them: by the real composer, so that they cannot go stale.

``python -m sandbox.showcase`` renews the marked parts of docs/alerts.md, and the picture of the chat form.
"""
