"""NGINX serves the renewed certificate, and the revoked certificate is gone from the host."""

import socket
import ssl

import rig

LETSENCRYPT = "/srv/platform/reverse-proxy/data/letsencrypt"
DOMAIN = "acme.molecule.test"


def test_the_renewed_certificate_is_served(host):
    vps = rig.Vps.get(host.check_output("hostname"))
    assert host.file(f"{LETSENCRYPT}/archive/{DOMAIN}/cert2.pem").exists
    context = ssl.create_default_context(cadata=vps.services().ca_bundle)
    with (
        socket.create_connection((vps.ip, 443), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=DOMAIN) as connection,
    ):
        served = connection.getpeercert(binary_form=True)
    on_disk = host.file(f"{LETSENCRYPT}/live/{DOMAIN}/cert.pem").content_string
    assert served == ssl.PEM_cert_to_DER_cert(on_disk)


def test_nothing_is_left_of_the_revoked_certificate(host):
    assert host.check_output(f"find {LETSENCRYPT} -name '*spare.molecule.test*'") == ""
