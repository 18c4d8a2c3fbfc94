"""The demo: seven task definitions, the deployed functions, and an external proof of every outcome."""
