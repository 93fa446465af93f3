"""What the files of a lineage say, read from real key pairs, and whether a client trusts the chain."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.chain import chain_problem, read_lineage
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.served import ServedCertificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.tls import client_context
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
    found = read_lineage(
        paths, "shop.test", "letsencrypt", client=client_context(bundle(tmp_path, root), check_name=False)
    ).facts
    assert found is not None
    assert found.names == ("shop.test", "www.shop.test")
    assert (found.pair_problem, found.chain_problem) == (None, None)
    assert (found.key, found.issuer, found.self_signed) == ("ECDSA", "A root", False)
    assert found.server == "https://pebble:14000/dir"
    assert found.not_after == leaf.certificate.not_valid_after_utc


def test_a_chain_to_nowhere_is_said(paths: Paths, root: Pair) -> None:
    put(paths, make_pair(["shop.test"], issuer=root))
    found = read_lineage(paths, "shop.test", "letsencrypt", client=client_context(check_name=False)).facts
    assert found is not None
    assert found.pair_problem is None
    assert str(found.chain_problem).startswith("clients will not trust it: ")


def test_an_issuer_that_did_not_sign_is_noticed(paths: Paths, tmp_path: Path, root: Pair) -> None:
    leaf = make_pair(["shop.test"], issuer=root)
    other = make_pair(["A root"])
    directory = put(paths, leaf)
    (directory / "fullchain.pem").write_text(leaf.pem + other.pem, encoding="utf-8")
    found = read_lineage(
        paths, "shop.test", "letsencrypt", client=client_context(bundle(tmp_path, other), check_name=False)
    ).facts
    assert found is not None
    assert found.chain_problem


@pytest.mark.parametrize("key", ["", "rubbish", "other", "encrypted"])
def test_a_key_that_does_not_fit_is_said(paths: Paths, root: Pair, key: str) -> None:
    leaf = make_pair(["shop.test"], issuer=root)
    texts = {"other": make_pair(["x.test"]).key_pem, "encrypted": leaf.encrypted_key_pem(b"secret")}
    put(paths, leaf, key=texts.get(key, key))
    found = read_lineage(paths, "shop.test", "letsencrypt", client=client_context(check_name=False)).facts
    assert found is not None
    assert str(found.pair_problem).startswith("key and certificate are not a pair")


def test_no_key(paths: Paths, root: Pair) -> None:
    (put(paths, make_pair(["shop.test"], issuer=root)) / "privkey.pem").unlink()
    found = read_lineage(paths, "shop.test", "letsencrypt", client=client_context(check_name=False)).facts
    assert found is not None
    assert found.pair_problem == "there is no privkey.pem"


@pytest.mark.parametrize(
    "text", [None, "", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_none(paths: Paths, text: str | None) -> None:
    put_pair(paths.letsencrypt / "live/shop.test", chain=text, key=None)
    found = read_lineage(paths, "shop.test", "letsencrypt", client=client_context(check_name=False))
    assert found.facts is None
    assert bool(found.unreadable) is (text is not None)


def test_a_self_signed_chain_is_not_judged(paths: Paths) -> None:
    pair = make_pair(["shop.test"])
    put_pair(paths.selfsigned / "shop.test", chain=pair.chain, key=pair.key_pem)
    found = read_lineage(paths, "shop.test", "selfsigned", client=client_context(check_name=False)).facts
    assert found is not None
    assert (found.self_signed, found.issuer, found.chain_problem) == (True, "self-signed", None)


def test_chain_problem_of_an_empty_server() -> None:
    # No certificate at all: nothing to agree on.
    assert chain_problem(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), client_context(check_name=False))


def test_what_the_proxy_served_spares_a_second_handshake(paths: Paths, root: Pair) -> None:
    pair = make_pair(["shop.test"], issuer=root)
    put(paths, pair)
    client = client_context(check_name=False)
    found = read_lineage(paths, "shop.test", "letsencrypt", client=client).facts
    assert found is not None
    same = ServedCertificate(found.fingerprint, chain_problem="from the probe")
    other = ServedCertificate("another one", chain_problem="from the probe")
    for answer, problem in ((same, "from the probe"), (other, found.chain_problem)):
        again = read_lineage(paths, "shop.test", "letsencrypt", client=client, answer=answer).facts
        assert again is not None
        assert again.chain_problem == problem
