# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has of a site: who else routes to its containers, and who uses its lineage."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.removal import ContainerInfo, Mount
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.removal.journal import Journal
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.site.resources import (
    FILES,
    SiteResources,
    find_resources,
    scheduled,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from hosttree import HostTree, provide

SHOP = "shop.test"


class Containers:
    """The engine as far as it is asked here: a list of containers, given."""

    def __init__(self, *names: str) -> None:
        self.containers = [ContainerInfo(name, f"id-{name}", networks=("flowbiz_ext",)) for name in names]

    def container_infos(self) -> list[ContainerInfo]:
        return self.containers


@pytest.fixture
def tree(tmp_path: Path) -> HostTree:
    tree = HostTree(tmp_path)
    tree.apply(provide(SHOP, "web-1:3000"))
    return tree


def found(tree: HostTree, *names: str) -> SiteResources:
    return find_resources(read_host(tree.paths), Containers(*(names or ("web-1",))), SHOP)  # type: ignore[arg-type]


def test_a_site_alone(tree: HostTree) -> None:
    resources = found(tree)
    assert resources.live
    assert [container.name for container in resources.decision.going] == ["web-1"]
    assert resources.manifests == (str(tree.paths.sites / f"{SHOP}.yml"),)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "b.test.yml",
            "schema: 1\ndomain: b.test\nroutes: [{path: /, container: web-1, port: 1}]\n",
            "the site b.test",
        ),
        ("b.test.yml", "schema: 1\ndomain: b.test\nroutes: [{path: /, container: web-1, port: no}]\n", "(not valid)"),
        ("b.test.yml", "this is: not: YAML web-1\n", "(not valid)"),
        ("b.test.yml", 'container: "web\\x2d1"\n', "(not valid)"),
        ("b.test.yml", b"\xff\xfe container: web-1\n", "(not valid)"),
        ("b.test.yml", "container: web-1\n".encode("utf-16"), "(not valid)"),
        (".hidden", "web-1", "(not valid)"),
        ("b.test.yml.off", "container: web-1\n", "(not valid)"),
    ],
)
def test_another_manifest_routes_to_it(tree: HostTree, name: str, text: str | bytes, words: str) -> None:
    (tree.paths.sites / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    decision = found(tree).decision
    assert decision.going == ()
    assert words in decision.shared["web-1"][0]


def test_a_last_good_version_routes_to_it(tree: HostTree) -> None:
    tree.apply(provide("b.test", "web-1:80"))
    tree.manifest("b.test", "schema: 1\ndomain: b.test\nroutes: nonsense\n")
    assert "the site b.test routes" in found(tree).decision.shared["web-1"][0]


def test_a_live_site_whose_manifest_is_gone_routes_to_it(tree: HostTree) -> None:
    tree.apply(provide("b.test", "web-1:80"))
    (tree.paths.sites / "b.test.yml").unlink()
    assert found(tree).decision.going == ()


def test_another_site_with_another_container_is_no_reason(tree: HostTree) -> None:
    tree.apply(provide("b.test", "web-10:80"))
    tree.manifest("c.test", "container: web-1-old\n")
    assert [container.name for container in found(tree).decision.going] == ["web-1"]


def test_an_invalid_manifest_of_its_own_hides_nothing(tree: HostTree) -> None:
    tree.manifest(SHOP, "nonsense web-1")
    assert [container.name for container in found(tree).decision.going] == ["web-1"]


def test_another_container_that_took_the_name_since_is_left_alone(tree: HostTree) -> None:
    place = Journal.place(tree.paths, "gone.test")
    Journal(containers={"web-1": "id-of-before", "web-2": "id-web-2"}).write(tree.paths, "gone.test")
    assert place.stat().st_mode & 0o777 == 0o600
    engine = Containers("web-1", "web-2")
    resources = find_resources(read_host(tree.paths), engine, "gone.test")  # type: ignore[arg-type]
    assert [container.name for container in resources.decision.going] == ["web-2"]
    Journal.close(tree.paths, "gone.test")
    assert not tree.paths.unprovision.exists()


def test_a_journal_carries_what_is_gone(tree: HostTree) -> None:
    engine = Containers("web-1")
    engine.containers = [
        ContainerInfo(
            "web-1", "id-web-1", networks=("flowbiz_ext",), project="shop", mounts=(Mount("/v", "v", "local", "/x"),)
        )
    ]
    find_resources(read_host(tree.paths), engine, SHOP).as_journal().write(tree.paths, SHOP)  # type: ignore[arg-type]
    later = found(tree, "other")
    assert later.mounts == (Mount("/v", "v", "local"),)
    assert later.projects == ("shop",)
    assert later.as_journal() == later.journal


def test_a_lineage_that_somebody_else_uses(tree: HostTree) -> None:
    tree.apply(provide("b.test", "web-2:80"))
    assert found(tree).certificate_users == ()
    text = tree.file("sites/b.test.conf").read_text()
    text = text.replace("http2 on;", f"http2 on;\n    ssl_certificate $vsa_letsencrypt/{SHOP}/fullchain.pem;")
    tree.break_open("sites/b.test.conf", text)
    live = tree.paths.letsencrypt / "live"
    (live / SHOP).mkdir(parents=True)
    (live / "c.test").symlink_to(SHOP)
    assert found(tree).certificate_users == ("the site b.test", "the lineage c.test")


def test_a_cron_table_that_speaks_of_it(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    for name, text in {
        "etc/cron.d/backup": f"0 3 * * * root backup {SHOP}\n",
        "etc/cron.d/other": f"0 3 * * * root backup www.{SHOP} {SHOP}.example\n",
        f"etc/systemd/system/{SHOP}.timer": "[Timer]\n",
        "etc/systemd/system/notes.txt": SHOP,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [Path(name).name for name in scheduled(paths, SHOP)] == ["backup", f"{SHOP}.timer"]


# Every place where VSA or certbot writes a file or a directory that carries a site's name.
NAMED_AFTER_A_SITE = {
    "manifest": ["etc/vsa/sites/{0}.yml", "etc/vsa/sites/.{0}.yml.a1B2c3D4"],
    "passwords": ["srv/platform/reverse-proxy/data/htpasswd/{0}/,"],
    "certificate": [
        "etc/vsa/certs/{0}.yml",
        "srv/platform/reverse-proxy/data/letsencrypt/renewal/{0}.conf",
        "srv/platform/reverse-proxy/data/letsencrypt/live/{0}/fullchain.pem",
        "srv/platform/reverse-proxy/data/letsencrypt/archive/{0}/privkey1.pem",
        "srv/platform/reverse-proxy/data/letsencrypt/vsa-attempts/{0}.json",
        "srv/platform/reverse-proxy/data/letsencrypt/vsa-aside/{0}.1764000000/live",
        "srv/platform/reverse-proxy/data/selfsigned/{0}/fullchain.pem",
        "srv/platform/reverse-proxy/data/selfsigned/.pairs/{0}.20261124T100000/privkey.pem",
    ],
    "logs": [
        "srv/platform/reverse-proxy/logs/nginx/{0}.access.log",
        "srv/platform/reverse-proxy/logs/nginx/{0}.error.log",
        "srv/platform/reverse-proxy/logs/nginx/{0}.access.log.1764000000.gz",
    ],
    "journal": ["var/lib/vsa/unprovision/{0}.json"],
}


def test_every_file_that_carries_the_name_is_on_the_list(tmp_path: Path) -> None:
    assert [row.name for row in FILES] == list(NAMED_AFTER_A_SITE)
    for places in NAMED_AFTER_A_SITE.values():
        for place in places:
            for domain in (SHOP, f"www.{SHOP}", f"{SHOP}.example"):
                path = tmp_path / place.format(domain)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("{}")
    for row in FILES:
        found = {str(path) for path in row.find(Paths(str(tmp_path)), SHOP)}
        wanted = {_top(tmp_path, place) for place in NAMED_AFTER_A_SITE[row.name]}
        assert found == wanted, row.name


def _top(root: Path, place: str) -> str:
    """Return the file or directory that carries the site's name, on the way to a place."""
    path = root
    for part in place.format(SHOP).split("/"):
        path /= part
        if SHOP in part:
            break
    return str(path)
