"""One site has a new route: the route goes to the other container, and everything else is as before."""

import pytest

import rig


@pytest.fixture
def get(host):
    vps = rig.Vps.get(host.check_output("hostname"))
    return lambda domain, path: rig.https_get(vps.ip, domain, path, trust=vps.services().ca_bundle)


@pytest.mark.parametrize(
    ("domain", "path", "container"),
    [
        ("shop.molecule.test", "/", "web-1"),
        ("shop.molecule.test", "/api/orders", "web-2"),
        ("other.molecule.test", "/api/orders", "web-2"),
    ],
)
def test_each_path_reaches_its_container_unchanged(get, domain, path, container):
    answer = get(domain, path)
    assert (answer.status, answer.json()["app"], answer.json()["path"]) == (200, container, path)


def test_no_new_certificate_was_issued(host):
    assert host.file("/srv/platform/reverse-proxy/data/letsencrypt/archive/shop.molecule.test/cert1.pem").exists
    assert not host.file("/srv/platform/reverse-proxy/data/letsencrypt/archive/shop.molecule.test/cert2.pem").exists
