"""The fingerprint of a served certificate, from the file it was read from."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy import probe
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Answer
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.certificates import leaf_fingerprint
from cryptography.hazmat.primitives import serialization

from certs import Pair, make_pair
from visited import proxy_of


@pytest.fixture(scope="module")
def pair() -> Pair:
    """A certificate of a CA with its chain, of a length whose base64 has no padding to end a lenient reading."""
    ca = make_pair(["a CA"])
    pairs = (make_pair(["shop.example.com"], issuer=ca) for _ in range(1000))
    return next(pair for pair in pairs if len(pair.certificate.public_bytes(serialization.Encoding.DER)) % 3 == 0)


def test_it_is_that_of_the_first_certificate(pair: Pair) -> None:
    expected = hashlib.sha256(pair.certificate.public_bytes(serialization.Encoding.DER)).hexdigest()
    assert leaf_fingerprint(pair.chain) == expected
    assert leaf_fingerprint(pair.pem) == expected
    assert leaf_fingerprint(f"subject=CN = shop\nissuer=CN = ca\n{pair.chain}") == expected
    assert leaf_fingerprint(pair.chain.replace("\n", "\r\n")) == expected


def test_another_order_is_another_certificate(pair: Pair) -> None:
    _empty, leaf, issuer = pair.chain.split("-----BEGIN CERTIFICATE-----")
    mark = "-----BEGIN CERTIFICATE-----"
    assert leaf_fingerprint(mark + issuer + mark + leaf) != leaf_fingerprint(pair.chain)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pem: "",
        lambda pem: "no certificate",
        lambda pem: pem.replace("BEGIN", "BEGIM"),
        lambda pem: pem[:200],
        lambda pem: "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n",
    ],
    ids=["empty", "text", "marks", "truncated", "turned"],
)
def test_what_is_not_whole_has_none(pair: Pair, spoil: object) -> None:
    assert leaf_fingerprint(spoil(pair.pem)) is None  # type: ignore[operator]


def test_finding_6_which_sites_answer_now(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch_site(name: str, *, path: str, **_more: object) -> Answer:
        asked.append((name, path))
        return Answer({"www.a.example": 404, "b.example": 502, "c.example": None}[name], 1, None)

    monkeypatch.setattr(probe, "fetch_site", fetch_site)
    sites = {"a.example": {"served": "www.a.example", "path": "/x/"}, "b.example": {"path": "/"}, "c.example": {}}
    assert probe.answering(sites) == ["a.example"]
    assert sorted(asked) == [("b.example", "/"), ("c.example", "/"), ("www.a.example", "/x/")]


@pytest.mark.parametrize(
    ("answers", "problem", "asked"),
    [
        (["7 a.example"], None, 1),
        (["6 a.example", "6 a.example", "7 a.example"], None, 3),
        (["6 a.example"], "it says: 6 a.example", None),
        # Neither a later generation nor another site is an old worker of this site.
        (["8 a.example", "7 a.example"], "it says: 8 a.example", 1),
        (["6 b.example", "7 a.example"], "it says: 6 b.example", 1),
    ],
)
def test_an_old_worker_that_takes_one_more_connection_is_asked_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: list[str],
    problem: str | None,
    asked: int | None,
) -> None:
    seen: list[str] = []

    def answer(client: ssl.SSLSocket, _request: bytes) -> None:
        body = answers[min(len(seen), len(answers) - 1)]
        seen.append(body)
        client.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())

    monkeypatch.setattr(probe, "_OLD_WORKER_SECONDS", 0.3)
    with proxy_of(tmp_path, {"a.example": answer}, {"a.example": make_pair(["a.example"])}, requests=1) as port:

        @contextmanager
        def connected(name: str, address: str, context: ssl.SSLContext, timeout: float) -> Iterator[ssl.SSLSocket]:
            with (
                socket.create_connection((address, port), timeout=timeout) as plain,
                context.wrap_socket(plain, server_hostname=name) as tls,
            ):
                yield tls

        monkeypatch.setattr(probe, "_connected", connected)
        found = probe.prove_site("a.example", address="127.0.0.1", marker="m", generation=7, fingerprint=None)
    assert (found is None) == (problem is None)
    assert problem is None or problem in str(found)
    assert len(seen) == asked if asked else len(seen) > 2
