"""The demo: seven task definitions, the deployed functions, and a proof of every outcome from outside."""
