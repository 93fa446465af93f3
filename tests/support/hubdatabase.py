"""A real PostgreSQL for the tests of the hub: the rig's image in a container, and a migrated database for each test."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

import psycopg
from sqlalchemy import URL, Engine

import rig
from hub.database import connect
from hub.migrate import upgrade

__all__ = ("Database", "Postgres")

_IMAGE = "postgres:17"
_PASSWORD = "of-the-tests"
_START = 60.0
# Tests restart the server and must not lose what was committed; they need no disk that survives a power cut.
_FAST = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")
# Where the disk is small: the test of a full disk puts a database there.
SMALL = "/small"
_numbers = itertools.count(1)


class Postgres:
    """A server in a container of its own, on a port of the loopback address that stays the same after a restart."""

    def __init__(self) -> None:
        rig.engine_up()
        rig.images(_IMAGE)
        self.name = f"vsa-hub-db-{os.getpid()}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        began = time.monotonic()
        labels = ("--label", "vsa.rig=1", "--label", f"vsa.rig.scope=it{os.getpid()}")
        small = ("--tmpfs", f"{SMALL}:size=24m")
        named = ("--name", self.name, "--publish", f"127.0.0.1:{self.port}:5432")
        secret = ("--env", f"POSTGRES_PASSWORD={_PASSWORD}")
        rig.docker("run", "--detach", *labels, *small, *named, *secret, _IMAGE, "postgres", *_FAST)
        try:
            self.wait()
            self.seconds = time.monotonic() - began
            self._template()
        except BaseException:
            self.remove()
            raise

    def remove(self) -> None:
        rig.docker("rm", "--force", "--volumes", self.name, check=False)

    def restart(self) -> None:
        """Kill the server in the middle of whatever it does, and start it again."""
        rig.docker("kill", self.name)
        rig.docker("start", self.name)
        self.wait()

    def stop(self) -> None:
        rig.docker("kill", self.name)

    def start(self) -> None:
        rig.docker("start", self.name)
        self.wait()

    def shell(self, line: str) -> str:
        """Run a line in the container, as root."""
        return rig.docker("exec", self.name, "sh", "-c", line).stdout.strip()

    def wait(self) -> None:
        deadline = time.monotonic() + _START
        while True:
            try:
                psycopg.connect(self.conninfo("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "PostgreSQL did not start"
                time.sleep(0.05)

    def conninfo(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=postgres password={_PASSWORD} dbname={database}"

    def url(self, database: str) -> URL:
        return URL.create("postgresql+psycopg", "postgres", _PASSWORD, "127.0.0.1", self.port, database)

    def statement(self, text: str, database: str = "postgres") -> None:
        """Run one statement outside of a transaction."""
        with psycopg.connect(self.conninfo(database), autocommit=True) as connection:
            connection.execute(text)  # type: ignore[arg-type]

    def _template(self) -> None:
        self.statement("create database migrated")
        engine = connect(self.url("migrated"))
        upgrade(engine)
        engine.dispose()

    @contextlib.contextmanager
    def database(self, *, empty: bool = False, tablespace: str = "pg_default") -> Iterator[Database]:
        """Make a database, migrated unless ``empty``; it is gone afterwards."""
        name = f"hub{next(_numbers)}"
        template = "template0" if empty else "migrated"
        self.statement(f"create database {name} template {template} tablespace {tablespace}")
        found = Database(self, name)
        try:
            yield found
        finally:
            found.close()
            self.statement(f"drop database {name} with (force)")


class Database:
    """One database, with an engine as the hub has it."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.server = server
        self.name = name
        self.engine: Engine = connect(server.url(name))
        self._connection: psycopg.Connection[Any] | None = None

    @property
    def url(self) -> URL:
        return self.server.url(self.name)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query, asked on a connection that the hub does not use."""
        try:
            cursor = self._asking().execute(query, values or None)  # type: ignore[arg-type]
        except psycopg.OperationalError:
            # The server restarted since the last query.
            cursor = self._asking().execute(query, values or None)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []

    def _asking(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.server.conninfo(self.name), autocommit=True)
        return self._connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        if self._connection is not None:
            self._connection.close()

    def value(self, query: str, *values: object) -> Any:
        """Return the one value of a query."""
        [(found,)] = self.rows(query, *values)
        return found

    def contents(self, *, without: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table with its version (xmin), so that a write that changes nothing is seen."""
        tables = "select tablename from pg_tables where schemaname = 'public' order by 1"
        return {
            name: self.rows(f"select t.xmin::text, t::text from {name} t order by 2")
            for (name,) in self.rows(tables)
            if name not in without
        }

    def dump(self) -> str:
        """Return everything in the database as text."""
        return self.server.shell(f"pg_dump --username postgres {self.name}")
