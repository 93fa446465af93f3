# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attacker wrote a Compose file: what reaches the host or another tenant is refused, and changes nothing."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Collection, Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

import rig
from often import rows
from proxyhost import ProxyHost
from stackrun import Stacks, service

Playbook = Callable[..., CompletedProcess[str]]


def refused(done: CompletedProcess[str], *words: str, findings: Collection[str] = ()) -> None:
    """Assert that a run was refused with exit 3 for these findings of the policy, and that the words are shown."""
    assert done.returncode != 0, done.stdout
    assert '"vsa_exit": 3' in done.stdout, done.stdout
    assert "nothing was changed" in done.stdout, done.stdout
    for word in words:
        assert word in done.stdout, f"{word} is not shown:\n{done.stdout}"
    listed = re.search(r"reaches the host or another tenant: ([a-z-]+(?:, [a-z-]+)*)", done.stdout)
    found = set(listed[1].split(", ")) if listed else set()
    assert set(findings) <= found, f"refused for {found}:\n{done.stdout}"


# One row for each way to the host or to another tenant: the Compose file, and the name of its finding.
HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "privileged": (service(privileged=True), "privileged"),
    "the host's processes": (service(pid="host"), "host-pid"),
    "the host's network": (service(network_mode="host"), "host-network"),
    "a device": (service(devices=["/dev/kmsg:/dev/kmsg"]), "device"),
    "a capability": (service(cap_add=["SYS_ADMIN"]), "capability"),
    "no seccomp": (service(security_opt=["seccomp=unconfined"]), "security-opt"),
    "the root directory": (service(volumes=["/:/host"]), "bind-outside"),
    "the engine's socket": (service(volumes=["/var/run/docker.sock:/s"]), "docker-socket"),
    "a volume that is a directory of the host": (
        {
            **service(volumes=["etc:/host"]),
            "volumes": {"etc": {"driver_opts": {"type": "none", "o": "bind", "device": "/etc"}}},
        },
        "bind-outside",
    ),
    "an environment file of the host": (service(env_file=["/etc/hostname"]), "file-outside"),
    "a secret that is a file of the host": (
        {**service(secrets=["s"]), "secrets": {"s": {"file": "/etc/shadow"}}},
        "file-outside",
    ),
    "a port for everybody": (service(ports=["8099:3000"]), "published-port"),
    "another tenant's edge network": (
        {**service(networks=["edge"]), "networks": {"edge": {"external": True, "name": "flowbiz_ext_beta"}}},
        "foreign-network",
    ),
    "the proxy's name": (service(container_name="vsa-dashboard"), "reserved-name"),
}


# The policy has a table of its own in the unit tests. Here is what a host would pay for most.
OFTEN = (
    "privileged",
    "the engine's socket",
    "a volume that is a directory of the host",
    "another tenant's edge network",
)


@pytest.mark.parametrize("case", rows(HOSTILE, often=OFTEN))
def test_what_reaches_the_host_is_refused(stacks: Stacks, case: str) -> None:
    compose, finding = HOSTILE[case]
    stacks.write("shop", compose, tenant="acme")
    before = stacks.state()
    refused(stacks.up("shop"), findings=[finding])
    assert stacks.state() == before
    assert stacks.vps.run("test -e /srv/acme", check=False).returncode == 1


def test_every_finding_is_listed_with_what_is_allowed_instead(stacks: Stacks) -> None:
    stacks.write("shop", service(privileged=True, pid="host", volumes=["/etc:/etc-of-host"]), tenant="acme")
    done = stacks.up("shop", "--check")
    refused(done, "/etc", "below the stack's own folder", findings=["privileged", "host-pid", "bind-outside"])


def test_a_link_in_the_folder_of_the_stack_leads_nowhere_else(stacks: Stacks) -> None:
    """A container made a link in its data, and the next version of the Compose file mounts the link."""
    stacks.write("shop", service(volumes=["./data:/data"]), tenant="acme")
    assert stacks.up("shop").returncode == 0
    stacks.vps.run("docker exec -u 0 acme-shop-web-1 ln -s /etc /data/link")
    stacks.write("shop", service(volumes=["./data/link:/etc-of-host"]), tenant="acme")
    refused(stacks.up("shop"), "/etc", findings=["bind-outside"])


def test_the_project_of_another_folder(stacks: Stacks) -> None:
    """A tenant whose name and whose stack's name together make the Compose project of another tenant's stack."""
    stacks.write("shop", service(), tenant="acme")
    assert stacks.up("shop").returncode == 0
    stacks.write("acme-shop", service())
    refused(stacks.up("acme-shop"), "/srv/acme/shop", findings=["foreign-project"])
    assert stacks.vps.run("docker inspect -f '{{.State.Running}}' acme-shop-web-1").stdout.strip() == "true"
    # The same if the first one does not run: its volumes are still there.
    stacks.vps.run("docker rm -f acme-shop-web-1")
    refused(stacks.up("acme-shop"), "/srv/acme/shop", findings=["foreign-project"])


def test_a_stack_with_the_name_of_the_proxy(stacks: Stacks) -> None:
    stacks.write("reverse-proxy", service(), tenant="acme")
    before = stacks.state()
    refused(stacks.up("reverse-proxy"), findings=["reserved-name"])
    assert stacks.state() == before
    assert "vsa-nginx running" in before


@pytest.mark.parametrize("how", ["alias", "hostname"])
def test_a_stolen_name(stacks: Stacks, how: str) -> None:
    """Docker's DNS answers with any container that has the whole name ``<container>.<edge network>`` as its alias."""
    name = "beta-web.flowbiz_ext_beta"
    edge = {"flowbiz_ext_acme": {"aliases": [name]} if how == "alias" else {}}
    compose = service(networks=edge, **({"hostname": name} if how == "hostname" else {}))
    stacks.write("thief", {**compose, "networks": {"flowbiz_ext_acme": {"external": True}}}, tenant="acme")
    before = stacks.state()
    refused(stacks.up("thief"), name, findings=["edge-alias"])
    assert stacks.state() == before


def test_what_a_second_compose_file_adds_is_judged_too(stacks: Stacks) -> None:
    """Compose prefers compose.yaml to compose.yml, and merges compose.override.yml."""
    hostile = yaml.safe_dump(service(privileged=True))
    stacks.write("shop", service(), files={"compose.override.yml": hostile}, tenant="acme")
    refused(stacks.up("shop"), findings=["privileged"])
    (stacks.folder / "shop/compose.override.yml").rename(stacks.folder / "shop/compose.yaml")
    refused(stacks.up("shop"), "compose.yaml")


def test_a_declared_port_and_an_ordinary_stack_pass(stacks: Stacks) -> None:
    compose = service(
        ports=["8099:3000", "127.0.0.1:8098:3000"],
        volumes=["./data:/data", "files:/files"],
        environment={"PRICE": "5$$"},
        security_opt=["no-new-privileges:true"],
        cap_drop=["ALL"],
        cap_add=["CHOWN"],
    )
    compose["volumes"] = {"files": {}}
    stacks.write("shop", compose, tenant="acme", ports=[{"port": 8099, "reason": "the shop's own port"}])
    done = stacks.up("shop")
    assert done.returncode == 0, done.stdout
    shown = json.loads(stacks.vps.run("docker inspect acme-shop-web-1").stdout)[0]
    assert "PRICE=5$" in shown["Config"]["Env"]
    assert shown["Config"]["Labels"]["com.docker.compose.project.working_dir"] == "/srv/acme/shop"
    again = stacks.up("shop")
    assert "changed=0" in again.stdout, again.stdout


# What runs already, brought up by whatever program


THIEF = "thief"


@pytest.fixture
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A proxy with a site of tenant acme, and with a container for a site of tenant beta."""
    host = ProxyHost(proxy_vps)
    for tenant in ("acme", "beta"):
        host.run("docker", "network", "create", f"own-{tenant}", check=False)
        _run(host, f"{tenant}-web", "--network", f"own-{tenant}")
    assert host.provision("acme.theft.vsa.test", "acme-web", said={"tenant": "acme"})["proven"]
    yield host
    host.run("docker", "rm", "-f", THIEF, check=False)
    for tenant in ("acme", "beta"):
        if f"{tenant}.theft.vsa.test.yml" in host.run("ls", "/etc/vsa/sites"):
            host.unprovision(f"{tenant}.theft.vsa.test")
        host.run("docker", "rm", "-f", f"{tenant}-web", check=False)
        host.run("docker", "network", "rm", f"own-{tenant}", check=False)


def _run(host: ProxyHost, name: str, *words: str) -> None:
    host.run("docker", "rm", "-f", name, check=False)
    health = ("--no-healthcheck", "--memory", "64m")
    host.run("docker", "run", "-d", "--name", name, *health, *words, "-e", f"APP_NAME={name}", "vsa-demo-web:1")


def _provision_beta(host: ProxyHost, **more: Any) -> dict[str, Any]:
    said = {"tenant": "beta", "container": "beta-web", "port": 3000, "ca": "selfsigned", **more}
    host.certificate("beta.theft.vsa.test")
    return host.drive(domain="beta.theft.vsa.test", said=said)


@pytest.mark.parametrize("how", ["--network-alias", "--hostname"])
def test_a_site_is_not_switched_to_a_name_that_a_foreign_container_claims(host: ProxyHost, how: str) -> None:
    """The thief is on its own tenant's edge network, and its name is the whole name of another tenant's upstream."""
    _run(host, THIEF, "--network", "flowbiz_ext_acme", how, "beta-web.flowbiz_ext_beta")
    refused_change = _provision_beta(host)
    assert refused_change.get("error") == "RefusedError", refused_change
    assert THIEF in refused_change["msg"], refused_change
    host.run("docker", "rm", "-f", THIEF)
    assert _provision_beta(host)["proven"]
    host.wait_for("beta.theft.vsa.test", '"app": "beta-web"', seconds=15)
    # The thief comes back: what is served goes on, a change is refused, and the site can be closed.
    _run(host, THIEF, "--network", "flowbiz_ext_acme", how, "beta-web.flowbiz_ext_beta")
    assert THIEF in _provision_beta(host, body_size="3m")["msg"]
    closed = host.drive(domain="beta.theft.vsa.test", said={"maintenance": True})
    assert closed.get("proven"), closed


def test_a_site_is_not_switched_to_a_name_that_two_containers_of_its_network_have(host: ProxyHost) -> None:
    assert _provision_beta(host)["proven"]
    _run(host, THIEF, "--network", "flowbiz_ext_beta", "--network-alias", "beta-web")
    assert THIEF in _provision_beta(host, body_size="4m")["msg"]
    # A sync serves all other sites, keeps this one as it was, and names the thief.
    manifest = "/etc/vsa/sites/beta.theft.vsa.test.yml"
    host.run("sh", "-c", f"echo 'body_size: 5m' >> {manifest}")
    warnings = " ".join(host.drive(sync=True)["warnings"])
    assert THIEF in warnings, warnings


# Secrets


@pytest.mark.parametrize("verb", ["up", "the start", "the stop"])
def test_no_word_of_compose_shows_a_secret(stacks: Stacks, playbook: Playbook, verb: str) -> None:
    """A generated secret and a value of the operator stand where Compose repeats the value in its error."""
    given = f"canary-{uuid.uuid4().hex}"
    secrets = {"secrets": [{"name": "GENERATED"}], "tenant": "acme"}
    wrong = {
        # Compose refuses the value when it reads the file; Docker refuses it when the container is made.
        "up": {"ports": ["127.0.0.1:${GIVEN}:3000"]},
        "the start": {"user": "${GENERATED}${GIVEN}"},
        "the stop": {},
    }[verb]
    stacks.write("shop", service(**wrong), **secrets)
    env = {"stack_env": {"GIVEN": given}}
    if verb == "the stop":
        started = stacks.up("shop", **env)
        assert started.returncode == 0, started.stdout
        # Compose cannot read the file any more, and repeats the line.
        generated = stacks.vps.run("sed -n s/^GENERATED=//p /srv/acme/shop/env/.env").stdout.strip()
        copy = "/var/lib/vsa/stacks/acme/shop/compose.yml"
        stacks.vps.run(f'echo \'services: {{web: {{image: x, ports: ["{generated}", "{given}"]}}}}\' > {copy}')
        done = playbook("flowbiz.vsa.stack.down", {"stack_name": "shop", "yes": True}, vps=stacks.vps, words=["-v"])
    else:
        done = stacks.up("shop", **env)
        generated = stacks.vps.run("sed -n s/^GENERATED=//p /srv/acme/shop/env/.env", check=False).stdout.strip()
    assert done.returncode != 0, done.stdout
    # Docker's own lines are not ours: the engine logs what it refuses.
    journal = stacks.vps.run("journalctl -b --no-pager | grep -v ' dockerd' | tail -n 2000").stdout
    trail = stacks.vps.run("cat /var/log/vsa/audit*.jsonl", check=False).stdout
    assert re.search(r"[^*]\*\*\*[^*]", done.stdout), done.stdout
    for secret in filter(None, (given, generated)):
        shown = {"terminal": secret in done.stdout, "journal": secret in journal, "trail": secret in trail}
        lines = [line[:500] for line in done.stdout.splitlines() if secret in line]
        assert not any(shown.values()), (shown, lines)


# Containers that VSA runs for one command, and images


_ONCE = """\
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker import Engine
print(Engine().run_once("nginx:1.30.7", ["-hE", "CapEff|CapBnd|NoNewPrivs", "/proc/self/status"], binds=[],
    entrypoint=["grep"]).stdout)
"""


def test_a_container_for_one_command_has_no_capabilities(host: ProxyHost) -> None:
    shown = host.run(*host.driver[:-1], "-c", _ONCE)
    found = dict(line.split(":\t") for line in shown.splitlines() if ":" in line)
    assert int(found["CapBnd"], 16) == int(found["CapEff"], 16) == 0, found
    assert found["NoNewPrivs"] == "1", found


_REGISTRY = "127.0.0.1:5000"
_REGISTRY_CONFIG = """\
version: 0.1
storage: {filesystem: {rootdirectory: /root/registry}}
http: {addr: 127.0.0.1:5000}
"""
_UNIT = "vsa-test-registry"


@pytest.fixture
def registry(proxy_vps: rig.Vps) -> Iterator[Callable[[str], None]]:
    """A registry on the host; ``registry("text")`` gives the tag app:1 another image, and removes the local one."""
    proxy_vps.run("command -v docker-registry || apt-get install -y -qq docker-registry", timeout=300)
    proxy_vps.put("/root/registry.yml", _REGISTRY_CONFIG)
    proxy_vps.run(
        f"systemctl stop docker-registry; systemd-run --unit {_UNIT} docker-registry serve /root/registry.yml"
    )

    def push(text: str) -> None:
        name = f"{_REGISTRY}/app:1"
        proxy_vps.run(
            f"docker rm -f h-app; docker create --name h-app vsa-demo-web:1;"
            f"docker commit --change 'LABEL test={text}' h-app {name} && docker rm h-app && docker push -q {name}"
            f" && docker rmi {name}"
        )

    yield push
    proxy_vps.run(f"systemctl stop {_UNIT}; rm -rf /root/registry /root/registry.yml", check=False)


def _runs(stacks: Stacks) -> str:
    return str(stacks.vps.run("docker inspect -f '{{.Config.Labels.test}}' acme-shop-web-1").stdout.strip())


@pytest.mark.long
def test_a_tag_whose_digest_moved_is_refused(stacks: Stacks, registry: Callable[[str], None]) -> None:
    stacks.write("shop", service(image=f"{_REGISTRY}/app:1"), tenant="acme")
    registry("good")
    assert stacks.up("shop").returncode == 0
    assert _runs(stacks) == "good"
    # Somebody moves the tag in the registry, and the image is no longer on the host.
    stacks.vps.run(f"docker tag {_REGISTRY}/app:1 keep:1")
    registry("other")
    before = stacks.state()
    refused(stacks.up("shop"), "app:1", "sha256:", "stack_pull=true")
    assert stacks.state() == before
    assert _runs(stacks) == "good"
    # Somebody moves the tag on the host itself.
    stacks.vps.run(f"docker tag vsa-demo-web:1 {_REGISTRY}/app:1")
    refused(stacks.up("shop"), "app:1")
    done = stacks.up("shop", stack_pull=True)
    assert done.returncode == 0, done.stdout
    assert _runs(stacks) == "other"
    assert "changed=0" in stacks.up("shop").stdout
    stacks.vps.run("docker rmi keep:1", check=False)


# What the operator allows, and what status says


def test_a_finding_is_allowed_by_its_name_for_one_object(stacks: Stacks, vsa: Playbook) -> None:
    def up(*words: str) -> CompletedProcess[str]:
        return vsa("stack", "up", "shop", "--from", str(stacks.folder), *words, vps=stacks.vps)

    stacks.used("shop")
    stacks.write("shop", service(volumes=["/var/log:/logs:ro"]), tenant="acme")
    assert up("--allow", "bind-outside", "-y").returncode == 2, "-y is not enough"
    done = up("--allow", "bind-outside", "--typed", "bind-outside")
    assert done.returncode == 0, done.stdout + done.stderr
    kept = json.loads(stacks.vps.run("cat /var/lib/vsa/stacks/acme/shop/allowed.json").stdout)["allowed"]
    assert [(entry["finding"], entry["subject"]) for entry in kept] == [("bind-outside", "web /var/log")]
    assert kept[0]["actor"]
    assert kept[0]["audit_id"]
    assert "bind-outside is now allowed" in stacks.vps.run("cat /var/log/vsa/audit*.jsonl").stdout
    assert up().returncode == 0
    # Another object of the same kind is refused again.
    stacks.write("shop", service(volumes=["/var/log:/logs:ro", "/etc:/more:ro"]), tenant="acme")
    again = up()
    assert again.returncode == 3, again.stdout + again.stderr
    assert "/etc" in again.stdout + again.stderr


def test_status_names_what_runs(host: ProxyHost, vsa: Playbook) -> None:
    assert _provision_beta(host)["proven"]
    stolen = ("--network-alias", "beta-web.flowbiz_ext_beta")
    _run(host, THIEF, "--network", "flowbiz_ext_acme", *stolen, "-v", "/:/host:ro")
    shown = json.loads(vsa("status", "--json", "--no-probe", vps=host.vps).stdout)["hosts"][host.vps.name]["findings"]
    found = {(finding["name"], finding["subject"]) for finding in shown}
    assert {
        ("bind-outside", THIEF),
        ("docker-socket", THIEF),
        ("edge-alias", THIEF),
        ("claimed-name", "beta.theft.vsa.test"),
    } <= found, found
    assert not [pair for pair in found if pair[1].startswith("vsa-") and pair[0] in ("bind-outside", "published-port")]


@pytest.fixture
def forged(proxy_vps: rig.Vps) -> Iterator[str]:
    """An image whose labels are those of VSA's own containers. Docker gives an image's labels to its containers."""
    labels = {
        "com.docker.compose.project": "reverse-proxy",
        "com.docker.compose.project.working_dir": "/srv/platform/reverse-proxy",
        "com.docker.compose.service": "\x1b[2Jnginx",
        "vsa.once": "1",
    }
    changes = " ".join(f"--change 'LABEL {key}={value}'" for key, value in labels.items())
    proxy_vps.run(f"docker create --name h-forged vsa-demo-web:1 && docker commit {changes} h-forged forged:1")
    yield "forged:1"
    proxy_vps.run("docker rm -f h-forged forger shop-web-1; docker rmi -f forged:1", check=False)


def test_an_image_does_not_pass_for_one_of_vsas_own(
    stacks: Stacks, host: ProxyHost, vsa: Playbook, forged: str
) -> None:
    """Started by hand, and as a stack."""
    host.run("docker", "run", "-d", "--name", "forger", "-v", "/:/host:ro", forged)
    stacks.write("shop", service(image=forged), tenant="acme")
    done = stacks.up("shop")
    assert done.returncode == 0, done.stdout
    shown = vsa("status", "--json", "--no-probe", vps=host.vps)
    findings = json.loads(shown.stdout)["hosts"][host.vps.name]["findings"]
    found = {(finding["name"], finding["subject"]) for finding in findings}
    assert {("bind-outside", "forger"), ("docker-socket", "forger"), ("reserved-label", "forger")} <= found, found
    assert ("reserved-label", "acme-shop-web-1") in found, found
    assert "\x1b" not in shown.stdout + vsa("status", "--no-probe", vps=host.vps).stdout
