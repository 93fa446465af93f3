# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site removed from a real host: the host is as before the site; neighbours and shared resources are unchanged."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rig
from often import rows
from proxyhost import TEMPLATES, ProxyHost
from terminal import INTERRUPT, on_a_terminal

Run = Callable[..., subprocess.CompletedProcess[str]]
NEIGHBOUR = "neighbour.vsa.test"
SITE = "leaving.vsa.test"
ALIAS = "www.leaving.vsa.test"
CERTS = "/srv/platform/reverse-proxy/data"
STEPS = (
    *("note", "journal", "switch", "reload", "close", "manifests", "auth", "certificate", "manifest"),
    *("container leaving-1", "logs", "data", "proof", "end"),
)
OFTEN = ("note", "switch", "certificate", "container leaving-1", "data")

# The renewal loop may change the lineages of other tests on the host at any moment.
_OTHERS_LINEAGE = re.compile(rf"/letsencrypt/(?:renewal|live|archive)/(?!(?:www\.)?{re.escape(SITE)})")


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with one site that must always answer."""
    host = ProxyHost(proxy_vps)
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    assert host.provision(NEIGHBOUR, "web-2")["proven"]
    yield host
    host.run("sh", "-c", "docker rm -f leaving-1 other-1 2>/dev/null; docker network rm apart 2>/dev/null; true")
    for domain in (SITE, NEIGHBOUR, "other.vsa.test"):
        host.unprovision(domain, keep_container=True)


@pytest.fixture(autouse=True)
def _whole_afterwards(host: ProxyHost) -> Iterator[None]:
    """After every test the neighbour answers, NGINX serves the live generation, and no change is under way."""
    yield
    host.wait_for(NEIGHBOUR)
    assert host.served() == host.live()
    assert "/var/lib/vsa/unprovision" not in host.snapshot()


def start(host: ProxyHost, *words: str, name: str = "leaving-1") -> str:
    """Start a backend, on the common edge network unless the options name another network, and return its id."""
    host.run("docker", "rm", "-f", name, check=False)
    network = () if "--network" in words else ("--network", "flowbiz_ext")
    made = host.run("docker", "run", "-d", "--name", name, *network, *words, "-e", f"APP_NAME={name}", "vsa-demo-web:1")
    return made.strip()


def state_of(host: ProxyHost, name: str = "leaving-1") -> str:
    return host.run("docker", "inspect", "-f", "{{.Id}} {{.State.Status}}", name, check=False).strip()


def steps(result: dict) -> dict[str, dict]:
    return {step["name"]: step for step in result["steps"]}


def differing(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    return {
        name: (before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name) and not _OTHERS_LINEAGE.search(name)
    }


def test_the_host_is_as_it_was_before(vsa: Run, host: ProxyHost) -> None:
    """A site with a CA's certificate, an alias, a tenant, volumes, a directory of its own, and an open stream."""
    host.vps.add_dns(SITE, ALIAS)
    # The first certificate makes the host's account at the CA, and the account stays.
    assert vsa("cert", "issue", "--domain", SITE).returncode == 0
    assert host.unprovision(SITE)["changed"]
    before = host.snapshot()

    words = ("site", "provision", "--domain", SITE, "--alias", ALIAS, "--tenant", "leaver")
    words += ("--container", "leaving-1", "--port", "3000")
    network = ("-v", "leaving_data:/data", "-v", "/srv/leaver/shop/data:/var/data", "-v", "/anonymous")
    host.run("docker", "network", "create", "apart")
    start(host, "--network", "apart", *network)
    done = vsa(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    for _request in range(3):
        assert host.status(SITE) == 200
    stream = f"curl -skN --max-time 40 --resolve {SITE}:443:127.0.0.1 https://{SITE}/stream >/dev/null 2>&1 &"
    host.run("sh", "-c", stream)
    host.run("sh", "-c", f"echo old >/srv/platform/reverse-proxy/logs/nginx/{SITE}.access.log.1764000000")
    host.run("sleep", "0.5")
    assert host.run("ls", f"{CERTS}/letsencrypt/live/{SITE}") != ""

    with host.asking(NEIGHBOUR) as seen:
        done = vsa("site", "unprovision", "--domain", SITE, "--purge", "-y")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (seen["bad"], seen["good"] > 5) == ([], True)
    for text in (
        f"proven: {SITE} is refused",
        "lineage, keys and renewal configuration removed",
        "leaving-1 (docker run) stopped and removed",
        "network flowbiz_ext_leaver removed: it was the tenant's last site",
        f"nothing named {SITE} remains",
        "kept: history: its files in generation",
        "kept: audit",
        "/srv/leaver/shop/data removed",
    ):
        assert text in done.stdout, done.stdout
    assert [host.status(name) for name in (SITE, ALIAS)] == [0, 0]
    # An old worker still holds the stream. It must not create the log again when logs are reopened.
    host.run("sh", "-c", "kill -USR1 $(docker inspect -f '{{.State.Pid}}' vsa-nginx)")
    host.run("docker", "network", "rm", "apart")
    host.run("sleep", "0.5")
    assert differing(before, host.snapshot()) == {}
    host.run("pkill", "-f", "curl -skN", check=False)

    again = vsa("site", "unprovision", "--domain", SITE, "-y")
    assert again.returncode == 0
    assert again.stdout.splitlines()[-1].startswith("unchanged in")
    # Finding 8: a repetition is told apart from a name that was never here.
    assert re.search(rf"{re.escape(SITE)} is not on this host any more: removed\s+20\S+Z", again.stdout), again.stdout
    typo = vsa("site", "unprovision", "--domain", NEIGHBOUR.replace("neigh", "niegh"), "-y")
    assert typo.returncode == 0
    assert "was never on this host" in typo.stdout
    assert f"did you mean {NEIGHBOUR}?" in typo.stdout
    assert "proof" not in typo.stdout
    assert differing(before, host.snapshot()) == {}


def test_what_is_kept_stays_as_it_is(host: ProxyHost) -> None:
    host.run("docker", "network", "create", "apart", check=False)
    start(host, "--network", "apart")
    before = state_of(host)
    assert host.provision(SITE, "leaving-1")["proven"]
    assert "flowbiz_ext" in host.snapshot()["container leaving-1"]
    result = host.unprovision(SITE, keep_container=True, keep_cert=True)
    assert steps(result)["certificate"]["text"] == "kept, as asked"
    assert {"container leaving-1, as asked", "its certificate"} <= set(result["kept"])
    # VSA had joined the container to the edge network, so VSA disconnects the container.
    assert "leaving-1 left flowbiz_ext, which it had joined for the site" in steps(result)["containers"]["notes"]
    assert state_of(host) == before
    assert "flowbiz_ext" not in host.snapshot()["container leaving-1"]
    assert host.run("ls", f"{CERTS}/selfsigned/{SITE}/fullchain.pem", check=False) != ""
    assert host.unprovision(SITE, keep_container=True, keep_cert=True)["changed"] is False
    # The domain has no site any more, but leftovers: the leftovers are removed.
    assert host.unprovision(SITE)["changed"] is True
    assert host.run("ls", f"{CERTS}/selfsigned/{SITE}", check=False) == ""
    assert state_of(host) == before
    host.run("docker", "rm", "-f", "leaving-1")
    host.run("docker", "network", "rm", "apart")


def test_a_container_on_the_edge_by_its_own_will_stays_there(host: ProxyHost) -> None:
    start(host)
    host.provision(SITE, "leaving-1")
    before = host.snapshot()["container leaving-1"]
    host.unprovision(SITE, keep_container=True)
    assert host.snapshot()["container leaving-1"] == before
    host.run("docker", "rm", "-f", "leaving-1")


@pytest.mark.parametrize("reason", ["manifest", "broken manifest", "peer", "namespace", "project"])
def test_a_container_that_others_use_is_never_touched(host: ProxyHost, reason: str) -> None:
    labels = ("--label", "com.docker.compose.project=shop")
    start(host, *(labels if reason == "project" else ()))
    if reason == "manifest":
        host.provision("other.vsa.test", "leaving-1")
        words = "the site other.vsa.test routes to it"
    elif reason == "broken manifest":
        host.run("sh", "-c", "printf 'container: \"leaving\\\\x2d1\"\\n' >/etc/vsa/sites/other.vsa.test.yml")
        words = "sites/other.vsa.test.yml (not valid) routes to it"
    elif reason == "peer":
        host.run("sh", "-c", "docker network create apart && docker network connect apart leaving-1")
        start(host, "--network", "apart", name="other-1")
        words = "other-1 is on its network apart"
    elif reason == "namespace":
        start(host, "--network", "container:leaving-1", "-e", "PORT=3999", name="other-1")
        words = "other-1 is in the same network namespace"
    else:
        start(host, "--network", "none", *labels, name="other-1")
        words = "other-1 is of its Compose project shop"
    host.provision(SITE, "leaving-1")
    before = state_of(host)
    seen = host.unprovision(SITE, check=True)
    result = host.unprovision(SITE, purge=True)
    for answer in (seen, result):
        assert any(words in said for said in answer["shared"]["leaving-1"]), answer
        assert any(f"leaving-1 stays: {words}" in note for note in steps(answer)["containers"]["notes"])
    assert "container leaving-1, shared" in result["kept"]
    assert state_of(host) == before
    assert host.status(SITE) == 0
    if reason == "manifest":
        assert host.status("other.vsa.test") == 200
        assert (
            "leaving-1 (docker run) stopped and removed"
            in steps(host.unprovision("other.vsa.test"))["containers"]["text"]
        )
    host.run("rm", "-f", "/etc/vsa/sites/other.vsa.test.yml")
    host.run("sh", "-c", "docker rm -f leaving-1 other-1 2>/dev/null; docker network rm apart 2>/dev/null; true")


@pytest.mark.parametrize("step", rows(STEPS, often=OFTEN))
def test_killed_before_a_step_the_same_again_goes_on(host: ProxyHost, step: str) -> None:
    start(host, "-v", "leaving_data:/data")
    host.provision(SITE, "leaving-1")
    with host.asking(NEIGHBOUR) as seen:
        assert host.unprovision(SITE, kill=step, purge=True) == {"killed": True}
        again = host.unprovision(SITE, purge=True)
    assert "error" not in again, again
    assert steps(again)["proof"]["text"] == f"nothing named {SITE} remains"
    assert (host.status(SITE), seen["bad"]) == (0, [])
    assert [name for name in host.snapshot() if "leaving" in name] == []
    assert host.unprovision(SITE, purge=True)["changed"] is False


def test_a_site_that_is_made_anew_is_not_half_removed(host: ProxyHost) -> None:
    """The journal of an interrupted removal must not remove a container that no longer belongs to the site."""
    start(host)
    host.provision(SITE, "leaving-1")
    assert host.unprovision(SITE, kill="certificate") == {"killed": True}
    assert host.run("ls", "/var/lib/vsa/unprovision").split() == [f"{SITE}.json"]
    assert host.provision(SITE, "web-1")["proven"]
    assert host.run("ls", "/var/lib/vsa/unprovision") == ""
    assert host.unprovision(SITE, keep_container=True)["changed"]
    assert state_of(host).endswith("running")
    host.run("docker", "rm", "-f", "leaving-1")


def test_a_transaction_that_fails_leaves_everything(host: ProxyHost) -> None:
    start(host)
    host.provision(SITE, "leaving-1")
    before = host.snapshot()
    broken = TEMPLATES | {"nginx.conf.j2": TEMPLATES["nginx.conf.j2"] + "\nno_such_directive on;\n"}
    result = host.drive("unprovision", domain=SITE, templates=broken)
    assert (result["vsa_exit"], "no_such_directive" in result["msg"]) == (3, True)
    # This file passes the test and fails the reload: its zone has another key.
    line = "limit_req_status 429;\n    limit_req_zone {} zone=trap:1m rate=1r/s;"
    zones = [
        TEMPLATES | {"nginx.conf.j2": TEMPLATES["nginx.conf.j2"].replace("limit_req_status 429;", line.format(key))}
        for key in ("$binary_remote_addr", "$host")
    ]
    assert host.drive(sync=True, templates=zones[0])["proven"]
    held = host.snapshot()
    result = host.drive("unprovision", domain=SITE, templates=zones[1])
    assert (result["error"], result["vsa_exit"]) == ("RolledBackError", 4)
    assert differing(held, host.snapshot()) == {}
    assert host.drive(sync=True)["proven"]
    assert differing(before, host.snapshot()) == {}
    assert host.status(SITE) == 200
    host.unprovision(SITE)


def test_a_later_step_that_fails_is_said_and_goes_on_later(host: ProxyHost) -> None:
    start(host)
    host.provision(SITE, "leaving-1")
    log = f"/srv/platform/reverse-proxy/logs/nginx/{SITE}.access.log.1764000000"
    host.run("mkdir", log)
    result = host.unprovision(SITE)
    assert (result["error"], result["vsa_exit"]) == ("NotRolledBackError", 6)
    assert result["vsa_error"]["state"] == (
        f"{SITE} is half removed. Done: proxy, auth, certificate, containers. Left: logs, manifest"
    )
    assert result["vsa_error"]["hint"][0]["verb"] == "site.unprovision"
    assert f"flowbiz.vsa.site.unprovision -e domain={SITE}" in result["vsa_error"]["try"]
    host.run("rmdir", log)
    assert steps(host.unprovision(SITE))["proof"]["state"] == "ok"


def test_an_alias_is_no_site(host: ProxyHost) -> None:
    host.provision("other.vsa.test", "web-1", said={"aliases": [ALIAS]})
    result = host.unprovision(ALIAS)
    assert (result["vsa_exit"], "an alias of the site other.vsa.test" in result["msg"]) == (3, True)
    host.unprovision("other.vsa.test", keep_container=True)


def test_a_site_that_never_went_live_and_one_beside_it(host: ProxyHost) -> None:
    """A manifest that was never live, an invalid manifest, and a timer that somebody else wrote."""
    path = f"/etc/vsa/sites/{SITE}.yml"
    for text in (f"schema: 1\\ndomain: {SITE}\\nroutes: [{{path: /, container: nobody, port: 1}}]", "no: [YAML"):
        host.run("sh", "-c", f"printf '{text}\\n' >{path}; echo '# {SITE}' >/etc/systemd/system/own.timer")
        result = host.unprovision(SITE)
        assert result["removed"] == [path]
        assert steps(result)["proof"]["state"] == "warning"
        assert steps(result)["proof"]["notes"][0] == "/etc/systemd/system/own.timer speaks of it and is not VSA's"
    host.run("rm", "/etc/systemd/system/own.timer")


def test_what_is_written_in_the_container_is_said_and_check_touches_nothing(vsa: Run, host: ProxyHost) -> None:
    labels = ("--label", "com.docker.compose.project=one", "--label", "com.docker.compose.project.working_dir=/opt/one")
    start(host, "--user", "0", "-e", "PYTHONDONTWRITEBYTECODE=1", "-v", "leaving_data:/data", *labels)
    host.run("docker", "exec", "leaving-1", "sh", "-c", "head -c 3000000 /dev/zero >/opt/notes.db; echo x >/data/y")
    host.provision(SITE, "leaving-1")
    before = host.snapshot()
    done = vsa("site", "unprovision", "--domain", SITE, "--check", "--json")
    answer = next(iter(json.loads(done.stdout)["hosts"].values()))
    (container,) = answer["containers"]
    assert container["written_bytes"] >= 3_000_000
    assert (container["name"], container["image"], container["written_paths"]) == ("leaving-1", "vsa-demo-web:1", 1)
    assert container["origin"] == "Compose project one in /opt/one", "finding 16"
    notes = steps(answer)["containers"]["notes"]
    assert any("holds 3.0 MB that are on no volume: /opt/notes.db" in note for note in notes), notes
    assert differing(before, host.snapshot()) == {}


@pytest.mark.parametrize(
    ("words", "typed", "code", "gone"),
    [
        ((), "n\n", 3, False),
        pytest.param((), INTERRUPT, 130, False, marks=pytest.mark.long),
        pytest.param(("--purge",), "y\n", 3, False, marks=pytest.mark.long),
        (("--purge",), INTERRUPT, 130, False),
        (("--purge",), f"{SITE}\n", 0, True),
    ],
)
def test_on_a_terminal_it_asks(
    host: ProxyHost, words: tuple[str, ...], typed: str, code: int, gone: bool, tmp_path: Path
) -> None:
    with on_a_terminal(host.vps, ("site", "unprovision", "--domain", SITE, *words), folder=tmp_path) as terminal:
        terminal.wait_for(r"/opt/one\): " if words else r"\[y/N\]: ")
        terminal.type(typed)
        ended, shown = terminal.ended(), terminal.shown
    assert ended == code, shown
    name = host.vps.name
    asked = f"Type {SITE} to remove it from {name} with its data" if words else f"Remove {SITE} from {name}"
    # Perhaps over two lines of the terminal.
    question = f"{asked} and the container leaving-1 (Compose project one in /opt/one)"
    assert re.search(r"\s+".join(map(re.escape, question.split())), shown), shown
    assert re.search(
        r"leaving-1\s+\(Compose\s+project\s+one\s+in\s+/opt/one,\s+vsa-demo-web:1,"
        r"\s+(made\s+just\s+now|\d+\s+minutes?\s+old),\s+running\)",
        shown,
    ), shown
    # With its size, and perhaps over two lines of the terminal.
    lost = re.search(r"volume leaving_data[\s\S]{0,300}?would\s+be\s+lost", shown)
    assert bool(lost) is bool(words)
    assert bool(state_of(host)) is not gone


def test_elsewhere_yes_is_required_and_words_that_contradict_are_refused(vsa: Run, host: ProxyHost) -> None:
    before = host.snapshot()
    assert vsa("site", "unprovision", "--domain", SITE).returncode == 2
    assert vsa("site", "unprovision", "--domain", SITE, "--json").returncode == 2
    assert vsa("site", "unprovision", "--domain", SITE, "--purge", "--keep-container", "-y").returncode == 2
    assert vsa("site", "unprovision", "--domain", "../etc", "-y").returncode == 2
    assert vsa("site", "unprovision", "-y").returncode == 2
    assert differing(before, host.snapshot()) == {}
