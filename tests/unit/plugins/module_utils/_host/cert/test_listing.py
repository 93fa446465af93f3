"""The list of certificates: files and a TLS server disagree in every way, and the worst comes first."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.attempts import Attempts
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import as_module_result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.certbot import Certbot
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.listing import list_certificates
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from certbotengine import put_lineage
from certs import Pair, make_pair, put_pair
from tlsserver import tls_server

NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
DAY = datetime.timedelta(days=1)
SERVER = "https://127.0.0.1:1/dir"


@pytest.fixture(scope="module")
def ca() -> Pair:
    return make_pair(["A CA"])


@pytest.fixture
def paths(tmp_path: Path, ca: Pair) -> Paths:
    made = Paths(str(tmp_path))
    made.sites.mkdir(parents=True)
    made.letsencrypt.mkdir(parents=True)
    bundle = tmp_path / "ca.pem"
    bundle.write_text(ca.pem, encoding="utf-8")
    made.vsa_yml.write_text(f"ca_bundle: {bundle}\n", encoding="utf-8")
    return made


def put_site(paths: Paths, domain: str, *lines: str) -> None:
    text = f"domain: {domain}\nroutes: [{{path: /, container: web-1, port: 80}}]\n"
    (paths.sites / f"{domain}.yml").write_text(text + "".join(f"{line}\n" for line in lines), encoding="utf-8")


def pair(ca: Pair | None, *names: str, left: float = 80) -> Pair:
    return make_pair(names, issuer=ca, start=NOW + (left - 90) * DAY, end=NOW + left * DAY)


def listed(paths: Paths, domain: str | None = None, *, port: int = 1) -> dict[str, dict[str, Any]]:
    """Return the entries by domain, in their order."""
    data = list_certificates(read_host(paths), domain, address="127.0.0.1", port=port).data
    return {entry["domain"]: entry for entry in data["certificates"]}


def test_a_good_certificate_that_is_served(paths: Paths, ca: Pair, tmp_path: Path) -> None:
    good = pair(ca, "shop.test", "www.shop.test")
    put_site(paths, "shop.test", "aliases: [www.shop.test]")
    put_lineage(paths, "shop.test", good)
    with tls_server(tmp_path / "tls", {"shop.test": good}) as port:
        entry = listed(paths, port=port)["shop.test"]
    assert (entry["site"], entry["state"], entry["problem"], entry["served"]) == (True, "ok", None, "same")
    assert (entry["ca"], entry["issuer"], entry["key"], entry["key_matches"]) == ("letsencrypt", "A CA", "ECDSA", True)
    assert entry["names"] == ["shop.test", "www.shop.test"]
    assert entry["served_fingerprint"] == entry["fingerprint"] is not None
    # A third of 90 days before the end.
    assert (entry["renews"], entry["renews_by"]) == (f"{NOW + 50 * DAY:%Y-%m-%d}", "lifetime")
    assert (entry["last_failure"], entry["past_two_thirds"], entry["ari"]) == (None, False, None)


def test_the_worst_comes_first(paths: Paths, ca: Pair, tmp_path: Path) -> None:
    served = {}
    for domain, left in (("fine.test", 80), ("due.test", 29), ("late.test", 10), ("over.test", -1)):
        served[domain] = pair(ca, domain, left=left)
        put_lineage(paths, domain, served[domain])
        put_site(paths, domain)
    put_site(paths, "none.test")
    served["other.test"] = pair(ca, "other.test")
    put_lineage(paths, "other.test", pair(ca, "other.test", left=70))
    put_site(paths, "other.test")
    put_lineage(paths, "names.test", pair(ca, "x.test"))
    put_site(paths, "names.test")
    with tls_server(tmp_path / "tls", served) as port:
        entries = listed(paths, port=port)
    states = {domain: (entry["state"], entry["served"]) for domain, entry in entries.items()}
    assert states == {
        "none.test": ("missing", "none"),
        "names.test": ("mismatch", "none"),
        "over.test": ("expired", "same"),
        "late.test": ("expiring", "same"),
        # What visitors get is another one: as bad as a renewal that is late.
        "other.test": ("ok", "newer"),
        "due.test": ("due", "same"),
        "fine.test": ("ok", "same"),
    }
    assert list(entries) == list(states)
    assert entries["names.test"]["problem"] == "it does not cover names.test"
    assert entries["over.test"]["renews"] is None
    assert entries["due.test"]["past_two_thirds"]


def test_an_older_certificate_is_served(paths: Paths, ca: Pair, tmp_path: Path) -> None:
    put_site(paths, "shop.test")
    put_lineage(paths, "shop.test", pair(ca, "shop.test"))
    with tls_server(tmp_path / "tls", {"shop.test": pair(ca, "shop.test", left=20)}) as port:
        entry = listed(paths, port=port)["shop.test"]
    assert (entry["served"], entry["problem"]) == (
        "older",
        "the proxy serves another certificate than the one on disk",
    )


def test_a_chain_that_visitors_do_not_trust_is_a_problem_without_a_state(paths: Paths, tmp_path: Path) -> None:
    unknown = pair(make_pair(["Another CA"]), "shop.test")
    put_site(paths, "shop.test")
    put_lineage(paths, "shop.test", unknown)
    with tls_server(tmp_path / "tls", {"shop.test": unknown}) as port:
        entry = listed(paths, port=port)["shop.test"]
    assert (entry["state"], entry["served"]) == ("ok", "same")
    assert entry["problem"].startswith("clients will not trust it: ")


def test_lineages_without_a_site_are_listed_and_nobody_asks_the_proxy_for_them(paths: Paths, ca: Pair) -> None:
    put_lineage(paths, "old.test", pair(ca, "old.test"), server=SERVER)
    own = pair(None, "own.test")
    put_pair(paths.selfsigned / "own.test", chain=own.chain, key=own.key_pem)
    # The site uses the self-signed one: certbot's lineage of the same name has no site.
    put_site(paths, "own.test", "ca: selfsigned")
    put_lineage(paths, "own.test", pair(ca, "own.test"))
    (paths.sites / "broken.test.yml").write_text("colour: red\n", encoding="utf-8")
    put_lineage(paths, "broken.test", pair(ca, "broken.test"))
    data = list_certificates(read_host(paths), address="127.0.0.1", port=1).data["certificates"]
    found = {(entry["domain"], entry["site"]): (entry["ca"], entry["served"]) for entry in data}
    assert found == {
        ("old.test", False): (SERVER, None),
        ("own.test", True): ("selfsigned", "none"),
        ("own.test", False): (SERVER, None),
        ("broken.test", False): (SERVER, None),
    }


def test_names_of_the_certificate_options_are_needed_too(paths: Paths, ca: Pair) -> None:
    put_site(paths, "shop.test")
    put_lineage(paths, "shop.test", pair(ca, "shop.test"))
    paths.certs.mkdir()
    (paths.certs / "shop.test.yml").write_text("schema: 1\nsan: [api.shop.test]\n", encoding="utf-8")
    assert listed(paths)["shop.test"]["problem"] == "it does not cover api.shop.test"
    (paths.certs / "shop.test.yml").write_text("damaged: true\n", encoding="utf-8")
    assert listed(paths)["shop.test"]["state"] == "ok"


def test_failed_attempts_are_shown_and_explain_why_it_is_late(paths: Paths, ca: Pair) -> None:
    put_lineage(paths, "shop.test", pair(ca, "shop.test", left=5))
    Certbot(paths).remember("shop.test", Attempts(failures=2, last=NOW, error="connection refused"))
    entry = listed(paths)["shop.test"]
    assert entry["problem"] == "overdue: the last attempt failed: connection refused"
    assert entry["last_failure"] == {
        "time": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
        "error": "connection refused",
        "failures": 2,
    }
    assert entry["renews"] is None


def test_finding_17_a_failed_try_for_another_name_does_not_hide_the_next_renewal(paths: Paths, ca: Pair) -> None:
    put_lineage(paths, "shop.test", pair(ca, "shop.test"))
    day = listed(paths)["shop.test"]["renews"]
    Certbot(paths).remember("shop.test", Attempts(failures=1, last=NOW, error="could not validate other.test"))
    entry = listed(paths)["shop.test"]
    assert day is not None
    assert (entry["state"], entry["renews"], entry["last_failure"]["failures"]) == ("ok", day, 1)


def test_the_window_of_the_ca_comes_from_the_cache(paths: Paths, ca: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    put_lineage(paths, "shop.test", pair(ca, "shop.test"))
    monkeypatch.setattr(
        "ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.certificates._ari_id", lambda _leaf: "aki.1"
    )
    start, end = NOW + 30 * DAY, NOW + 32 * DAY
    window = [f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:%SZ}"]
    cache = {"aki.1": {"window": window, "until": f"{NOW + DAY:%Y-%m-%dT%H:%M:%SZ}"}}
    (paths.letsencrypt / "vsa-ari.json").write_text(json.dumps(cache), encoding="utf-8")
    entry = listed(paths)["shop.test"]
    assert entry["ari"] == {"start": window[0], "end": window[1]}
    assert (entry["renews"], entry["renews_by"]) == (f"{NOW + 31 * DAY:%Y-%m-%d}", "ari")


def test_an_entry_of_nothing_has_the_same_keys(paths: Paths, ca: Pair) -> None:
    put_site(paths, "none.test")
    put_lineage(paths, "old.test", pair(ca, "old.test"))
    entries = listed(paths)
    assert entries["none.test"].keys() == entries["old.test"].keys()
    assert entries["none.test"]["names"] == []


def test_one_domain(paths: Paths, ca: Pair) -> None:
    for domain in ("a.test", "b.test"):
        put_lineage(paths, domain, pair(ca, domain))
    assert list(listed(paths, "B.test")) == ["b.test"]
    with pytest.raises(RefusedError, match="neither a site nor a certificate") as refused:
        listed(paths, "x.test")
    assert refused.value.there_are == ["a.test", "b.test"]


@pytest.mark.parametrize(
    ("text", "renewal"),
    [
        (None, None),
        ("", None),
        ("time=2026-11-24T10:00:00Z\nexit=x\n", None),
        ("time=2026-11-24T10:00:00Z\nexit=1\n", {"time": "2026-11-24T10:00:00Z", "exit": 1}),
    ],
)
def test_the_last_run_of_the_renewal_loop(paths: Paths, text: str | None, renewal: object) -> None:
    if text is not None:
        (paths.letsencrypt / "vsa-renew.state").write_text(text, encoding="utf-8")
    result = as_module_result(list_certificates(read_host(paths)))
    assert result == {"changed": False, "schema": 1, "certificates": [], "renewal": renewal}


def test_issue_14_item_3_a_lineage_restored_as_plain_files_has_no_date_of_renewal(paths: Paths, ca: Pair) -> None:
    put_site(paths, "shop.test")
    live = put_lineage(paths, "shop.test", pair(ca, "shop.test"))
    assert listed(paths)["shop.test"]["state"] == "ok"
    for link in live.iterdir():
        text = link.read_text()
        link.unlink()
        link.write_text(text)
    entry = listed(paths)["shop.test"]
    assert (entry["state"], entry["renews"], entry["renews_by"]) == ("cannot renew", None, None)
    assert "live/shop.test/cert.pem is a plain file, not a link" in entry["problem"]
    assert "cert_domain=shop.test" in entry["problem"] or "domain=shop.test" in entry["problem"]
