"""The connection to PostgreSQL: a small pool whose every wait has an end."""

from __future__ import annotations

from sqlalchemy import URL, Engine, create_engine

__all__ = ("connect",)

# The pages and the beats of 50 nodes need no more; PostgreSQL's default allows 100.
_POOL = 8
# Seconds in which a connection is made, a free one is found, a lock is got, and a statement ends.
_CONNECT, _FREE, _LOCK, _STATEMENT = 3, 5, 5, 20


def connect(database: URL, *, pool: int = _POOL) -> Engine:
    """Return the engine. It connects when it is used, and tests a connection that was idle before it uses it again."""
    options = f"-c lock_timeout={_LOCK}s -c statement_timeout={_STATEMENT}s -c timezone=UTC"
    return create_engine(
        database,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=_FREE,
        pool_pre_ping=True,
        # No error, and so no log, has the contents of a beat.
        hide_parameters=True,
        connect_args={"connect_timeout": _CONNECT, "options": options, "application_name": "hub"},
    )
