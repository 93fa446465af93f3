"""The certificates of a host as a beat shows them: from files alone."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.attempts import Attempts
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector import certificates
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector.certificates import certificate_rows
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.kept import Kept
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.certbot import Certbot
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certbotengine import put_lineage
from certs import make_pair, put_pair

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    made = Paths(str(tmp_path))
    made.sites.mkdir(parents=True)
    made.letsencrypt.mkdir(parents=True)
    ca = make_pair(["A CA"])
    (tmp_path / "ca.pem").write_text(ca.pem, encoding="ascii")
    made.vsa_yml.write_text(f"ca_bundle: {tmp_path}/ca.pem\n", encoding="ascii")
    text = "domain: shop.test\nroutes: [{path: /, container: web-1, port: 80}]\n"
    (made.sites / "shop.test.yml").write_text(text, encoding="ascii")
    put_lineage(made, "shop.test", make_pair(["shop.test"], issuer=ca, start=NOW - 10 * DAY, end=NOW + 80 * DAY))
    put_pair(
        made.selfsigned / "old.test",
        chain=make_pair(["old.test"], start=NOW - 10 * DAY, end=NOW + 80 * DAY).chain,
        key=make_pair(["old.test"]).key_pem,
    )

    def no_network(*_words: object, **_named: object) -> NoReturn:
        raise AssertionError("the collector has no network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    return made


@pytest.fixture
def rows(paths: Paths) -> Callable[..., dict[str, Any]]:
    """Read the certificates, each time with what the time before kept."""
    kept: list[Any] = [None]

    def read(*, now: float = 0.0) -> dict[str, Any]:
        made = Kept(kept[0], now=now)
        found = {str(row["name"]): row for row in certificate_rows(read_host(paths, stamped=False), made)}
        kept[0] = made.as_json()
        return found

    return read


def test_a_good_certificate(rows: Callable[..., dict[str, Any]]) -> None:
    row = rows()["shop.test"]
    assert (row["state"], row["why"], row["issuer"], row["names"]) == ("ok", None, "A CA", ["shop.test"])
    assert row["renewal"] == {"at": f"{NOW + 50 * DAY:%Y-%m-%d}", "method": "lifetime"}
    assert row["last_attempt"] is None


def test_a_lineage_without_a_site_and_with_another_key(rows: Callable[..., dict[str, Any]]) -> None:
    row = rows()["old.test"]
    assert row["state"] == "mismatch"
    assert "not a pair" in row["why"]


def test_a_failed_try_shows(paths: Paths, rows: Callable[..., dict[str, Any]]) -> None:
    rows()
    Certbot(paths).remember("shop.test", Attempts(failures=2, last=NOW, error="the CA said no"))
    assert rows()["shop.test"]["last_attempt"]["error"] == "the CA said no"


def test_the_state_follows_the_time_though_no_file_changes(
    rows: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert import listing

    assert rows()["shop.test"]["state"] == "ok"
    later = NOW + 81 * DAY
    monkeypatch.setattr(listing, "time_now", lambda: later)
    monkeypatch.setattr(certificates, "time_now", lambda: later)
    assert rows(now=30.0)["shop.test"]["state"] == "expired"


def test_one_that_cannot_be_read_is_its_own_problem(paths: Paths, rows: Callable[..., dict[str, Any]]) -> None:
    chain = paths.letsencrypt / "live/shop.test/fullchain.pem"
    chain.unlink()
    chain.mkdir()
    found = rows()
    assert found["shop.test"]["state"] == "mismatch"
    assert "cannot be read" in found["shop.test"]["why"]
    assert set(found) == {"shop.test", "old.test"}
