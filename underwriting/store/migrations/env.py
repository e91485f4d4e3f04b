"""Run by Alembic, in the transaction that `underwriting.store.migrate` opened."""

from alembic import context

from underwriting.store.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite rolls back its DDL like PostgreSQL, since the transaction is begun explicitly: all or nothing.
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
