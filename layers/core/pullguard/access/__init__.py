"""May this role read this secret? A pure, three-valued IAM decision that names the deciding statement."""
