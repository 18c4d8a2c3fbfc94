"""Operations on the deployed application: stop, resume, rollback."""
