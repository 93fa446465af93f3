# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack observability on real hosts: a request is in Loki 15 seconds later, a node pushes to it, alerts arrive.

Loki is 2.2.1 under the name of Loki 3. Grafana and cAdvisor are placeholders that answer their health checks.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import rig
from alerthooks import AlertHooks
from shipping import Hub, Shipper, access_line, eventually

pytestmark = [pytest.mark.rig, pytest.mark.long, pytest.mark.timeout(900)]

Command = Callable[..., CompletedProcess[str]]
IMAGES = (
    "balabit/syslog-ng:4.12.0", "prom/prometheus:v3.15.0", "prom/alertmanager:v0.34.1", "prom/node-exporter:v1.12.1",
    "grafana/loki:3.7.8", "grafana/grafana:13.2.3", "ghcr.io/google/cadvisor:v0.60.6",
)  # fmt: skip
SHOP, GRAFANA, LOGS = "obs-shop.vsa.test", "grafana.vsa.test", "logs.vsa.test"
NODE_SHOP = "node-shop.vsa.test"
PUSH = "/loki/api/v1/push"
_FORM = "{{.Name}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}"
_MINE = "docker ps -aq --filter label=com.docker.compose.project=observability"


@pytest.fixture(scope="module")
def password(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("password") / "password"
    file.write_text("a-password-of-the-tests-01\n", encoding="utf-8")
    file.chmod(0o600)
    return file


@pytest.fixture
def up(vsa: Command, proxy_vps: rig.Vps, password: Path) -> Iterator[Command]:
    """``up()`` brings the stack up on the session's host; the stack and its sites are gone after the test."""
    try:
        rig.loki_binary()
    except rig.RigError as problem:
        pytest.skip(f"no Loki: {problem}")
    proxy_vps.load_images(*IMAGES)
    proxy_vps.add_dns(SHOP, GRAFANA, LOGS)
    made = vsa("stack", "up", "docker-api")
    assert made.returncode == 0, made.stdout + made.stderr
    domains = ("--set", f"GRAFANA_DOMAIN={GRAFANA}", "--set", f"LOKI_DOMAIN={LOGS}")

    def run() -> CompletedProcess[str]:
        return vsa("stack", "up", "observability", *domains, "--password-file", str(password))

    yield run
    for domain in (SHOP, GRAFANA, LOGS):
        vsa("site", "unprovision", "--domain", domain, "--keep-container", "--yes")
    _forget(proxy_vps)


def _forget(vps: rig.Vps) -> None:
    """Remove the stack and docker-api with all that they left."""
    vps.run(f"{_MINE} | xargs -r docker rm -f")
    vps.run("docker rm -f vsa-docker-list vsa-docker-inspect", check=False)
    vps.run("docker network prune -f; docker volume ls -q | grep ^observability_ | xargs -r docker volume rm")
    for name in ("observability", "docker-api"):
        vps.run(f"rm -rf /srv/platform/{name} /var/lib/vsa/stacks/platform/{name}")
    vps.run("systemctl disable --now vsa-stack-alerts.timer", check=False)


@pytest.fixture
def node(proxy_vps: rig.Vps) -> Iterator[rig.Vps]:
    """A second host with the reverse proxy, which trusts the ACME server of the rig as it trusts a public one."""
    vps = rig.proxy_host(f"{rig.scope()}-node", web=("web-1",))
    vps.load_images("balabit/syslog-ng:4.12.0", "prom/node-exporter:v1.12.1", "ghcr.io/google/cadvisor:v0.60.6")
    vps.add_dns(NODE_SHOP)
    vps.put("/usr/local/share/ca-certificates/rig.crt", proxy_vps.services().ca_bundle)
    vps.run("update-ca-certificates")
    yield vps
    vps.destroy()


def _states(vps: rig.Vps) -> set[str]:
    done = vps.run(f"{_MINE} | xargs docker inspect -f '{_FORM}'")
    return {line.partition(" ")[2] for line in done.stdout.splitlines()}


def _loki(vps: rig.Vps, logql: str) -> list[str]:
    """Return the lines that a query finds, asked from within the stack."""
    ask = ["docker", "exec", "vsa-loki-gateway", "curl", "-fsS", "-G", "http://loki:3100/loki/api/v1/query_range"]
    done = vps.run([*ask, "--data-urlencode", f"query={logql}", "--data-urlencode", "limit=1000"])
    found = json.loads(done.stdout)["data"]["result"]
    return [line for stream in found for _time, line in stream["values"]]


def _status(vps: rig.Vps, domain: str, path: str, *words: str, body: str = "") -> str:
    """Return the status of a request, an empty text while NGINX does not run. A VPS itself has no client."""
    ask = ["docker", "exec", "--interactive", "vsa-nginx", "curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}"]
    where = ["--path-as-is", "--max-time", "10", "--resolve", f"{domain}:443:127.0.0.1", f"https://{domain}{path}"]
    return vps.run([*ask, *where, *words], input=body, check=False).stdout


def _push_as_a_node(vps: rig.Vps, root: Path, password: str) -> None:
    """Ship a line as the profile `node` does: over HTTPS, through the site of the hub, with user and password."""
    hub = Hub(LOGS, vps.ip, "admin", password, vps.services().ca_bundle)
    shipper = Shipper(root, hub=hub)
    try:
        shipper.create()
        shipper.write(shipper.nginx / "node.example.com.access.log", [access_line("/from-a-node")])
        query = '{job="nginx",domain="node.example.com",node="vps-01"}'
        eventually(lambda: len(_loki(vps, query)), 1, seconds=30)
        assert password not in shipper.logs()
    finally:
        shipper.remove()


def test_a_request_is_in_loki_and_nothing_of_loki_is_open(
    up: Command, vsa: Command, proxy_vps: rig.Vps, password: Path, tmp_path: Path
) -> None:
    vps = proxy_vps
    done = up()
    assert done.returncode == 0, done.stdout + done.stderr
    assert _states(vps) == {"running healthy"}
    again = up()
    assert again.returncode == 0, again.stdout + again.stderr
    assert "unchanged in" in again.stdout

    # Who is on which network.
    members = "docker network inspect -f '{{range .Containers}}{{.Name}} {{end}}'"
    assert set(vps.run(f"{members} vsa_docker_inspect").stdout.split()) == {"vsa-docker-inspect", "vsa-cadvisor"}
    assert vps.run(f"{members} vsa_loki").stdout.split() == ["vsa-loki"]

    # A request through the proxy, and the record of the verb that made the site.
    made = vsa("site", "provision", "--domain", SHOP, "--container", "web-1", "--port", "3000")
    assert made.returncode == 0, made.stdout + made.stderr
    uri = f"/e2e-{time.time_ns()}"
    assert _status(vps, SHOP, uri) == "200"
    query = f'{{job="nginx",domain="{SHOP}",method="GET",status="200",node="{vps.name}"}} |= "{uri}"'
    eventually(lambda: len(_loki(vps, query)), 1, seconds=15)
    eventually(lambda: len(_loki(vps, '{job="vsa-host-audit"} |= "site.provision"')) > 0, True, seconds=15)
    names = '{job="containers",container="vsa-grafana"}'
    eventually(lambda: len(_loki(vps, names)) > 0, True, seconds=30)

    # Of Loki only pushes have a way from outside, and only with the password.
    login = ("-u", f"admin:{password.read_text(encoding='utf-8').strip()}")
    body = json.dumps({"streams": [{"stream": {"job": "e2e"}, "values": [[str(time.time_ns()), "pushed"]]}]})
    push = ("-X", "POST", "-H", "Content-Type: application/json", "--data-binary", "@-")
    assert _status(vps, LOGS, PUSH, *push, body=body) == "401"
    assert _status(vps, LOGS, PUSH, *push, *login, body=body) == "204"
    assert _loki(vps, '{job="e2e"}') == ["pushed"]
    for path in (
        f"{PUSH}?query=x",
        "/loki/api/v1/query",
        "/loki/api/v1/labels",
        "/ready",
        "/metrics",
        f"{PUSH}/../labels",
    ):
        assert _status(vps, LOGS, path, *login) in ("400", "403", "404"), path
    _push_as_a_node(vps, tmp_path, password.read_text(encoding="utf-8").strip())
    assert _status(vps, GRAFANA, "/") == "401"
    assert _status(vps, GRAFANA, "/", *login) == "200"

    # Prometheus reaches every part; cAdvisor's placeholder has no figures.
    ask = "docker exec vsa-prometheus promtool query instant http://127.0.0.1:9090 'up == 1'"
    jobs = {"alertmanager", "host", "loki", "prometheus", "shipper"}
    eventually(lambda: set(re.findall(r'job="(\w+)"', vps.run(ask).stdout)) >= jobs, True, seconds=90)
    assert vps.run("systemctl is-active vsa-stack-alerts.timer").stdout.strip() == "active"
    used = vps.run("docker stats --no-stream --format '{{.MemUsage}}' vsa-shipper").stdout
    number, unit = re.match(r"([\d.]+)(\w+)", used).groups()  # type: ignore[union-attr]
    assert unit == "MiB"
    assert float(number) <= 32

    _nothing_is_missing_after_a_reboot(vps)


def _visit(vps: rig.Vps, prefix: str) -> set[str]:
    """Ask the shop for 200 addresses, and return them."""
    ask = ["docker", "exec", "vsa-nginx", "curl", "-sk", "-o", "/dev/null", "--resolve", f"{SHOP}:443:127.0.0.1"]
    vps.run([*ask, f"https://{SHOP}{prefix}[1-200]"])
    return {f"{prefix}{number}" for number in range(1, 201)}


def _nothing_is_missing_after_a_reboot(vps: rig.Vps) -> None:
    """Everything is back within 60 s, and Loki has each line from before and after."""
    word = f"/reboot-{time.time_ns()}"
    wanted = _visit(vps, f"{word}-before-")
    vps.reboot()
    started = time.monotonic()
    eventually(lambda: _status(vps, SHOP, f"{word}-back"), "200", seconds=60)
    served = time.monotonic() - started
    wanted |= {f"{word}-back"} | _visit(vps, f"{word}-after-")
    eventually(lambda: _states(vps), {"running healthy"}, seconds=max(1.0, 60 - (time.monotonic() - started)))
    print(f"serves {served:.1f} s after the reboot, all healthy after {time.monotonic() - started:.1f} s")
    query = f'{{job="nginx",domain="{SHOP}",status="200"}} |= "{word}"'
    eventually(lambda: wanted - {json.loads(line)["uri"] for line in _loki(vps, query)}, set(), seconds=60)


def _series(vps: rig.Vps) -> list[dict[str, str]]:
    """Return the labels of every stream that Loki has."""
    ask = ["docker", "exec", "vsa-loki-gateway", "curl", "-fsS", "-G", "http://loki:3100/loki/api/v1/series"]
    done = vps.run([*ask, "--data-urlencode", 'match[]={job=~".+"}'])
    return list(json.loads(done.stdout)["data"])


def test_a_node_pushes_to_the_hub(up: Command, vsa: Command, proxy_vps: rig.Vps, node: rig.Vps) -> None:
    """The second host runs the profile `node` and reaches Loki through the site of the hub, with a user of its own."""
    hub, secret = proxy_vps, "a-password-of-the-node-02"
    done = up()
    assert done.returncode == 0, done.stdout + done.stderr
    words = ("--domain", LOGS, "--route", PUSH, "--user", "node-1", "--password-stdin")
    done = vsa("auth", "add", *words, input=f"{secret}\n")
    assert done.returncode == 0, done.stdout + done.stderr

    profile = ("COMPOSE_PROFILES=node", f"LOKI_URL=https://{LOGS}", "LOKI_USER=node-1")
    settings = [word for value in profile for word in ("--set", value)]
    done = vsa("stack", "up", "docker-api", vps=node)
    assert done.returncode == 0, done.stdout + done.stderr
    done = vsa("stack", "up", "observability", *settings, vps=node)
    assert done.returncode != 0, "there is no password yet"
    assert "/etc/vsa/loki-password" in done.stdout + done.stderr
    # A password that the hub does not take: the lines wait in their files.
    node.put("/etc/vsa/loki-password", "wrong\n", mode=0o600)
    done = vsa("stack", "up", "observability", *settings, vps=node)
    assert done.returncode == 0, done.stdout + done.stderr
    names = "docker ps --filter label=com.docker.compose.project=observability --format '{{.Names}}'"
    assert set(node.run(names).stdout.split()) == {"vsa-shipper", "vsa-node-exporter", "vsa-cadvisor"}
    done = vsa("site", "provision", "--domain", NODE_SHOP, "--container", "web-1", "--port", "3000", vps=node)
    assert done.returncode == 0, done.stdout + done.stderr
    uri = f"/node-{time.time_ns()}"
    assert _status(node, NODE_SHOP, uri) == "200"
    refused = "docker logs vsa-shipper 2>&1 | grep -c 401"
    eventually(lambda: int(node.run(refused, check=False).stdout or 0) > 0, True, seconds=60)
    assert _loki(hub, f'{{node="{node.name}"}}') == []

    node.put("/etc/vsa/loki-password", f"{secret}\n", mode=0o600)
    done = vsa("stack", "restart", "observability", "--yes", vps=node)
    assert done.returncode == 0, done.stdout + done.stderr
    query = f'{{job="nginx",domain="{NODE_SHOP}",method="GET",status="200",node="{node.name}"}} |= "{uri}"'
    eventually(lambda: len(_loki(hub, query)), 1, seconds=60)
    for logql in ('job="vsa-host-audit"', 'job="containers",container="web-1"'):
        eventually(lambda logql=logql: len(_loki(hub, f'{{{logql},node="{node.name}"}}')) > 0, True, seconds=30)  # type: ignore[misc]
    assert {stream.get("node") for stream in _series(hub)} == {hub.name, node.name}
    for text in ("docker inspect vsa-shipper", "docker logs vsa-shipper 2>&1", "ps -eo args"):
        assert secret not in node.run(text).stdout, text


@pytest.fixture
def hooks(proxy_vps: rig.Vps) -> Iterator[AlertHooks]:
    made = AlertHooks(proxy_vps)
    yield made
    made.remove()


_ALERTS = "/srv/platform/observability/prometheus"
_AMTOOL = "docker exec vsa-alertmanager amtool --alertmanager.url=http://127.0.0.1:9093"
_AWAY = "Prometheus does not reach host, so its alerts are silent"
_SEND = "systemctl start vsa-stack-alerts.service"


def _said_of_host(messages: list[dict[str, object]], part: str) -> list[str]:
    """Return what messages say about the part that the test stops. cAdvisor's placeholder has no figures either."""
    listed = [entry for message in messages for entry in message[part]]  # type: ignore[attr-defined]
    return [entry["name"] for entry in listed if entry["summary"] == _AWAY]


def test_an_alert_that_fires_reaches_both_hooks_and_so_does_its_end(
    up: Command, proxy_vps: rig.Vps, hooks: AlertHooks
) -> None:
    """Genuine Prometheus finds a part that is away, and genuine Alertmanager has the alert. The timer does the rest."""
    vps = proxy_vps
    done = up()
    assert done.returncode == 0, done.stdout + done.stderr
    # The rule as it is shipped, without its wait of five minutes.
    vps.run(f"sed -i 's/for: 5m/for: 5s/' {_ALERTS}/rules/logs.yml && sed -i 's/: 30s/: 5s/' {_ALERTS}/prometheus.yml")
    vps.run("docker exec vsa-prometheus sh -c 'kill -HUP 1'")
    eventually(lambda: "silent" in vps.run(f"{_AMTOOL} alert query job=containers").stdout, True, seconds=60)
    vps.run("systemctl stop vsa-stack-alerts.timer")
    vps.run(_SEND, check=False)
    assert _said_of_host(hooks.by_program(), "alerts") == []

    # A webhook that fails is tried again. The program has been told, and is not told again.
    hooks.answer(500)
    vps.run("docker stop vsa-node-exporter")
    eventually(lambda: _AWAY in vps.run(f"{_AMTOOL} alert query --output=json job=host").stdout, True, seconds=60)
    for _round in range(2):
        assert vps.run(_SEND, check=False).returncode != 0
    assert _said_of_host(hooks.by_webhook(500), "alerts") == ["PartIsDown"] * 2
    assert _said_of_host(hooks.by_webhook(), "alerts") == []
    assert _said_of_host(hooks.by_program(), "alerts") == ["PartIsDown"]
    hooks.answer(204)
    # From here on the timer alone. The processes are looked at while it sends.
    vps.run("systemctl start vsa-stack-alerts.timer")
    seen: list[str] = []

    def arrived() -> list[str]:
        seen.append(vps.run("ps -eo args").stdout)
        return _said_of_host(hooks.by_webhook(), "alerts")

    took = eventually(arrived, ["PartIsDown"], seconds=90)
    print(f"the timer sent it after {took:.0f} s")
    assert any("stack-alerts" in text for text in seen)
    [message] = [found for found in hooks.by_webhook() if _said_of_host([found], "alerts")]
    assert message["host"] == vps.run("hostname --fqdn").stdout.strip()
    assert f"{_AWAY} (try: vsa stack ps observability)" in message["text"]

    # Neither a silence nor a restart of Alertmanager ends the alert, and nobody is told twice.
    silence = f"{_AMTOOL} silence add --duration 5m --comment known alertname=PartIsDown job=host"
    number = vps.run(silence).stdout.strip()
    eventually(lambda: _AWAY in vps.run(f"{_AMTOOL} alert query --output=json").stdout, False, seconds=30)
    vps.run(_SEND)
    vps.run(f"{_AMTOOL} silence expire {number}")
    vps.run("docker restart vsa-alertmanager")
    vps.run(_SEND, check=False)
    eventually(lambda: _AWAY in vps.run(f"{_AMTOOL} alert query --output=json", check=False).stdout, True, seconds=120)
    vps.run(_SEND)
    for messages in (hooks.by_program(), hooks.by_webhook()):
        assert _said_of_host(messages, "alerts") == ["PartIsDown"]
        assert _said_of_host(messages, "resolved") == []

    vps.run("docker start vsa-node-exporter")
    for messages in (hooks.by_program, hooks.by_webhook):
        eventually(lambda ask=messages: _said_of_host(ask(), "resolved"), ["PartIsDown"], seconds=330)  # type: ignore[misc]
    [message] = [found for found in hooks.by_program() if _said_of_host([found], "resolved")]
    assert f"resolved: {_AWAY}" in message["text"]
    vps.run(_SEND)
    for messages in (hooks.by_program(), hooks.by_webhook()):
        assert (_said_of_host(messages, "alerts"), _said_of_host(messages, "resolved")) == (["PartIsDown"],) * 2

    # The address of the webhook stands in its file alone.
    texts = {
        "processes": "\n".join(seen),
        "journal": vps.run("journalctl --no-pager").stdout,
        "files": vps.run("cat /etc/vsa/vsa.yml /var/lib/vsa/stack-alerts.json; cat /var/log/vsa/*").stdout,
        "containers": vps.run("docker inspect $(docker ps -q)").stdout,
        "logs of containers": vps.run("for name in $(docker ps -q); do docker logs $name 2>&1; done").stdout,
    }
    assert "alert_url failed: it answered 500" in texts["journal"]
    assert [name for name, text in texts.items() if hooks.secret in text] == []
