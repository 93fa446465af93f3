"""The site is served and can be changed while its neighbour is broken, also after a restart of NGINX."""

import ssl
import time

import pytest

import rig


@pytest.fixture
def vps(host):
    return rig.Vps.get(host.check_output("hostname"))


def test_the_site_serves_and_was_changed(vps):
    answer = rig.https_get(vps.ip, "shop.molecule.test", "/api/orders", trust=vps.services().ca_bundle)
    assert (answer.status, answer.json()["app"]) == (200, "web-1")


def test_the_broken_neighbour_fails_alone(vps):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        rig.https_get(vps.ip, "other.molecule.test", trust=vps.services().ca_bundle)


def test_an_unknown_name_gets_no_certificate(vps):
    with pytest.raises(ssl.SSLError):
        rig.https_get(vps.ip, "broken.molecule.test", trust=vps.services().ca_bundle)


def test_nothing_of_the_invalid_manifest_reached_the_proxy(host):
    found = host.run("grep -rl broken.molecule.test /srv/platform/reverse-proxy/data/nginx/current/")
    assert found.rc == 1
    assert found.stdout == ""


def test_nginx_becomes_healthy_again(host):
    deadline = time.monotonic() + 30
    while (state := host.check_output("docker inspect --format '{{.State.Health.Status}}' vsa-nginx")) != "healthy":
        assert time.monotonic() < deadline, state
        time.sleep(1)
