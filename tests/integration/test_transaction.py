# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy transaction on a real VPS: after every failure, all other sites answer and the host is consistent."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from often import rows
from proxyhost import NGINX, TEMPLATES, ProxyHost

Run = Callable[..., subprocess.CompletedProcess[str]]
NEIGHBOUR = "neighbour.vsa.test"
SITE = "changing.vsa.test"
STEPS = ("stage", "test", "finish", "journal", "effects", "switch", "reload", "prove", "keep", "manifests", "close")

_BROKEN = TEMPLATES | {
    "site.conf.j2": TEMPLATES["site.conf.j2"]
    + '{% if site.domain.startswith("broken") %}\nserver {\n    no_such_directive on;\n}\n{% endif %}\n'
}


def _with_zone(key: str) -> dict[str, str]:
    line = f"limit_req_status 429;\n    limit_req_zone {key} zone=trap:1m rate=1r/s;"
    return TEMPLATES | {"nginx.conf.j2": TEMPLATES["nginx.conf.j2"].replace("limit_req_status 429;", line)}


@pytest.fixture(scope="module")
def host(proxy_vps: object) -> Iterator[ProxyHost]:
    """A proxy with one site that must always answer."""
    host = ProxyHost(proxy_vps)
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    assert host.provision(NEIGHBOUR)["proven"]
    yield host
    for domain in (SITE, NEIGHBOUR):
        host.remove(domain)


@pytest.fixture(autouse=True)
def _whole_afterwards(host: ProxyHost) -> Iterator[None]:
    """After every test the neighbour answers, NGINX serves the live generation, and no change is under way."""
    yield
    host.wait_for(NEIGHBOUR)
    assert host.served() == host.live()
    assert host.run("ls", f"{NGINX}/journal.json", check=False) == ""


def test_a_vhost_that_nginx_refuses_changes_nothing(host: ProxyHost) -> None:
    """P1: one site's bad config takes every site down."""
    before = host.disk()
    result = host.provision("broken.vsa.test", templates=_BROKEN)
    assert result["error"] == "NginxRefusedError"
    assert result["vsa_error"]["value"].startswith("sites/broken.vsa.test.conf:")
    assert "no_such_directive" in result["msg"]
    assert host.disk() == before
    assert host.status(NEIGHBOUR) == 200


def test_the_culprit_is_found_where_nginx_does_not_name_its_file(host: ProxyHost) -> None:
    duplicate = TEMPLATES | {
        "site.conf.j2": TEMPLATES["site.conf.j2"]
        + '{% if site.domain.startswith("broken") %}\nmap $a $b { default 1; }\n{% endif %}\n',
        "nginx.conf.j2": TEMPLATES["nginx.conf.j2"]
        .replace("include /etc/nginx/mime.types;", "include /etc/nginx/mime.types;\n    map_hash_bucket_size 512;")
        .replace("    map_hash_bucket_size 512;\n    variables", "    variables"),
    }
    result = host.provision("broken.vsa.test", templates=duplicate)
    assert result["error"] == "NginxRefusedError"
    assert "broken.vsa.test" in result["msg"]


@pytest.mark.parametrize("step", rows(STEPS, often=("finish", "journal", "switch", "reload", "keep", "close")))
def test_killed_before_a_step_the_rerun_converges(host: ProxyHost, step: str) -> None:
    with host.asking(NEIGHBOUR) as seen:
        assert host.provision(SITE, kill=step) == {"killed": True}
        assert host.status(NEIGHBOUR) == 200
        again = host.provision(SITE)
        assert "error" not in again
        assert host.status(SITE) == 200
        assert host.live() == host.served()
        assert host.provision(SITE)["changed"] is False
        assert host.run("cat", f"/etc/vsa/sites/{SITE}.yml").startswith("schema: 1\n")
        host.remove(SITE)
    assert seen["bad"] == []
    assert seen["good"] > 0


@pytest.mark.parametrize("step", rows(STEPS[5:], often=("switch", "keep", "manifests")))
def test_killed_before_a_step_another_sites_run_converges_too(host: ProxyHost, step: str) -> None:
    assert host.provision(SITE, kill=step) == {"killed": True}
    other = host.provision("other.vsa.test")
    assert other["proven"]
    # Either the old or the new state, completely: manifest, file of the generation and served content agree.
    served = host.status(SITE) == 200
    on_disk = host.run("ls", f"/etc/vsa/sites/{SITE}.yml", check=False) != ""
    assert served == on_disk
    host.remove("other.vsa.test")
    if on_disk:
        host.remove(SITE)


def test_a_reload_that_does_not_take_is_rolled_back(host: ProxyHost) -> None:
    """A zone whose key changed passes the test and fails the reload."""
    assert host.drive(sync=True, templates=_with_zone("$binary_remote_addr"))["proven"]
    before, live = host.disk(), host.live()
    result = host.drive(sync=True, templates=_with_zone("$host"))
    assert result["error"] == "RolledBackError"
    assert result["vsa_exit"] == 4
    assert "while previously it used" in result["msg"]
    assert result["vsa_error"]["state"] == f"rolled back: generation {live} is live"
    assert host.disk() == before
    assert host.served() == live
    assert host.drive(sync=True)["proven"]


def test_what_is_not_proven_is_not_what_nginx_starts_with(host: ProxyHost) -> None:
    """A power cut between the reload and the proof: the old generation starts, and the next run is clean."""
    live = host.live()
    assert host.provision(SITE, kill="keep") == {"killed": True}
    assert (host.served() > live, host.live()) == (True, live)
    host.run("docker", "restart", "-t", "5", "vsa-nginx")
    host.wait_for(NEIGHBOUR)
    assert (host.served(), host.status(SITE)) == (live, 0)
    assert host.provision(SITE)["proven"]
    assert host.status(SITE) == 200
    host.remove(SITE)


# Each file is valid alone, but not both together: two upstreams have the same name.
_CLASHING = TEMPLATES | {
    "site.conf.j2": TEMPLATES["site.conf.j2"]
    + '{% if site.domain in ("neighbour.vsa.test", "changing.vsa.test") %}\n'
    + "upstream clash {\n    server 127.0.0.1:9;\n}\n{% endif %}\n"
}


@pytest.fixture
def _clashing(host: ProxyHost) -> Iterator[None]:
    """One of the two clashing files is live. It is removed at the end."""
    assert host.drive(sync=True, templates=_CLASHING)["proven"]
    yield
    assert "error" not in host.drive(sync=True)


@pytest.mark.usefixtures("_clashing")
def test_a_clash_with_a_site_that_does_not_change_is_rolled_back(host: ProxyHost) -> None:
    """Only the changed sites are tested first. The reload reads all sites, and refuses the whole configuration."""
    before, live = host.disk(), host.live()
    with host.asking(NEIGHBOUR) as seen:
        result = host.provision(SITE, templates=_CLASHING)
    assert (result["error"], result["vsa_exit"]) == ("RolledBackError", 4)
    assert "clash" in result["msg"]
    assert (host.disk(), host.served()) == (before, live)
    assert seen["bad"] == []


def test_a_main_file_that_reads_the_sites_otherwise_is_tested_whole(host: ProxyHost) -> None:
    """If the main file is an operator's own, the changed sites cannot be tested alone."""
    own = TEMPLATES | {"nginx.conf.j2": TEMPLATES["nginx.conf.j2"].replace("/sites/*.conf;", "/sites/*.con[f];")}
    assert host.drive(sync=True, templates=own)["proven"]
    made = host.provision(SITE, templates=own)
    assert made["proven"]
    assert json.loads(host.run("cat", f"{NGINX}/current/generation.json"))["whole"] is True
    host.remove(SITE)
    assert host.provision(SITE)["proven"]
    assert json.loads(host.run("cat", f"{NGINX}/current/generation.json"))["whole"] is False
    host.remove(SITE)


@pytest.mark.usefixtures("_clashing")
def test_a_prepared_generation_was_tested_whole(host: ProxyHost) -> None:
    """A fleet prepares on all hosts before it commits on any. So ``prepare`` has to find a clash."""
    said = {"container": "web-1", "port": 3000, "ca": "selfsigned"}
    host.certificate(SITE)
    assert host.drive("prepare", domain=SITE, said=said, templates=_CLASHING)["error"] == "NginxRefusedError"


@pytest.mark.usefixtures("_clashing")
@pytest.mark.parametrize("clashes", [True, False])
def test_nginx_that_goes_away_meanwhile_starts_with_a_whole_test(host: ProxyHost, clashes: bool) -> None:
    """If NGINX does not run, no reload reads the rest. So the whole is tested before NGINX may start with it."""
    live = host.live()
    domain = SITE if clashes else "other.vsa.test"
    result = host.provision(domain, templates=_CLASHING, stop="journal")
    host.run("docker", "start", "vsa-nginx")
    host.wait_for(NEIGHBOUR)
    if clashes:
        assert (result["error"], host.served()) == ("RolledBackError", live)
    else:
        assert (result["proven"], host.served()) == (False, result["number"])
        assert host.status(domain) == 200
        host.remove(domain)


def test_a_changed_rate_limit_takes(host: ProxyHost) -> None:
    """Zone names contain a hash of their parameters. So the failure above cannot happen to a site."""
    for rate in ("10r/s", "20r/s", "30r/m"):
        assert host.provision(SITE, said={"rate_limit": rate})["proven"]
    host.remove(SITE)


def test_an_emptied_file_is_noticed_whatever_nginx_says(host: ProxyHost) -> None:
    before = host.disk()
    # A version of the file that no generation has yet: the emptied one must not stay in the store.
    result = host.provision(SITE, said={"timeout": "17m"}, empty=f"sites/{SITE}.conf")
    assert result["error"] == "InternalError"
    assert host.disk() == before


def test_two_at_once_both_end_well(host: ProxyHost) -> None:
    domains = ("one.vsa.test", "two.vsa.test", "three.vsa.test")
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(host.provision, domains))
    assert all(result.get("proven") for result in results), results
    assert len({result["number"] for result in results}) == len(domains)
    assert [host.status(domain) for domain in domains] == [200, 200, 200]
    for domain in domains:
        host.remove(domain)


def test_a_stale_plan_is_refused(host: ProxyHost) -> None:
    host.certificate(SITE)
    said = {"container": "web-1", "port": 3000, "ca": "selfsigned"}
    plan = host.drive("prepare", domain=SITE, said=said)
    assert host.provision("meanwhile.vsa.test")["proven"]
    result = host.drive("commit", base=plan["base"], plan=plan["plan"])
    assert result["vsa_exit"] == 3
    assert "stale" in result["msg"]
    host.remove("meanwhile.vsa.test")
    fresh = host.drive("prepare", domain=SITE, said=said)
    assert host.drive("commit", base=fresh["base"], plan=fresh["plan"])["number"] == fresh["number"]
    assert host.status(SITE) == 200
    host.remove(SITE)


def test_a_full_disk_while_staging_changes_nothing(host: ProxyHost) -> None:
    # The container keeps its own view of the mounted parent: only what is staged here uses the small disk.
    keep = f"{NGINX}/generations"
    host.run("sh", "-c", f"mkdir -p /root/keep && cp -a {keep}/. /root/keep/ && mount -t tmpfs -o size=4k tmpfs {keep}")
    try:
        result = host.provision(SITE)
    finally:
        host.run("umount", keep)
    assert result["vsa_exit"] == 3
    assert "disk is full" in result["msg"]
    assert host.run("sh", "-c", f"ls {keep}") == host.run("sh", "-c", "ls /root/keep")
    host.run("rm", "-rf", "/root/keep")


def test_all_backends_down_nginx_restarts(host: ProxyHost) -> None:
    """P2: one stopped container stops NGINX."""
    host.run("docker", "stop", "-t", "1", "web-1", "web-2")
    host.run("docker", "restart", "-t", "5", "vsa-nginx")
    host.wait_until("docker exec vsa-nginx curl -sf --unix-socket /run/vsa-status.sock http://vsa/health")
    assert host.status(NEIGHBOUR) == 502
    host.run("docker", "start", "web-1", "web-2")


def test_a_backend_with_another_address_is_reached_again(host: ProxyHost) -> None:
    """P3: a stale address after a restart."""
    before = host.run("docker", "inspect", "-f", "{{.NetworkSettings.Networks.flowbiz_ext.IPAddress}}", "web-1")
    host.run("docker", "stop", "-t", "1", "web-1")
    host.run(
        "docker",
        "run",
        "-d",
        "--name",
        "squatter",
        "--network",
        "flowbiz_ext",
        "-e",
        "APP_NAME=squatter",
        "vsa-demo-web:1",
    )
    try:
        host.run("docker", "start", "web-1")
        after = host.run("docker", "inspect", "-f", "{{.NetworkSettings.Networks.flowbiz_ext.IPAddress}}", "web-1")
        assert before != after
        host.wait_for(NEIGHBOUR, '"app": "web-1"', seconds=10)
    finally:
        host.run("docker", "rm", "-f", "squatter")


def test_an_alias_of_another_tenant_never_answers(host: ProxyHost) -> None:
    """P15: tenant B takes the name of A's container as an alias, with A's container up and down."""
    host.restart_web("tenant-a", network="flowbiz_ext_a")
    host.restart_web("tenant-b", network="flowbiz_ext_b", aliases=("tenant-a",))
    assert host.provision("a.vsa.test", "tenant-a", said={"tenant": "a"})["proven"]
    assert host.provision("b.vsa.test", "tenant-b", said={"tenant": "b"})["proven"]
    assert '"app": "tenant-a"' in host.get("a.vsa.test")[1]
    host.run("docker", "stop", "-t", "1", "tenant-a")
    for _attempt in range(20):
        status, body = host.get("a.vsa.test")
        assert "tenant-b" not in body
        assert status in (502, 504) or '"app": "tenant-a"' in body
        host.run("sleep", "0.4")
    assert status == 502
    for domain in ("a.vsa.test", "b.vsa.test"):
        host.remove(domain)
    host.run("docker", "rm", "-f", "tenant-a", "tenant-b")


def test_a_killed_master_comes_back_and_serves(host: ProxyHost) -> None:
    """A signal outside the engine's API does not mark it as stopped. No stale socket prevents a restart."""
    host.run("sh", "-c", "kill -9 $(docker inspect -f '{{.State.Pid}}' vsa-nginx)")
    host.wait_for(NEIGHBOUR)
    assert host.provision(SITE)["proven"]
    host.run("sh", "-c", "kill -9 $(docker inspect -f '{{.State.Pid}}' vsa-nginx)")
    host.wait_for(SITE)
    host.remove(SITE)


def test_reloads_under_keep_alive_load_lose_no_request(host: ProxyHost) -> None:
    with host.asking(NEIGHBOUR, keep=True) as seen:
        for number in range(5):
            assert host.provision(SITE, said={"rate_limit": f"{number + 5}r/s"})["proven"]
    host.remove(SITE)
    assert seen["bad"] == []
    assert seen["good"] > 50


def test_old_workers_behind_streams_stay_bounded(host: ProxyHost) -> None:
    """Ten reloads with open streams leave no more than three sets of workers."""
    count = "ps -o cmd= --ppid $(docker inspect -f '{{.State.Pid}}' vsa-nginx) | grep -c 'worker process'"
    per_set = int(host.run("sh", "-c", count))
    for number in range(10):
        host.run(
            "sh",
            "-c",
            f"curl -skN --max-time 60 --resolve {NEIGHBOUR}:443:127.0.0.1 https://{NEIGHBOUR}/stream >/dev/null 2>&1 &",
        )
        host.run("sleep", "0.3")
        assert host.provision(SITE, said={"rate_limit": f"{number + 5}r/s"})["proven"]
        assert int(host.run("sh", "-c", count)) <= 3 * per_set
    host.run("pkill", "-f", "curl -skN", check=False)
    host.remove(SITE)


@pytest.mark.parametrize("damage", ["truncate -s 100", "rm -f"])
def test_a_broken_certificate_hurts_its_own_site_alone(host: ProxyHost, damage: str) -> None:
    """This holds for the start of NGINX too: files that are named directly would stop the whole proxy."""
    assert host.provision(SITE)["proven"]
    place = f"/srv/platform/reverse-proxy/data/selfsigned/{SITE}"
    host.run("sh", "-c", f"{damage} {place}/fullchain.pem")
    host.run("docker", "restart", "-t", "5", "vsa-nginx")
    host.wait_until("docker exec vsa-nginx curl -sf --unix-socket /run/vsa-status.sock http://vsa/health")
    assert host.status(NEIGHBOUR) == 200
    assert host.status(SITE) == 0
    refused = host.drive(domain=SITE, said={"rate_limit": "9r/s"})
    assert refused["vsa_exit"] == 3
    assert "cannot be served" in refused["msg"]
    host.run("rm", "-rf", place)
    host.remove(SITE)


def test_unknown_names_are_refused(host: ProxyHost) -> None:
    assert host.get("nobody.vsa.test")[0] == 0
    assert host.get("nobody.vsa.test", https=False)[0] == 0
    assert host.get("nobody.vsa.test", "/.well-known/acme-challenge/x", https=False)[0] == 404


def test_a_challenge_is_served_before_the_redirect(host: ProxyHost) -> None:
    """P7: redirects and the like block the ACME challenge."""
    place = "/srv/platform/reverse-proxy/data/acme/.well-known/acme-challenge"
    host.run("sh", "-c", f"mkdir -p {place} && printf proof > {place}/vsa-test")
    for domain in (NEIGHBOUR, "not-yet.vsa.test"):
        assert host.get(domain, "/.well-known/acme-challenge/vsa-test", https=False) == (200, "proof")
    host.run("rm", f"{place}/vsa-test")
    assert host.get(NEIGHBOUR, "/x?y=1", "-o", "/dev/null", "-D", "-", https=False)[0] == 301


def test_a_dead_backend_is_no_failure_of_a_transaction(host: ProxyHost) -> None:
    assert host.provision(SITE, "nobody-1")["proven"]
    assert host.status(SITE) == 502
    host.remove(SITE)


def test_a_backend_that_answered_before_must_answer_after(host: ProxyHost) -> None:
    """The site answered before the change and not behind the proxy afterwards, so the change is rolled back."""
    assert host.provision(SITE)["proven"]
    host.wait_for(SITE)
    before = host.live()
    result = host.provision(SITE, "web-1", 3999, answering=[SITE])
    assert result["error"] == "RolledBackError", result
    assert host.live() == before
    assert "port: 3000" in host.run("cat", f"/etc/vsa/sites/{SITE}.yml")
    host.remove(SITE)


def test_a_hand_edited_manifest(host: ProxyHost) -> None:
    """A valid manifest is live with the next sync. An invalid one is named, and its last good version stays live."""
    assert host.provision(SITE)["proven"]
    path = f"/etc/vsa/sites/{SITE}.yml"
    host.run("sed", "-i", "s/container: web-1/container: web-2/", path)
    warned = host.provision("other.vsa.test")
    assert any(SITE in warning for warning in warned["warnings"])
    assert '"app": "web-1"' in host.get(SITE)[1]
    assert host.drive(sync=True)["proven"]
    assert '"app": "web-2"' in host.get(SITE)[1]
    host.run("sed", "-i", "s/container: web-2/container: 'web-2;}'/", path)
    synced = host.drive(sync=True)
    assert any("last good version" in warning for warning in synced["warnings"])
    assert '"app": "web-2"' in host.get(SITE)[1]
    assert "web-2;}" in host.run("cat", path)
    host.remove("other.vsa.test")
    host.run("rm", path)
    assert host.drive(sync=True)["proven"]
    assert host.status(SITE) == 0


def test_drift_of_a_live_file_is_written_over(host: ProxyHost) -> None:
    assert host.provision(SITE)["proven"]
    place = host.file(SITE)
    host.run("sh", "-c", f"chmod 644 {place} && echo '# smuggled in' >> {place}")
    assert host.drive(sync=True)["changed"] is True
    assert "smuggled in" not in host.run("cat", place) + host.run("cat", host.file(SITE))
    host.remove(SITE)


def test_rollback_brings_files_and_manifests_back(host: ProxyHost) -> None:
    host.provision(SITE)
    host.provision(SITE, "web-2")
    assert '"app": "web-2"' in host.get(SITE)[1]
    assert host.drive("rollback")["proven"]
    assert '"app": "web-1"' in host.get(SITE)[1]
    assert "web-1" in host.run("cat", f"/etc/vsa/sites/{SITE}.yml")
    assert host.drive("rollback", to=999999)["vsa_exit"] == 3
    host.remove(SITE)
    place = f"/srv/platform/reverse-proxy/data/selfsigned/{SITE}"
    host.run("mv", place, f"{place}.away")
    refused = host.drive("rollback")
    assert refused["vsa_exit"] == 3
    assert SITE in " ".join(refused["vsa_error"]["details"])
    host.run("mv", f"{place}.away", place)


def test_http3_is_opt_in_and_reuseport_stands_once(host: ProxyHost) -> None:
    for domain in (SITE, "other.vsa.test"):
        assert host.provision(domain, said={"http3": True})["proven"]
    text = host.run("sh", "-c", f"cat {NGINX}/current/nginx.conf {host.file(SITE)} {host.file(NEIGHBOUR)}")
    assert text.count("quic reuseport") == 2  # IPv4 and IPv6 of the one default server
    assert "Alt-Svc" not in host.run("cat", host.file(NEIGHBOUR))
    assert "h3=" in host.get(SITE, "/", "-D", "-")[1]
    for domain in (SITE, "other.vsa.test"):
        host.remove(domain)
    assert "quic" not in host.run("cat", f"{NGINX}/current/nginx.conf")


def test_each_version_of_a_file_is_stored_once(host: ProxyHost) -> None:
    before = host.run("sh", "-c", f"ls -i {NGINX}/store/{NEIGHBOUR}/*")
    for number in (5, 6, 5):
        host.provision(SITE, said={"rate_limit": f"{number}r/s"})
    assert host.run("sh", "-c", f"ls -i {NGINX}/store/{NEIGHBOUR}/*") == before, "who does not change is not written"
    stored = host.run("sh", "-c", f"cd {NGINX}/store/{SITE} && grep -l 'rate=[56]r/s' *.conf").split()
    assert len(stored) == 2
    modes = host.run("sh", "-c", f"cd {NGINX}/store/{SITE} && stat -c '%a %U %h' {' '.join(stored)}").splitlines()
    assert set(modes) == {"444 root 1"}
    host.remove(SITE)


@pytest.mark.long
def test_a_container_that_reads_current_is_served_until_it_is_made_anew(host: ProxyHost, vsa: Run) -> None:
    """A container from before NGINX read a link of its own: until it is recreated, changes work in the old way."""
    reads = ("docker", "exec", "vsa-nginx", "readlink", "/run/vsa/nginx.conf")
    old = "s|/run/vsa/nginx.conf|/etc/nginx/vsa/current/nginx.conf|"
    up = "docker compose up -d --wait nginx"
    host.run("sh", "-c", f"cd /srv/platform/reverse-proxy && sed -i '{old}' compose.yml && {up}")
    with host.asking(NEIGHBOUR) as seen:
        assert host.provision(SITE)["proven"]
        assert host.status(SITE) == 200
        assert host.provision("broken.vsa.test", templates=_BROKEN)["error"] == "NginxRefusedError"
        assert host.provision(SITE, kill="prove", said={"rate_limit": "9r/s"}) == {"killed": True}
        assert host.provision(SITE, said={"rate_limit": "8r/s"})["proven"]
        failed = host.provision(SITE, "web-1", 3999, answering=[SITE])
        assert failed["error"] == "RolledBackError"
        assert (host.served(), host.status(SITE)) == (host.live(), 200)
    assert seen["bad"] == []
    # `stack up` synchronises the vhosts first.
    host.run("sed", "-i", "s/container: web-1/container: web-2/", f"/etc/vsa/sites/{SITE}.yml")
    done = vsa("stack", "up", "reverse-proxy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.run(*reads).strip() == f"/etc/nginx/vsa/generations/{host.live()}/nginx.conf"
    assert '"app": "web-2"' in host.get(SITE)[1]
    assert host.provision(SITE, said={"rate_limit": "7r/s"})["proven"]
    assert host.run(*reads).strip() == f"/etc/nginx/vsa/generations/{host.live()}/nginx.conf"
    host.remove(SITE)
