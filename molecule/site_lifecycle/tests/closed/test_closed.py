"""The site is closed: everybody gets the maintenance page, with Retry-After."""

import rig

DOMAIN = "life.molecule.test"


def test_the_site_is_closed(host):
    vps = rig.Vps.get(host.check_output("hostname"))
    answer = rig.https_get(vps.ip, DOMAIN, "/", trust=vps.services().ca_bundle)
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert b"maintenance" in answer.body.lower()
