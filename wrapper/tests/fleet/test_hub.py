"""The hub's answer to `vsa vps list`: over real HTTPS, with a password from a file, and with every way to fail."""

from __future__ import annotations

import base64
import contextlib
import datetime
import http.server
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

from certs import make_pair, put_pair
from vsa.cli import main
from vsa.core import UsageError
from vsa.fleet.hub import NoAnswerError, ask, hub_of
from vsa.fleet.read import Fleet, read_fleet
from vsa.verbs.init import write_inventory
from vsa.views.vps import hub_words

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/reference/json.schema.json").read_text())
NODE = {
    "id": "vps-02",
    "hostname": "vps-02.example.com",
    "freshness": "silent",
    "received_at": "2026-11-30T09:00:00.000Z",
    "age_seconds": 1320.0,
    "agent": "0.4.0",
    "skew_seconds": 0.1,
    "sites_answer": {"at": "2026-11-30T09:22:00.000Z", "asked": 14, "answer": 14, "silent": []},
}


class Answers:
    """What the server of a test answers, and what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.wait = 200, json.dumps({"time": "-", "nodes": [NODE]}).encode(), 0.0
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def port(tmp_path: Path, answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    now = datetime.datetime.now(datetime.UTC)
    pair = make_pair(["localhost"], start=now - datetime.timedelta(days=1), end=now + datetime.timedelta(days=1))
    folder = tmp_path / "tls"
    put_pair(folder, chain=pair.chain, key=pair.key_pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "fullchain.pem"))

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers.headers.append(dict(self.headers))
            answers.paths.append(self.path)
            time.sleep(answers.wait)
            self.send_response(answers.status)
            self.send_header("Content-Length", str(len(answers.body)))
            self.end_headers()
            self.wfile.write(answers.body)

        def log_message(self, format: str, *args: object) -> None: ...

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client waits no longer
                super().handle()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "fullchain.pem", folder / "privkey.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


Make = Callable[..., Fleet]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Write an inventory with these variables of the whole fleet, and read it."""
    folder = tmp_path / "fleet"
    write_inventory(folder)
    monkeypatch.setenv("VSA_INVENTORY", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)

    def make(**variables: str) -> Fleet:
        (folder / "group_vars/all/hub.yml").write_text(json.dumps(variables))
        (tmp_path / "hub-auth").write_text("ops:correct horse: battery\n")
        (tmp_path / "hub-auth").chmod(0o600)
        made = read_fleet(str(folder))
        assert made is not None
        return made

    return make


def test_the_list_shows_what_the_hub_knows(fleet: Make, port: int, answers: Answers, capsys) -> None:
    fleet(hub_url=f"https://localhost:{port}/api/", hub_auth_file="../hub-auth")
    assert main(["vps", "list", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    jsonschema.validate(made, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert made["hosts"]["vps-02"]["vps"]["hub"] == NODE
    assert made["hosts"]["vps-01"]["vps"]["hub"] is None
    assert answers.paths == ["/api/v1/nodes"]
    sent = base64.b64decode(answers.headers[0]["Authorization"].removeprefix("Basic ")).decode()
    assert sent == "ops:correct horse: battery"
    assert main(["vps", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "silent for 22 min 0 s, 14 of 14 sites answer" in lines["vps-02"]
    assert "not registered" in lines["vps-01"]


def test_without_a_hub_nobody_is_asked(fleet: Make, port: int, answers: Answers, capsys) -> None:
    assert hub_of(fleet()) is None
    assert main(["vps", "list"]) == 0
    assert "HUB" not in capsys.readouterr().out
    assert answers.paths == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": 401}, "it answers 401"),
        ({"status": 302}, "it answers 302"),
        ({"body": b"<html>"}, "its answer is not JSON"),
        ({"body": b"[]"}, "its answer has no nodes"),
        ({"body": b'{"nodes": {"a": 1}}'}, "its answer has no nodes"),
        ({"wait": 3.0}, "no answer within 2 s"),
    ],
)
def test_a_dead_hub_is_named_and_the_rest_shown(
    fleet: Make, port: int, answers: Answers, capsys, changes: dict[str, object], why: str
) -> None:
    vars(answers).update(changes)
    fleet(hub_url=f"https://localhost:{port}", hub_auth_file="../hub-auth")
    began = time.monotonic()
    assert main(["vps", "list"]) == 0
    assert time.monotonic() - began < 5
    seen = capsys.readouterr()
    assert f"the hub https://localhost:{port} was not heard: {why}" in seen.err
    assert [line.split()[0] for line in seen.out.splitlines()] == ["HOST", "vps-01", "vps-02", "vps-03"]
    assert "HUB" not in seen.out.splitlines()[0].split(), "a hub that was not heard knows nothing"


def test_a_hub_that_is_not_there(fleet: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    hub = hub_of(fleet(hub_url=f"https://localhost:{port}"))
    assert hub is not None
    with pytest.raises(NoAnswerError, match="refused") as caught:
        ask(hub)
    assert "Errno" not in str(caught.value)


def test_a_hub_with_another_certificate_gets_no_password(
    fleet: Make, port: int, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    hub = hub_of(fleet(hub_url=f"https://localhost:{port}", hub_auth_file="../hub-auth"))
    assert hub is not None
    with pytest.raises(NoAnswerError, match="certificate verify failed"):
        ask(hub)
    assert answers.headers == []


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (None, 0o600, "cannot be read"),
        ("ops:secret\n", 0o640, "others can read"),
        ("ops\n", 0o600, "no file with a password"),
        ("ops:\n", 0o600, "no file with a password"),
        ("a:b\nc:d\n", 0o600, "no file with a password"),
    ],
)
def test_the_file_of_the_password(fleet: Make, tmp_path: Path, text: str | None, mode: int, why: str) -> None:
    made = fleet(hub_url="https://hub.example.com", hub_auth_file="../auth")
    if text is not None:
        (tmp_path / "auth").write_text(text)
        (tmp_path / "auth").chmod(mode)
    with pytest.raises(UsageError, match=why) as refused:
        hub_of(made)
    assert "secret" not in str(refused.value.as_result())


@pytest.mark.parametrize("url", ["http://hub.example.com", "https://", "https://a:b@hub.example.com", "https://h/x"])
def test_what_is_no_address_of_a_hub_is_refused_by_every_verb(fleet: Make, url: str, capsys) -> None:
    fleet(hub_url=url)
    assert main(["vps", "list"]) == 2
    assert "hub_url" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (None, "not registered"),
        ({"freshness": "fresh", "age_seconds": 12.0}, "fresh"),
        ({"freshness": "late", "age_seconds": 100.0}, "late"),
        ({"freshness": "never", "age_seconds": None}, "never seen"),
        ({"freshness": "silent", "age_seconds": 200.0, "sites_answer": None}, "silent for 3 min 20 s"),
        ({"freshness": "\x1b[2J"}, "\\x1b[2J"),
    ],
)
def test_a_node_in_words(node: dict[str, object] | None, words: str) -> None:
    assert hub_words(node) == words
