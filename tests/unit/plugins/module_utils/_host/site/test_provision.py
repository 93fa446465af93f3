# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A provision without a host: over real files, a fake NGINX, a fake engine and self-signed certificates."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError, VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Advice, Hint, parse_hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.resolver import Names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import CONTAINER
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import certificates, names
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import generations as store_generations
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import manifests as store_manifests
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import settings as store_settings

from dnsserver import serving_dns
from sitehost import SiteHost, texts

SHOP = "shop.test"
WEB = {"container": "web-1", "port": 3000}

_opened: list[str] | None = None


def _note_open(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _opened is not None:
        _opened.append(str(arguments[0]))


# An audit hook can never be removed, so there is one, and it does nothing while nobody counts.
sys.addaudithook(_note_open)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SiteHost:
    return SiteHost(tmp_path, monkeypatch)


def test_a_new_site(host: SiteHost) -> None:
    result = host.provision(SHOP, **WEB)
    assert result.changed
    assert [(step.name, step.state) for step in result.steps] == [
        ("preflight", "ok"), ("certificate", "changed"), ("proxy", "changed"), ("site", "ok"),
    ]  # fmt: skip
    assert texts(result)["preflight"] == "web-1:3000 answers · A 192.0.2.7 leads here"
    known = {"audit_id", "site", "certificate", "base", "generation", "plan", "invalid", "undo", "undo_hint"}
    assert set(result.data) == known
    assert parse_hint(result.data["undo_hint"]) == Hint("site.unprovision", {"domain": SHOP})
    assert result.data["site"]["new"] is True
    assert f"domain: {SHOP}" in host.manifests()[SHOP]


@pytest.mark.parametrize("name", ["vsa-nginx", "vsa-auth", "vsa-certbot"])
def test_a_site_that_leads_to_the_proxy_itself_is_refused(host: SiteHost, name: str) -> None:
    host.engine.run_container(name, "flowbiz_ext")
    with pytest.raises(RefusedError, match=f"{name} belongs to the proxy of this host") as refused:
        host.provision(SHOP, container=name, port=443)
    assert refused.value.expected == "the container of an application"


def test_the_same_again_changes_nothing_and_the_rest_stays(host: SiteHost) -> None:
    host.provision(SHOP, **WEB, tenant="acme")
    before = host.snapshot()
    result = host.provision(SHOP, **WEB)
    assert not result.changed
    assert {step.state for step in result.steps} == {"ok"}
    assert host.snapshot() == before
    assert result.data["site"]["new"] is False
    assert host.provision(SHOP, unset=("tenant",)).changed
    assert "tenant" not in host.manifests()[SHOP]


def test_a_provision_that_changes_nothing_reads_and_parses_each_file_once(
    host: SiteHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    global _opened  # noqa: PLW0603  an audit hook has no other way to the test
    host.provision("b.test", **WEB)
    host.provision(SHOP, **WEB)
    parsed: list[str] = []

    def counting(call: Any) -> Any:
        def count(text: str, *, where: str) -> Any:
            parsed.append(where)
            return call(text, where=where)

        return count

    for module in (store_manifests, store_settings):
        monkeypatch.setattr(module, "load_yaml", counting(module.load_yaml))
    live = str(host.live)
    store_generations._records.clear()  # as in the process of a module
    _opened = []
    try:
        assert not host.provision(SHOP, **WEB).changed
        opened = Counter(_opened)
    finally:
        _opened = None
    ours = {path: number for path, number in opened.items() if path.startswith((f"{host.root}/etc/vsa/", live))}
    assert f"{host.root}/etc/vsa/vsa.yml" in ours
    assert f"{live}/generation.json" in ours
    assert {path: number for path, number in ours.items() if number > 1 and Path(path).is_file()} == {}
    assert [where for where, number in Counter(parsed).items() if number > 1] == []


def test_a_check_touches_nothing(host: SiteHost) -> None:
    before = host.snapshot()
    result = host.provision(SHOP, check=True, diff=True, **WEB)
    assert result.changed
    assert [step.state for step in result.steps] == ["ok", "would_change", "would_change"]
    assert f"+    server_name {SHOP}" in str(result.diff)
    assert host.snapshot() == before


def test_a_name_that_leads_away_is_a_warning_if_no_ca_is_asked(host: SiteHost) -> None:
    host.astray = {SHOP}
    [preflight, *_rest] = host.provision(SHOP, **WEB).steps
    assert (preflight.state, preflight.notes) == ("warning", (f"{SHOP}: A 192.0.2.7 does not lead to this host",))


def test_an_address_at_which_nobody_answers_is_not_said_to_lead_away(host: SiteHost) -> None:
    host.unreached = {SHOP}
    [preflight, *_rest] = host.provision(SHOP, **WEB).steps
    told = f"{SHOP}: A 192.0.2.7 could not be reached from this host, and was not checked"
    assert (preflight.state, preflight.notes) == ("warning", (told,))


@pytest.mark.parametrize(
    ("damage", "message", "field"),
    [
        (lambda host: host.engine.stop(CONTAINER), "the reverse proxy of this host does not run", None),
        (lambda host: host.engine.stop("web-1"), "the container is exited, exit code 0: web-1", "container"),
        (lambda host: host.silent.add("web-1"), "web-1 does not answer on port 3000", "port"),
        (lambda host: host.provision("b.test", aliases=[SHOP], **WEB), f"{SHOP} already belongs to", "domain"),
        (lambda host: host.manifest(SHOP, "nonsense: 1"), "a manifest has no such field", f"sites/{SHOP}/nonsense"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_changed(
    host: SiteHost, damage: Any, message: str, field: str | None
) -> None:
    damage(host)
    before = host.snapshot()
    with pytest.raises(RefusedError, match=message) as caught:
        host.provision(SHOP, **WEB)
    assert caught.value.field == field
    assert host.snapshot() == before


def test_finding_1_a_live_site_that_lost_its_manifest_keeps_its_fields(host: SiteHost) -> None:
    host.provision(SHOP, **WEB, aliases=["www.shop.test"])
    (host.paths.sites / f"{SHOP}.yml").unlink()
    result = host.provision(SHOP, timeout="7s")
    assert result.changed
    manifest = host.manifests()[SHOP]
    assert "www.shop.test" in manifest
    assert "timeout: 7s" in manifest


def test_a_container_is_detected_by_its_published_port(host: SiteHost) -> None:
    host.engine.published["web-2"] = (8080, 3000)  # type: ignore[attr-defined]
    result = host.provision(SHOP, external_port=8080)
    assert result.data["detected"] == {"container": "web-2", "port": 3000, "external_port": 8080}
    assert texts(result)["preflight"].startswith("port 8080 is web-2:3000 · web-2:3000 answers")


def test_a_transaction_that_fails_tells_what_was_done_before(host: SiteHost) -> None:
    host.templates["site.conf.j2"] += "no_such_directive;\n"
    with pytest.raises(VsaError, match="NGINX refuses") as caught:
        host.provision(SHOP, **WEB)
    assert [step["name"] for step in caught.value.steps] == ["preflight", "certificate"]
    assert caught.value.state == "the certificate was issued and stays; the proxy is as it was"
    assert host.manifests() == {}


def test_a_certificate_that_fails_leaves_everything(host: SiteHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> None:
        raise RefusedError("the CA refuses")

    monkeypatch.setattr(certificates, "ensure_certificate", refuse)
    before = host.snapshot()
    with pytest.raises(RefusedError, match="the CA refuses") as caught:
        host.provision(SHOP, **WEB)
    assert [step["name"] for step in caught.value.steps] == ["preflight"]
    assert caught.value.state == "nothing was changed"
    assert host.snapshot() == before


# -- issue 13, item 6: a broken backend is not a success --------------------------------------------------------------


def test_finding_6_a_site_that_answered_and_does_not_any_more_is_rolled_back(host: SiteHost) -> None:
    host.provision(SHOP, **WEB)
    before = host.manifests()
    with host.state.change() as known:
        known["deaf"] = ["web-2"]
    with pytest.raises(RolledBackError, match="answers 502, and it answered before the change") as caught:
        host.provision(SHOP, container="web-2", port=3000)
    assert caught.value.exit_code == 4
    assert host.manifests() == before


def test_finding_6_by_force_the_change_stays_and_the_result_says_that_the_site_is_silent(host: SiteHost) -> None:
    host.provision(SHOP, **WEB)
    with host.state.change() as known:
        known["deaf"] = ["web-2"]
    result = host.provision(SHOP, container="web-2", port=3000, force=True)
    assert result.changed
    assert result.data["silent"] == [SHOP]
    assert [step.state for step in result.steps if step.name == "site"] == ["warning"]


@pytest.mark.parametrize("status", [502, 504])
def test_finding_6_a_new_site_that_does_not_answer_stays_and_is_silent(host: SiteHost, status: int) -> None:
    with host.state.change() as known:
        known["status"] = {SHOP: status}
    result = host.provision(SHOP, **WEB)
    assert (result.changed, result.data["silent"]) == (True, [SHOP])
    # It did not answer before, so a change that does not mend it stays as well.
    assert host.provision(SHOP, container="web-2", port=3000).data["silent"] == [SHOP]


@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_finding_6_what_the_application_answers_is_an_answer(host: SiteHost, status: int) -> None:
    host.provision(SHOP, **WEB)
    with host.state.change() as known:
        known["status"] = {SHOP: status}
    result = host.provision(SHOP, container="web-2", port=3000)
    assert "silent" not in result.data
    [site] = [step for step in result.steps if step.name == "site"]
    assert site.state == ("warning" if status >= 500 else "ok")


# -- issue 13, item 6, and issue 14, item 10: the CA is not asked in vain ---------------------------------------------


@pytest.fixture
def public(host: SiteHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A host whose sites get certificates of Let's Encrypt, and its DNS. Nobody but the check of names is asked."""
    host.settings("ca: letsencrypt\nemail: ops@example.com\n")
    zone: dict[str, Any] = {SHOP: ["A 192.0.2.7"]}

    def ask_ca(*_arguments: Any, **_options: Any) -> None:
        raise RefusedError("the CA was asked")

    monkeypatch.setattr(certificates, "ensure_certificate", ask_ca)
    with serving_dns({"127.0.0.1": zone}) as port:
        monkeypatch.setattr(names, "Names", lambda: Names(["127.0.0.1"], port=port, seconds=0.3))
        yield zone


def refused(host: SiteHost, **more: Any) -> RefusedError:
    before = host.snapshot()
    with pytest.raises(RefusedError) as caught:
        host.provision(SHOP, **WEB, **more)
    assert host.snapshot() == before
    return caught.value


def test_finding_14_a_name_that_leads_here_is_validated(host: SiteHost, public: dict[str, Any]) -> None:
    error = refused(host)
    assert (error.message, error.steps[0]["state"]) == ("the CA was asked", "ok")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("NXDOMAIN", f"{SHOP} does not exist in DNS (NXDOMAIN)"),
        (["TXT x"], f"{SHOP} has no address in DNS"),
        (["A 203.0.113.9"], f"{SHOP}: A 203.0.113.9 does not lead to this host"),
    ],
)
def test_finding_14_a_name_that_must_fail_is_refused_before_the_ca_is_asked(
    host: SiteHost, public: dict[str, Any], said: object, message: str
) -> None:
    public[SHOP] = said
    host.astray = {SHOP}
    error = refused(host)
    assert (error.message, error.field, error.value) == (message, "domain", SHOP)
    assert error.hint.fields == {"dns_check": False}  # type: ignore[union-attr]
    # With split horizon the CA sees other records: the operator says so.
    lax = refused(host, dns_check=False)
    assert lax.message == "the CA was asked"
    assert lax.steps[0]["notes"] == [message]


def test_finding_14_an_alias_that_must_fail_is_refused_too(host: SiteHost, public: dict[str, Any]) -> None:
    public["www.shop.test"] = ["A 203.0.113.9"]
    host.astray = {"www.shop.test"}
    error = refused(host, aliases=["www.shop.test", "old.shop.test"])
    assert error.value == "www.shop.test"
    assert error.details == ["old.shop.test does not exist in DNS (NXDOMAIN)"]


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ("SERVFAIL", f"{SHOP}: the resolver of this host fails (SERVFAIL), so nobody knows where it leads"),
        ("silent", f"{SHOP}: no resolver of this host answers, so nobody knows where it leads"),
        (["A 203.0.113.9"], f"{SHOP}: A 203.0.113.9 could not be reached from this host, and was not checked"),
    ],
)
def test_finding_14_what_nobody_knows_is_a_warning(
    host: SiteHost, public: dict[str, Any], said: object, note: str
) -> None:
    public[SHOP] = said
    host.unreached = {SHOP}
    error = refused(host)
    assert error.message == "the CA was asked"
    assert note in error.steps[0]["notes"]  # type: ignore[operator]


def test_a_check_refuses_what_must_fail_too(host: SiteHost, public: dict[str, Any]) -> None:
    public[SHOP] = "NXDOMAIN"
    before = host.snapshot()
    with pytest.raises(RefusedError, match="NXDOMAIN"):
        host.provision(SHOP, check=True, **WEB)
    assert host.snapshot() == before


def test_issue_14_item_10_caa_is_looked_up_before_the_ca_refuses(host: SiteHost, public: dict[str, Any]) -> None:
    public["test"] = ['CAA 0 issue "digicert.com"']
    error = refused(host)
    assert error.message == (
        f"the CAA records of test do not let Let's Encrypt issue for {SHOP}: they allow digicert.com"
    )
    assert error.expected == 'test. CAA 0 issue "letsencrypt.org"'
    assert refused(host, dns_check=False).steps[0]["notes"] == [error.message]
    public[SHOP] = ["A 192.0.2.7", 'CAA 0 issue "letsencrypt.org"']
    assert refused(host).message == "the CA was asked"


def test_a_site_that_is_served_asks_no_ca_and_no_dns(host: SiteHost, public: dict[str, Any]) -> None:
    with host.certificates(SHOP):
        host.proxy().apply(host.request(Change(SHOP, {**WEB})))
        public[SHOP] = "NXDOMAIN"
        error = refused(host, timeout="9s")
    assert error.steps[0]["state"] == "ok"


# -- issue 14, item 7: streams ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("profile", "told"), [(None, True), ("web", True), ("sse", False), ("llm", False)])
def test_issue_14_item_7_provision_names_the_profile_for_a_stream(
    host: SiteHost, profile: str | None, told: bool
) -> None:
    host.streaming = {"/"}
    more = {"profile": profile} if profile else {}
    [step, *_rest] = host.provision(SHOP, **WEB, **more).steps
    assert step.state == "ok"
    if not told:
        assert step.notes == ()
        return
    [note] = step.notes
    assert isinstance(note, Advice)
    assert note.sentence.startswith("web-1:3000 answers / with a stream of events")
    assert note.hint == Hint("site.provision", {"domain": SHOP, "profile": "sse"})


def test_issue_14_item_7_a_stream_below_one_route_of_several(host: SiteHost) -> None:
    host.streaming = {"/events/"}
    web = {"container": "web-1", "port": 3000}
    routes = [{"path": "/", **web}, {"path": "/events/", **web}]
    [step, *_rest] = host.provision(SHOP, routes=routes).steps
    assert step.notes == ("web-1:3000 answers /events/ with a stream of events: its route wants the profile sse",)
    routes[1]["profile"] = "sse"
    assert host.provision(SHOP, routes=routes).steps[0].notes == ()


def test_a_door_to_a_protected_path_is_refused_before_a_certificate_is_made(host: SiteHost) -> None:
    host.provision(SHOP, **WEB)
    host.apply(Change(SHOP, {"auth": ["/admin/"]}))
    before = host.snapshot()
    with pytest.raises(RefusedError, match="would show without a password") as caught:
        host.provision("door.test", **WEB)
    assert caught.value.state == "nothing was changed"
    assert host.snapshot() == before


@pytest.mark.parametrize(
    "verb",
    [
        lambda host: host.provision(SHOP, aliases=["www.shop.test"]),
        lambda host: host.rename(SHOP, "new.test"),
        lambda host: host.declare([(SHOP, {"routes": [{"path": "/", **WEB}], "aliases": ["www.shop.test"]})]),
    ],
    ids=["provision", "rename", "apply"],
)
def test_issue_14_item_12_a_library_that_is_missing_costs_no_certificate(
    host: SiteHost, monkeypatch: pytest.MonkeyPatch, verb: Callable[[SiteHost], object]
) -> None:
    host.provision(SHOP, **WEB)
    manifest = host.paths.sites / f"{SHOP}.yml"
    manifest.write_text(f"# ask Bob before a change\n{manifest.read_text()}")
    before = host.snapshot()
    monkeypatch.setitem(sys.modules, "ruamel", None)
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    with pytest.raises(MissingLibraryError, match="the library ruamel is missing on this host") as caught:
        verb(host)
    assert (caught.value.hint, caught.value.state) == (Hint("bootstrap"), "nothing was changed")
    assert host.snapshot() == before
