"""What stop, resume and rollback do in the deployed application."""
