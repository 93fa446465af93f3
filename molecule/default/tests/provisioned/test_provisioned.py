"""Both sites answer over HTTPS after a second run that changed nothing, and the host is as it should be."""

import http.client

import pytest

import rig

SITES = [("shop.molecule.test", "web-1"), ("other.molecule.test", "web-2")]


@pytest.fixture
def vps(host):
    return rig.Vps.get(host.check_output("hostname"))


@pytest.mark.parametrize(("domain", "container"), SITES)
def test_the_site_answers_with_its_own_certificate(vps, domain, container):
    answer = rig.https_get(vps.ip, domain, "/any%20path?q=1", trust=vps.services().ca_bundle)
    assert answer.status == 200
    assert answer.json()["app"] == container
    assert answer.json()["path"] == "/any%20path?q=1"
    assert answer.issuer.startswith("Pebble")


@pytest.mark.parametrize("container", ["vsa-nginx", "vsa-auth", "vsa-certbot"])
def test_the_stack_is_healthy_and_restarts_by_itself(host, container):
    form = "{{.State.Health.Status}} {{.HostConfig.RestartPolicy.Name}}"
    assert host.check_output(f"docker inspect --format '{form}' {container}") == "healthy unless-stopped"


def test_no_container_of_the_stack_has_the_docker_socket(host):
    mounts = host.check_output("docker inspect --format '{{json .Mounts}}' vsa-nginx vsa-auth vsa-certbot")
    assert "docker.sock" not in mounts
    assert "/etc/nginx/vsa" in mounts


def test_all_of_this_was_done_under_a_strict_umask(host):
    assert host.check_output("umask") in ("0077", "0027")


@pytest.mark.parametrize("domain", [domain for domain, _ in SITES])
def test_each_site_has_its_manifest(host, domain):
    manifest = host.file(f"/etc/vsa/sites/{domain}.yml")
    assert manifest.is_file
    assert (manifest.user, manifest.mode & 0o022) == ("root", 0)
    assert f"domain: {domain}" in manifest.content_string


def test_only_root_and_the_workers_of_nginx_can_read_keys(host):
    listed = host.check_output(
        "find /srv/platform/reverse-proxy/data/letsencrypt/archive -name 'privkey*.pem' -printf '%m %G\n'"
    )
    assert set(listed.splitlines()) == {"640 80443"}


def test_the_live_generation_is_a_relative_link(host):
    link = host.check_output("readlink /srv/platform/reverse-proxy/data/nginx/current")
    assert link.startswith("generations/")
    assert host.file(f"/srv/platform/reverse-proxy/data/nginx/{link}/generation.json").is_file


def test_http_redirects_to_https(vps):
    client = http.client.HTTPConnection(vps.ip, 80, timeout=10)
    client.request("GET", "/a?b=1", headers={"Host": "shop.molecule.test"})
    answer = client.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, "https://shop.molecule.test/a?b=1")


def test_an_unknown_name_is_not_answered(vps):
    client = http.client.HTTPConnection(vps.ip, 80, timeout=10)
    client.request("GET", "/", headers={"Host": "unknown.molecule.test"})
    # RemoteDisconnected is one of these. Which of them it is depends on how fast the proxy closes the connection.
    with pytest.raises(ConnectionResetError):
        client.getresponse()
