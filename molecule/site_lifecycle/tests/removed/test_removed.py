"""Nothing of the site is left: not in the proxy, not on disk, not in the engine."""

import ssl

import pytest

import rig

DOMAIN = "life.molecule.test"


def test_the_names_of_the_site_are_refused(host):
    vps = rig.Vps.get(host.check_output("hostname"))
    for name in (DOMAIN, f"www.{DOMAIN}"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            rig.https_get(vps.ip, name, trust=vps.services().ca_bundle)


def test_no_file_of_the_site_is_left(host):
    places = "/etc/vsa /srv/platform/reverse-proxy /var/lib/vsa"
    left = host.check_output(
        f"find {places} -name '*{DOMAIN}*' -not -path '*/generations/*' -not -path '*/nginx/store/*'"
    )
    assert left == ""
    live = "/srv/platform/reverse-proxy/data/nginx/current/"
    assert host.run(f"grep -rl {DOMAIN} {live} --include=*.conf --include=*.yml").stdout == ""


def test_the_containers_of_the_site_are_gone(host):
    names = host.check_output("docker ps --all --format '{{.Names}}'").split()
    assert not {"life-1", "life-2"} & set(names)
    assert "vsa-nginx" in names
