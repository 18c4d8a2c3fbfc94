"""The functions in the Lambda runtime: its image, `sam local`, and what they are called with."""
