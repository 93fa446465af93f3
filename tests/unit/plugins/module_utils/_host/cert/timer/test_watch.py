"""Which certificates are late, and a whole run of the timer on a tree of files."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.selfsigned import LIFETIME, make_pair
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.timer.watch import late_certificates, watch
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)
OPEN = {"start": "2026-11-23T00:00:00Z", "end": "2026-11-25T00:00:00Z"}
OVER = {"start": "2026-11-20T00:00:00Z", "end": "2026-11-22T00:00:00Z"}


def entry(**values: Any) -> dict[str, Any]:
    """Return what the status says of a good certificate, but for ``values``."""
    good = {
        "domain": "shop.test", "site": True, "state": "ok", "problem": None, "ca": "letsencrypt", "ari": None,
        "past_two_thirds": False, "served": "same", "not_after": "2027-01-01T00:00:00Z", "fraction_left": 0.9,
        "issuer": "A CA",
    }  # fmt: skip
    return good | values


@pytest.mark.parametrize(
    ("values", "failed", "why"),
    [
        ({}, {}, None),
        ({}, {"shop.test": "the CA is down"}, None),
        (
            {"state": "due", "past_two_thirds": True},
            {},
            "two thirds of its lifetime have passed, and it was not renewed",
        ),
        ({"state": "due", "past_two_thirds": True, "ari": OVER}, {}, "two thirds of its lifetime"),
        # The CA itself wants it later.
        ({"state": "due", "past_two_thirds": True, "ari": OPEN}, {}, None),
        ({"state": "due", "past_two_thirds": True, "ari": OPEN}, {"shop.test": "it refused"}, "it refused"),
        ({"state": "due", "past_two_thirds": True}, {"": "the disk is full"}, "the disk is full"),
        ({"state": "expired", "problem": "it expired on 2026-11-01"}, {}, "it expired on 2026-11-01"),
        ({"state": "mismatch", "problem": "not a pair"}, {}, "not a pair"),
        ({"state": "missing", "site": False}, {}, None),
        ({"served": "older"}, {}, "the proxy does not serve the certificate on disk"),
        ({"served": "newer"}, {}, None),
        ({"served": None, "site": False}, {}, None),
        ({"state": "due", "past_two_thirds": True, "site": False, "ca": "selfsigned"}, {}, None),
    ],
)
def test_what_is_late(values: dict[str, Any], failed: dict[str, str], why: str | None) -> None:
    late = late_certificates([entry(**values)], failed, now=NOW)
    assert [why is not None] == [bool(late)]
    if why:
        assert why in late[0]["why"]


def test_only_what_an_alert_shows_is_kept_of_an_entry() -> None:
    found = late_certificates([entry(state="expired", problem="it expired")], {"shop.test": "it refused"}, now=NOW)
    assert found == [
        {
            "domain": "shop.test", "state": "expired", "not_after": "2027-01-01T00:00:00Z", "fraction_left": 0.9,
            "served": "same", "issuer": "A CA", "why": "it expired: it refused",
        }
    ]  # fmt: skip


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path))
    made.letsencrypt.mkdir(parents=True)
    (tmp_path / "var/log/vsa").mkdir(parents=True)
    return made


def log(paths: Paths) -> str:
    return Path(paths.root, "var/log/vsa/cert-renew.log").read_text(encoding="utf-8")


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")


@needs_root
def test_a_run_renews_what_is_due(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.datetime.now(datetime.UTC)
    make_pair(paths.selfsigned, ("old.test",), now=now - LIFETIME * 0.7)
    assert watch(paths) == 0
    assert "renewed: old.test: 825 d, ECDSA" in log(paths)
    assert capsys.readouterr().out == log(paths), "the journal of systemd has the same lines"
    figures = (paths.state / "metrics/certificates.prom").read_text(encoding="utf-8")
    assert 'vsa_certificate_not_after_seconds{domain="old.test"} ' in figures


@needs_root
def test_a_run_reports_what_is_late_all_the_same(paths: Paths) -> None:
    make_pair(paths.selfsigned, ("shop.test",), now=datetime.datetime.now(datetime.UTC))
    paths.sites.mkdir(parents=True)
    manifest = "domain: shop.test\nca: selfsigned\nroutes: [{path: /, container: web-1, port: 80}]\naliases: [a.test]\n"
    (paths.sites / "shop.test.yml").write_text(manifest, encoding="utf-8")
    assert watch(paths) == 1
    assert "late: shop.test: it does not cover a.test" in log(paths)
    assert "no alert was sent" in log(paths)


def test_settings_that_are_invalid_are_an_error_of_the_run(paths: Paths) -> None:
    paths.vsa_yml.parent.mkdir(parents=True)
    paths.vsa_yml.write_text("colour: red\n", encoding="utf-8")
    assert watch(paths) == 1
    lines = log(paths).splitlines()
    assert "not renewed: there is no such setting" in lines[0]
    assert "the certificates could not be checked: there is no such setting" in lines[1]


def test_a_long_log_is_rotated(paths: Paths) -> None:
    file = Path(paths.root, "var/log/vsa/cert-renew.log")
    file.write_text("x" * (1024 * 1024 + 1), encoding="utf-8")
    watch(paths)
    assert file.stat().st_size < 1000
    assert Path(f"{file}.1").stat().st_size == 1024 * 1024 + 1
