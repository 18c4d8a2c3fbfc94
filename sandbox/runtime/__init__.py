"""The functions in the Lambda runtime: its image, `sam local`, and their events."""
