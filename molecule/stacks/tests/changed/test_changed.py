"""The new version serves, and where the new version was broken the old one goes on."""

import pytest

import rig


@pytest.mark.parametrize(("tenant", "release"), [("acme", "2"), ("beta", "1")])
def test_what_the_visitor_gets(host, tenant, release):
    vps = rig.Vps.get(host.check_output("hostname"))
    answer = rig.https_get(vps.ip, f"{tenant}.stacks.molecule.test", "/", trust=vps.services().ca_bundle)
    assert (answer.status, answer.json()["app"]) == (200, f"{tenant}-{release}")


def test_the_settings_of_the_broken_version_are_gone(host):
    assert "HEALTH_PORT" not in host.file("/srv/beta/shop/env/.env").content_string
