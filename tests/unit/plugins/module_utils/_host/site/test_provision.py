# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A provision without a host: over real files, a fake NGINX, a fake engine and self-signed certificates."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, VsaError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.nginx import CONTAINER
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site import provision
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import generations as store_generations
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import manifests as store_manifests
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import settings as store_settings

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
    assert {"audit_id", "site", "certificate", "base", "generation", "plan", "invalid"} == set(result.data)
    assert result.data["site"]["new"] is True
    assert f"domain: {SHOP}" in host.manifests()[SHOP]


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
    store_generations._read_record.cache_clear()  # as in the process of a module
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


def test_a_name_that_leads_away_is_a_warning_or_refused(host: SiteHost) -> None:
    host.astray = {SHOP}
    with pytest.raises(RefusedError, match=r"A 192\.0\.2\.7 does not lead to this host") as caught:
        host.provision(SHOP, strict_dns=True, **WEB)
    assert caught.value.field == "domain"
    [preflight, *_rest] = host.provision(SHOP, **WEB).steps
    assert (preflight.state, preflight.notes) == ("warning", (f"{SHOP}: A 192.0.2.7 does not lead to this host",))


@pytest.mark.parametrize(
    ("damage", "message", "field"),
    [
        (lambda host: host.engine.stop(CONTAINER), "the reverse proxy of this host does not run", None),
        (lambda host: host.engine.stop("web-1"), "the container is exited: web-1", "container"),
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

    monkeypatch.setattr(provision, "ensure_certificate", refuse)
    before = host.snapshot()
    with pytest.raises(RefusedError, match="the CA refuses") as caught:
        host.provision(SHOP, **WEB)
    assert [step["name"] for step in caught.value.steps] == ["preflight"]
    assert caught.value.state == "nothing was changed"
    assert host.snapshot() == before
