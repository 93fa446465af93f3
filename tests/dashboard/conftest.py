"""The hub in this process, on a real PostgreSQL in a container of the rig. Each test has a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import rig
from hubapp import Hub, started
from hubdatabase import Database, Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this session. Without a Docker engine nothing here can be tested, and the tests say so."""
    try:
        server = Postgres()
    except rig.RigError as problem:
        pytest.skip(f"no PostgreSQL: {problem}")
    print(f"PostgreSQL started in {server.seconds:.1f} s")
    yield server
    server.remove()


@pytest.fixture(scope="session")
def shared_hub(postgres: Postgres) -> Iterator[Hub]:
    """One hub for all tests that neither stop nor fill its database."""
    with postgres.database() as database, started(database) as hub:
        yield hub


@pytest.fixture
def hub(shared_hub: Hub) -> Hub:
    """A hub that knows no node."""
    shared_hub.reset()
    return shared_hub


@pytest.fixture
def own_database(postgres: Postgres) -> Iterator[Database]:
    """A migrated database of this test alone."""
    with postgres.database() as found:
        yield found
