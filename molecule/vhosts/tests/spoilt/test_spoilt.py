"""The valid edit is live, the invalid manifest keeps its last valid version, and both survived a restart of NGINX."""

import time

import rig

ONE, TWO = "one.vhosts.molecule.test", "two.vhosts.molecule.test"
CURL = "curl --silent --insecure --max-time 5 --resolve {0}:443:127.0.0.1 https://{0}/"


def test_the_valid_edit_is_live(host):
    vps = rig.Vps.get(host.check_output("hostname"))
    deadline = time.monotonic() + 30
    while True:
        try:
            answer = rig.https_get(vps.ip, ONE, "/", trust=vps.services().ca_bundle)
            if answer.status == 200:
                break
        except OSError:
            pass  # NGINX has just been restarted
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert answer.json()["app"] == "web-2"


def test_the_site_of_the_invalid_manifest_is_served_as_before(host):
    served = host.check_output("docker exec vsa-nginx " + CURL.format(TWO))
    assert '"app": "web-2"' in served


def test_the_invalid_manifest_is_left_alone_and_never_reached_the_proxy(host):
    assert "web-2; }" in host.file(f"/etc/vsa/sites/{TWO}.yml").content_string
    assert host.run("grep -r 'web-2; }' /srv/platform/reverse-proxy/data/nginx/current/").rc == 1
