"""Both declared sites are served, and their manifests say that they are declared."""

import pytest

import rig

ONE, TWO = "one.vhosts.molecule.test", "two.vhosts.molecule.test"


def test_the_site_is_served(host):
    vps = rig.Vps.get(host.check_output("hostname"))
    answer = rig.https_get(vps.ip, ONE, "/", trust=vps.services().ca_bundle)
    assert (answer.status, answer.json()["app"]) == (200, "web-1")


@pytest.mark.parametrize("domain", [ONE, TWO])
def test_the_manifest_says_that_it_is_declared(host, domain):
    assert "origin: declared\n" in host.file(f"/etc/vsa/sites/{domain}.yml").content_string


def test_both_came_in_one_generation(host):
    live = host.check_output("readlink /srv/platform/reverse-proxy/data/nginx/current")
    record = host.file(f"/srv/platform/reverse-proxy/data/nginx/{live}/generation.json").content_string
    assert '"verb": "site.apply"' in record
