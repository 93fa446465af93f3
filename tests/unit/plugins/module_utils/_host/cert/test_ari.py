"""When a CA wants a renewal: asked as rarely as it says, and never waited for."""

from __future__ import annotations

import dataclasses
import datetime
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.status import Facts
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.ari import renewal_windows
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.clock_check import clock_skew

from certs import make_pair, put_pair

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)
WINDOW = {"start": "2027-01-22T00:00:00Z", "end": "2027-01-24T00:00:00Z"}


class Authority:
    """A CA that answers a directory and renewal information, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.offers = True
        self.port = 0

    @property
    def server(self) -> str:
        """Return the address of its directory."""
        return f"https://127.0.0.1:{self.port}/dir"

    def answer(self, path: str) -> Any:
        """Return what it answers, or None for a 404."""
        if path == "/dir":
            return {"renewalInfo": f"https://127.0.0.1:{self.port}/info"} if self.offers else {}
        return {"suggestedWindow": WINDOW} if path == "/info/aki.serial" else None


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    pair = make_pair(["localhost"])
    put_pair(tmp_path / "ca", chain=pair.chain, key=pair.key_pem)
    made = Authority()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            made.asked.append(self.path)
            said = made.answer(self.path)
            body = json.dumps(said).encode()
            self.send_response(404 if said is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "3600")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca/fullchain.pem", tmp_path / "ca/privkey.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def blind() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def facts(authority: Authority, name: str = "aki.serial") -> Facts:
    day = datetime.timedelta(days=1)
    known = Facts(("shop.test",), NOW - 30 * day, NOW + 60 * day, "A CA", "aa")
    return dataclasses.replace(known, server=authority.server, ari_id=name)


def test_an_answer_is_believed_as_long_as_the_ca_says(
    authority: Authority, blind: ssl.SSLContext, tmp_path: Path
) -> None:
    cache = tmp_path / "ari.json"
    for minutes, asked in ((0, 2), (59, 2), (61, 4)):
        moment = NOW + datetime.timedelta(minutes=minutes)
        found = renewal_windows([facts(authority)], cache=cache, context=blind, now=moment)
        assert [window.as_list() for window in found.values()] == [list(WINDOW.values())]
        assert len(authority.asked) == asked, minutes
    assert renewal_windows([], cache=cache, context=blind, now=NOW) == {}
    assert json.loads(cache.read_text(encoding="utf-8")) == {}, "a certificate that is gone is forgotten"


def test_a_ca_without_an_opinion_is_not_asked_each_time(
    authority: Authority, blind: ssl.SSLContext, tmp_path: Path
) -> None:
    for offers, name in ((False, "aki.serial"), (True, "aki.unknown")):
        authority.offers = offers
        authority.asked.clear()
        for _round in range(2):
            cache = tmp_path / f"{name}.json"
            assert renewal_windows([facts(authority, name)], cache=cache, context=blind, now=NOW) == {}
        assert len(authority.asked) == (2 if offers else 1)


def test_a_ca_that_is_down_is_not_waited_for(blind: ssl.SSLContext, tmp_path: Path) -> None:
    down = Authority()
    down.port = 1
    assert renewal_windows([facts(down)], cache=tmp_path / "x.json", context=blind, now=NOW) == {}
    assert (tmp_path / "x.json").exists(), "and not asked again at once"


def test_a_cache_that_is_damaged_is_made_anew(authority: Authority, blind: ssl.SSLContext, tmp_path: Path) -> None:
    cache = tmp_path / "ari.json"
    for damage in ("", "[]", '{"aki.serial": 1}', '{"aki.serial": {"window": ["x"], "until": 1}}', "{"):
        cache.write_text(damage, encoding="utf-8")
        assert len(renewal_windows([facts(authority)], cache=cache, context=blind, now=NOW)) == 1, damage


def test_the_clock_of_the_ca(authority: Authority, blind: ssl.SSLContext) -> None:
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    for context in (blind, ssl.create_default_context()):  # the second does not trust it: its date alone is believed
        skew = clock_skew(authority.server, context, now=now + day)
        assert skew is not None
        assert abs(skew - day) < datetime.timedelta(seconds=10)
    assert clock_skew("https://127.0.0.1:1/dir", blind, now=now) is None
