"""All sources at once: each page is there, says which sources do not answer, and invents nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from hub.docker.live import DockerList
from hubapp import Hub, started
from hubdatabase import Database
from somefleet import some_fleet

HTML = {"Accept": "text/html"}
# Nobody listens there.
NOBODY = "http://127.0.0.1:9"
PAGES = ("/", "/containers", "/domains", "/certificates", "/traffic", "/audit", "/vps")


@pytest.fixture
def lonely(own_database: Database) -> Iterator[Hub]:
    """A hub that read its fleet once, and whose PostgreSQL, Loki and Docker are all away since."""
    with started(own_database, loki=NOBODY) as hub:
        some_fleet(hub)
        hub.state.docker = DockerList(NOBODY, clock=hub.clock)
        for path in PAGES:
            assert hub.client.get(path, headers=HTML).status_code == 200
        own_database.server.stop()
        try:
            yield hub
        finally:
            own_database.server.start()


def test_every_page_is_there_and_honest_without_any_source(lonely: Hub) -> None:
    lonely.clock.forward(300)
    for path in PAGES:
        response = lonely.client.get(path, headers=HTML)
        assert response.status_code == 200, path
        assert "does not answer" in response.text, path
        # Nothing is well that nobody sees.
        for shown in re.findall(r'<span class="st ok">.*?</span>', response.text, re.DOTALL):
            assert "PostgreSQL" not in shown
            assert "Loki" not in shown
            assert "Docker" not in shown
        sources = lonely.client.get(path, headers={"Accept": "application/json"}).json()["sources"]
        states = {source["name"]: source["state"] for source in sources}
        assert states["PostgreSQL"] == "bad", path
        assert states.get("Loki", "bad") == "bad", path
        assert states.get("Docker", "bad") == "bad", path
    # The rows are those of before, and every node is silent by now.
    rows = lonely.client.get("/api/v1/containers").json()["list"]["rows"]
    assert len(rows) == 60
    assert all(row["is_old"] for row in rows)
    assert {row["kind"] for row in rows} <= {"silent", "bad", "warn"}


def test_figures_that_only_a_source_knows_are_no_figures(lonely: Hub) -> None:
    view = lonely.client.get("/api/v1/overview").json()
    tiles = {tile["name"]: tile["value"] for tile in view["tiles"]}
    assert tiles["Requests, 24 h"] is None
    assert tiles["Operations, 24 h"] is None
    assert view["operations"] == []
    assert all(row["requests"] is None for row in lonely.client.get("/api/v1/domains").json()["list"]["rows"])
