"""Both stacks of one folder run, each with its own project, folder, network and site."""

import pytest

import rig

TENANTS = ("acme", "beta")


@pytest.mark.parametrize("tenant", TENANTS)
def test_the_site_of_each_tenant_shows_its_own_stack(host, tenant):
    vps = rig.Vps.get(host.check_output("hostname"))
    answer = rig.https_get(vps.ip, f"{tenant}.stacks.molecule.test", "/", trust=vps.services().ca_bundle)
    assert (answer.status, answer.json()["app"]) == (200, f"{tenant}-1")


@pytest.mark.parametrize("tenant", TENANTS)
def test_the_container_is_on_the_network_of_its_tenant_alone(host, tenant):
    form = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"
    name = host.check_output(f"docker ps -q --filter label=com.docker.compose.project={tenant}-shop")
    assert host.check_output(f"docker inspect -f '{form}' {name}").split() == [f"flowbiz_ext_{tenant}"]


def test_the_data_of_each_stack_lie_in_its_own_folder(host):
    for tenant in TENANTS:
        folder = host.file(f"/srv/{tenant}/shop/data")
        assert (folder.is_directory, folder.uid, folder.mode) == (True, 1000, 0o750)
