"""What the hub shows: freshness by its own clock, the sites of silent nodes, and answers for its own name alone."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs import make_pair, put_pair
from hub.answering import SiteAnswer, ask_site
from hub.api.headers import HEADERS
from hub.nodes import silent_nodes
from hubapp import HOST, Hub
from hubnode import domain, sections


def listed(hub: Hub) -> dict[str, dict[str, object]]:
    response = hub.client.get("/api/v1/nodes")
    assert response.status_code == 200
    return {row["id"]: row for row in response.json()["nodes"]}


def test_freshness_is_computed_when_it_is_asked_for(hub: Hub) -> None:
    hub.agent("vps-02")
    agent = hub.agent("vps-01", provider="kamatera", address="203.0.113.200")
    assert agent.send(hub.client).status_code == 200
    before = hub.database.contents()
    for seconds, word in ((0, "fresh"), (75, "fresh"), (76, "late"), (180, "late"), (181, "silent"), (86400, "silent")):
        hub.clock.at = hub.clock.at.replace(microsecond=0)
        shown = listed(hub)
        hub.clock.forward(seconds)
        shown = listed(hub)
        assert (shown["vps-01"]["freshness"], shown["vps-01"]["age_seconds"]) == (word, seconds)
        assert shown["vps-02"]["freshness"] == "never"
        hub.clock.forward(-seconds)
    assert hub.database.contents() == before, "nothing stores it"
    assert shown["vps-01"] | {"received_at": None} == {
        "id": "vps-01",
        "hostname": "vps-01.example.com",
        "address": "203.0.113.200",
        "provider": "kamatera",
        "freshness": "silent",
        "received_at": None,
        "age_seconds": 86400,
        "agent": "0.4.0",
        "skew_seconds": 0,
        "refused": None,
        "sites_answer": None,
    }


def test_the_sites_of_silent_nodes_are_asked(hub: Hub) -> None:
    agent, fresh = hub.agent("vps-01", address="192.0.2.1"), hub.agent("vps-02")
    names = [f"shop-{number:02}.example.com" for number in range(25)]
    agent.accepted(hub.client, sections(hub.clock(), domains=[domain(name) for name in names]))
    hub.clock.forward(600)
    fresh.accepted(hub.client, sections(hub.clock(), domains=[domain("other.example.com")]))
    asked: list[tuple[str, str]] = []

    async def ask(name: str, address: str) -> SiteAnswer:
        asked.append((name, address))
        if name == names[3]:
            return SiteAnswer(name, 502)
        return SiteAnswer(name, None, "ConnectionRefusedError") if name == names[4] else SiteAnswer(name, 200)

    with hub.database.engine.connect() as connection:
        silent = silent_nodes(connection, at=hub.clock())
    asyncio.run(hub.state.answering.ask(silent, ask=ask, at=hub.clock()))
    assert sorted(asked) == [(name, "192.0.2.1") for name in names[:20]]
    found = hub.node("vps-01")["sites_answer"]
    assert (found["asked"], found["answer"]) == (20, 18)
    assert [entry["domain"] for entry in found["silent"]] == [names[3], names[4]]
    assert hub.node("vps-01")["sections"]["domains"]["rows_age_seconds"] > 180, "the last data stay"
    # The node is back: what was asked before says nothing any more.
    agent.accepted(hub.client)
    assert hub.node("vps-01")["sites_answer"] is None


@pytest.fixture
def site(tmp_path: Path) -> Iterator[int]:
    """An HTTPS server on the loopback address that answers 404 for one name, and garbage for all others."""
    pair = make_pair(["shop.example.com"])
    put_pair(tmp_path, chain=pair.chain, key=pair.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(connection, server_side=True) as tls:
                    request = tls.recv(4096)
                    good = b"Host: shop.example.com\r\n" in request
                    tls.sendall(b"HTTP/1.1 404 Not Found\r\n\r\n" if good else b"SSH-2.0\n")
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_a_site_is_asked_by_name_and_address(site: int) -> None:
    answer = asyncio.run(ask_site("shop.example.com", "127.0.0.1", port=site))
    assert answer == SiteAnswer("shop.example.com", 404)
    assert answer.answers
    other = asyncio.run(ask_site("other.example.com", "127.0.0.1", port=site))
    assert other.status is None
    assert other.error
    assert not other.answers
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        slow = asyncio.run(ask_site("a.example.com", "127.0.0.1", port=port, seconds=0.2))
    assert slow.error == "no answer within 0.2 s"
    gone = asyncio.run(ask_site("a.example.com", "127.0.0.1", port=port))
    assert "Connect" in str(gone.error)


def test_another_host_is_refused(hub: Hub) -> None:
    paths = ("/healthz", "/api/v1/nodes", "/api/v1/agent/beat", "/nothing")
    for host in ("evil.example.com", "127.0.0.1:8000", f"{HOST}.", f"x.{HOST}", "", f"{HOST}:x"):
        for path in paths:
            response = hub.client.get(path, headers={"Host": host})
            assert (response.status_code, response.json()["error"]["code"]) == (421, "other_host"), (host, path)
    for host in (HOST, HOST.upper(), f"{HOST}:443"):
        assert hub.client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/nodes", "/api/v1/nodes/none", "/api/v1/openapi.json", "/none"])
def test_every_answer_has_the_headers(hub: Hub, path: str) -> None:
    response = hub.client.get(path)
    assert {name: response.headers[name] for name in HEADERS} == dict(HEADERS)
    refused = hub.client.get(path, headers={"Host": "evil.example.com"})
    assert refused.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_failure_of_the_hub_is_json_with_the_headers(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret words")

    monkeypatch.setattr(hub.state, "clock", broken)
    response = hub.client.get("/api/v1/nodes")
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")
    assert "secret words" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


def test_errors_are_json_without_words_of_others(hub: Hub) -> None:
    for path in ("/api/v1/nodes/vps-99", "/api/v1/nodes/%00", "/api/v1/nodes/..%2f..", "/none", "/docs", "/redoc"):
        response = hub.client.get(path)
        assert response.status_code == 404, path
        assert response.json()["error"]["message"]
    assert hub.client.delete("/api/v1/nodes").status_code == 405
