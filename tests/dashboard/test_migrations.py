"""The schema: what the migrations make is what the code expects, up and down, with data, and one process at a time."""

from __future__ import annotations

import threading

import psycopg
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from hub.migrate import LOCK, downgrade, upgrade
from hub.tables import metadata
from hubapp import HOST, started
from hubdatabase import Database, Postgres
from hubnode import container, sections, trail


def differences(database: Database) -> list[object]:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))


def test_the_migrations_make_the_tables_of_the_code(own_database: Database) -> None:
    assert differences(own_database) == []


def test_a_filled_database_goes_down_and_up_again(own_database: Database) -> None:
    made = trail(5)
    with started(own_database) as hub:
        agent = hub.agent()
        disks = {"id": "node", "disks": [{"mount": "/", "bytes": 10, "used_bytes": 5}]}
        found = sections(hub.clock(), containers=[container(1)], figures=[disks])
        agent.accepted(hub.client, found, records=made)
    assert own_database.value("select count(*) from disk_point") == 1
    kept = own_database.contents(without=("node", "audit", "audit_break", "disk_point", "alembic_version"))
    downgrade(own_database.engine, "0001")
    assert own_database.contents(without=("node", "alembic_version")) == kept
    upgrade(own_database.engine)
    assert differences(own_database) == []
    # A hub of this release starts on it, keeps the node and its token, and gets the trail again.
    with started(own_database) as hub:
        assert len(hub.node()["sections"]["containers"]["rows"]) == 1
        agent.after = None
        hub.clock.forward(60)
        agent.accepted(hub.client, records=made)
        assert own_database.value("select count(*) from audit") == 5
        assert hub.node()["audit_breaks"] == []
    downgrade(own_database.engine, "base")
    assert own_database.rows("select tablename from pg_tables where schemaname = 'public'") == [("alembic_version",)]
    upgrade(own_database.engine)
    assert differences(own_database) == []


def test_two_hubs_that_start_at_once_migrate_once(postgres: Postgres) -> None:
    failures: list[BaseException] = []
    with postgres.database(empty=True) as database:

        def go() -> None:
            try:
                upgrade(database.engine)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=go) for _number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert differences(database) == []


def test_a_start_waits_for_the_migration_of_another_process(postgres: Postgres) -> None:
    with postgres.database(empty=True) as database:
        with psycopg.connect(postgres.conninfo(database.name)) as other:
            other.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
            thread = threading.Thread(target=upgrade, args=(database.engine,))
            thread.start()
            thread.join(1)
            assert thread.is_alive(), "it waits"
            assert database.rows("select tablename from pg_tables where schemaname = 'public'") == []
        thread.join(60)
        assert not thread.is_alive()
        assert differences(database) == []
        with started(database) as hub:
            assert hub.client.get("/healthz", headers={"Host": HOST}).status_code == 200
