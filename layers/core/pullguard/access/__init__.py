"""May this role read this secret? A three-valued IAM decision, pure, that says which statement decided."""
