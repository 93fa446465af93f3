"""The site of this scenario, as a client outside sees it."""

import base64

import pytest

import rig

DOMAIN = "auth.molecule.test"


@pytest.fixture
def password():
    """Return the password that converge.yml sets for alice."""
    return "correct horse battery staple"


@pytest.fixture
def status(host, password):
    """Return a function: ``status("/admin/", "alice")`` is the status of a path, with alice's password by default."""
    vps = rig.Vps.get(host.check_output("hostname"))

    def ask(path, user=None, said=password):
        credentials = base64.b64encode(f"{user}:{said}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"} if user else {}
        return rig.https_get(vps.ip, DOMAIN, path, trust=vps.services().ca_bundle, headers=headers).status

    return ask
