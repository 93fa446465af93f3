"""The state of a host: each file is read once, and a change by somebody else is noticed without reading again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store import host as store_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

SHOP = "shop.example.com"
MANIFEST = """\
schema: 1
domain: shop.example.com
routes:
  - path: /
    container: web-1
    port: 3000
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(str(tmp_path))
    generation = paths.generations / "1"
    (generation / "sites").mkdir(parents=True)
    (generation / "manifests").mkdir()
    (generation / "manifests" / f"{SHOP}.yml").write_text(MANIFEST)
    (generation / "sites" / f"{SHOP}.conf").write_text("server {}\n")
    paths.current.symlink_to("generations/1")
    paths.sites.mkdir(parents=True)
    (paths.sites / f"{SHOP}.yml").write_text(MANIFEST)
    paths.vsa_yml.write_text("schema: 1\nca: staging\n")
    return paths


def test_what_lies_on_disk(paths: Paths) -> None:
    host = read_host(paths)
    site = host.site(SHOP)
    assert host.settings.ca == "staging"
    assert host.live.number == 1
    assert site is not None
    assert site.containers == ("web-1",)
    assert host.site("gone.example.com") is None
    assert host.live_site("gone.example.com") is None


def test_a_fresh_host_is_empty(tmp_path: Path) -> None:
    host = read_host(Paths(str(tmp_path)))
    assert (host.manifests, host.live.number, host.record, dict(host.index)) == ({}, 0, None, {})
    assert host.is_current()


def test_a_manifest_is_parsed_once(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """The live manifest has the same text as the one in /etc/vsa/sites, so one parse serves both."""
    parsed: list[str] = []
    genuine = store_host.parse_manifest
    monkeypatch.setattr(
        store_host, "parse_manifest", lambda domain, text: (parsed.append(domain), genuine(domain, text))[1]
    )
    host = read_host(paths)
    assert host.site(SHOP) == host.live_site(SHOP) == host.site(SHOP)
    assert parsed == [SHOP]


def test_an_invalid_manifest_is_refused_when_it_is_asked_for(paths: Paths) -> None:
    (paths.sites / "other.example.com.yml").write_text(MANIFEST)
    host = read_host(paths)
    with pytest.raises(RefusedError, match="about another domain"):
        host.site("other.example.com")
    assert host.site(SHOP) is not None


def _edit(path: Path) -> None:
    text = path.read_text()
    path.unlink()
    path.write_text(text)


CHANGES: dict[str, Callable[[Paths], object]] = {
    "a manifest is edited": lambda paths: _edit(paths.sites / f"{SHOP}.yml"),
    "a manifest is removed": lambda paths: (paths.sites / f"{SHOP}.yml").unlink(),
    "a manifest is added": lambda paths: (paths.sites / "new.example.com.yml").write_text("x"),
    "the settings are edited": lambda paths: _edit(paths.vsa_yml),
    "another generation is live": lambda paths: _link(paths, "generations/2").replace(paths.current),
    "a live file is edited": lambda paths: _edit(paths.generations / "1/sites" / f"{SHOP}.conf"),
    "a change was interrupted": lambda paths: paths.journal.write_text("{}"),
}


def _link(paths: Paths, target: str) -> Path:
    link = paths.nginx / "new"
    link.symlink_to(target)
    return link


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_change_by_somebody_else_is_noticed(paths: Paths, change: Callable[[Paths], object]) -> None:
    host = read_host(paths)
    assert host.is_current()
    change(paths)
    assert not host.is_current()


def test_a_site_that_a_verb_requires(paths: Paths) -> None:
    host = read_host(paths)
    assert host.require_site(SHOP) == host.site(SHOP)
    with pytest.raises(RefusedError, match="this host has no such site") as refused:
        host.require_site("none.example.com")
    assert (refused.value.field, refused.value.value) == ("domain", "none.example.com")
    assert refused.value.there_are == [SHOP]


def test_the_error_names_twenty_sites_at_most(paths: Paths) -> None:
    for number in range(30):
        (paths.sites / f"s{number:02}.example.com.yml").write_text("")
    assert len(read_host(paths).no_such_site("none.example.com").there_are) == 20
