"""What runs in Lambda around the workflows: the composition root, the settings, the receiver of messages."""
