"""A stack on a real host: up, up again, refused, rolled back, down."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import rig

STACKS = Path(__file__).parent / "stacks"
ENV = "/srv/platform/reverse-proxy/env/.env"
Playbook = Callable[..., CompletedProcess[str]]


def changed(done: CompletedProcess[str], host: str) -> int:
    """Return the number of tasks that changed a host."""
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(rf"(?m)^{re.escape(host)} .*changed=(\d+)", done.stdout)
    assert found, done.stdout
    return int(found[1])


def everything(vps: rig.Vps) -> list[str]:
    """Return the containers, and each file of the stacks with its time; no logs and no lock (it names its holder)."""
    listed = vps.run("docker ps --no-trunc --format '{{.ID}} {{.Names}}'; find /srv/platform -ls").stdout
    return [line for line in listed.splitlines() if "/logs/" not in line and not line.endswith("/.lock")]


def image_of(vps: rig.Vps, container: str) -> str:
    return str(vps.run(["docker", "inspect", "--format", "{{.Image}} {{.State.Status}}", container]).stdout.strip())


def networks_of(vps: rig.Vps, container: str) -> set[str]:
    form = "{{range $name, $end := .NetworkSettings.Networks}}{{$name}} {{end}}"
    return set(vps.run(["docker", "inspect", "--format", form, container]).stdout.split())


def make_image(vps: rig.Vps, name: str, script: str | None) -> None:
    """Make an image of NGINX whose program is ``script``, or the genuine image with another id."""
    vps.run("docker rm -f h-image", check=False)
    vps.run("docker create --name h-image nginx:1.30.7")
    if script is not None:
        vps.put("/root/h-nginx", script, mode=0o755)
        vps.run("docker cp /root/h-nginx h-image:/usr/sbin/nginx")
    vps.run(f"docker commit --change 'LABEL test={name}' h-image {name} && docker rm h-image")


@pytest.fixture
def up(proxy_vps: rig.Vps, playbook: Playbook) -> Iterator[Callable[..., CompletedProcess[str]]]:
    """Bring the reverse proxy up with other variables; at the end, restore the variables of the session."""

    def run(**env: str) -> CompletedProcess[str]:
        return playbook("flowbiz.vsa.stack.up", {"stack_name": "reverse-proxy", "stack_env": env}, words=["-v"])

    yield run
    proxy_vps.run(f"sed -i /^NGINX_IMAGE/d {ENV}; sed -i /^CERTBOT_IMAGE/d {ENV}")
    assert run().returncode == 0
    assert image_of(proxy_vps, "vsa-nginx").endswith("running")


def test_up_twice_changes_nothing(proxy_vps: rig.Vps, up: Callable[..., CompletedProcess[str]]) -> None:
    up()
    before = everything(proxy_vps)
    assert changed(up(), proxy_vps.name) == 0
    assert everything(proxy_vps) == before


def test_a_container_that_was_stopped_is_started(proxy_vps: rig.Vps, up: Callable[..., CompletedProcess[str]]) -> None:
    proxy_vps.run("docker stop vsa-certbot")
    assert changed(up(), proxy_vps.name) > 0
    assert image_of(proxy_vps, "vsa-certbot").endswith("running")


def test_check_mode_says_and_does_nothing(proxy_vps: rig.Vps, playbook: Playbook) -> None:
    env = proxy_vps.run(["cat", ENV]).stdout
    done = playbook(
        "flowbiz.vsa.stack.up",
        {"stack_name": "reverse-proxy", "stack_env": {"NGINX_MEMORY": "900m"}},
        words=["--check", "-v"],
    )
    assert "env/.env would be written" in done.stdout
    assert proxy_vps.run(["cat", ENV]).stdout == env


def test_check_mode_without_an_engine_says_so(proxy_vps: rig.Vps, playbook: Playbook) -> None:
    proxy_vps.run("systemctl stop docker.socket docker")
    try:
        done = playbook(
            "flowbiz.vsa.stack.up", {"stack_name": "hello", "stack_source": str(STACKS)}, words=["--check", "-v"]
        )
    finally:
        proxy_vps.run("systemctl start docker")
    assert done.returncode == 0, done.stdout
    assert "the Docker engine of this host does not answer: images and containers could not be looked at" in done.stdout
    assert proxy_vps.run("test -e /srv/hello", check=False).returncode == 1


def test_an_image_that_is_nowhere_is_refused(proxy_vps: rig.Vps, up: Callable[..., CompletedProcess[str]]) -> None:
    before = image_of(proxy_vps, "vsa-certbot")
    done = up(CERTBOT_IMAGE="certbot/certbot:v0.0.1")
    assert done.returncode != 0
    assert "the image certbot/certbot:v0.0.1 is neither on this host nor to be had" in done.stdout
    assert '"vsa_exit": 3' in done.stdout
    assert image_of(proxy_vps, "vsa-certbot") == before
    assert "CERTBOT_IMAGE=" not in proxy_vps.run(["grep", "-v", "^#", ENV], check=False).stdout


def test_a_new_nginx_has_to_take_the_live_generation(
    proxy_vps: rig.Vps, up: Callable[..., CompletedProcess[str]]
) -> None:
    make_image(proxy_vps, "nginx:9.0.1", "#!/bin/sh\necho 'nginx: [emerg] unknown directive \"http2\"' >&2\nexit 1\n")
    before = image_of(proxy_vps, "vsa-nginx")
    done = up(NGINX_IMAGE="nginx:9.0.1")
    assert done.returncode != 0
    assert "the image nginx:9.0.1 refuses the live generation" in done.stdout
    assert "unknown directive" in done.stdout
    assert '"vsa_exit": 3' in done.stdout
    assert image_of(proxy_vps, "vsa-nginx") == before
    assert "nginx:9.0.1" not in proxy_vps.run(["cat", ENV]).stdout


def test_a_new_nginx_that_is_not_healthy_gives_way_to_the_old_one(
    proxy_vps: rig.Vps, playbook: Playbook, up: Callable[..., CompletedProcess[str]]
) -> None:
    rig.run_web(proxy_vps, "kept-web")
    site = {"domain": "kept.vsa.test", "upstream": "kept-web:3000", "site_ca": "selfsigned", "site_tenant": "kept"}
    provisioned = playbook("flowbiz.vsa.site.provision", site)
    assert provisioned.returncode == 0, provisioned.stdout
    networks = networks_of(proxy_vps, "vsa-nginx")
    assert "flowbiz_ext_kept" in networks
    script = '#!/bin/sh\ncase " $* " in *" -t "*) exit 0 ;; esac\necho "nginx: out of order" >&2\nsleep 1\nexit 1\n'
    make_image(proxy_vps, "nginx:9.0.2", script)
    before = image_of(proxy_vps, "vsa-nginx")
    done = up(NGINX_IMAGE="nginx:9.0.2")
    assert done.returncode != 0
    assert '"vsa_exit": 4' in done.stdout, done.stdout
    assert "rolled back: the previous version runs and is healthy" in done.stdout
    assert "out of order" in done.stdout
    assert image_of(proxy_vps, "vsa-nginx") == before
    assert "nginx:9.0.2" not in proxy_vps.run(["cat", ENV]).stdout
    # The proxy left the tenants' networks before it was recreated, and is on them again.
    assert networks_of(proxy_vps, "vsa-nginx") == networks
    assert served(proxy_vps, "kept.vsa.test") == "200"
    playbook("flowbiz.vsa.site.unprovision", {"domain": "kept.vsa.test", "yes": True})


def _curl(domain: str) -> list[str]:
    return [
        "curl",
        "-sk",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "--resolve",
        f"{domain}:443:127.0.0.1",
        f"https://{domain}/",
    ]


@pytest.mark.long
def test_a_good_new_nginx_replaces_the_old(proxy_vps: rig.Vps, up: Callable[..., CompletedProcess[str]]) -> None:
    make_image(proxy_vps, "nginx:9.0.3", None)
    before = image_of(proxy_vps, "vsa-nginx")
    done = up(NGINX_IMAGE="nginx:9.0.3")
    assert done.returncode == 0, done.stdout
    assert image_of(proxy_vps, "vsa-nginx") != before
    assert changed(up(), proxy_vps.name) == 0


def test_containers_and_their_words(proxy_vps: rig.Vps, vsa: Playbook) -> None:
    shown = json.loads(vsa("stack", "ps", "--json").stdout)["hosts"][proxy_vps.name]["stacks"]
    proxy = next(stack for stack in shown if stack["name"] == "reverse-proxy")
    assert (proxy["state"], proxy["problem"]) == ("healthy", None)
    assert {row["name"]: row["health"] for row in proxy["containers"]} == {
        "vsa-nginx": "healthy",
        "vsa-auth": "healthy",
        "vsa-certbot": "healthy",
    }
    said: Any = json.loads(vsa("stack", "logs", "reverse-proxy", "--service", "nginx", "--lines", "5", "--json").stdout)
    logs = said["hosts"][proxy_vps.name]["logs"]
    assert [entry["service"] for entry in logs] == ["nginx"]
    assert 0 < len(logs[0]["lines"]) <= 5
    unknown = vsa("stack", "logs", "nothere")
    assert unknown.returncode == 3
    assert "reverse-proxy" in unknown.stdout + unknown.stderr


def test_a_tenants_stack(proxy_vps: rig.Vps, playbook: Playbook) -> None:
    given = {"stack_name": "hello", "stack_source": str(STACKS)}
    first = playbook("flowbiz.vsa.stack.up", given)
    assert changed(first, proxy_vps.name) > 0
    assert proxy_vps.run("stat -c '%a %U:%G' /srv/hello/hello/env/.env").stdout.strip() == "640 root:root"
    assert proxy_vps.run("stat -c '%a %u:%g' /srv/hello/hello/data").stdout.strip() == "750 1000:1000"
    secret = proxy_vps.run("sed -n s/^HELLO_SECRET=//p /srv/hello/hello/env/.env").stdout.strip()
    assert len(secret) == 32
    assert secret not in first.stdout
    assert changed(playbook("flowbiz.vsa.stack.up", given), proxy_vps.name) == 0
    proxy_vps.run("echo precious > /srv/hello/hello/data/file")
    assert changed(playbook("flowbiz.vsa.stack.down", {"stack_name": "hello", "yes": True}), proxy_vps.name) > 0
    assert proxy_vps.run("docker inspect hello-web", check=False).returncode != 0
    assert proxy_vps.run("cat /srv/hello/hello/data/file").stdout == "precious\n"
    assert changed(playbook("flowbiz.vsa.stack.up", given), proxy_vps.name) > 0
    assert proxy_vps.run("sed -n s/^HELLO_SECRET=//p /srv/hello/hello/env/.env").stdout.strip() == secret
    playbook("flowbiz.vsa.stack.down", {"stack_name": "hello", "yes": True})


def test_a_variable_set_by_the_command(proxy_vps: rig.Vps, vsa: Playbook) -> None:
    before = proxy_vps.run(["cat", ENV]).stdout
    done = vsa("stack", "up", "reverse-proxy", "--set", "NGINX_MEMORY=900m", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "env/.env would be written" in done.stdout
    assert proxy_vps.run(["cat", ENV]).stdout == before


def test_the_site_of_a_stack_is_its_tenants(proxy_vps: rig.Vps, playbook: Playbook) -> None:
    proxy_vps.add_dns("guest.vsa.test")
    given = {"stack_name": "guest", "stack_source": str(STACKS)}
    others = "cd /etc/vsa/sites && for f in $(ls | grep -v ^guest); do echo $f; cat $f; done"
    before = proxy_vps.run(others).stdout

    refused = playbook("flowbiz.vsa.stack.up", given, words=["-v"])
    assert '"vsa_exit": 3' in refused.stdout, refused.stdout
    assert "the variable GUEST_DOMAIN is not set" in refused.stdout
    assert proxy_vps.run("test -e /srv/guest", check=False).returncode == 1

    named = {**given, "stack_env": {"GUEST_DOMAIN": "guest.vsa.test"}}
    checked = playbook("flowbiz.vsa.stack.up", named, words=["--check", "-v"])
    assert checked.returncode == 0, checked.stdout
    assert "guest.vsa.test would be provisioned after the start" in checked.stdout

    assert changed(playbook("flowbiz.vsa.stack.up", named), proxy_vps.name) > 0
    try:
        assert networks_of(proxy_vps, "guest-web") == {"flowbiz_ext_guest"}
        served = "cat /srv/platform/reverse-proxy/data/nginx/store/guest.vsa.test/*.conf"
        assert "server guest-web.flowbiz_ext_guest:3000 " in proxy_vps.run(served).stdout
        manifest = proxy_vps.run("cat /etc/vsa/sites/guest.vsa.test.yml").stdout
        assert "tenant: guest\n" in manifest
        assert "origin" not in manifest, "the site was not declared in an inventory"
        assert proxy_vps.run(["docker", "exec", "vsa-nginx", *_curl("guest.vsa.test")]).stdout == "200"
        assert proxy_vps.run(others).stdout == before, "no other site was touched"

        # The variable is in env/.env now, so that nobody needs to repeat it.
        assert changed(playbook("flowbiz.vsa.stack.up", given), proxy_vps.name) == 0
        assert networks_of(proxy_vps, "guest-web") == {"flowbiz_ext_guest"}
    finally:
        playbook("flowbiz.vsa.site.unprovision", {"domain": "guest.vsa.test", "site_keep_container": True, "yes": True})
        playbook("flowbiz.vsa.stack.down", {"stack_name": "guest", "yes": True})


def state_of_all(vps: rig.Vps) -> dict[str, Any]:
    """Return what visitors and operators see of a host: each site's answer, the containers, the proxy's networks."""
    domains = vps.run("ls /etc/vsa/sites").stdout.replace(".yml", "").split()
    listed = "docker ps --format '{{.Names}} {{.State}}' | sort"
    # Of the stacks; the web containers of the rig flap on a busy machine.
    healthy = "docker ps --filter label=com.docker.compose.project --filter health=healthy --format '{{.Names}}' | sort"
    networks = "docker inspect --format '{{json .NetworkSettings.Networks}}' vsa-nginx"
    ask = "docker exec vsa-nginx curl -sk -o /dev/null -w '%{http_code}' --max-time 5"
    return {
        "sites": {
            domain: vps.run(f"{ask} --resolve {domain}:443:127.0.0.1 https://{domain}/", check=False).stdout
            for domain in domains
        },
        "containers": vps.run(listed, check=False).stdout.splitlines(),
        "healthy": vps.run(healthy, check=False).stdout.split(),
        "networks": sorted(json.loads(vps.run(networks, check=False).stdout.strip() or "{}")),
    }


def has_all_of(after: dict[str, Any], before: dict[str, Any]) -> bool:
    """Return whether all is as before. A container may be healthy that was not: on a busy machine a check flaps."""
    return {**after, "healthy": before["healthy"]} == before and set(before["healthy"]) <= set(after["healthy"])


# Units of VSA that start containers after a boot. Their stand-ins start as early as systemd lets them.
LATER = ("vsa-cert-renew", "vsa-stack-backup")
_LATER = "[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"


def microseconds(vps: rig.Vps, unit: str, moment: str) -> int:
    """Return a moment of a unit since the start of the machine's kernel."""
    return int(vps.run(["systemctl", "show", "--value", "--property", f"{moment}TimestampMonotonic", unit]).stdout)


def assert_the_order_of_the_boot(vps: rig.Vps) -> None:
    """Assert that the boot unit ran after Docker was up, and before anything else of VSA that starts containers."""
    end = time.monotonic() + 60
    while not all(microseconds(vps, unit, "ExecMainStart") for unit in LATER):
        assert time.monotonic() < end, "the boot is not over"
        time.sleep(1)
    assert vps.run(["systemctl", "show", "--value", "-p", "Result", "vsa-boot"]).stdout == "success\n"
    began, ended = (microseconds(vps, "vsa-boot", f"ExecMain{moment}") for moment in ("Start", "Exit"))
    assert 0 < microseconds(vps, "docker", "ActiveEnter") <= began
    for unit in LATER:
        assert ended <= microseconds(vps, unit, "ExecMainStart"), unit


@pytest.mark.parametrize("how", ["power_cut", pytest.param("reboot", marks=pytest.mark.long)])
def test_after_a_boot_every_site_and_every_stack_serves_within_a_minute(
    proxy_vps: rig.Vps, playbook: Playbook, how: str
) -> None:
    proxy_vps.add_dns("guest.vsa.test")
    guest = {"stack_name": "guest", "stack_source": str(STACKS), "stack_env": {"GUEST_DOMAIN": "guest.vsa.test"}}
    assert changed(playbook("flowbiz.vsa.stack.up", guest), proxy_vps.name) > 0
    try:
        assert served(proxy_vps, "guest.vsa.test") == "200"
        before = state_of_all(proxy_vps)
        assert {"flowbiz_entry", "flowbiz_ext", "flowbiz_ext_guest"} <= networks_of(proxy_vps, "vsa-nginx")
        for unit in LATER:
            proxy_vps.put(f"/etc/systemd/system/{unit}.service", _LATER)
        proxy_vps.run(["systemctl", "enable", *LATER])
        getattr(proxy_vps, how)()
        end = time.monotonic() + 60
        while not has_all_of(after := state_of_all(proxy_vps), before):
            assert time.monotonic() < end, f"{how}: a minute after the boot\n{after}\nwas before\n{before}"
            time.sleep(1)
        assert_the_order_of_the_boot(proxy_vps)
        # Nothing of it waits for a verb: the next `up` has nothing to do.
        assert changed(playbook("flowbiz.vsa.stack.up", guest), proxy_vps.name) == 0
    finally:
        files = [f"/etc/systemd/system/{unit}.service" for unit in LATER]
        proxy_vps.run(
            f"systemctl disable {' '.join(LATER)}; rm -f {' '.join(files)}; systemctl daemon-reload", check=False
        )
        playbook("flowbiz.vsa.site.unprovision", {"domain": "guest.vsa.test", "site_keep_container": True, "yes": True})
        playbook("flowbiz.vsa.stack.down", {"stack_name": "guest", "yes": True})


# Makes the host one of an earlier release: no entry network, and keys for the group of NGINX's image.
_OF_BEFORE = r"""
import json, os, re, subprocess
state, folder = "/var/lib/vsa/stacks/platform/reverse-proxy", "/srv/platform/reverse-proxy"
def before(name, text):
    if name == "compose.yml":
        text = re.sub(r" +flowbiz_entry:\n +priority: 1000\n", "", text)
        text = re.sub(r" +flowbiz_entry:\n +external: true\n", "", text)
        text = re.sub(r".*(etc/group:ro|group_add:).*\n", "", text)
    if name == "stack.yml":
        text = text.replace("group: 80443, group_before: 101", "group: 101")
    return text
for name in ("version.json", "good.json"):
    kept = json.load(open(f"{state}/{name}"))
    kept["files"] = {path: before(path, text) for path, text in kept["files"].items()}
    json.dump(kept, open(f"{state}/{name}", "w"))
for name in ("compose.yml", "stack.yml"):
    for place in (state, folder):
        open(f"{place}/{name}", "w").write(kept["files"][name])
data = [f"{folder}/data/{name}" for name in ("letsencrypt", "selfsigned", "htpasswd")]
subprocess.run(["find", *data, "-group", "80443", "-exec", "chgrp", "-h", "101", "{}", "+"], check=True)
compose = ["docker", "compose", "--project-name", "reverse-proxy", "--project-directory", folder]
compose += ["--env-file", f"{state}/.env", "--file", f"{state}/compose.yml", "--file", f"{folder}/compose.override.yml"]
subprocess.run([*compose, "up", "--detach", "--wait"], check=True)
subprocess.run(["docker", "network", "rm", "flowbiz_entry"], check=True)
"""
KEY = "/srv/platform/reverse-proxy/data/selfsigned/{}/privkey.pem"


def readable(vps: rig.Vps, domain: str) -> tuple[bool, bool]:
    """Return who can read the key of a site: who has the user and groups of every NGINX worker, the host's _ssh."""
    groups = "sed -n 's/^Groups:\t//p' /proc/$pid/status | tr ' ' ',' | sed 's/,$//'"
    read = f"setpriv --reuid 101 --regid 101 --groups $({groups}) cat {KEY.format(domain)} >/dev/null || exit 1"
    workers = f"pids=$(pgrep -f '^nginx: worker'); test -n \"$pids\"; for pid in $pids; do {read}; done"
    ssh = f"setpriv --reuid nobody --regid _ssh --clear-groups cat {KEY.format(domain)}"
    worker, other = (vps.run(words, check=False).returncode == 0 for words in (workers, ssh))
    return worker, other


def served(vps: rig.Vps, domain: str) -> str:
    """Return the status of a site. NGINX has three seconds to find the container, less than until its next look-up."""
    end = time.monotonic() + 3
    while True:
        status = str(vps.run(["docker", "exec", "vsa-nginx", *_curl(domain)], check=False).stdout)
        if status == "200" or time.monotonic() > end:
            return status
        time.sleep(0.2)


@pytest.mark.long
def test_a_host_of_before_moves_to_the_entry_network_and_to_a_group_of_its_own(
    proxy_vps: rig.Vps, playbook: Playbook, up: Callable[..., CompletedProcess[str]]
) -> None:
    vps = proxy_vps
    vps.run(["docker", "run", "-d", "--name", "moved-1", "--restart", "unless-stopped", "vsa-demo-web:1"])
    site = {"domain": "moved.vsa.test", "upstream": "moved-1:3000", "site_ca": "selfsigned", "site_tenant": "moved"}
    assert playbook("flowbiz.vsa.site.provision", site).returncode == 0
    assert readable(vps, "moved.vsa.test") == (True, False), "a fresh host"
    networks = networks_of(vps, "vsa-nginx")
    assert {"flowbiz_entry", "flowbiz_ext", "flowbiz_ext_moved"} <= networks
    vps.put("/root/of_before.py", _OF_BEFORE)
    vps.run("python3 /root/of_before.py", timeout=120)

    # A host of before that was not brought up again goes on as it is, with new sites too, and status says what is open.
    other = {"domain": "later.vsa.test", "upstream": "web-2:3000", "site_ca": "selfsigned"}
    assert playbook("flowbiz.vsa.site.provision", other).returncode == 0
    for domain in ("moved.vsa.test", "later.vsa.test"):
        assert served(vps, domain) == "200"
        assert readable(vps, domain) == (True, True)
    told = playbook("flowbiz.vsa.host.status", words=["-v"]).stdout
    for finding in ("keys-of-another-group", "no-entry-network"):
        assert finding in told

    assert changed(up(), vps.name) > 0
    assert networks_of(vps, "vsa-nginx") == networks
    for domain in ("moved.vsa.test", "later.vsa.test"):
        assert served(vps, domain) == "200"
        assert readable(vps, domain) == (True, False)
    told = playbook("flowbiz.vsa.host.status", words=["-v"]).stdout
    for finding in ("keys-of-another-group", "no-entry-network", "default-route-elsewhere"):
        assert finding not in told

    # As a run leaves it that was killed while it changed the group: the next one finishes, and recreates nothing.
    vps.run(f"chgrp 101 /srv/platform/reverse-proxy/data/selfsigned {KEY.format('later.vsa.test')}")
    started = image_of(vps, "vsa-nginx")
    assert changed(up(), vps.name) == 1
    assert readable(vps, "later.vsa.test") == (True, False)
    assert image_of(vps, "vsa-nginx") == started
    assert changed(up(), vps.name) == 0
    for domain in ("moved.vsa.test", "later.vsa.test"):
        playbook("flowbiz.vsa.site.unprovision", {"domain": domain, "site_keep_container": "true", "yes": "true"})
    vps.run(["docker", "rm", "-f", "moved-1"])
