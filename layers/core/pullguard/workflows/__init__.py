"""What each function does, from a message to a result: read the present state, decide, write, tell."""
