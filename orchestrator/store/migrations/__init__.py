"""Migrations of the database, run when it is opened (`orchestrator.store.database`)."""
