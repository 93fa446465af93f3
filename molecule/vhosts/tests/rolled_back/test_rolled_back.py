"""The rollback restored the configuration and the manifest together."""

import rig

ONE = "one.vhosts.molecule.test"


def test_the_site_is_routed_as_before(host):
    vps = rig.Vps.get(host.check_output("hostname"))
    assert rig.https_get(vps.ip, ONE, "/", trust=vps.services().ca_bundle).json()["app"] == "web-1"
    assert "web-1" in host.file(f"/etc/vsa/sites/{ONE}.yml").content_string
