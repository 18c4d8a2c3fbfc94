"""The ledger: one class for each partition of the DynamoDB table."""
