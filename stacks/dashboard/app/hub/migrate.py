"""Bring the database to the schema of this release, at each start, under a lock that only one process has."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

__all__ = ("LOCK", "downgrade", "upgrade")

LOCK = 7_381_120_201
"""The number of the advisory lock. A second process waits here until the first one has migrated."""

_FOLDER = Path(__file__).with_name("migrations")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate upwards; does nothing if the schema is the newest."""
    _migrate(engine, command.upgrade, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Migrate downwards, for a return to an earlier release."""
    _migrate(engine, command.downgrade, revision)


def _migrate(engine: Engine, go: object, revision: str) -> None:
    config = _config()
    with engine.begin() as connection:
        # Another process may migrate a large table for minutes: wait for it, however long it takes.
        connection.execute(text("set local lock_timeout = 0"))
        connection.execute(text("set local statement_timeout = 0"))
        # Held to the end of the transaction, which is the migration: a kill leaves the schema as it was.
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        config.attributes["connection"] = connection
        go(config, revision)  # type: ignore[operator]
