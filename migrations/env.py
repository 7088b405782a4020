"""Alembic environment. The connection, with its transaction begun, comes from dmpws.store.migrate."""

from alembic import context

from dmpws.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter most things in place
    transactional_ddl=True,  # dmpws.store.migrate has begun it; it commits or nothing happened
)
context.run_migrations()
