"""The user is shut out at once, and the path stays closed."""

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


def test_the_password_is_no_longer_taken(status):
    assert status("/admin/x", user="alice") == 401
    assert status("/admin/x") == 401
    assert status("/") == 200
