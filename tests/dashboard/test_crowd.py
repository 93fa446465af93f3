"""Many agents at once, over sockets: a real server, and fifty nodes whose beats meet after the hub was away."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvicorn

from hub.app import create_app
from hub.settings import Settings
from hubapp import HOST, Hub
from hubdatabase import Database
from hubnode import BEAT, FakeClock, NodeAgent, container, domain, sections

NODES = 50


class Server:
    """The hub behind a socket, as uvicorn runs it in the image."""

    def __init__(self, database: Database) -> None:
        app = create_app(Settings(HOST, database.url), ask=None)
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._server.started:
            assert self._thread.is_alive(), "the hub did not start"
            assert time.monotonic() < deadline, "the hub did not start in time"
            time.sleep(0.02)
        self.port: int = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


class Wire:
    """A client with the interface that agents of the tests use."""

    def __init__(self, port: int) -> None:
        self._port = port

    def post(self, path: str, *, content: bytes, headers: dict[str, str]) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request("POST", path, body=content, headers={**headers, "Host": HOST})
        response = connection.getresponse()
        found = _Response(response.status, response.read())
        connection.close()
        return found


class _Response:
    def __init__(self, status: int, body: bytes) -> None:
        self.status_code = status
        self.text = body.decode()

    def json(self) -> Any:
        return json.loads(self.text)


@pytest.fixture
def server(own_database: Database) -> Iterator[Server]:
    found = Server(own_database)
    yield found
    found.stop()


def test_fifty_agents_at_once_after_a_restart(hub: Hub, own_database: Database) -> None:
    crowd = Hub(hub.client, hub.state, FakeClock(), own_database)
    agents = [crowd.agent(f"vps-{number:02}") for number in range(1, NODES + 1)]
    said = {
        "containers": [container(number) for number in range(20)],
        "domains": [domain(f"shop-{number}.example.com") for number in range(50)],
    }
    server = Server(own_database)
    try:
        began = time.monotonic()
        with ThreadPoolExecutor(NODES) as pool:
            answers = list(pool.map(lambda agent: _beat(agent, server.port, said), agents))
        took = time.monotonic() - began
    finally:
        server.stop()
    assert [answer["result"] for answer in answers] == ["accepted"] * NODES
    assert took < 30, "all are taken within one interval"
    assert own_database.value("select count(*) from container") == NODES * 20
    assert own_database.value("select count(distinct node) from domain") == NODES


def _beat(agent: NodeAgent, port: int, said: dict[str, Any]) -> dict[str, Any]:
    response = agent.send(Wire(port), sections(agent.clock(), **said))
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_a_slow_body_blocks_nobody(server: Server, own_database: Database, hub: Hub) -> None:
    """A sender with a bad line holds its own place alone, also if it speaks for the same node."""
    crowd = Hub(hub.client, hub.state, FakeClock(), own_database)
    agent = crowd.agent()
    body = agent.body()
    slow = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    slow.putrequest("POST", BEAT, skip_host=True)
    for name, value in {**agent.headers, "Host": HOST, "Content-Length": str(len(body))}.items():
        slow.putheader(name, value)
    slow.endheaders(body[:20])
    time.sleep(0.3)
    same = agent.send(Wire(server.port))
    assert (same.status_code, same.json()["error"]["code"]) == (429, "under_way")
    agent.address = "192.0.2.9"
    assert agent.send(Wire(server.port)).json()["result"] == "accepted"
    slow.send(body[20:])
    assert slow.getresponse().status == 200
    slow.close()


def test_a_body_without_end_is_cut_off(server: Server, own_database: Database, hub: Hub) -> None:
    """A body of chunks has no length to refuse, so the bytes are counted."""
    agent = Hub(hub.client, hub.state, FakeClock(), own_database).agent()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65536

    headers = {**agent.headers, "Host": HOST, "Transfer-Encoding": "chunked"}
    try:
        connection.request("POST", BEAT, body=endless(), headers=headers, encode_chunked=True)
    except OSError:
        pass  # the hub closed the connection while the body was sent
    else:
        pytest.fail("the hub read without an end")
    connection.close()
    assert own_database.value("select count(*) from node where received_at is not null") == 0
    agent.address = "192.0.2.9"
    assert agent.send(Wire(server.port)).json()["result"] == "accepted"
