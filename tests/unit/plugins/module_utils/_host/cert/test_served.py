"""Which certificate a TLS server really serves, how it compares with the disk, and the wait for a new one."""

from __future__ import annotations

import datetime
import socket
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.status import Facts
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert import served as served_module
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.served import (
    ServedCertificate,
    TlsProbe,
    comparison,
    probe_address,
    served_certificates,
    serves_lineage,
    wait_until_served,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.certificates import leaf_fingerprint, read_pair
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certs import NOW, Pair, make_pair, put_pair
from tlsserver import tls_server


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


def test_served_certificates(tmp_path: Path, paths: Paths, root: Pair) -> None:
    leaf = make_pair(["shop.test"], issuer=root)
    put_pair(paths.letsencrypt / "live/shop.test", chain=leaf.chain, key=leaf.key_pem)
    found = read_pair(paths, "shop.test", "letsencrypt").facts
    with tls_server(tmp_path / "served", {"shop.test": leaf}) as port:
        answers = served_certificates(["shop.test", "other.test"], port=port)
    assert found is not None
    assert answers["shop.test"].fingerprint == found.fingerprint
    assert answers["shop.test"].not_after == found.not_after
    assert answers["other.test"].fingerprint is None
    assert str(answers["other.test"].error).startswith("the proxy refuses this name")
    gone = served_certificates(["shop.test"], port=port)["shop.test"]
    assert str(gone.error).startswith("the proxy does not answer on 127.0.0.1:")


@pytest.mark.parametrize("curve", [None, "X25519", "prime256v1", "secp384r1"])
def test_whatever_key_exchange_the_proxy_takes_its_chain_is_judged(
    tmp_path: Path, root: Pair, curve: str | None
) -> None:
    leaf = make_pair(["shop.test"], issuer=root)
    with tls_server(tmp_path / "served", {"shop.test": leaf}, curve=curve) as port:
        trusted = TlsProbe(verify=True, ca_bundle=bundle(tmp_path, root), port=port).ask(["shop.test", "other.test"])
        unknown = TlsProbe(verify=True, port=port).ask(["shop.test"])["shop.test"]
    assert trusted["shop.test"].fingerprint is not None
    assert (trusted["shop.test"].error, trusted["shop.test"].chain_problem) == (None, None)
    assert str(trusted["other.test"].error).startswith("the proxy refuses this name")
    assert unknown.fingerprint == trusted["shop.test"].fingerprint
    assert str(unknown.chain_problem).startswith("clients will not trust it: ")


def test_the_address_leads_to_the_proxy() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        assert probe_address(1, port=port) == "127.0.0.1"
        socket.create_connection((probe_address(1_000, port=port), port), timeout=5).close()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert probe_address(1_000, port=listener.getsockname()[1]) == "127.0.0.1"


DAY = datetime.timedelta(days=1)
ON_DISK = Facts(("shop.test",), not_before=NOW, not_after=NOW + 90 * DAY, issuer="A CA", fingerprint="aa")


@pytest.mark.parametrize(
    ("facts", "answer", "how"),
    [
        (ON_DISK, None, None),
        (ON_DISK, ServedCertificate(error="it does not answer"), "none"),
        (None, ServedCertificate("aa", NOW), "other"),
        (ON_DISK, ServedCertificate("aa", ON_DISK.not_after), "same"),
        (ON_DISK, ServedCertificate("bb", ON_DISK.not_after), "other"),
        (ON_DISK, ServedCertificate("bb", ON_DISK.not_after - DAY), "older"),
        (ON_DISK, ServedCertificate("bb", ON_DISK.not_after + DAY), "newer"),
    ],
)
def test_comparison(facts: Facts | None, answer: ServedCertificate | None, how: str | None) -> None:
    assert comparison(facts, answer) == how


def fingerprint(pair: Pair) -> str:
    found = leaf_fingerprint(pair.pem)
    assert found is not None
    return found


def test_a_wait_ends_when_the_new_certificate_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_module, "_POLL_SECONDS", 0.01)
    new, old = make_pair(["shop.test"]), make_pair(["old.test"])
    wanted = {"shop.test": fingerprint(new), "old.test": fingerprint(make_pair(["old.test"])), "gone.test": "aa"}
    with tls_server(tmp_path, {"shop.test": new, "old.test": old}) as port:
        assert wait_until_served({"shop.test": fingerprint(new)}, seconds=20, port=port) == {}
        unserved = wait_until_served(wanted, seconds=2, port=port)
    assert list(unserved) == ["old.test"], "a name that is served to nobody has no old certificate"
    assert "still serves the previous certificate" in unserved["old.test"]


@pytest.mark.parametrize(
    ("manifest", "authority", "serves"),
    [
        ("ca: selfsigned\n", "selfsigned", True),
        ("ca: selfsigned\n", "letsencrypt", False),
        ("", "letsencrypt", True),
        ("", "staging", True),
        ("", "selfsigned", False),
        (None, "letsencrypt", False),
        ("colour: red\n", "letsencrypt", False),
    ],
)
def test_serves_lineage(paths: Paths, manifest: str | None, authority: str, serves: bool) -> None:
    paths.sites.mkdir(parents=True)
    if manifest is not None:
        text = f"domain: shop.test\nroutes: [{{path: /, container: web-1, port: 80}}]\n{manifest}"
        (paths.sites / "shop.test.yml").write_text(text, encoding="utf-8")
    assert serves_lineage(read_host(paths), "shop.test", authority) is serves
