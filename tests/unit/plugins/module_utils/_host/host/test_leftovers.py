"""What lies on a host and belongs to no site."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host.leftovers import leftover_files, leftover_networks
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Engine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host

from hosttree import HostTree, provide


class Networks:
    """An engine with edge networks, each with its members."""

    def __init__(self, members: dict[str, list[str]]) -> None:
        self._members = members

    def network_projects(self) -> dict[str, str]:
        """Return the networks."""
        return dict.fromkeys(self._members, "")

    def members(self, name: str) -> list[str]:
        """Return the containers of a network."""
        return self._members[name]


def test_finding_17_files_of_no_site(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    host.apply(provide("a.example", auth=["/"]))
    for domain in ("a.example", "gone.example"):
        (host.paths.letsencrypt / "live" / domain).mkdir(parents=True)
        (host.paths.logs / f"{domain}.access.log").touch()
        (host.paths.logs / f"{domain}.access.log.1790000000.gz").touch()
        (host.paths.htpasswd / domain).mkdir(exist_ok=True)
        (host.paths.htpasswd / domain / "root.htpasswd").touch()
        (host.paths.certs / f"{domain}.yml").parent.mkdir(parents=True, exist_ok=True)
        (host.paths.certs / f"{domain}.yml").touch()
    (host.paths.logs / "error.log").touch()
    found = leftover_files(read_host(host.paths))
    assert {finding.subject for finding in found} == {"gone.example"}
    names = ["orphan-lineage", "orphan-cert-options", "orphan-log", "orphan-passwords"]
    assert [finding.name for finding in found] == names
    assert {finding.remedy for finding in found} == {
        "ansible-playbook flowbiz.vsa.site.unprovision -e domain=gone.example"
    }, "a remedy that removes all of them"


def test_networks_of_no_site(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    host.apply(provide("a.example", tenant="acme"))
    (tmp_path / "srv/hub").mkdir()
    members: dict[str, list[str]] = {
        "bridge": [],
        "flowbiz_ext": [],
        "flowbiz_ext_acme": ["vsa-nginx"],
        "flowbiz_ext_gone": ["vsa-nginx"],
        "flowbiz_ext_hub": [],
        "flowbiz_ext_other": ["other-web"],
    }
    found = leftover_networks(read_host(host.paths), cast(Engine, cast(Any, Networks(members))))
    assert [(finding.name, finding.subject) for finding in found] == [("orphan-network", "flowbiz_ext_gone")]
