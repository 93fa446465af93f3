"""The path asks for a password, the rest of the site and the challenges do not. No password is on the host."""

import pytest


@pytest.mark.parametrize(
    ("path", "who", "expected"),
    [
        ("/", (), 200),
        ("/admin/", (), 401),
        ("/admin", (), 401),
        ("/admin/x", ("alice",), 200),
        ("/admin/x", ("alice", "wrong"), 401),
        ("/admin/x", ("mallory",), 401),
    ],
)
def test_who_gets_in(status, path, who, expected):
    assert status(path, *who) == expected


def test_a_challenge_needs_no_password(status):
    assert status("/.well-known/acme-challenge/none") == 404


def test_only_a_hash_is_on_the_host_and_only_nginx_can_read_it(host, password):
    folder = "/srv/platform/reverse-proxy/data/htpasswd"
    text = host.check_output(f"grep -rh alice {folder}")
    assert "alice:$2" in text
    assert password not in text
    modes = host.check_output(f"find {folder}/auth.molecule.test -type f -printf '%m\n'")
    assert modes
    assert all(int(mode, 8) & 0o007 == 0 for mode in modes.split())
