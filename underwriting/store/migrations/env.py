"""Run by Alembic, on the connection that `underwriting.store.migrate` opened."""

from alembic import context

from underwriting.store.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite rolls back its DDL like PostgreSQL, since the transaction is begun explicitly: all or nothing.
    transactional_ddl=True,
    transaction_per_migration=context.config.attributes["one_by_one"],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
