"""How Alembic runs the migrations: on the connection that hub.migrate made, within its transaction."""

from __future__ import annotations

from alembic import context

from hub.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
