"""The stack dashboard on a real host: built there, behind its password, with a door for agents, and data that stay."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

import rig
from hubhost import DASHBOARD, DATABASE, prepare_for_hub, remove_hub
from hubnode import BEAT, FakeClock, NodeAgent, container, sections

Vsa = Callable[..., CompletedProcess[str]]
DOMAIN = "hub.vsa.test"
NODE = {"node": "vps-01", "hostname": "vps-01.example.com", "address": "192.0.2.7", "provider": "infomaniak"}
# Paths that are not below the open one.
CLOSED = (
    "/",
    "/healthz",
    "/api/v1/nodes",
    "/api/v1/nodes/vps-01",
    "/api/v1/openapi.json",
    "/api/v1/agent",
    "/api/v1/agentx/beat",
    "/API/V1/AGENT/beat",
    "//api/v1/nodes",
    "/./api/v1/nodes",
    "/api/v1/nodes?x=/api/v1/agent/",
    "/api/v1/nodes;/api/v1/agent/",
)
# Spellings that climb. The proxy may refuse such a path before it asks for a password.
CLIMBING = (
    "/api/v1/agent/../nodes",
    "/api/v1/agent/%2e%2e/nodes",
    "/api/v1/agent/..%2fnodes",
    "/api/v1/agent/x/../../nodes",
    "/api/v1/agent/%2E%2E%2Fnodes",
    "/api/v1/agent/beat/../../nodes",
)
# For a container with Python: print the addresses to which a TCP connection comes about.
_REACH = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def reached(target):
    host, _colon, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
        return target
    except OSError:
        return None
with ThreadPoolExecutor(16) as threads:
    print(*filter(None, threads.map(reached, sys.argv[1:])), sep="\\n")
"""


class HubHost:
    """The VPS with the hub, asked through its proxy and from inside."""

    def __init__(self, vps: rig.Vps, vsa: Vsa, password: Path) -> None:
        self.vps = vps
        self._vsa = vsa
        self.password = password
        self._folder = password.parent

    def up(self) -> CompletedProcess[str]:
        words = ("--set", f"DOMAIN={DOMAIN}", "--password-file", str(self.password))
        return self._vsa("stack", "up", "dashboard", *words)

    def verb(self, *words: str) -> CompletedProcess[str]:
        return self._vsa(*words)

    def module(self, *words: str, **options: str) -> CompletedProcess[str]:
        """Run the module, as the verbs that change the fleet do."""
        task = {"name": "Change a node of the hub", "flowbiz.vsa.hub": options}
        play = self._folder / "play.yml"
        play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        return rig.playbook(str(play), self.vps, words=words, check=False)

    def token(self, state: str, **options: str) -> str:
        """Bring a node to a state with a new token, and return the token. No output of Ansible has it."""
        place = self._folder / "token"
        place.unlink(missing_ok=True)
        done = self.module("-vvv", state=state, token_file=str(place), **options)
        assert done.returncode == 0, done.stdout
        token = place.read_text().strip()
        assert token.rpartition(".")[2] not in done.stdout + done.stderr
        return token

    def ask(self, path: str, *words: str, network: str = "flowbiz_ext") -> tuple[int, str]:
        """Ask for a path through the proxy, from a container of its own; return status and body."""
        resolve = ("--resolve", f"{DOMAIN}:443:{self.vps.ip}")
        argv = ["docker", "run", "--rm", "--interactive", "--network", network, "--entrypoint", "curl", "nginx:1.30.7"]
        argv += ["-sk", "--path-as-is", "-w", "\\n%{http_code}", *resolve, *words, f"https://{DOMAIN}{path}"]
        body, _newline, status = self.vps.run(argv).stdout.rpartition("\n")
        return int(status), body

    def without_password(self, paths: Sequence[str]) -> dict[str, tuple[int, bool]]:
        """Ask for paths without a password, from one container; return the status, and if the answer names the node."""
        line = (
            'for path; do status=$(curl -sk --path-as-is -o /tmp/answer -w "%{http_code}"'
            f' --resolve {DOMAIN}:443:{self.vps.ip} "https://{DOMAIN}$path")'
            '; echo "$status $(grep -c vps-01 /tmp/answer) $path"; done'
        )
        argv = ["docker", "run", "--rm", "--network", "flowbiz_ext", "--entrypoint", "sh", "nginx:1.30.7", "-c", line]
        rows = [row.split(" ", 2) for row in self.vps.run([*argv, "ask", *paths]).stdout.splitlines()]
        return {path: (int(status), named != "0") for status, named, path in rows}

    def send(self, agent: NodeAgent, found: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Send the next beat of an agent by curl, through the proxy, from a container of its own."""
        encoded = base64.b64encode(agent.body(found)).decode()
        headers = " ".join(f"-H '{name}: {value}'" for name, value in agent.headers.items() if name[0] != "X")
        line = (
            f"echo {encoded} | base64 -d | curl -sk -X POST --data-binary @- -w '\\n%{{http_code}}' {headers}"
            f" --resolve {DOMAIN}:443:{self.vps.ip} https://{DOMAIN}{BEAT}"
        )
        argv = ["docker", "run", "--rm", "--network", "flowbiz_ext", "--entrypoint", "sh", "nginx:1.30.7", "-c", line]
        body, _newline, status = self.vps.run(argv).stdout.rpartition("\n")
        return int(status), json.loads(body)

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Return the nodes as the hub lists them for who has the password."""
        status, body = self.ask("/api/v1/nodes", "-u", f"admin:{self.password.read_text().strip()}")
        assert status == 200, body
        return {row["id"]: row for row in json.loads(body)["nodes"]}

    def inspected(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self.vps.run(["docker", "inspect", name]).stdout)[0])

    def addresses(self) -> dict[str, list[str]]:
        """Return the addresses of the hub and of its database on each network."""
        ports = {DASHBOARD: 8000, DATABASE: 5432}
        return {
            name: [f"{end['IPAddress']}:{port}" for end in self.inspected(name)["NetworkSettings"]["Networks"].values()]
            for name, port in ports.items()
        }

    def reached(self, network: str, *targets: str) -> list[str]:
        """Return which addresses a container on a network reaches."""
        argv = ["docker", "run", "--rm", "--network", network, "--entrypoint", "python3", "vsa-demo-web:1", "-c"]
        return self.vps.run([*argv, _REACH, *targets]).stdout.split()


@pytest.fixture
def hub(proxy_vps: rig.Vps, vsa: Vsa, tmp_path: Path) -> Iterator[HubHost]:
    prepare_for_hub(proxy_vps)
    proxy_vps.load_images("vsa-demo-web:1")
    proxy_vps.add_dns(DOMAIN)
    found = HubHost(proxy_vps, vsa, tmp_path / "password")
    yield found
    remove_hub(proxy_vps)
    proxy_vps.run("docker network rm flowbiz_platform_try", check=False)


def test_the_hub_takes_beats_and_hides_everything_else(hub: HubHost) -> None:
    began = time.monotonic()
    done = hub.up()
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"the first up took {time.monotonic() - began:.0f} s")
    again = hub.up()
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.search(r"(?m)^unchanged", again.stdout), again.stdout
    _the_image_keeps_its_promises(hub)

    # A token that was lost before the first beat, as after a run that was cut off: rotate makes another one.
    hub.token("registered", **NODE)
    agent = NodeAgent("vps-01", hub.token("rotated", node="vps-01"), clock=FakeClock())
    status, answer = hub.send(agent, sections(agent.clock(), containers=[container(1)]))
    assert (status, answer["result"]) == (200, "accepted"), answer
    row = hub.nodes()["vps-01"]
    assert (row["freshness"], row["agent"]) == ("fresh", "0.4.0")

    _tokens_are_changed_by_the_module_alone(hub, agent)
    _every_other_path_asks_for_the_password(hub)
    _the_pages_are_there(hub)
    _nobody_reaches_the_hub_around_the_proxy(hub)
    _the_data_stay(hub)


def _the_image_keeps_its_promises(hub: HubHost) -> None:
    image = json.loads(hub.vps.run(["docker", "image", "inspect", "vsa-dashboard:0.1.0"]).stdout)[0]
    assert image["Size"] <= 200_000_000
    assert image["Config"]["User"] == "10001:10001"
    assert image["Config"]["Healthcheck"]["Test"][1:] == ["python3", "-m", "hub.health"]
    running = hub.inspected(DASHBOARD)
    assert running["HostConfig"]["ReadonlyRootfs"] is True
    assert running["State"]["Health"]["Status"] == "healthy"
    other = "import urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:8000/healthz', headers={'Host': 'x'}))"
    refused = hub.vps.run(["docker", "exec", DASHBOARD, "python3", "-c", other], check=False)
    assert "421" in refused.stderr
    print(hub.vps.run("docker stats --no-stream --format '{{.Name}} {{.MemUsage}}'").stdout)
    password = hub.vps.run(["grep", "POSTGRES_PASSWORD", "/srv/hub/dashboard/env/.env"]).stdout.split("=")[1].strip()
    assert len(password) >= 32
    assert password.strip("'") not in hub.vps.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout


def _tokens_are_changed_by_the_module_alone(hub: HubHost, agent: NodeAgent) -> None:
    again = hub.module(state="registered", token_file=str(hub.password.parent / "other"), **NODE)
    assert '"vsa_exit": 3' in again.stdout, again.stdout
    assert "registered, and has a valid token" in again.stdout
    assert not (hub.password.parent / "other").exists(), "a token that the hub does not know is not kept"
    old, agent.token = agent.token, hub.token("rotated", node="vps-01")
    time.sleep(5)
    assert hub.send(agent)[0] == 200
    check = hub.module("--check", state="removed", node="vps-01")
    assert "changed=1" in check.stdout, check.stdout
    shown = hub.module("-v", state="shown", node="vps-01")
    assert "changed=0" in shown.stdout
    assert '"freshness": "fresh"' in shown.stdout
    trail = hub.vps.run("cat /var/log/vsa/*.jsonl", check=False).stdout
    assert "vps-01 is rotated at the hub" in trail
    for token in (old, agent.token):
        secret = token.rpartition(".")[2]
        assert secret not in trail
        assert secret not in hub.vps.run("journalctl --no-pager; docker logs " + DASHBOARD, check=False).stdout


def _every_other_path_asks_for_the_password(hub: HubHost) -> None:
    answers = hub.without_password((*CLOSED, *CLIMBING))
    assert {path: answers[path] for path in CLOSED} == dict.fromkeys(CLOSED, (401, False))
    assert all(answers[path] in ((400, False), (401, False)) for path in CLIMBING), answers
    # The open path has no page, and takes no password for a token.
    assert hub.ask(BEAT)[0] == 405
    status, body = hub.ask(BEAT, "-X", "POST", "-H", "Content-Type: application/json", "-H", "Content-Encoding: gzip")
    assert (status, json.loads(body)["error"]["code"]) == (401, "token_unknown")


def _nobody_reaches_the_hub_around_the_proxy(hub: HubHost) -> None:
    """Containers of the tenant platform and of others, by the addresses of the hub and of its database."""
    addresses = hub.addresses()
    targets = [target for found in addresses.values() for target in found]
    reader = hub.inspected("vsa-docker-list")["NetworkSettings"]["Networks"]["vsa_docker_list"]["IPAddress"]
    targets.append(f"{reader}:2375")
    # The dashboard is on four networks, the database on one.
    assert len(targets) == 6
    network = "flowbiz_ext_platform"
    hub.vps.run(f"docker network inspect {network} || docker network create {network}", check=False)
    for network in ("flowbiz_ext_platform", "flowbiz_ext", "bridge"):
        assert hub.reached(network, *targets) == []
    edge = hub.inspected(DASHBOARD)["NetworkSettings"]["Networks"]["flowbiz_ext_hub"]["IPAddress"]
    assert hub.reached("flowbiz_ext_hub", *targets) == [f"{edge}:8000"]
    # Loki and the reader of Docker share a network with the hub, which does not listen there.
    assert hub.reached("vsa_loki", *targets) == []
    assert hub.reached("vsa_docker_list", *targets) == [f"{reader}:2375"]


def _the_pages_are_there(hub: HubHost) -> None:
    """Every page behind the password, with the files of the image, and no key of a site anywhere in the containers."""
    login = ("-u", f"admin:{hub.password.read_text().strip()}")
    for path in ("/", "/containers", "/domains", "/certificates", "/vps", "/traffic", "/audit"):
        status, body = hub.ask(path, *login, "-H", "Accept: text/html")
        assert status == 200, f"{path}: {body[:500]}"
        assert "<h1>" in body
    files = re.findall(r"/static/[0-9a-f]+/[a-z.-]+", hub.ask("/", *login, "-H", "Accept: text/html")[1])
    assert {Path(name).name for name in files} >= {"vsa.css", "vsa.js", "htmx.min.js", "icons.svg", "shapes.svg"}
    assert {name: hub.ask(name, *login)[0] for name in set(files)} == dict.fromkeys(files, 200)
    assert hub.ask("/containers", *login, "-H", "Accept: application/json")[1].startswith("{")
    for name in (DASHBOARD, DATABASE):
        mounts = [mount["Source"] for mount in hub.inspected(name)["Mounts"]]
        assert not [place for place in mounts if "letsencrypt" in place or place.startswith(("/etc", "/srv"))]


def _the_data_stay(hub: HubHost) -> None:
    down = hub.verb("stack", "down", "dashboard", "-y")
    assert down.returncode == 0, down.stdout + down.stderr
    assert DASHBOARD not in hub.vps.run("docker ps --all --format '{{.Names}}'").stdout
    up = hub.up()
    assert up.returncode == 0, up.stdout + up.stderr
    assert set(hub.nodes()) == {"vps-01"}
    gone = hub.module(state="removed", node="vps-01")
    assert "changed=1" in gone.stdout, gone.stdout
    assert hub.nodes() == {}
