"""The path asks for a password, the rest of the site and the challenges do not; no password lies on the host."""

import base64

import pytest

import rig

DOMAIN, PASSWORD = "auth.molecule.test", "correct horse battery staple"


@pytest.fixture
def status(host):
    vps = rig.Vps.get(host.check_output("hostname"))

    def ask(path, *, user=None, password=PASSWORD):
        said = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {said}"} if user else {}
        return rig.https_get(vps.ip, DOMAIN, path, trust=vps.services().ca_bundle, headers=headers).status

    return ask


@pytest.mark.parametrize(
    ("path", "user", "password", "expected"),
    [
        ("/", None, "", 200),
        ("/admin/", None, "", 401),
        ("/admin", None, "", 401),
        ("/admin/x", "alice", PASSWORD, 200),
        ("/admin/x", "alice", "wrong", 401),
        ("/admin/x", "mallory", PASSWORD, 401),
    ],
)
def test_who_gets_in(status, path, user, password, expected):
    assert status(path, user=user, password=password) == expected


def test_the_challenge_is_in_front_of_it(status):
    assert status("/.well-known/acme-challenge/none") == 404


def test_only_a_hash_lies_on_the_host_and_only_for_nginx(host):
    folder = "/srv/platform/reverse-proxy/data/htpasswd"
    text = host.check_output(f"grep -rh alice {folder}")
    assert "alice:$2" in text
    assert PASSWORD not in text
    modes = host.check_output(f"find {folder}/{DOMAIN} -type f -printf '%m\n'")
    assert modes
    assert all(int(mode, 8) & 0o007 == 0 for mode in modes.split())
