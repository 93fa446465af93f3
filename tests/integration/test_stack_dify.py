"""The shipped stack dify: no public default, sandboxes that are cut off, and the routes of its own NGINX.

Nothing of Dify is to be had here, so stand-ins have the genuine names. PostgreSQL with pgvector, Valkey, Squid and
NGINX are genuine. A stand-in is healthy only if each peer takes its secret, and if database and Valkey take their
passwords.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

from proxyhost import ProxyHost
from shipped import Shipped, squid_says
from stackrun import Stacks

Vsa = Callable[..., CompletedProcess[str]]
DOMAIN, OTHER = "dify.vsa.test", "dify-beta.vsa.test"
GENUINE = ("pgvector/pgvector:0.8.6-pg17", "valkey/valkey:8.1.4", "ubuntu/squid:6.6-24.04_beta")
STANDINS = (
    "langgenius/dify-api:1.17.1", "langgenius/dify-web:1.17.1", "langgenius/dify-agent-backend:1.17.1",
    "langgenius/dify-agent-local-sandbox:1.17.1", "langgenius/dify-plugin-daemon:0.6.10-local",
    "langgenius/dify-sandbox:0.2.15",
)  # fmt: skip
# The keys that stand in Dify's own files, so everybody knows them.
PUBLIC = (
    "difyai123456", "dify-sandbox", "lYkiYYT6owG", "QaHbTe77Ctu", "dify-agent-run-token-for-dev-only",
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "WVF5YThaHlkYwhGUSmCRgsX3tD5ngdN8pkih", "sk-9f73s3ljTXVcMT3B",
)  # fmt: skip
PORTS = {
    "api": 5001, "api_websocket": 5001, "worker": 5001, "web": 3000, "db": 5432, "plugin_db": 5432, "redis": 6379,
    "plugin_daemon": 5002, "agent_backend": 5050, "sandbox": 8194, "local_sandbox": 5004,
}  # fmt: skip
# Whether a Squid leads to an address: 503 means that it would, and the Squid of the test has no network.
TUNNELS = {
    "198.51.100.7:443": "503",
    "[2001:db8::7]:443": "503",
    "198.51.100.7:22": "403",
    "10.1.2.3:443": "403",
    "172.17.0.1:443": "403",
    "192.168.1.1:443": "403",
    "127.0.0.1:443": "403",
    "169.254.169.254:443": "403",
    "198.18.0.1:443": "403",
    "[::1]:443": "403",
    "[fd00::1]:443": "403",
    "[::ffff:10.1.2.3]:443": "403",
}
ROUTES = {
    "/": "dify-web",
    "/explore/apps": "dify-web",
    "/install": "dify-web",
    "/console/api/setup": "dify-api",
    "/api/site": "dify-api",
    "/v1/chat-messages": "dify-api",
    "/files/x/file-preview": "dify-api",
    "/mcp/server": "dify-api",
    "/triggers/webhook/x": "dify-api",
    "/socket.io/?EIO=4": "dify-api",
    "/e/a-hook/path?x=1": "dify-plugin-daemon",
}


@pytest.fixture
def dify(stacks: Stacks, vsa: Vsa) -> Shipped:
    """The stack as it is shipped."""
    stacks.vps.add_dns(DOMAIN, OTHER)
    return Shipped("dify", stacks, vsa)


def test_compose_and_the_policy_accept_dify_for_two_tenants(dify: Shipped) -> None:
    for tenant, domain in (("acme", DOMAIN), ("beta", OTHER)):
        done = dify.up(tenant, "--check", DOMAIN=domain)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{domain} would be provisioned after the start" in done.stdout


def _bring_up(dify: Shipped, tenant: str, domain: str) -> None:
    """Start the stack with stand-ins for what is Dify's own."""
    dify.images("vsa-rig-apps:1", *GENUINE)
    dify.images("vsa-rig-standin:1", *STANDINS)
    done = dify.up(tenant, DOMAIN=domain)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_dify_has_no_public_default_and_its_sandboxes_are_cut_off(dify: Shipped) -> None:
    _bring_up(dify, "acme", DOMAIN)
    again = dify.up("acme")
    assert again.stdout.splitlines()[-1].startswith("unchanged in"), again.stdout
    _no_secret_is_a_public_default(dify)
    _each_path_has_its_service(dify)
    _the_code_of_workflows_reaches_its_squid_alone(dify)
    _the_shells_of_agents_reach_two_paths(dify)
    for file in ("ssrf.conf", "agent.conf"):
        assert squid_says(dify.vps, "/srv/acme/dify/squid", file, *TUNNELS) == TUNNELS


def _no_secret_is_a_public_default(dify: Shipped) -> None:
    env = dify.env("acme")
    secrets = [name for name in env if re.search(r"PASSWORD|KEY|TOKEN", name)]
    assert len(secrets) == 11
    assert len({env[name] for name in secrets}) == 11
    assert min(len(env[name]) for name in secrets) >= 24
    assert len(env["INIT_PASSWORD"]) <= 30, "Dify takes no more letters"
    texts = {"docker compose config": dify.config("acme"), "docker inspect": json.dumps(dify.inspected("acme"))}
    for what, text in texts.items():
        # The names of an image and of a container are no secrets.
        text = re.sub(r"(langgenius/|acme-)dify-sandbox", "", text)
        assert [word for word in PUBLIC if word in text] == [], what
        assert env["SECRET_KEY"] in text, "the text is the one with the secrets"
        assert "INIT_PASSWORD" in text
    published = [found["Name"] for found in dify.inspected("acme") if any(found["NetworkSettings"]["Ports"].values())]
    assert published == []


def _each_path_has_its_service(dify: Shipped) -> None:
    host = ProxyHost(dify.vps)
    for path, role in ROUTES.items():
        status, body = host.get(DOMAIN, path)
        assert status == 200, f"{path}: {status} {body}"
        answer = json.loads(body)
        assert (answer["role"], answer["path"]) == (role, path)
        hook = answer["headers"].get("Dify-Hook-Url")
        assert hook == (f"https://{DOMAIN}{path}" if path.startswith("/e/") else None)


def _places(addresses: dict[str, dict[str, str]], services: list[str]) -> list[str]:
    """Return HOST:PORT of services, by name and by each of their addresses."""
    return [
        f"{host}:{PORTS[service]}" for service in services for host in (service, *addresses[service].values()) if host
    ]


def _the_code_of_workflows_reaches_its_squid_alone(dify: Shipped) -> None:
    addresses = dify.networks("acme")
    assert list(addresses["sandbox"]) == ["acme-dify_code"]
    targets = _places(addresses, [service for service in PORTS if service != "sandbox"])
    targets += [f"{dify.vps.services().dns_ip}:14000", f"{dify.vps.ip}:22"]
    assert dify.reached("acme", "sandbox", *targets, "ssrf_proxy:3128") == ["ssrf_proxy:3128"]
    # The Squid leads to no private network: neither to the API, nor to the host, nor to its neighbours.
    for address in ("http://api:5001/", f"http://{dify.vps.ip}/", f"http://{dify.vps.services().dns_ip}:8055/"):
        assert dify.proxied("acme", "sandbox", "ssrf_proxy", address) == "403", address


def _the_shells_of_agents_reach_two_paths(dify: Shipped) -> None:
    addresses = dify.networks("acme")
    assert sorted(addresses["local_sandbox"]) == ["acme-dify_agent", "acme-dify_agent_ssrf"]
    targets = _places(addresses, [service for service in PORTS if service not in ("local_sandbox", "agent_backend")])
    targets += [f"{dify.vps.services().dns_ip}:14000", f"{dify.vps.ip}:22"]
    assert dify.reached("acme", "local_sandbox", *targets, "agent_ssrf_proxy:3128") == ["agent_ssrf_proxy:3128"]
    asked = {
        "http://api:5001/files/x": "200",
        "http://agent_backend:5050/agent-stub/x": "200",
        "http://api:5001/console/api/x": "403",
        "http://api:5001/": "403",
        "http://api:5001/files/../console/api/x": "403",
        "http://api:5001/files/%2e%2e/console/api/x": "403",
        "http://agent_backend:5050/runs": "403",
        "http://db:5432/files/x": "403",
        f"http://{addresses['api']['acme-dify_inside']}:5001/files/x": "403",
    }
    found = {address: dify.proxied("acme", "local_sandbox", "agent_ssrf_proxy", address) for address in asked}
    assert found == asked


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_dify_runs_for_two_tenants_side_by_side(dify: Shipped) -> None:
    _bring_up(dify, "acme", DOMAIN)
    _bring_up(dify, "beta", OTHER)
    first, second = dify.env("acme"), dify.env("beta")
    shared = [name for name, value in first.items() if value and second.get(name) == value]
    assert shared == [], "a secret of one tenant is that of another"
    host = ProxyHost(dify.vps)
    assert [host.status(domain, "/v1/x") for domain in (DOMAIN, OTHER)] == [200, 200]
    down = dify.change("beta", "down", "--yes")
    assert down.returncode == 0, down.stdout + down.stderr
    assert host.status(DOMAIN, "/v1/x") == 200
