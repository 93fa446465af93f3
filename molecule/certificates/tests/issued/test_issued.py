"""Each certificate comes from its CA, only NGINX may read its key, and the timer is installed."""

import pytest

import rig

DATA = "/srv/platform/reverse-proxy/data"


@pytest.fixture
def vps(host):
    return rig.Vps.get(host.check_output("hostname"))


def test_the_chain_of_the_site_is_verified(vps):
    answer = rig.https_get(vps.ip, "acme.molecule.test", "/", trust=vps.services().ca_bundle)
    assert (answer.status, answer.issuer.startswith("Pebble")) == (200, True)


def test_the_other_certificate_is_self_signed(host):
    text = host.check_output(
        f"openssl x509 -noout -issuer -subject -in {DATA}/selfsigned/own.molecule.test/fullchain.pem"
    )
    issuer, subject = (line.partition("=")[2].strip() for line in text.splitlines())
    assert issuer == subject


def test_a_pair_that_was_put_there_by_hand_stays_and_is_served(host):
    ask = "openssl s_client -connect 127.0.0.1:443 -servername hand.molecule.test </dev/null 2>/dev/null"
    assert "VSA Molecule" in host.check_output(f"{ask} | openssl x509 -noout -issuer")
    assert not host.file(f"{DATA}/selfsigned/hand.molecule.test").is_symlink


@pytest.mark.parametrize("place", ["letsencrypt/archive/acme.molecule.test", "selfsigned/own.molecule.test"])
def test_only_root_and_the_workers_of_nginx_can_read_keys(host, place):
    listed = host.check_output(f"find -L {DATA}/{place} -name 'privkey*.pem' -printf '%m %U %G\n'")
    assert set(listed.splitlines()) == {"640 0 80443"}


def test_the_certificate_without_a_site_is_on_the_host(host):
    assert host.file(f"{DATA}/letsencrypt/live/spare.molecule.test/fullchain.pem").exists


def test_the_timer_is_active(host):
    timers = host.check_output("systemctl list-timers --all --no-legend 'vsa-*'")
    assert "vsa-" in timers
