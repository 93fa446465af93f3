"""What the TLS contexts of a client accept, shown by handshakes with a real server."""

from __future__ import annotations

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.tls import (
    client_context,
    made_when_needed,
    offer_one_key_exchange,
    unverified_context,
)

from certs import Pair, make_pair
from tlsserver import tls_server


@pytest.fixture(scope="module")
def root() -> Pair:
    return make_pair(["A root"])


def shake(port: int, context: ssl.SSLContext, name: str = "shop.test") -> None:
    """Do a handshake; raises ssl.SSLError if the client does not accept the certificate."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=name),
    ):
        pass


def test_a_client_trusts_the_bundle_and_checks_the_name(tmp_path: Path, root: Pair) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text(root.pem, encoding="utf-8")
    other = make_pair(["other.test"], issuer=root)
    with tls_server(tmp_path, {"shop.test": make_pair(["shop.test"], issuer=root), "wrong.test": other}) as port:
        shake(port, client_context(bundle))
        shake(port, client_context(str(bundle)))
        with pytest.raises(ssl.SSLCertVerificationError, match=r"wrong\.test"):
            shake(port, client_context(bundle), "wrong.test")
        shake(port, client_context(bundle, check_name=False), "wrong.test")
        with pytest.raises(ssl.SSLCertVerificationError):
            shake(port, client_context())
        with pytest.raises(ssl.SSLCertVerificationError):
            shake(port, client_context(tmp_path / "missing.pem"))


def test_an_unverified_context_accepts_any_certificate(tmp_path: Path) -> None:
    with tls_server(tmp_path, {"shop.test": make_pair(["other.test"])}) as port:
        shake(port, unverified_context())


@pytest.mark.parametrize(("curve", "accepted"), [("X25519", True), ("secp384r1", False)])
def test_one_key_exchange_is_offered(tmp_path: Path, curve: str, accepted: bool) -> None:
    with tls_server(tmp_path, {"shop.test": make_pair(["shop.test"])}, curve=curve) as port:
        shake(port, unverified_context())
        if accepted:
            shake(port, offer_one_key_exchange(unverified_context()))
        else:
            with pytest.raises(ssl.SSLError):
                shake(port, offer_one_key_exchange(unverified_context()))


def test_a_context_is_made_by_the_first_of_many_threads() -> None:
    made = []

    def make() -> ssl.SSLContext:
        made.append(unverified_context())
        return made[-1]

    context = made_when_needed(make)
    assert not made
    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(lambda _number: context(), range(40)))
    assert len(made) == 1
    assert {id(each) for each in found} == {id(made[0])}
