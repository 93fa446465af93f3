# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong with certificates: the old state serves on, the CA's own words are said, and the CA is asked once.

Every fault is a real one, on a real host, with a real ACME server.
"""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.parse import urlsplit

import pytest

import faultproxy
import rig
from certhost import LIB, CertHost
from often import rows
from proxyhost import NGINX
from terminal import INTERRUPT, on_a_terminal

DOMAIN = "fault.vsa.test"
ISSUE = ("cert", "issue", "--domain", DOMAIN, "--force")
RENEW = ("cert", "renew", "--domain", DOMAIN, "--force")
LIVE = f"{LIB}/live/{DOMAIN}"
# The command that follows runs only if nobody holds Certbot's lock.
CERTBOT_LOCK = f"flock -n {LIB}/vsa-certbot.lock"
KEPT = "the previous certificate is still served"
Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[CertHost]:
    """A host with one site whose certificate the rig's CA issued."""
    made = CertHost(proxy_vps, lambda *words: rig.vsa(*words, vps=proxy_vps, check=False))
    made.site(DOMAIN)
    yield made
    rig.vsa("site", "unprovision", "--domain", DOMAIN, "--keep-container", "-y", vps=proxy_vps, check=False)


@pytest.fixture
def before(host: CertHost) -> Iterator[str]:
    """The serial number of the certificate before the fault. Removes the record of failures at the end."""
    host.hurry()
    yield host.served(DOMAIN)
    host.run(f"rm -f {LIB}/vsa-attempts/{DOMAIN}.json")


# -- the CA refuses, or does not answer -------------------------------------------------------------------------------


@contextmanager
def wrong_dns(host: CertHost) -> Iterator[None]:
    """Let the name lead to an address that does not answer."""
    host.vps.services().add_dns(DOMAIN, ipv4="198.18.77.9")
    try:
        yield
    finally:
        host.vps.add_dns(DOMAIN, ipv6=False)


@contextmanager
def full_disk(host: CertHost) -> Iterator[None]:
    """Put Certbot's state on a full file system. Certbot runs in a container of its own and sees this file system."""
    keep = "/root/letsencrypt-keep"
    host.run("docker stop -t 1 vsa-certbot")
    # The file system has room for the present content, to the kilobyte, and no more.
    host.run(f"mkdir -p {keep} && cp -a {LIB}/. {keep}/")
    host.run(f"mount -t tmpfs -o size=$(( $(du -sk {keep} | cut -f1) + 4 ))k,mode=0750,gid=101 tmpfs {LIB}")
    host.run(f"cp -a {keep}/. {LIB}/; dd if=/dev/zero of={LIB}/filled bs=1k 2>/dev/null || true")
    try:
        yield
    finally:
        host.run(f"umount {LIB} && rm -rf {keep} && docker start vsa-certbot")


Fault = Callable[[CertHost], AbstractContextManager[Any]]
FAULTS: dict[str, tuple[Fault, tuple[str, ...], int, str]] = {
    "the CA is down": (CertHost.ca_down, ISSUE, 4, r"it cannot be asked: "),
    "the CA is down, renewing": (CertHost.ca_down, RENEW, 4, r"it cannot be asked: "),
    "wrong DNS": (wrong_dns, ISSUE, 3, rf"could not validate {re.escape(DOMAIN)} and says: Get .*no route|i/o timeout"),
    "port 80 is blocked": (
        lambda host: host.blocked("-p tcp --dport 80"),
        ISSUE,
        3,
        rf"could not validate {re.escape(DOMAIN)} and says: Get .*(refused|reset)",
    ),
    "port 80 is blocked, renewing": (
        lambda host: host.blocked("-p tcp --dport 80"),
        RENEW,
        3,
        rf"could not validate {re.escape(DOMAIN)} and says: Get .*(refused|reset)",
    ),
    "the disk is full": (full_disk, ISSUE, 3, "No space left on device"),
}


@pytest.mark.parametrize(
    "name", rows(FAULTS, often=("the CA is down", "wrong DNS", "port 80 is blocked, renewing", "the disk is full"))
)
def test_a_fault_leaves_the_old_state_serving(host: CertHost, before: str, name: str) -> None:
    fault, verb, code, words = FAULTS[name]
    disk = host.on_disk(DOMAIN)
    with fault(host):
        ended = host.vsa(*verb)
        assert host.served(DOMAIN) == before
    assert ended.code == code, ended
    assert re.search(words, ended.message), ended
    # A full disk is found before the CA is asked.
    kept = "nothing was changed" if name == "the disk is full" else KEPT
    assert kept in ended.error["state"], ended
    assert (host.on_disk(DOMAIN), host.served(DOMAIN)) == (disk, before)
    assert host.status(DOMAIN)["state"] == "ok"


# -- a CA with rate limits, behind a proxy that counts requests -------------------------------------------------------


@pytest.fixture
def limited(host: CertHost, tmp_path: Path) -> Iterator[tuple[str, faultproxy.Proxy]]:
    """The address of a proxy that injects faults before the CA, and this proxy."""
    services = host.vps.services()
    with ExitStack() as stack:
        name = "pebble-limited.test"
        gateway = subprocess.run(
            ["docker", "network", "inspect", rig.network(), "--format", "{{(index .IPAM.Config 0).Gateway}}"],
            capture_output=True, text=True, check=True,
        ).stdout.strip() or host.vps.ip.rpartition(".")[0] + ".1"  # fmt: skip
        made = (
            f"cd /var/lib/rig && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 "
            f"-subj /CN={name} -CA ca.pem -CAkey ca.key -addext basicConstraints=critical,CA:FALSE "
            f"-addext subjectAltName=DNS:{name} -keyout /dev/stdout 2>/dev/null"
        )
        pem = subprocess.run(
            ["docker", "exec", services.container, "sh", "-c", made], capture_output=True, text=True, check=True
        ).stdout
        (tmp_path / "server.pem").write_text(pem, encoding="ascii")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(tmp_path / "server.pem")
        trust = ssl.create_default_context(cadata=services.ca_bundle)
        trust.check_hostname = False
        pebble = f"https://{urlsplit(services.management_url).hostname}:14000"
        proxy = stack.enter_context(faultproxy.proxy(pebble, tls=tls, address=gateway, trust=trust))
        services.add_dns(name, ipv4=gateway)
        yield f"https://{name}:{proxy.url.rpartition(':')[2]}/dir", proxy


RATE = {
    "type": "urn:ietf:params:acme:error:rateLimited",
    "detail": "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, "
    "retry after 2026-12-01 12:00:00 UTC: see https://letsencrypt.org/docs/rate-limits/",
    "status": 429,
}


def test_p5_a_rate_limit_is_obeyed(host: CertHost, before: str, limited: tuple[str, faultproxy.Proxy]) -> None:
    """P5: retries burn rate limits. After a 429 with Retry-After the CA is not asked again before that time."""
    address, proxy = limited
    headers = {"Content-Type": "application/problem+json", "Retry-After": "3600", "Replay-Nonce": "x"}

    def limit(seen: faultproxy.Seen) -> faultproxy.Fault | None:
        return faultproxy.Fault(429, headers, json.dumps(RATE)) if "order" in seen.path else None

    proxy.faults = limit
    first = host.issue(DOMAIN, "--force", "--ca", address)
    orders = [seen for seen in proxy.seen if "order" in seen.path]
    assert len(orders) == 1, "no more than one attempt"
    assert first.code == 3, first
    assert "its rate limit is reached" in first.message
    assert "too many certificates (5) already issued" in first.message
    assert first.error["state"] == KEPT
    second = host.issue(DOMAIN, "--force", "--ca", address)
    assert second.code == 3, second
    assert "is not asked again before 2026-12-01T12:00:00Z" in second.message
    assert len([seen for seen in proxy.seen if "order" in seen.path]) == 1, "the second did not ask at all"
    assert host.served(DOMAIN) == before == host.on_disk(DOMAIN)


def test_a_ca_that_answers_rubbish(host: CertHost, before: str, limited: tuple[str, faultproxy.Proxy]) -> None:
    address, proxy = limited
    proxy.faults = lambda seen: faultproxy.Fault(503, {"Content-Type": "text/html"}, "<h1>maintenance</h1>")
    ended = host.issue(DOMAIN, "--force", "--ca", address)
    assert ended.code in (3, 4), ended
    assert "503" in str(ended.error) or "maintenance" in str(ended.error), ended
    assert host.served(DOMAIN) == before


def test_bad_nonces(host: CertHost, before: str) -> None:
    """The CA rejects half of all nonces, validates slowly, reuses no authorization: the verb works or says why."""
    hostile = rig.services("hostile")
    bundle = host.run("cat /etc/vsa/acme-ca.pem")
    host.vps.put("/etc/vsa/acme-ca.pem", bundle + hostile.ca_bundle)
    try:
        ended = host.issue(DOMAIN, "--force", "--ca", hostile.pebble_url)
    finally:
        host.vps.put("/etc/vsa/acme-ca.pem", bundle)
    if ended.code == 0:
        assert host.served(DOMAIN) == host.on_disk(DOMAIN) != before
        return
    assert ended.code == 4, ended
    assert "rejected our nonces" in ended.message
    assert ended.error["state"] == KEPT
    assert host.served(DOMAIN) == before
    assert host.run(f"cat {LIB}/vsa-attempts/{DOMAIN}.json", check=False) == "", "nothing that the CA counts"


# -- the host's own state is damaged ----------------------------------------------------------------------------------


@pytest.mark.long
def test_the_account_key_is_lost(host: CertHost, before: str) -> None:
    """If the ACME account is lost, a renewal names it, and an issue makes another account."""
    host.run(f"mv {LIB}/accounts /root/accounts-keep")
    try:
        renewed = host.vsa(*RENEW)
        assert renewed.code == 4, renewed
        assert "its account is lost on this host" in renewed.message
        assert host.served(DOMAIN) == before
        issued = host.vsa(*ISSUE)
        assert issued.code == 0, issued
        assert host.served(DOMAIN) == host.on_disk(DOMAIN) != before
        assert host.vsa(*RENEW).code == 0, "the lineage has the new account"
    finally:
        # The other lineages of this host get the new account too: certbot cannot choose between two.
        account = f"$(sed -n 's/^account = //p' {LIB}/renewal/{DOMAIN}.conf)"
        host.run(f'rm -rf /root/accounts-keep; sed -i "s/^account = .*/account = {account}/" {LIB}/renewal/*.conf')


CUT = "for f in cert fullchain; do truncate -s {size} $(readlink -f {live}/$f.pem); done"
DAMAGES = {
    "a truncated certificate": CUT.format(size=300, live=LIVE),
    "a key that does not match": f"openssl ecparam -name prime256v1 -genkey -noout > {LIVE}/privkey.pem",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_damaged_files_are_seen_and_mended(host: CertHost, before: str, damage: str) -> None:
    host.run(damage)
    broken = host.run(f"cat {LIVE}/*.pem | sha256sum")
    found = host.status(DOMAIN)
    assert found["state"] == "mismatch"
    assert found["problem"]
    with host.ca_down():
        ended = host.issue(DOMAIN)
        assert ended.code == 4, ended
        assert "cannot be asked" in ended.message
    assert host.run(f"cat {LIVE}/*.pem | sha256sum") == broken, "what lies there was not touched"
    ended = host.issue(DOMAIN)
    assert ended.code == 0, ended
    host.wait_served(DOMAIN, host.on_disk(DOMAIN))
    assert host.on_disk(DOMAIN) != before
    found = host.status(DOMAIN)
    assert (found["state"], found["served"], found["key_matches"]) == ("ok", "same", True)


def test_no_second_lineage_is_made(host: CertHost, before: str) -> None:
    """Without the renewal configuration, Certbot would make the lineage fault.vsa.test-0001, which no site serves."""
    host.run(f"rm {LIB}/renewal/{DOMAIN}.conf")
    ended = host.vsa(*ISSUE)
    assert ended.code == 0, ended
    assert host.run(f"ls {LIB}/live {LIB}/archive {LIB}/renewal | grep -c -- -0001", check=False).strip() == "0"
    assert host.served(DOMAIN) == host.on_disk(DOMAIN) != before


def test_a_second_lineage_is_named_and_can_go(host: CertHost, before: str) -> None:
    second = f"{DOMAIN}-0001"
    for part in ("live", "archive"):
        host.run(f"cp -a {LIB}/{part}/{DOMAIN} {LIB}/{part}/{second}")
    relink = f"ln -sfn ../../archive/{second}/$(basename $(readlink $f)) $f"
    host.run(f"cd {LIB}/live/{second} && for f in *.pem; do {relink}; done")
    host.run(f"sed 's/{DOMAIN}/{second}/' {LIB}/renewal/{DOMAIN}.conf > {LIB}/renewal/{second}.conf")
    host.run(f"sed -i 's,^\\({second}\\) = /var,{DOMAIN} = /var,' {LIB}/renewal/{second}.conf")
    found = host.status(second)
    assert (found["site"], found["served"]) == (False, None)
    revoked = host.vsa("cert", "revoke", "--domain", second, "-y")
    assert revoked.code == 0, revoked
    assert host.run(f"ls {LIB}/live {LIB}/archive {LIB}/renewal | grep -c -- -0001", check=False).strip() == "0"
    assert host.served(DOMAIN) == before == host.on_disk(DOMAIN)


@pytest.mark.parametrize(
    "offset", [pytest.param("+100d", id="ahead"), pytest.param("-3h", id="behind", marks=pytest.mark.long)]
)
def test_a_clock_that_is_wrong(host: CertHost, before: str, offset: str, tmp_path: Path) -> None:
    """Python on the host sees another time: the certificate has expired then, or a new one is not valid yet."""
    host.run(
        "command -v faketime >/dev/null || { apt-get update -qq; apt-get install -y -qq faketime; } >/dev/null 2>&1"
    )
    host.vps.put("/root/skewed-python", f"#!/bin/sh\nexec faketime -f '{offset}' /usr/bin/python3 \"$@\"\n", mode=0o755)
    inventory = tmp_path / "hosts.yml"
    known = {**host.vps.inventory_vars(), "ansible_python_interpreter": "/root/skewed-python"}
    inventory.write_text(json.dumps({"all": {"hosts": {host.vps.name: known}}}), encoding="utf-8")
    ended = host.vsa(*ISSUE, "-i", str(inventory))
    assert ended.code == 3, ended
    assert re.search(r"this host's clock is (99 d|100 d|[23] h \d+ min) (ahead of|behind) the CA's", ended.message), (
        ended
    )
    assert host.served(DOMAIN) == before == host.on_disk(DOMAIN)


# -- at the same time -------------------------------------------------------------------------------------------------


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Call all of these at the same time, and return what they returned."""
    results: list[Any] = [None] * len(calls)

    def call(number: int) -> None:
        results[number] = calls[number]()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_ctrl_c_while_the_ca_is_asked(host: CertHost, before: str, tmp_path: Path) -> None:
    """The operator gets the prompt back at once. The run on the host ends completely, and holds no lock afterwards."""
    ca = host.vps.services().container
    with on_a_terminal(host.vps, ISSUE, folder=tmp_path) as terminal:
        host.run(f"timeout 60 sh -c 'while {CERTBOT_LOCK} true; do sleep 0.05; done'")
        subprocess.run(["docker", "pause", ca], check=True, capture_output=True)
        try:
            began = time.monotonic()
            terminal.type(INTERRUPT)
            code, shown = terminal.ended(), terminal.shown
            assert time.monotonic() - began < 10
            assert (code, "interrupted" in shown, "Traceback" in shown) == (130, True, False), shown
            assert host.served(DOMAIN) == before == host.on_disk(DOMAIN)
            assert host.run(f"{CERTBOT_LOCK} true || echo held").strip() == "held", "certbot was under way"
        finally:
            subprocess.run(["docker", "unpause", ca], check=True, capture_output=True)
    host.run(f"timeout 60 sh -c 'until {CERTBOT_LOCK} true; do sleep 0.2; done'")
    host.wait_served(DOMAIN, host.on_disk(DOMAIN))
    again = host.issue(DOMAIN)
    assert (again.code, again.said["changed"]) == (0, False), again
    # The interrupted run on the host may have been between the order and the reload when its lock was free.
    host.wait_served(DOMAIN, host.on_disk(DOMAIN))
    assert host.on_disk(DOMAIN) != before
    assert host.status(DOMAIN)["state"] == "ok"
    assert host.run(f"{CERTBOT_LOCK} true; flock -n {NGINX}/.lock true; pgrep -fa '[c]ertonly' || true") == ""


def test_two_issues_at_once(host: CertHost) -> None:
    """Two runs for a new name: one asks the CA, and the other keeps the certificate of the first."""
    domain = "twice.vsa.test"
    host.vps.add_dns(domain, ipv6=False)
    first, second = at_once(lambda: host.issue(domain), lambda: host.issue(domain))
    assert (first.code, second.code) == (0, 0), (first, second)
    assert host.run(f"ls {LIB}/archive/{domain} | grep -c ^cert").strip() == "1", "one attempt"
    assert host.status(domain)["state"] == "ok"
    assert host.vsa("cert", "revoke", "--domain", domain, "-y").code == 0


def test_a_renewal_during_an_issue(host: CertHost, before: str) -> None:
    """The renewal loop runs while an operator issues: one waits for the other, and the last certificate is served."""
    loop = (
        "docker exec vsa-certbot /bin/sh /opt/vsa/certbot.sh renew --quiet --no-random-sleep-on-renew --force-renewal "
        f"--cert-name {DOMAIN} --deploy-hook '/bin/sh /opt/vsa/certbot-deployed.sh'"
    )
    ended, _output = at_once(lambda: host.vsa(*ISSUE), lambda: host.run(loop))
    assert ended.code == 0, ended
    host.wait_served(DOMAIN, host.on_disk(DOMAIN))
    assert host.on_disk(DOMAIN) != before
    found = host.status(DOMAIN)
    assert (found["state"], found["key_matches"], found["served"]) == ("ok", True, "same")
