"""The list of runs: each run once, in its order, whatever the filters and however the pages fall."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

import manyrows
from hub.core import STATUS
from hub.trails import find
from hubapp import Hub, started
from hubdatabase import Database, Postgres
from hubnode import trail

PATH = "/api/v1/audit"
NOT_OK = ("ok", "started")


@dataclass(frozen=True)
class Record:
    """A row of the table, as psql gives it."""

    at: datetime
    hash: str
    node: str
    run: str
    actor: str
    verb: str
    target: str | None
    status: str


@pytest.fixture(scope="module")
def filled(postgres: Postgres) -> Iterator[Hub]:
    """A hub with a small fleet, and with records of odd forms."""
    with postgres.database() as database:
        manyrows.filled(database, at=datetime(2026, 11, 30, 12, tzinfo=UTC))
        _odd(database)
        with started(database) as hub:
            yield hub


def _odd(database: Database) -> None:
    """Add what real trails hardly have: no run, one moment for many, one record on two nodes, a run of many records."""
    at = datetime(2026, 10, 1, tzinfo=UTC)
    rows = [("vps-01", f"{number:064x}", at, "", "ops", "site.provision", None, "ok") for number in range(70)]
    rows += [
        ("vps-02", f"a{number:063x}", at, f"run-{number}", "ops", "vhost.sync", None, "ok") for number in range(70)
    ]
    rows += [(node, "b" * 64, at, "twice", "eve", "vhost.sync", None, "failed") for node in ("vps-01", "vps-02")]
    many = [at + timedelta(minutes=number) for number in range(130)]
    rows += [
        ("vps-03", f"c{number:063x}", when, "many", "eve", "vhost.sync", "x.test", ("ok", "failed")[number % 2])
        for number, when in enumerate(many)
    ]
    for row in rows:
        database.rows(
            "insert into audit (node, hash, received_at, at, run, kind, actor, verb, target, status, whole, line)"
            " values (%s, %s, now(), %s, %s, 'change', %s, %s, %s, %s, true, '{}')",
            *row,
        )


def records(hub: Hub) -> list[Record]:
    columns = "at, hash, node, run, actor, verb, target, status"
    return [Record(*row) for row in hub.database.rows(f"select {columns} from audit")]


def fits(record: Record, filters: dict[str, str]) -> bool:
    for name, value in filters.items():
        if name == "from":
            fine = record.at >= datetime.fromisoformat(value)
        elif name == "to":
            fine = record.at < datetime.fromisoformat(value)
        elif name == "status" and value == "not_ok":
            fine = record.status not in NOT_OK
        else:
            fine = getattr(record, name) == value
        if not fine:
            return False
    return True


def expected(hub: Hub, filters: dict[str, str]) -> list[tuple[str, str]]:
    """Return run and hash of each row, from all records, by the rule of the list in other words."""
    newest: dict[str, Record] = {}
    for record in records(hub):
        if fits(record, filters):
            name = record.run or record.hash
            known = newest.get(name)
            if known is None or (record.at, record.hash) > (known.at, known.hash):
                newest[name] = record
    found = sorted(newest.values(), key=lambda record: (record.at, record.hash), reverse=True)
    return [(record.run, record.hash) for record in found]


def with_times(filters: dict[str, str]) -> dict[str, str]:
    """Return the same filters with a time for each day."""
    days = ("from", "to")
    return {
        name: f"{value}T00:00:00+00:00" if name in days and "T" not in value else value
        for name, value in filters.items()
    }


def walked(hub: Hub, filters: dict[str, str]) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    """Return run and hash of each row of all pages, and the pages."""
    found, pages = [], []
    before: dict[str, str] = {}
    while True:
        response = hub.client.get(PATH, params={**filters, **before})
        assert response.status_code == 200, response.text
        page = response.json()
        pages.append(page)
        assert len(page["rows"]) <= find.PER_PAGE
        found += [(row["run"], row["hash"]) for row in page["rows"]]
        if page["next"] is None:
            return found, pages
        assert page["next"] != before.get("before"), "the next page begins later"
        before = {"before": page["next"]}


FILTERS: list[dict[str, str]] = [
    {},
    {"actor": "anna"},
    {"actor": "eve"},
    {"node": "vps-01"},
    {"verb": "vhost.sync"},
    {"target": "x.test"},
    {"target": "nobody"},
    {"status": "not_ok"},
    {"status": "ok"},
    {"status": "failed"},
    {"run": "many"},
    {"node": "vps-02", "verb": "vhost.sync"},
    {"actor": "root", "status": "not_ok"},
    {"node": "vps-01", "verb": "cert.renew", "actor": "root", "status": "failed"},
    {"from": "2026-09-01", "to": "2026-10-02"},
    {"to": "2026-10-01T00:30:00+00:00", "actor": "eve"},
    {"actor": "eve", "status": "failed", "from": "2026-10-01T00:10:00+00:00"},
]


@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: " ".join(filters.values()) or "all")
def test_each_run_is_there_once_and_in_order(filled: Hub, filters: dict[str, str]) -> None:
    said = with_times(filters)
    found, _pages = walked(filled, filters)
    assert found == expected(filled, said)


@pytest.mark.parametrize("filters", FILTERS[1:], ids=lambda filters: " ".join(filters.values()))
def test_a_search_that_gives_up_goes_on_from_there(
    filled: Hub, filters: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(find, "LOOKED_AT", 40)
    said = with_times(filters)
    found, pages = walked(filled, filters)
    assert found == expected(filled, said)
    for page in pages:
        if page["looked"] is not None:
            assert page["next"].startswith(page["looked"]["until"][:19])


def test_each_page_is_full(filled: Hub) -> None:
    _found, pages = walked(filled, {})
    for number, page in enumerate(pages):
        # A record that two nodes have takes two places and makes one row.
        assert len(page["rows"]) >= find.PER_PAGE - 1 or page["next"] is None
        assert (page["newest"] is None) == (number == 0)
    assert pages[1]["newest"] == "/audit"
    assert len(pages) > 10


def test_records_that_arrive_while_one_pages_hide_nothing(filled: Hub) -> None:
    first = filled.client.get(PATH).json()
    node, at = "vps-01", filled.clock() + timedelta(days=1)
    filled.database.rows(
        "insert into audit (node, hash, received_at, at, run, kind, actor, verb, target, status, whole, line)"
        " values (%s, %s, now(), %s, 'new', 'change', 'ops', 'vhost.sync', null, 'ok', true, '{}')",
        node, "d" * 64, at,
    )  # fmt: skip
    second = filled.client.get(PATH, params={"before": first["next"]}).json()
    filled.database.rows("delete from audit where hash = %s", "d" * 64)
    rows = [(row["run"], row["hash"]) for page in (first, second) for row in page["rows"]]
    assert rows == expected(filled, {})[: len(rows)]


def test_a_row_says_what_became_of_the_run(filled: Hub) -> None:
    rows = {row["run"]: row for page in walked(filled, {})[1] for row in page["rows"]}
    by_run: dict[str, list[Record]] = {}
    for record in records(filled):
        by_run.setdefault(record.run, []).append(record)
    for run, row in rows.items():
        if run in ("", "many"):
            continue
        mine = by_run[run]
        assert row["records"] == len(mine)
        assert row["nodes"] == sorted({record.node for record in mine})
        bad = [record.status for record in mine if record.status not in NOT_OK]
        assert row["status"] in (bad or ["ok", "started"])
        assert (row["kind"] in ("bad", "warn")) == bool(bad)
    assert rows["many"]["status"] == "failed"
    failed = [row for row in rows.values() if row["status"] == "failed" and row["error"]]
    assert failed
    assert all(row["error"].startswith("the proxy does not take") for row in failed)
    assert any(row["seconds"] for row in failed)


def test_no_statement_counts_all_rows_or_skips_some(filled: Hub) -> None:
    seen: list[str] = []

    def note(*words: Any) -> None:
        seen.append(words[2].lower())

    event.listen(filled.state.engine, "before_cursor_execute", note)
    try:
        for filters in FILTERS:
            assert filled.client.get(PATH, params=filters).status_code == 200
    finally:
        event.remove(filled.state.engine, "before_cursor_execute", note)
    assert seen
    assert not [statement for statement in seen if "offset" in statement or "count(*)" in statement]


def test_the_number_of_records_is_about_right(filled: Hub) -> None:
    about = filled.client.get(PATH).json()["about"]
    assert about == pytest.approx(filled.database.value("select count(*) from audit"), rel=0.15)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "nothing"),
        ("status", "started"),
        ("from", "yesterday"),
        ("to", "0001-01-01"),
        ("to", "9999-12-31T23:59:59-14:00"),
        ("before", "x"),
        ("before", "2026-10-01T00:00:00Z"),
        ("before", f"2026-10-01T00:00:00Z~{'g' * 64}"),
        ("actor", "a\0b"),
        ("target", "x" * 301),
    ],
)
def test_what_is_no_question_is_refused_with_its_name(filled: Hub, name: str, value: str) -> None:
    response = filled.client.get(PATH, params={name: value})
    assert response.status_code == 400
    assert name in response.json()["error"]["field"]


def test_the_words_for_the_filters_are_those_of_the_records(filled: Hub) -> None:
    page = filled.client.get(PATH).json()
    assert page["options"]["actors"] == sorted({record.actor for record in records(filled)})
    assert page["options"]["verbs"] == sorted({record.verb for record in records(filled)})
    assert page["options"]["nodes"] == sorted(manyrows.node_names(manyrows.SMALL))
    assert set(page["statuses"]) == {"not_ok", *STATUS.values()}


def test_a_flood_of_one_run_and_of_words_costs_no_more(hub: Hub) -> None:
    agent = hub.agent()
    made = trail(400, id="the same") + trail(0)
    agent.accepted(hub.client, records=made)
    words = [line for number in range(100) for line in trail(1, verb=f"verb.{number:03}", id=f"run-{number}")]
    agent.accepted(hub.client, records=words)
    page = hub.client.get(PATH).json()
    assert len(page["options"]["verbs"]) == 60
    [flood] = hub.client.get(PATH, params={"run": "the same"}).json()["rows"]
    assert flood["records"] == 60


def test_a_hub_with_nothing_in_it(hub: Hub) -> None:
    page = hub.client.get(PATH).json()
    assert (page["rows"], page["next"], page["chains"], page["about"]) == ([], None, [], pytest.approx(0, abs=1e9))
    assert hub.client.get(f"{PATH}/{'0' * 64}").status_code == 404
    assert hub.client.get(f"{PATH}/x").status_code == 404


def test_pairs_of_filters_agree_with_the_records(filled: Hub) -> None:
    some = [{"actor": "root"}, {"node": "vps-02"}, {"verb": "stack.up"}, {"status": "not_ok"}]
    for one, other in itertools.combinations(some, 2):
        filters = {**one, **other}
        assert walked(filled, filters)[0] == expected(filled, filters)
