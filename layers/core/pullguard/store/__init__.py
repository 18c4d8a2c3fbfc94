"""The ledger: one store class per partition of the DynamoDB table."""
