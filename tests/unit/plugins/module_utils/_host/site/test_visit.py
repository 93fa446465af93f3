"""Visits through a proxy: handshake, marker and page, whatever the proxy and the backends answer."""

from __future__ import annotations

import datetime
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.visitor import Visit
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.tls import client_context
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import visit as visit_module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.visit import Ask, Target, visit_sites
from cryptography.hazmat.primitives import hashes

from certs import Pair, make_pair
from visited import page, proxy_of

A, B = "a.example", "b.example"
CA = make_pair(["a CA"])
TODAY = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
BACKEND = "X-VSA-Answer: backend\r\n"


def pair(name: str, **more: Any) -> Pair:
    return make_pair([name], issuer=CA, **{"start": TODAY - DAY, "end": TODAY + 80 * DAY, **more})


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    place = tmp_path / "ca.pem"
    place.write_text(CA.pem)
    return str(place)


def target(port: int, bundle: str | None = None, *, on_disk: str | None = None, **more: Any) -> Target:
    return Target("127.0.0.1", "secret", 7, lambda _domain: on_disk, port=port, ca_bundle=bundle, **more)


def fingerprint(shown: Pair) -> str:
    return shown.certificate.fingerprint(hashes.SHA256()).hex()


def visit(tmp_path: Path, bundle: str | None, answer: Any, *, seconds: float = 5, **more: Any) -> Visit:
    with proxy_of(tmp_path, {A: answer}, {A: pair(A, **more)}) as port:
        return visit_sites([Ask(A, A)], target(port, bundle), seconds=seconds)[A].visit


def test_what_a_visitor_gets(tmp_path: Path, bundle: str) -> None:
    own = b"7 a.example\n"
    assert visit(tmp_path, bundle, page(200, marker=own, extra=BACKEND)) == Visit(200, by_backend=True)
    assert visit(tmp_path, bundle, page(401, marker=own)) == Visit(401)
    assert visit(tmp_path, bundle, page(502, marker=own)) == Visit(502)
    assert visit(tmp_path, bundle, page(200, marker=own, parts=9)) == Visit(200), "in small parts"


def test_another_server_block_answers(tmp_path: Path, bundle: str) -> None:
    assert visit(tmp_path, bundle, page(200)) == Visit(200, own=False)
    assert visit(tmp_path, bundle, page(200, marker=b"6 a.example")) == Visit(200, own=False)


def test_early_hints_are_not_the_page(tmp_path: Path, bundle: str) -> None:
    def answer(client: ssl.SSLSocket, _request: bytes) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n7 a.example")
        client.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204\r\nA: b c\r\n\r\n")

    assert visit(tmp_path, bundle, answer) == Visit(204)


def test_a_certificate_that_browsers_do_not_accept(tmp_path: Path, bundle: str) -> None:
    good = page(200, marker=b"7 a.example")
    cases = (
        (pair(A), None, True, "self-signed certificate in certificate chain"),
        (pair(A, start=TODAY - 9 * DAY, end=TODAY - DAY), bundle, True, "certificate has expired"),
        (pair(B), bundle, True, "Hostname mismatch, certificate is not valid for 'a.example'."),
        (pair(A), bundle, False, "it is self-signed"),
    )
    for shown, trusted, verify, why in cases:
        with proxy_of(tmp_path, {A: good}, {A: shown}) as port:
            to = target(port, trusted, on_disk=fingerprint(shown))
            assert visit_sites([Ask(A, A, verify=verify)], to)[A].visit == Visit(200, untrusted=why)


def test_who_has_neither_a_good_certificate_nor_ours_does_not_get_the_marker(tmp_path: Path, bundle: str) -> None:
    """A container may publish port 443 while NGINX does not run."""
    seen: list[bytes] = []

    def stranger(client: ssl.SSLSocket, _request: bytes) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")

    with proxy_of(tmp_path, {A: stranger}, {A: pair(A)}, seen=seen, requests=1) as port:
        for verify in (True, False):
            found = visit_sites([Ask(A, A, verify=verify)], target(port, on_disk="another"))[A].visit
            assert (found.status, found.own) == (200, False)
    assert len(seen) == 2
    assert not any(b"secret" in request for request in seen)


def test_a_name_that_the_proxy_refuses(tmp_path: Path, bundle: str) -> None:
    with proxy_of(tmp_path, {A: page(200)}, {A: pair(A)}) as port:
        found = visit_sites([Ask(B, B)], target(port, bundle))[B]
    assert str(found.visit.error).startswith("the proxy refuses this name")
    assert found.certificate.fingerprint is None


def test_the_roots_are_read_once_unless_a_handshake_fails(
    tmp_path: Path, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[ssl.SSLContext] = []

    def spied(trusted: Any) -> ssl.SSLContext:
        made.append(client_context(trusted))
        return made[-1]

    monkeypatch.setattr(visit_module, "client_context", spied)
    with proxy_of(tmp_path, {A: page(200, marker=b"7 a.example")}, {A: pair(A)}) as port:
        assert visit_sites([Ask(A, A)], target(port, bundle))[A].visit == Visit(200)
        assert len(made) == 1
        visit_sites([Ask(A, A), Ask(B, B)], target(port, bundle))
        assert len(made) == 3


def test_nobody_listens(bundle: str) -> None:
    found = visit_sites([Ask(A, A)], target(1, bundle))[A]
    assert found.visit.error == "the proxy does not answer on 127.0.0.1:1: Connection refused"


def test_what_hangs_is_late_and_holds_nobody(tmp_path: Path, bundle: str) -> None:
    release = threading.Event()

    def hang(client: ssl.SSLSocket, _request: bytes) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n7 x.example\n")
        release.wait(20)

    def mute(_client: ssl.SSLSocket, _request: bytes) -> None:
        release.wait(20)

    names = [f"s{number}.example" for number in range(40)]
    answers: dict[str, Any] = dict.fromkeys(names, hang) | {names[0]: mute, A: page(200, marker=b"7 a.example")}
    pairs = dict.fromkeys(answers, pair(A))
    began = time.monotonic()
    with proxy_of(tmp_path, answers, pairs) as port:
        asks = [Ask(name, name, verify=False) for name in answers]
        found = visit_sites(asks, target(port, bundle, on_disk=fingerprint(pairs[A])), seconds=2)
    release.set()
    assert time.monotonic() - began < 5
    assert found[A].visit.status == 200
    assert all(found[name].visit.late for name in names)


def test_a_proxy_that_closes(tmp_path: Path, bundle: str) -> None:
    def close(_client: ssl.SSLSocket, _request: bytes) -> None:
        return

    def half(client: ssl.SSLSocket, _request: bytes) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n7 a.exampleHTTP/1.1 20")

    for answer in (close, half):
        assert visit(tmp_path, bundle, answer).error == "the proxy closed the connection"


def test_what_is_no_http(tmp_path: Path, bundle: str) -> None:
    def mail(client: ssl.SSLSocket, _request: bytes) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n7 a.example220 mail ready\r\n")

    assert visit(tmp_path, bundle, mail) == Visit(0)
    assert visit(tmp_path, bundle, page(9, marker=b"7 a.example")) == Visit(9)


def test_the_requests(tmp_path: Path, bundle: str) -> None:
    seen: list[bytes] = []
    with proxy_of(tmp_path, {A: page(200)}, {A: pair(A)}, seen=seen) as port:
        for keeps in (True, False):
            visit_sites([Ask(A, A, "/api/")], target(port, bundle, keeps_marker=keeps))
    marked, plain = (request.decode().split("\r\n\r\n") for request in seen)
    assert marked[0] == "GET /.well-known/vsa/marker HTTP/1.1\r\nHost: a.example\r\nX-VSA-Marker: secret"
    assert marked[1].startswith(
        "GET /api/ HTTP/1.1\r\nHost: a.example\r\nX-VSA-Marker: secret\r\nUser-Agent: vsa-status"
    )
    assert "X-VSA-Marker" not in plain[1], "an earlier generation would pass the marker on to the backend"
