# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site renamed on a real host: visitors and users notice a redirect, and nothing else; nothing keeps the old name."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rig
from often import rows
from proxyhost import ProxyHost

Run = Callable[..., subprocess.CompletedProcess[str]]
NEIGHBOUR = "neighbour.vsa.test"
OLD, NEW, THIRD = "shop.rename.vsa.test", "store.rename.vsa.test", "third.rename.vsa.test"
USER, PASSWORD = "ana", "correct horse battery"
DATA = "/srv/platform/reverse-proxy/data"
LOGS = "/srv/platform/reverse-proxy/logs/nginx"


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with one site that must answer whatever the tests do."""
    host = ProxyHost(proxy_vps)
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    assert host.provision(NEIGHBOUR, "web-2")["proven"]
    host.vps.add_dns(OLD, NEW, THIRD)
    yield host
    for domain in (OLD, NEW, THIRD, NEIGHBOUR):
        host.unprovision(domain, keep_container=True)


@pytest.fixture
def site(vsa: Run, host: ProxyHost) -> Iterator[str]:
    """OLD with a certificate of a CA, a user, and requests in its log. Both names are free afterwards."""
    done = vsa("site", "provision", "--domain", OLD, "--container", "web-1", "--port", "3000")
    assert done.returncode == 0, done.stdout + done.stderr
    words = ("auth", "add", "--domain", OLD, "--route", "/admin/", "--user", USER, "--password-stdin")
    done = vsa(*words, input=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.status(OLD, "/before-the-renaming") == 200
    host.run("sh", "-c", f"echo old | gzip >{LOGS}/{OLD}.access.log.1764000000.gz")
    yield OLD
    for domain in (OLD, NEW, THIRD):
        host.unprovision(domain, keep_container=True)


def rename(vsa: Run, *words: str, domain: str = OLD, to: str = NEW) -> dict[str, Any]:
    done = vsa("site", "rename", "--domain", domain, "--to", to, *words, "--json")
    answer = dict(json.loads(done.stdout))
    assert answer["exit_code"] == done.returncode
    return answer | dict(next(iter(answer["hosts"].values()), {}))


def redirect(host: ProxyHost, name: str, path: str) -> str:
    """Return where a name redirects a request to."""
    words = ("-o", "/dev/null", "-w", "%{redirect_url}")
    resolve = ("--resolve", f"{name}:443:127.0.0.1")
    return host.run("curl", "-sk", *resolve, *words, f"https://{name}{path}").strip()


def named_after(host: ProxyHost, domain: str) -> list[str]:
    """Return everything of the host that carries a name, except history and audit."""
    return [name for name in host.snapshot() if domain in name]


def served_names(host: ProxyHost, domain: str) -> str:
    """Return the names in the certificate that the proxy serves."""
    connect = f"openssl s_client -connect 127.0.0.1:443 -servername {domain} </dev/null 2>/dev/null"
    return host.run("sh", "-c", f"{connect} | openssl x509 -noout -ext subjectAltName")


def test_a_site_goes_under_another_domain(vsa: Run, host: ProxyHost, site: str) -> None:
    assert host.get(site, "/admin/", "-u", f"{USER}:{PASSWORD}")[0] == 200
    with host.asking(NEIGHBOUR) as seen:
        done = vsa("site", "rename", "--domain", OLD, "--to", NEW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (seen["bad"], seen["good"] > 5) == ([], True)
    for text in (
        "issued by Pebble",
        "users and passwords of /admin/ copied",
        "1 file added, 1 file removed",
        f"{OLD} redirects to {NEW}",
        f"https://{NEW}/ → 200",
        f"undo: vsa site rename --domain {NEW} --to {OLD} --no-redirect",
    ):
        assert text in done.stdout, done.stdout
    # The users keep their passwords, and others do not pass.
    assert host.get(NEW, "/admin/", "-u", f"{USER}:{PASSWORD}")[0] == 200
    assert host.get(NEW, "/admin/", "-u", f"{USER}:wrong")[0] == 401
    # The old name leads to the same path of the new one, with a certificate that covers both names.
    assert redirect(host, OLD, "/a/b?c=d") == f"https://{NEW}/a/b?c=d"
    assert f"DNS:{NEW}" in served_names(host, NEW)
    assert f"DNS:{OLD}" in served_names(host, OLD)
    # Everything that carried the old name is moved or gone.
    assert named_after(host, OLD) == []
    logs = host.run("sh", "-c", f"cat {LOGS}/{NEW}.access.log.[0-9]*[0-9]; zcat {LOGS}/{NEW}.access.log.1764000000.gz")
    assert "/before-the-renaming" in logs
    assert logs.endswith("old\n")
    assert NEW in host.run("cat", f"{DATA}/letsencrypt/renewal/{NEW}.conf")
    history = vsa("vhost", "history", "--json").stdout
    newest = next(iter(json.loads(history)["hosts"].values()))["generations"][0]
    assert (newest["verb"], newest["changed"], newest["removed"]) == ("site.rename", [NEW], [OLD])
    trail = [json.loads(line) for line in host.run("cat", "/var/log/vsa/audit.jsonl").splitlines()]
    assert any(record["verb"] == "site.rename" and record["target"] == OLD for record in trail)

    again = rename(vsa)
    assert (again["exit_code"], again["changed"]) == (0, False)
    assert [step["text"] for step in again["steps"]] == [f"{OLD} is already renamed to {NEW}"]

    back = rename(vsa, "--no-redirect", domain=NEW, to=OLD)
    assert (back["exit_code"], back["changed"]) == (0, True), back
    assert host.get(OLD, "/admin/", "-u", f"{USER}:{PASSWORD}")[0] == 200
    assert host.status(NEW) == 0
    assert named_after(host, NEW) == []


@pytest.mark.long
def test_by_ansible_and_without_a_redirect(playbook: Run, host: ProxyHost, site: str) -> None:
    extra = {"domain": site, "site_to": NEW, "site_redirect": False}
    done = playbook("flowbiz.vsa.site.rename", extra)
    assert done.returncode == 0, done.stdout
    assert (host.status(OLD), host.status(NEW)) == (0, 200)
    assert named_after(host, OLD) == []
    done = playbook("flowbiz.vsa.site.rename", extra)
    assert (done.returncode, "changed=0" in done.stdout.replace("  ", " ")) == (0, True), done.stdout


def test_check_and_diff_touch_nothing(vsa: Run, host: ProxyHost, site: str) -> None:
    before = host.snapshot()
    done = vsa("site", "rename", "--domain", site, "--to", NEW, "--check", "--diff")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "would change" in done.stdout.splitlines()[-1]
    assert "would be issued by" in done.stdout
    assert f"server_name {NEW}" in done.stdout
    after = host.snapshot()
    assert {name for name in {*before, *after} if before.get(name) != after.get(name)} == set()
    assert host.status(site) == 200


def test_a_domain_that_is_taken_is_refused(vsa: Run, host: ProxyHost, site: str) -> None:
    taken = rename(vsa, to=NEIGHBOUR)
    assert (taken["exit_code"], f"{NEIGHBOUR} is already a site" in str(taken["error"])) == (3, True)
    host.provision(NEIGHBOUR, "web-2", said={"aliases": [THIRD]})
    alias = rename(vsa, to=THIRD)
    assert (alias["exit_code"], f"{THIRD} already belongs to the site {NEIGHBOUR}" in str(alias["error"])) == (3, True)
    host.provision(NEIGHBOUR, "web-2", said={"aliases": []})
    assert host.status(site) == 200


def test_a_ca_that_refuses_leaves_the_old_site(vsa: Run, host: ProxyHost, site: str) -> None:
    before = host.disk()
    nowhere = "nowhere.rename.vsa.test"
    asked_nobody = rename(vsa, to=nowhere)
    assert (asked_nobody["exit_code"], "steps" in asked_nobody) == (3, False), asked_nobody
    assert nowhere in asked_nobody["error"]["message"]
    refused = rename(vsa, "--no-dns-check", to=nowhere)
    assert refused["exit_code"] == 3, refused
    assert [step["name"] for step in refused["steps"]] == ["preflight"]
    assert asked_nobody["error"]["message"] in refused["steps"][0]["notes"]
    assert host.disk() == before
    assert host.get(site, "/admin/", "-u", f"{USER}:{PASSWORD}")[0] == 200
    host.run("rm", "-f", f"{DATA}/letsencrypt/vsa-attempts/{nowhere}.json")


@pytest.mark.parametrize(
    "step",
    rows(
        ("stage", "journal", "copy users", "switch", "reload", "manifests", "move logs", "close", "remove users",
         "remove certificate"),
        often=("switch",),
    ),
)  # fmt: skip
def test_killed_at_a_step_the_same_again_finishes(host: ProxyHost, site: str, step: str) -> None:
    with host.asking(NEIGHBOUR) as seen:
        assert host.rename(site, NEW, kill=step) == {"killed": True}
        assert {host.status(OLD), host.status(NEW)} & {200, 308, 301}, "one of the names answers at any time"
        again = host.rename(site, NEW)
    assert "error" not in again, again
    assert seen["bad"] == []
    assert host.get(NEW, "/admin/", "-u", f"{USER}:{PASSWORD}")[0] == 200
    assert redirect(host, OLD, "/x") == f"https://{NEW}/x"
    assert named_after(host, OLD) == []
    assert host.served() == host.live()
    assert host.rename(site, NEW)["changed"] is False
