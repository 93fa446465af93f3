"""A stack on a real host: up, up again, refused, rolled back, down."""

from __future__ import annotations

import json
import re
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
    provisioned = playbook(
        "flowbiz.vsa.site.provision",
        {"domain": "kept.vsa.test", "upstream": "web-1:3000", "site_ca": "selfsigned"},
    )
    assert provisioned.returncode == 0, provisioned.stdout
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
    asked = proxy_vps.run(["docker", "exec", "vsa-nginx", *_curl("kept.vsa.test")])
    assert asked.stdout == "200"


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
    assert changed(playbook("flowbiz.vsa.stack.down", {"stack_name": "hello"}), proxy_vps.name) > 0
    assert proxy_vps.run("docker inspect hello-web", check=False).returncode != 0
    assert proxy_vps.run("cat /srv/hello/hello/data/file").stdout == "precious\n"
    assert changed(playbook("flowbiz.vsa.stack.up", given), proxy_vps.name) > 0
    assert proxy_vps.run("sed -n s/^HELLO_SECRET=//p /srv/hello/hello/env/.env").stdout.strip() == secret
    playbook("flowbiz.vsa.stack.down", {"stack_name": "hello"})


def networks_of(vps: rig.Vps, container: str) -> list[str]:
    form = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}"
    return vps.run(["docker", "inspect", "--format", form, container]).stdout.split()


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
        assert networks_of(proxy_vps, "guest-web") == ["flowbiz_ext_guest"]
        served = "/srv/platform/reverse-proxy/data/nginx/current/sites/guest.vsa.test.conf"
        assert "server guest-web.flowbiz_ext_guest:3000 " in proxy_vps.run(["cat", served]).stdout
        manifest = proxy_vps.run("cat /etc/vsa/sites/guest.vsa.test.yml").stdout
        assert "tenant: guest\n" in manifest
        assert "origin" not in manifest, "the site was not declared in an inventory"
        assert proxy_vps.run(["docker", "exec", "vsa-nginx", *_curl("guest.vsa.test")]).stdout == "200"
        assert proxy_vps.run(others).stdout == before, "no other site was touched"

        # The variable is in env/.env now, so that nobody needs to repeat it.
        assert changed(playbook("flowbiz.vsa.stack.up", given), proxy_vps.name) == 0
        assert networks_of(proxy_vps, "guest-web") == ["flowbiz_ext_guest"]
    finally:
        playbook("flowbiz.vsa.site.unprovision", {"domain": "guest.vsa.test", "site_keep_container": True})
        playbook("flowbiz.vsa.stack.down", {"stack_name": "guest"})
