"""Each certificate is of its CA, NGINX alone may read its key, and the timer waits for its time."""

import pytest

import rig

DATA = "/srv/platform/reverse-proxy/data"


@pytest.fixture
def vps(host):
    return rig.Vps.get(host.check_output("hostname"))


def test_the_sites_chain_is_good(vps):
    answer = rig.https_get(vps.ip, "acme.molecule.test", "/", trust=vps.services().ca_bundle)
    assert (answer.status, answer.issuer.startswith("Pebble")) == (200, True)


def test_the_other_one_signed_its_own(host):
    text = host.check_output(
        f"openssl x509 -noout -issuer -subject -in {DATA}/selfsigned/own.molecule.test/fullchain.pem"
    )
    issuer, subject = (line.partition("=")[2].strip() for line in text.splitlines())
    assert issuer == subject


@pytest.mark.parametrize("place", ["letsencrypt/archive/acme.molecule.test", "selfsigned/own.molecule.test"])
def test_keys_are_for_the_workers_of_nginx_alone(host, place):
    listed = host.check_output(f"find -L {DATA}/{place} -name 'privkey*.pem' -printf '%m %U %G\n'")
    assert set(listed.splitlines()) == {"640 0 101"}


def test_a_certificate_without_a_site_lies_ready(host):
    assert host.file(f"{DATA}/letsencrypt/live/spare.molecule.test/fullchain.pem").exists


def test_the_renewal_waits_for_its_time(host):
    timers = host.check_output("systemctl list-timers --all --no-legend 'vsa-*'")
    assert "vsa-" in timers
