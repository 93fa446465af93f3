"""A container that two tenants would share is refused where the site is new or changed, and named where it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.tenancy import refuse_shared, shared_findings
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.proxy.values import Change
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host

from hosttree import RUN, HostTree, provide

A, B = "a.example", "b.example"
ACME, BETA = "flowbiz_ext_acme", "flowbiz_ext_beta"


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    """A host with one site of the tenant acme."""
    host = HostTree(tmp_path)
    host.engine.run_container("web-1", "its-own")
    host.apply(provide(A, "web-1:3000", tenant="acme"))
    return host


def on(host: HostTree, name: str = "web-1") -> set[str]:
    return set(host.state.read()["containers"][name]["networks"])


def test_finding_10_a_container_of_another_tenant_is_refused(host: HostTree) -> None:
    with pytest.raises(RefusedError, match=r"web-1 also serves a\.example \(tenant acme\)") as no:
        host.apply(provide(B, "web-1:3000", tenant="beta"))
    assert (no.value.field, no.value.value) == ("container", "web-1")
    assert on(host) == {"its-own", ACME}
    with pytest.raises(RefusedError, match="also serves"):
        host.apply(provide(B, "web-1:3000"))


def test_finding_10_a_container_on_another_tenants_network_is_refused(host: HostTree) -> None:
    host.engine.run_container("web-2", BETA)
    with pytest.raises(RefusedError, match=r"web-2 is on flowbiz_ext_beta \(tenant beta\), and b\.example belongs"):
        host.apply(provide(B, "web-2:3000", tenant="acme"))


def test_it_is_refused_before_a_ca_is_asked(host: HostTree) -> None:
    read = read_host(host.paths)
    site = read.parse(A, read.manifests[A])
    refuse_shared(host.engine, read, (site,))
    host.engine.run_container("web-1", "its-own", BETA)
    refuse_shared(host.engine, read, (site,))  # it stands already


def test_a_change_of_the_tenant_takes_the_container_along(host: HostTree) -> None:
    host.apply(provide(A, None, tenant="beta"))
    assert on(host) == {"its-own", BETA}
    host.apply(provide(A, None, unset=("tenant",)))
    assert on(host) == {"its-own", "flowbiz_ext"}


def test_a_sync_keeps_the_last_good_version_of_a_site_that_would_share(host: HostTree) -> None:
    host.engine.run_container("web-2", "its-own")
    host.apply(provide(B, "web-2:3000", tenant="beta"))
    before = host.manifests()[B]
    host.manifest(B, before.replace("web-2", "web-1"))
    desired = host.apply(sync=True)
    assert desired.invalid == (B,)
    assert any("web-1" in note and "tenant acme" in note for note in desired.warnings)
    assert on(host) == {"its-own", ACME}


def test_a_rollback_may_not_share_either(host: HostTree) -> None:
    host.apply(Change(A, absent=True))
    assert on(host) == {"its-own"}, "what VSA joined, VSA left"
    host.apply(provide(B, "web-1:3000", tenant="beta"))
    host.engine.run_container("web-1", BETA)
    with host.certificates(A, B), pytest.raises(RefusedError, match=r"web-1 is on flowbiz_ext_beta"):
        host.proxy().rollback(1, RUN)


def test_what_stands_is_named(host: HostTree) -> None:
    host.engine.run_container("web-1", ACME, BETA, "flowbiz_ext")
    found = host.engine.container("web-1")
    assert found is not None
    findings = shared_findings(read_host(host.paths).index, [found])
    assert [finding.name for finding in findings] == ["shared-container", "container-on-common-network"]
    assert "web-1, which serves a.example (tenant acme), is on flowbiz_ext_beta (tenant beta)" in findings[0].text
