"""The workflow of each function, from message to result: read the current state, decide, write, report."""
