"""What went down has no container and no site, its data stay, and the other tenant's site serves."""

import rig


def test_the_stack_is_gone_and_its_data_stay(host):
    assert host.check_output("docker ps -aq --filter label=com.docker.compose.project=acme-shop") == ""
    assert not host.file("/etc/vsa/sites/acme.stacks.molecule.test.yml").exists
    assert host.file("/srv/acme/shop/data").is_directory


def test_the_other_tenants_site_serves(host):
    vps = rig.Vps.get(host.check_output("hostname"))
    answer = rig.https_get(vps.ip, "beta.stacks.molecule.test", "/", trust=vps.services().ca_bundle)
    assert (answer.status, answer.json()["app"]) == (200, "beta-1")
