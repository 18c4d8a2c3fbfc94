"""The Lambda runtime around the workflows: the composition root, the settings and the message receiver."""
