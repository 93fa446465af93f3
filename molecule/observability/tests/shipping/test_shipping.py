"""The stack runs, a request is in Loki within 15 seconds with its labels, and a push needs the password."""

import json
import time

import rig

SEEN, GRAFANA, LOGS = "seen.molecule.test", "grafana.molecule.test", "logs.molecule.test"
LOKI = "http://loki:3100/loki/api/v1/query_range"


def test_every_container_is_healthy(host):
    form = "{{.Names}} {{.Status}}"
    label = "label=com.docker.compose.project=observability"
    states = host.check_output(f"docker ps -a --filter {label} --format '{form}'").splitlines()
    assert len(states) == 8
    assert all("(healthy)" in state for state in states), states


def test_a_request_is_in_loki_within_15_seconds(host):
    vps = rig.Vps.get(host.check_output("hostname"))
    path = f"/molecule-{time.time_ns()}"
    answer = rig.https_get(vps.ip, SEEN, path, trust=vps.services().ca_bundle)
    assert answer.status == 200
    query = f'{{job="nginx",domain="{SEEN}",method="GET",status="200"}} |= "{path}"'
    ask = ["docker", "exec", "vsa-loki-gateway", "curl", "-fsS", "-G", LOKI, "--data-urlencode", f"query={query}"]
    until = time.monotonic() + 15
    found = []
    while not found and time.monotonic() < until:
        time.sleep(0.5)
        found = json.loads(vps.run(ask).stdout)["data"]["result"]
    assert [path in line for _time, line in found[0]["values"]] == [True]


def test_nothing_of_the_stack_is_open(host):
    vps = rig.Vps.get(host.check_output("hostname"))
    for domain, path, status in (
        (GRAFANA, "/", 401),
        (LOGS, "/loki/api/v1/push", 401),
        (LOGS, "/loki/api/v1/query", 404),
    ):
        assert rig.https_get(vps.ip, domain, path, trust=vps.services().ca_bundle).status == status, (domain, path)
