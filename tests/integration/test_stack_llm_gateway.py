"""The shipped stack llm-gateway: a key, streams at once, no way out for what holds keys, no public administration.

In the short tests the gateway and the model are stand-ins under the genuine names; NGINX is genuine. The long test runs
the genuine LiteLLM and the genuine llama.cpp with a small model.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from subprocess import CompletedProcess

import pytest

import rig
from llmclient import LlmClient
from shipped import Shipped, squid_says
from stackrun import Stacks

Vsa = Callable[..., CompletedProcess[str]]
DOMAIN, OTHER = "llm.vsa.test", "llm-beta.vsa.test"
LITELLM = "ghcr.io/berriai/litellm-non_root:v1.108.7"
LLAMA = "ghcr.io/ggml-org/llama.cpp:server-b11206"
MODELS = "/srv/{tenant}/llm-gateway/data/models"
# Administration of LiteLLM, a part of it below /v1/, and what tells strangers about the gateway.
ADMIN = (
    "/ui", "/ui/", "/key/generate", "/key/list", "/user/new", "/team/new", "/model/new", "/model/info",
    "/v1/model/info", "/v1/mcp/server", "/v1/agents", "/guardrails/list", "/config/update", "/health",
    "/health/readiness", "/metrics", "/docs", "/openapi.json", "/spend/logs", "/sso/key/generate", "/", "/v1/",
    "/v1/models/../../key/list",
    "/v1/chat/completions/x", "/health/liveliness/x", "/V1/models",
)  # fmt: skip


@pytest.fixture
def gateway(stacks: Stacks, vsa: Vsa) -> Shipped:
    """The stack as it is shipped, with stand-ins for gateway and model."""
    shipped = Shipped("llm-gateway", stacks, vsa)
    shipped.images("vsa-rig-standin:1", LITELLM, LLAMA)
    stacks.vps.add_dns(DOMAIN, OTHER)
    for tenant in ("acme", "beta"):
        stacks.vps.run(f"mkdir -p {MODELS.format(tenant=tenant)} && touch {MODELS.format(tenant=tenant)}/model.gguf")
    return shipped


def test_an_llm_gateway_streams_at_once_and_has_no_way_out(gateway: Shipped) -> None:
    vps = gateway.vps
    done = gateway.up("acme", DOMAIN=DOMAIN, LLAMA_MODEL="model.gguf")
    assert done.returncode == 0, done.stdout + done.stderr
    again = gateway.up("acme")
    assert again.stdout.splitlines()[-1].startswith("unchanged in"), again.stdout
    key = gateway.env("acme")["GATEWAY_MASTER_KEY"]
    assert key.startswith("sk-")
    assert key not in done.stdout + done.stderr
    stranger, client = LlmClient(vps.ip, DOMAIN), LlmClient(vps.ip, DOMAIN, key)

    # Who has no key gets nothing, and nobody gets the administration.
    assert stranger.ask("GET", "/v1/models")[0] == 401
    assert stranger.ask("POST", "/v1/chat/completions", {"model": "local"})[0] == 401
    status, models = client.ask("GET", "/v1/models")
    assert (status, [model["id"] for model in models["data"]]) == (200, ["local"])
    assert stranger.ask("GET", "/health/liveliness")[0] == 200
    for path in ADMIN:
        for method in ("GET", "POST"):
            assert client.ask(method, path)[0] in (400, 404), f"{method} {path}"
    assert client.ask("POST", "/v1/models")[0] in (403, 404)

    _streams_are_at_once(client, vps)
    _what_holds_keys_has_no_way_out(gateway)


def _streams_are_at_once(client: LlmClient, vps: rig.Vps) -> None:
    """Each chunk arrives within 250 ms after the model wrote it, in 20 streams at once, and across a reload."""

    def delays(chunks: int, pause: int) -> list[float]:
        return [at - float(text) for at, text in client.stream(max_tokens=chunks, seed=pause)]

    first = delays(3, 100)
    assert len(first) == 3
    assert first[0] <= 0.25, first
    with ThreadPoolExecutor(21) as pool:
        many = [pool.submit(delays, 5, 200) for _number in range(20)]
        for each in many:
            found = each.result()
            assert len(found) == 5
        lasting = pool.submit(delays, 40, 100)
        time.sleep(0.5)
        vps.run("docker exec vsa-nginx nginx -s reload")
        assert len(lasting.result()) == 40, "the stream ended with the reload"


def _what_holds_keys_has_no_way_out(gateway: Shipped) -> None:
    """The gateway and the model reach each other, and no address outside of the stack: also a poisoned one does not."""
    vps = gateway.vps
    outside = f"{vps.services().dns_ip}:14000"
    assert gateway.reached("acme", "gateway", "llama:8080", outside, f"{vps.ip}:22", f"{vps.ip}:443") == ["llama:8080"]
    assert gateway.reached("acme", "llama", "gateway:4000", outside, f"{vps.ip}:22") == ["gateway:4000"]
    # The counter-check: the door, which has the edge network, reaches the same address.
    argv = ("bash", "-c", f"exec 3<>/dev/tcp/{outside.replace(':', '/')} && echo reached")
    assert gateway.inside("acme", "door", *argv).stdout == "reached\n"
    edge = [name for name, networks in gateway.networks("acme").items() if "flowbiz_ext_acme" in networks]
    assert edge == ["door"]


@pytest.mark.long
def test_a_compromised_litellm_is_refused_and_a_second_tenant_is_not(gateway: Shipped) -> None:
    settings = {"DOMAIN": OTHER, "LLAMA_MODEL": "model.gguf"}
    refused = gateway.up("beta", "--check", **settings, GATEWAY_IMAGE="mirror.example.com/litellm-database:v1.107.0")
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "must not run" in refused.stdout + refused.stderr
    accepted = gateway.up("beta", "--check", **settings, COMPOSE_PROFILES="keys,providers", KEYS_HOST="db")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr


# Between the gateway and the model: passes bytes on, and writes down when a chunk with text left the model.
TAP = r"""
import re, socket, threading, time
def pump(source, sink, told):
    while data := source.recv(65536):
        if told and re.search(rb'"content":\s*"[^"]', data):
            print(time.time(), flush=True)
        sink.sendall(data)
    sink.close()
server = socket.create_server(("127.0.0.1", 8080))
while True:
    client, _address = server.accept()
    model = socket.create_connection(("llama", 8080))
    threading.Thread(target=pump, args=(client, model, False), daemon=True).start()
    threading.Thread(target=pump, args=(model, client, True), daemon=True).start()
"""


def relay_delay(vps: rig.Vps, client: LlmClient) -> float:
    """Return the seconds between the first chunk at the model and the first chunk at the client."""
    began = time.time()
    arrived = next(client.stream(max_tokens=8))[0]
    left = [float(line) for line in vps.run("docker logs tap").stdout.split() if float(line) >= began]
    return arrived - left[0]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_genuine_litellm_and_llama_cpp_speak_through_the_proxy(gateway: Shipped, stacks: Stacks) -> None:
    vps = stacks.vps
    try:
        gateway.images("vsa-rig-litellm:1", LITELLM)
        gateway.images("vsa-rig-llama:1", LLAMA)
    except rig.RigError as problem:
        pytest.skip(f"no LiteLLM or llama.cpp here: {problem}")
    copy = f"docker cp smollm2:/rig-models/smollm2.gguf {MODELS.format(tenant='acme')}/"
    vps.run(f"docker rm -f smollm2; docker create --name smollm2 vsa-rig-llama:1 && {copy} && docker rm smollm2")
    models = (rig.ROOT / "stacks/llm-gateway/models.yaml").read_text(encoding="utf-8")
    vps.put("/srv/acme/llm-gateway/data/models.yaml", models.replace("//llama:", "//127.0.0.1:"))
    gateway.images("vsa-rig-apps:1", "postgres:17.6", "ubuntu/squid:6.6-24.04_beta")
    # PostgreSQL and Squid start too. LiteLLM does not use PostgreSQL: its client wants programs from the Internet.
    settings = {"MODELS_FILE": "./data/models.yaml", "COMPOSE_PROFILES": "keys,providers"}
    done = gateway.up("acme", DOMAIN=DOMAIN, LLAMA_MODEL="smollm2.gguf", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    # The gateway asks its Squid for every name but a few, and its own loopback address is one of the few.
    inside = f"container:{gateway.container('acme', 'gateway')}"
    tap = f"docker run -d --name tap --network {inside} --entrypoint python3"
    vps.run(f"docker rm -f tap; {tap} vsa-rig-standin:1 -uc {shlex.quote(TAP)}")
    client = LlmClient(vps.ip, DOMAIN, gateway.env("acme")["GATEWAY_MASTER_KEY"])
    assert LlmClient(vps.ip, DOMAIN).ask("GET", "/v1/models")[0] == 401
    status, listed = client.ask("GET", "/v1/models")
    assert (status, [model["id"] for model in listed["data"]]) == (200, ["local"])
    for path in ADMIN:
        assert client.ask("GET", path)[0] in (400, 404), path
    assert relay_delay(vps, client) >= 0  # the first one makes connections
    delays = sorted(relay_delay(vps, client) for _number in range(3))
    print(f"first chunk, from the model to the client: {delays}")
    assert delays[0] <= 0.25, delays
    words = [text for _at, text in client.stream(max_tokens=24)]
    assert len(words) >= 8, "the answer came in one piece"
    with ThreadPoolExecutor(20) as pool:
        streams = [pool.submit(lambda: len(list(client.stream(max_tokens=4)))) for _number in range(20)]
        assert all(each.result() >= 1 for each in streams)
        lasting = pool.submit(lambda: len(list(client.stream(max_tokens=64))))
        time.sleep(1)
        vps.run("docker exec vsa-nginx nginx -s reload")
        assert lasting.result() >= 8
    for service in ("gateway", "llama"):
        argv = ("bash", "-c", f"exec 3<>/dev/tcp/{vps.services().dns_ip}/14000")
        assert gateway.inside("acme", service, "timeout", "4", *argv).returncode != 0
    # The exit knows a list of hosts, and leads to no private network whatever a name of the list says.
    asked = {"198.51.100.7:443": "403", "api.openai.com.example:443": "403", "api.openai.com:80": "403"}
    assert squid_says(vps, "/srv/acme/llm-gateway/exit", "squid.conf", *asked, "api.openai.com:443") == {
        **asked,
        "api.openai.com:443": "503",
    }
    ask = "import http.client as h, sys; c = h.HTTPConnection('exit', 3128, timeout=8); c.set_tunnel(sys.argv[1], 443)"
    for host in ("pebble.test", "169.254.169.254", vps.ip):
        tried = gateway.inside("acme", "gateway", "python3", "-c", f"{ask}; c.connect()", host)
        assert "403" in tried.stderr, tried.stderr
    memory = vps.run("docker stats --no-stream --format '{{.Name}} {{.MemUsage}}' | grep llm-gateway").stdout
    print(memory)
    vps.run("docker rm -f tap")
