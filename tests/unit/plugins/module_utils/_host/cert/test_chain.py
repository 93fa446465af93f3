"""Facts of what lies on disk, read from real key pairs; and what a TLS server really serves."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.chain import (
    Asker,
    chain_problem,
    lineage_names,
    lineage_remains,
    read_lineage,
    remove_lineage,
    served,
    trust,
    way_in,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certs import Pair, make_pair, put_pair


@pytest.fixture(scope="module")
def root() -> Pair:
    return make_pair(["A root"])


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(str(tmp_path))


def bundle(tmp_path: Path, pair: Pair) -> str:
    file = tmp_path / "ca.pem"
    file.write_text(pair.pem, encoding="utf-8")
    return str(file)


def put(paths: Paths, pair: Pair, *, domain: str = "shop.test", key: str | None = None) -> Path:
    directory = paths.letsencrypt / "live" / domain
    put_pair(directory, chain=pair.chain, key=pair.key_pem if key is None else key)
    return directory


def test_a_good_lineage(paths: Paths, tmp_path: Path, root: Pair) -> None:
    leaf = make_pair(["shop.test", "www.shop.test"], issuer=root)
    put(paths, leaf)
    (paths.letsencrypt / "renewal").mkdir()
    (paths.letsencrypt / "renewal/shop.test.conf").write_text("server = https://pebble:14000/dir\n", encoding="utf-8")
    found = read_lineage(paths, "shop.test", "letsencrypt", client=trust(bundle(tmp_path, root))).facts
    assert found is not None
    assert found.names == ("shop.test", "www.shop.test")
    assert (found.pair_problem, found.chain_problem) == (None, None)
    assert (found.key, found.issuer, found.self_signed) == ("ECDSA", "A root", False)
    assert found.server == "https://pebble:14000/dir"
    assert found.not_after == leaf.certificate.not_valid_after_utc


def test_a_chain_to_nowhere_is_said(paths: Paths, root: Pair) -> None:
    put(paths, make_pair(["shop.test"], issuer=root))
    found = read_lineage(paths, "shop.test", "letsencrypt", client=trust(None)).facts
    assert found is not None
    assert found.pair_problem is None
    assert str(found.chain_problem).startswith("clients will not trust it: ")


def test_an_issuer_that_did_not_sign_is_noticed(paths: Paths, tmp_path: Path, root: Pair) -> None:
    leaf = make_pair(["shop.test"], issuer=root)
    other = make_pair(["A root"])
    directory = put(paths, leaf)
    (directory / "fullchain.pem").write_text(leaf.pem + other.pem, encoding="utf-8")
    found = read_lineage(paths, "shop.test", "letsencrypt", client=trust(bundle(tmp_path, other))).facts
    assert found is not None
    assert found.chain_problem


@pytest.mark.parametrize("key", ["", "rubbish", "other", "encrypted"])
def test_a_key_that_does_not_fit_is_said(paths: Paths, root: Pair, key: str) -> None:
    leaf = make_pair(["shop.test"], issuer=root)
    texts = {"other": make_pair(["x.test"]).key_pem, "encrypted": leaf.encrypted_key_pem(b"secret")}
    put(paths, leaf, key=texts.get(key, key))
    found = read_lineage(paths, "shop.test", "letsencrypt", client=trust(None)).facts
    assert found is not None
    assert str(found.pair_problem).startswith("key and certificate are not a pair")


def test_no_key(paths: Paths, root: Pair) -> None:
    (put(paths, make_pair(["shop.test"], issuer=root)) / "privkey.pem").unlink()
    found = read_lineage(paths, "shop.test", "letsencrypt", client=trust(None)).facts
    assert found is not None
    assert found.pair_problem == "there is no privkey.pem"


@pytest.mark.parametrize(
    "text", [None, "", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_none(paths: Paths, text: str | None) -> None:
    put_pair(paths.letsencrypt / "live/shop.test", chain=text, key=None)
    found = read_lineage(paths, "shop.test", "letsencrypt", client=trust(None))
    assert found.facts is None
    assert bool(found.unreadable) is (text is not None)


def test_a_self_signed_chain_is_not_judged(paths: Paths) -> None:
    pair = make_pair(["shop.test"])
    put_pair(paths.selfsigned / "shop.test", chain=pair.chain, key=pair.key_pem)
    found = read_lineage(paths, "shop.test", "selfsigned", client=trust(None)).facts
    assert found is not None
    assert (found.self_signed, found.issuer, found.chain_problem) == (True, "self-signed", None)


def test_lineage_names(paths: Paths) -> None:
    assert lineage_names(paths) == {"letsencrypt": set(), "selfsigned": set()}
    for directory in (paths.letsencrypt / "live/a.test", paths.selfsigned / "b.test", paths.selfsigned / ".pairs/b"):
        directory.mkdir(parents=True)
    (paths.letsencrypt / "live/README").write_text("", encoding="utf-8")
    assert lineage_names(paths) == {"letsencrypt": {"a.test"}, "selfsigned": {"b.test"}}


@contextmanager
def tls_server(tmp_path: Path, pair: Pair, *, curve: str | None = None) -> Iterator[int]:
    """Serve ``pair`` for shop.test and refuse every other name, as the proxy does; with ``curve`` by that one only."""
    put_pair(tmp_path / "served", chain=pair.chain, key=pair.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "served/fullchain.pem", tmp_path / "served/privkey.pem")
    if curve:
        context.set_ecdh_curve(curve)

    def choose(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> int | None:
        return None if name == "shop.test" else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    context.sni_callback = choose  # type: ignore[assignment]
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    plain, _ = listener.accept()
                except OSError:
                    return
                try:
                    context.wrap_socket(plain, server_side=True).close()
                except OSError:
                    plain.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_served(tmp_path: Path, paths: Paths, root: Pair) -> None:
    leaf = make_pair(["shop.test"], issuer=root)
    put(paths, leaf)
    found = read_lineage(paths, "shop.test", "letsencrypt", client=trust(None)).facts
    with tls_server(tmp_path, leaf) as port:
        answers = served(["shop.test", "other.test"], port=port)
    assert found is not None
    assert answers["shop.test"].fingerprint == found.fingerprint
    assert answers["shop.test"].not_after == found.not_after
    assert answers["other.test"].fingerprint is None
    assert str(answers["other.test"].error).startswith("the proxy refuses this name")
    gone = served(["shop.test"], port=port)["shop.test"]
    assert str(gone.error).startswith("the proxy does not answer on 127.0.0.1:")


@pytest.mark.parametrize("curve", [None, "X25519", "prime256v1", "secp384r1"])
def test_whatever_key_exchange_the_proxy_takes_its_chain_is_judged(
    tmp_path: Path, root: Pair, curve: str | None
) -> None:
    leaf = make_pair(["shop.test"], issuer=root)
    with tls_server(tmp_path, leaf, curve=curve) as port:
        trusted = Asker(verify=True, ca_bundle=bundle(tmp_path, root), port=port).ask(["shop.test", "other.test"])
        unknown = Asker(verify=True, port=port).ask(["shop.test"])["shop.test"]
    assert trusted["shop.test"].fingerprint is not None
    assert (trusted["shop.test"].error, trusted["shop.test"].chain_problem) == (None, None)
    assert str(trusted["other.test"].error).startswith("the proxy refuses this name")
    assert unknown.fingerprint == trusted["shop.test"].fingerprint
    assert str(unknown.chain_problem).startswith("clients will not trust it: ")


def test_the_way_in_leads_to_the_proxy() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        assert way_in(1, port=port) == "127.0.0.1"
        socket.create_connection((way_in(1_000, port=port), port), timeout=5).close()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert way_in(1_000, port=listener.getsockname()[1]) == "127.0.0.1"


def test_chain_problem_of_an_empty_server() -> None:
    # No certificate at all: nothing to agree on.
    assert chain_problem(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), trust(None))


def test_all_of_a_lineage_goes_and_nothing_of_another(paths: Paths) -> None:
    top, own = paths.letsencrypt, paths.selfsigned
    of_shop = [
        *("renewal/shop.test.conf", "renewal/shop.test-0001.conf", "vsa-attempts/shop.test.json"),
        *("live/shop.test/cert.pem", "live/shop.test-0001/cert.pem", "archive/shop.test/cert1.pem"),
        *("archive/shop.test-0001/cert1.pem", "vsa-aside/shop.test.1764000000/live/cert.pem"),
    ]
    others = [
        *("renewal/www.shop.test.conf", "renewal/shop.test.example.conf", "live/shop.testx/cert.pem"),
        *("live/shop.test.example/cert.pem", "archive/ashop.test/cert1.pem", "vsa-aside/shop.test.example.17/x"),
        *("live/README", "vsa-attempts/xshop.test.json"),
    ]
    for name in (*of_shop, *others):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text("x")
    for name in (".pairs/shop.test.20261124T101500123456/privkey.pem", ".pairs/shop.test.eu.20261124T1/privkey.pem"):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text("x")
    (own / "shop.test").symlink_to(".pairs/shop.test.20261124T101500123456")
    assert len(lineage_remains(paths, "shop.test")) == 10
    assert remove_lineage(paths, "shop.test")[0] == str(top / "renewal/shop.test-0001.conf")
    assert lineage_remains(paths, "shop.test") == []
    assert all((top / name).exists() for name in others)
    assert [path.name for path in (own / ".pairs").iterdir()] == ["shop.test.eu.20261124T1"]
    assert remove_lineage(paths, "shop.test") == []
