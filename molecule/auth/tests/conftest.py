"""The site of this scenario, as it is seen by who asks for it from outside."""

import base64

import pytest

import rig

DOMAIN = "auth.molecule.test"


@pytest.fixture
def password():
    """Return what converge.yml lets alice in with."""
    return "correct horse battery staple"


@pytest.fixture
def status(host, password):
    """``status("/admin/", "alice")`` is how a path is answered, with that password where no other is said."""
    vps = rig.Vps.get(host.check_output("hostname"))

    def ask(path, user=None, said=password):
        credentials = base64.b64encode(f"{user}:{said}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"} if user else {}
        return rig.https_get(vps.ip, DOMAIN, path, trust=vps.services().ca_bundle, headers=headers).status

    return ask
