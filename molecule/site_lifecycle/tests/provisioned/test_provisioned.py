"""Both routes and the alias answer, and the manifest holds what was asked for."""

import pytest

import rig

DOMAIN = "life.molecule.test"


@pytest.fixture
def vps(host):
    return rig.Vps.get(host.check_output("hostname"))


@pytest.mark.parametrize(("path", "container"), [("/a?b=c", "life-1"), ("/api/x%2Fy", "life-2")])
def test_each_route_reaches_its_container(vps, path, container):
    answer = rig.https_get(vps.ip, DOMAIN, path, trust=vps.services().ca_bundle)
    assert (answer.status, answer.json()["app"], answer.json()["path"]) == (200, container, path)


def test_the_alias_redirects_to_the_domain(vps):
    answer = rig.https_get(vps.ip, f"www.{DOMAIN}", "/a?b=c", trust=vps.services().ca_bundle)
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{DOMAIN}/a?b=c"


def test_the_manifest_holds_what_was_asked_for_and_no_more(host):
    manifest = host.file(f"/etc/vsa/sites/{DOMAIN}.yml").content_string
    assert manifest.startswith(f"schema: 1\ndomain: {DOMAIN}\nroutes:\n")
    assert "profile" not in manifest
