# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of vhost as an operator uses them: manifests edited by hand, what is live and why, and P1."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rig
from proxyhost import NGINX, TEMPLATES, ProxyHost

Run = Callable[..., subprocess.CompletedProcess[str]]
GOOD, BAD, THIRD = "good.vhosts.test", "bad.vhosts.test", "third.vhosts.test"
SELFSIGNED = "/srv/platform/reverse-proxy/data/selfsigned"


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy without sites. Sites that the tests made are removed at the end."""
    host = ProxyHost(proxy_vps)
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    _remove_sites(host)
    yield host
    _remove_sites(host)
    host.run("sh", "-c", f"rm -rf {SELFSIGNED}/*.vhosts.test")


def _remove_sites(host: ProxyHost) -> None:
    host.run("sh", "-c", "rm -f /etc/vsa/sites/*.yml")
    host.drive(sync=True)


@pytest.fixture
def sites(host: ProxyHost) -> None:
    """Two sites, each with its own container."""
    assert "error" not in host.provision(GOOD, "web-1")
    assert "error" not in host.provision(BAD, "web-2")


def _edit(host: ProxyHost, domain: str, script: str) -> None:
    host.run("sed", "-i", script, f"/etc/vsa/sites/{domain}.yml")


def _sync(vsa: Run, *words: str) -> tuple[int, dict[str, Any]]:
    done = vsa("vhost", "sync", *words, "--json")
    return done.returncode, next(iter(json.loads(done.stdout)["hosts"].values()))


@pytest.mark.usefixtures("sites")
def test_an_invalid_manifest_is_named_skipped_and_tells_by_the_exit_code(
    host: ProxyHost, vsa: Run, playbook: Run
) -> None:
    _edit(host, BAD, "s/web-2/'web-2;}'/")
    _edit(host, GOOD, "s/web-1/web-2/")
    before = host.disk()
    code, would = _sync(vsa, "--check", "--diff")
    assert (code, would["status"], would["invalid"], would["changed"]) == (7, "due", [BAD], True)
    assert "web-2.flowbiz_ext" in would["diff"][0]["prepared"]
    assert host.disk() == before

    shown = vsa("vhost", "sync")
    assert shown.returncode == 7
    assert f"sites/{BAD}.yml: this is not a container's name" in shown.stdout
    assert "its last good version stays live" in shown.stdout
    assert any(line.startswith("changed in ") for line in shown.stdout.splitlines())
    assert json.loads(host.get(GOOD)[1])["app"] == "web-2", "the other site's change went through"
    assert json.loads(host.get(BAD)[1])["app"] == "web-2"

    before, live = host.disk(), host.live()
    code, again = _sync(vsa)
    assert (code, again["changed"], again["invalid"]) == (7, False, [BAD])
    assert (host.disk(), host.live()) == (before, live), "with nothing to do nothing is touched"

    done = playbook("flowbiz.vsa.vhost.sync")
    assert (done.returncode, f"not valid, so the last good version stays live: {BAD};" in done.stdout) == (2, True)
    assert playbook("flowbiz.vsa.vhost.sync", {"vhost_invalid_fails": False}).returncode == 0
    assert (host.disk(), host.live()) == (before, live)
    _edit(host, BAD, "s/'web-2;}'/web-2/")
    assert _sync(vsa)[0] == 0


@pytest.mark.usefixtures("sites")
def test_a_manifest_that_nginx_refuses_blocks_nobody(host: ProxyHost) -> None:
    """A valid manifest that NGINX refuses: an operator's template may handle a field wrongly."""
    mine = TEMPLATES["site.conf.j2"] + "{% if site.rate_limit %}\nno_such_directive on;\n{% endif %}\n"
    templates = {**TEMPLATES, "site.conf.j2": mine}
    _edit(host, BAD, "$a rate_limit: 10r/s")
    _edit(host, GOOD, "s/web-1/web-2/")
    synced = host.drive(sync=True, templates=templates)
    assert any("NGINX refuses it" in words and "no_such_directive" in words for words in synced["warnings"])
    assert json.loads(host.get(GOOD)[1])["app"] == "web-2"
    assert host.status(BAD) == 200
    host.run("rm", f"/etc/vsa/sites/{BAD}.yml")
    assert host.drive(sync=True)["changed"]


def test_p1_one_sites_bad_config_never_takes_the_others_down_also_at_the_next_restart(
    host: ProxyHost, vsa: Run
) -> None:
    """One site is wrong in every way. The others are served, can be changed, and are served after a restart."""
    ruined = [f"p1-{kind}.vhosts.test" for kind in ("manifest", "conf", "key", "chain", "backend")]
    assert "error" not in host.provision(GOOD, "web-1")
    for domain in ruined:
        assert "error" not in host.provision(domain, "web-2")
    manifest, conf, key, chain, _backend = ruined
    host.run("sh", "-c", f"echo '}} server {{' >>/etc/vsa/sites/{manifest}.yml")
    live = host.file(conf)
    host.run("sh", "-c", f"chmod 644 {live} && echo 'this is no directive' >>{live}")
    host.run(
        "sh", "-c", f"echo nonsense >{SELFSIGNED}/{key}/privkey.pem; truncate -s 90 {SELFSIGNED}/{chain}/fullchain.pem"
    )
    host.run("docker", "rm", "-f", "web-2")
    # A site that NGINX would refuse never gets into the generation that NGINX starts from.
    broken = {**TEMPLATES, "site.conf.j2": TEMPLATES["site.conf.j2"] + "no_such_directive on;\n"}
    refused = host.provision(THIRD, "web-1", templates=broken)
    assert "no_such_directive" in json.dumps(refused)

    # Only the file that was edited in place would stop NGINX: the next change of any site writes the file again.
    done = vsa("site", "provision", "--domain", GOOD, "--profile", "sse")
    assert done.returncode == 0, done.stdout + done.stderr
    host.run("docker", "restart", "vsa-nginx")
    host.wait_for(GOOD)
    assert host.status(conf) in (502, 504), "its configuration is whole again, its container gone"
    assert host.run("grep", "-rl", "no_such_directive", f"{NGINX}/current/", f"{NGINX}/store", check=False) == ""

    host.restart_web("web-2")
    for domain in (conf, manifest):
        host.wait_for(domain)
    assert host.status(key) == 0
    assert vsa("vhost", "sync").returncode == 7
    assert host.status(GOOD) == 200


@pytest.mark.usefixtures("sites")
def test_a_site_is_shown_with_the_source_of_each_line(host: ProxyHost, vsa: Run) -> None:
    changed = vsa("site", "provision", "--domain", GOOD, "--profile", "llm", "--alias", f"www.{GOOD}")
    assert changed.returncode == 0, changed.stdout + changed.stderr
    live = host.live()
    assert "error" not in host.provision(BAD, "web-1")
    done = vsa("vhost", "show", GOOD, "--json")
    [vhost] = next(iter(json.loads(done.stdout)["hosts"].values()))["vhosts"]
    on_disk = host.run("cat", host.file(GOOD))
    assert vhost["text"] == on_disk
    assert "\n".join(line["text"] for line in vhost["lines"]) + "\n" == on_disk
    sources = {line["text"].strip(): line["source"] for line in vhost["lines"]}
    assert sources["proxy_read_timeout 15m;"] == "profile"
    [upstream] = [text for text in sources if text.startswith("server web-1.flowbiz_ext:3000 resolve max_fails=0")]
    assert sources[upstream].startswith("routes/0")
    assert sources[f"server_name www.{GOOD};"] == "aliases"
    last = vhost["last_change"]
    assert (last["generation"], last["verb"]) == (live, "site.provision"), "its own last change, not the host's"
    assert last["audit_id"] in changed.stdout

    assert vsa("vhost", "show", GOOD, "--raw").stdout == on_disk
    shown = vsa("vhost", "show", GOOD).stdout
    assert f"generation {live} changed it: site.provision by " in shown
    assert "profile " in shown
    history = vsa("vhost", "history").stdout
    assert GOOD in history
    assert vsa("vhost", "show", "nobody.vhosts.test").returncode == 3


@pytest.mark.usefixtures("sites")
def test_finding_4_the_printed_undo_of_a_site_brings_back_this_site_alone(host: ProxyHost, vsa: Run) -> None:
    """Operator's report, finding 4: the undo that was printed took back what others had changed since."""
    changed = vsa("site", "provision", "--domain", GOOD, "--container", "web-2", "--port", "3000")
    undo = re.search(r"undo: vsa (site rollback --domain \S+ --to \d+ --limit \S+)$", changed.stdout, re.MULTILINE)
    assert undo is not None, changed.stdout
    assert "error" not in host.provision(BAD, "web-1")
    undone = vsa(*undo[1].split())
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert "users, containers, data and certificates are as they are now" in undone.stdout
    assert ('"app": "web-1"' in host.get(GOOD)[1], '"app": "web-1"' in host.get(BAD)[1]) == (True, True)
    refused = vsa("vhost", "rollback")
    assert refused.returncode == 2, "nobody can be asked"
    assert "-y" in refused.stderr
