"""Certificates from a real ACME server: kept, issued, refused, renewed, and compared with what the proxy serves."""

from __future__ import annotations

import json
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest

import rig

LIB = "/srv/platform/reverse-proxy/data/letsencrypt"
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> rig.Vps:
    proxy_vps.add_dns("cert.vsa.test", "www.cert.vsa.test", "other.vsa.test")
    proxy_vps.services().add_dns("elsewhere.vsa.test", ipv4="198.18.77.9")
    return proxy_vps


def issue(vsa: Run, domain: str, *words: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code of ``vsa cert issue``, and the result of the host."""
    done = vsa("cert", "issue", "--domain", domain, "--json", *words)
    assert done.stdout, done.stderr
    return done.returncode, next(iter(json.loads(done.stdout)["hosts"].values()))


def status(vsa: Run, domain: str | None = None) -> dict[str, Any]:
    done = vsa("cert", "status", "--json", *(["--domain", domain] if domain else []))
    entries = next(iter(json.loads(done.stdout)["hosts"].values()))["certificates"]
    return {entry["domain"]: entry for entry in entries}


def step(said: dict[str, Any]) -> tuple[str, str]:
    found = next(entry for entry in said["steps"] if entry["name"] == "certificate")
    return found["state"], found["text"]


def serial(host: rig.Vps, domain: str = "cert.vsa.test") -> str:
    return host.run(f"sha256sum {LIB}/live/{domain}/fullchain.pem", check=False).stdout.split(" ")[0]


def test_issued_once_and_kept(host: rig.Vps, vsa: Run) -> None:
    code, said = issue(vsa, "cert.vsa.test")
    assert code == 0, said
    assert step(said)[0] == "changed"
    assert "issued by Pebble" in step(said)[1]
    assert "ECDSA" in step(said)[1]
    first = serial(host)
    code, said = issue(vsa, "cert.vsa.test")
    assert (code, step(said)[0]) == (0, "ok")
    assert step(said)[1].startswith("valid for ")
    assert serial(host) == first


def test_only_nginxs_workers_may_read_the_key(host: rig.Vps) -> None:
    live = "/etc/letsencrypt/live/cert.vsa.test"
    # As NGINX's workers, which have the group of the keys besides the image's own.
    assert host.run(f"docker exec -u 101:80443 vsa-nginx head -c 10 {live}/privkey.pem").stdout == "-----BEGIN"
    assert host.run(f"docker exec -u 65534:65534 vsa-nginx cat {live}/privkey.pem", check=False).returncode != 0
    modes = host.run(
        f"stat -Lc '%a %g' {LIB} {LIB}/live {LIB}/live/cert.vsa.test {LIB}/live/cert.vsa.test/privkey.pem"
    ).stdout
    assert modes.splitlines() == ["750 80443", "750 80443", "750 80443", "640 80443"]


def test_check_mode_asks_nobody(host: rig.Vps, vsa: Run) -> None:
    code, said = issue(vsa, "other.vsa.test", "--check")
    assert (code, step(said)[0]) == (0, "would_change")
    assert "there is none" in step(said)[1]
    assert serial(host, "other.vsa.test") == ""


def test_the_cas_own_words(host: rig.Vps, vsa: Run) -> None:
    code, said = issue(vsa, "elsewhere.vsa.test")
    assert code == 3
    error = said["error"]
    assert "it could not validate elsewhere.vsa.test and says: Get" in error["message"]
    assert error["state"] == "nothing was changed"
    assert host.run(f"test -e {LIB}/vsa-attempts/elsewhere.vsa.test.json", check=False).returncode == 0
    # The CA counts failures. The host remembers the site that could not be validated, with the CA's own text.
    assert "could not validate" in host.run(f"cat {LIB}/vsa-attempts/elsewhere.vsa.test.json").stdout


def test_a_failure_leaves_the_certificate_of_before(host: rig.Vps, vsa: Run) -> None:
    before = serial(host)
    host.services().add_dns("cert.vsa.test", ipv4="198.18.77.9")
    try:
        code, said = issue(vsa, "cert.vsa.test", "--force")
    finally:
        host.add_dns("cert.vsa.test")
    assert code == 3, said
    assert said["error"]["state"] == "the previous certificate is still served"
    assert serial(host) == before


def test_a_ca_that_does_not_answer(host: rig.Vps, vsa: Run) -> None:
    code, said = issue(vsa, "other.vsa.test", "--ca", "https://pebble:14999/dir")
    assert code == 4
    assert "cannot be asked" in said["error"]["message"]
    assert host.run(f"test -e {LIB}/vsa-attempts/other.vsa.test.json", check=False).returncode == 1


def test_after_failures_lets_encrypt_is_not_asked_again(host: rig.Vps, vsa: Run) -> None:
    """P5: retries burn rate limits."""
    now = host.run("date -u +%Y-%m-%dT%H:%M:%SZ").stdout.strip()
    record = {"schema": 1, "failures": 3, "last": now, "retry_after": None, "error": "it could not validate"}
    host.run(f"mkdir -p {LIB}/vsa-attempts")
    host.put(f"{LIB}/vsa-attempts/other.vsa.test.json", json.dumps(record))
    try:
        code, said = issue(vsa, "other.vsa.test", "--ca", "letsencrypt", "--force")
    finally:
        host.run(f"rm {LIB}/vsa-attempts/other.vsa.test.json")
    assert code == 3
    assert "Let's Encrypt is not asked again before" in said["error"]["message"]


def test_a_site_serves_its_certificate_and_a_forced_one_at_once(host: rig.Vps, vsa: Run) -> None:
    made = vsa("site", "provision", "--domain", "cert.vsa.test", "--container", "web-1", "--port", "3000")
    assert made.returncode == 0, made.stdout + made.stderr
    found = status(vsa)["cert.vsa.test"]
    assert (found["state"], found["served"], found["site"]) == ("ok", "same", True)
    before = serial(host)
    code, said = issue(vsa, "cert.vsa.test", "--force")
    assert (code, step(said)[0]) == (0, "changed")
    assert serial(host) != before
    assert status(vsa, "cert.vsa.test")["cert.vsa.test"]["served"] == "same"


def test_what_the_loop_renews_is_served_soon(host: rig.Vps, vsa: Run) -> None:
    """P4: a certificate is renewed, but NGINX never loads it."""
    before = serial(host)
    host.run("docker exec vsa-nginx sh -c 'kill -TERM $(pgrep -f nginx-reloader.sh)'", check=False)
    host.run(
        "docker exec vsa-certbot /bin/sh /opt/vsa/certbot.sh renew --quiet --no-random-sleep-on-renew --force-renewal "
        "--cert-name cert.vsa.test --deploy-hook '/bin/sh /opt/vsa/certbot-deployed.sh'"
    )
    assert serial(host) != before
    for _ in range(40):
        if status(vsa, "cert.vsa.test")["cert.vsa.test"]["served"] == "same":
            break
    else:
        pytest.fail("the renewed certificate is not served")


def test_an_alias_is_covered_and_a_dropped_one_goes(host: rig.Vps, vsa: Run) -> None:
    words = ("--domain", "cert.vsa.test", "--container", "web-1", "--port", "3000")
    assert vsa("site", "provision", *words, "--alias", "www.cert.vsa.test").returncode == 0
    assert status(vsa)["cert.vsa.test"]["names"] == ["cert.vsa.test", "www.cert.vsa.test"]
    assert vsa("site", "provision", *words, "--unset", "aliases").returncode == 0
    assert status(vsa)["cert.vsa.test"]["names"] == ["cert.vsa.test"]


def test_without_its_container_certbot_runs_apart(host: rig.Vps, vsa: Run) -> None:
    host.run("docker stop vsa-certbot")
    try:
        code, said = issue(vsa, "other.vsa.test")
    finally:
        host.run("docker start vsa-certbot")
    assert code == 0, said
    assert serial(host, "other.vsa.test")
    assert host.run("docker ps -aq --filter label=vsa.once=1").stdout == ""


def test_issue_14_item_3_a_lineage_that_was_restored_as_plain_files(host: rig.Vps, vsa: Run) -> None:
    live = f"{LIB}/live/other.vsa.test"
    host.run(f"cp -rL {live} {live}.copy && rm -r {live} && mv {live}.copy {live}")
    host.run(f"chown -R 0:0 {live} && chmod 600 {live}/*")
    found = status(vsa)["other.vsa.test"]
    assert (found["state"], found["renews"]) == ("cannot renew", None)
    assert "vsa cert issue --domain other.vsa.test --force" in found["problem"]
    assert vsa("cert", "status", "--domain", "other.vsa.test", "--exit-code").returncode == 7
    code, said = issue(vsa, "other.vsa.test")
    assert (code, step(said)[1].endswith("made readable for NGINX")) == (0, True), said
    code, said = issue(vsa, "other.vsa.test", "--force")
    assert (code, step(said)[0]) == (0, "changed"), said
    assert host.run(f"test -L {live}/privkey.pem", check=False).returncode == 0
    assert status(vsa)["other.vsa.test"]["state"] == "ok"


def test_a_rehearsal_saves_nothing(host: rig.Vps) -> None:
    """The dry run before each further try at Let's Encrypt, here against the rig's own CA."""
    before = serial(host)
    done = host.run(
        "docker exec vsa-certbot /bin/sh /opt/vsa/certbot.sh certonly --non-interactive --agree-tos --webroot "
        "--webroot-path /var/www/acme --cert-name cert.vsa.test --server https://pebble:14000/dir --key-type ecdsa "
        "--keep-until-expiring --renew-with-new-domains --email ops@demo.test --dry-run --domain cert.vsa.test"
    )
    assert "The dry run was successful" in done.stdout + done.stderr
    assert serial(host) == before


def test_self_signed(host: rig.Vps, vsa: Run) -> None:
    words = ("--domain", "self.vsa.test", "--container", "web-1", "--port", "3000", "--ca", "selfsigned")
    made = vsa("site", "provision", *words)
    assert made.returncode == 0, made.stdout + made.stderr
    found = status(vsa)["self.vsa.test"]
    assert (found["state"], found["served"], found["issuer"]) == ("ok", "same", "self-signed")
    before = found["fingerprint"]
    code, said = issue(vsa, "self.vsa.test", "--force")
    assert (code, step(said)[0]) == (0, "changed"), said
    found = status(vsa)["self.vsa.test"]
    assert found["fingerprint"] != before
    assert found["served"] == "same"


def test_what_is_wrong_comes_first(host: rig.Vps, vsa: Run) -> None:
    key = f"{LIB}/live/cert.vsa.test/privkey.pem"
    host.run(f"cp -L {key} /root/key && echo spoilt > {key}")
    try:
        done = vsa("cert", "status", "--json", "--exit-code")
        first = next(iter(json.loads(done.stdout)["hosts"].values()))["certificates"][0]
    finally:
        host.run(f"cat /root/key > {key} && rm /root/key")
    assert done.returncode == 7
    assert (first["domain"], first["state"]) == ("cert.vsa.test", "mismatch")
    assert first["problem"].startswith("key and certificate are not a pair")
