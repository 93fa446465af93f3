"""What the row of a site says besides the list of sites: users of basic auth, and the site's last change."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.auth.htpasswd import file_name
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.collector.sites import site_domains, site_rows
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.agent.kept import Kept
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host

from hosttree import HostTree, provide


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    made = HostTree(tmp_path)
    made.apply(provide("shop.example.com"))
    return made


def test_users_are_counted_and_never_named(host: HostTree) -> None:
    manifest = {
        "schema": 1,
        "domain": "shop.example.com",
        "routes": [{"path": "/", "container": "web-1", "port": 3000}],
        "auth": ["/", "/admin/"],
        "auth_open": ["/hooks/"],
    }
    host.manifest("shop.example.com", manifest)
    folder = host.paths.htpasswd / "shop.example.com"
    folder.mkdir(parents=True)
    for path, names in (("/", ("alice", "bob")), ("/admin/", ("alice",))):
        text = "".join(f"{name}:$2y$10$hash-of-{name}\n" for name in names)
        (folder / file_name(path)).write_text(text, encoding="ascii")
    row = site_rows(read_host(host.paths), None, Kept(None, now=0.0))[0]
    assert row["auth"] == {"paths": ["/", "/admin/"], "open": ["/hooks/"], "users": 2}
    assert "hash-of" not in str(row)
    assert "alice" not in str(row)


def test_a_password_file_that_changes_makes_the_row_anew(host: HostTree) -> None:
    kept = Kept(None, now=0.0)
    site_rows(read_host(host.paths), None, kept)
    folder = host.paths.htpasswd / "shop.example.com"
    folder.mkdir(parents=True)
    before = kept.as_json()["domains"]["shop.example.com"]["stamp"]
    (folder / file_name("/")).write_text("alice:x\n", encoding="ascii")
    again = Kept(kept.as_json(), now=0.0)
    site_rows(read_host(host.paths), None, again)
    assert again.as_json()["domains"]["shop.example.com"]["stamp"] != before


def test_a_site_without_a_manifest_is_still_live(host: HostTree) -> None:
    (host.paths.sites / "shop.example.com.yml").unlink()
    read = read_host(host.paths)
    assert site_domains(read) == ["shop.example.com"]
    row = site_rows(read, None, Kept(None, now=0.0))[0]
    assert row["state"] == "warning"
    assert row["last_change"]["run"] == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
