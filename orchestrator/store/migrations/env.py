"""Run by alembic inside the transaction that `orchestrator.store.database` opened."""

from alembic import context

from orchestrator.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
