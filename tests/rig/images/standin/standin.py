"""Stands in for LiteLLM, llama.cpp, n8n and the services of Dify: proves what their Compose files promise, no more.

What it is follows from the environment that the Compose file gives. Each one asks its peers with its secrets until all
of them agree, and is healthy only then. Its answers tell what reached it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import secrets
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

ENV = os.environ
Peer = Callable[[], str]
UNMET: set[str] = {"not asked yet"}


# What a peer says: an empty text if it agrees.


def database(host: str, user: str, password: str, name: str, query: str = "select 1") -> Peer:
    """Ask PostgreSQL. The arguments name variables of the environment."""
    return lambda: Postgres(ENV[host]).ask(ENV[user], ENV[password], ENV[name], query)


class Postgres:
    """As much of PostgreSQL's protocol as a password and one query need (SCRAM-SHA-256, RFC 7677)."""

    def __init__(self, host: str) -> None:
        self.stream = socket.create_connection((host, 5432), 5).makefile("rwb")

    def send(self, kind: bytes, body: bytes) -> None:
        self.stream.write(kind + struct.pack("!i", len(body) + 4) + body)
        self.stream.flush()

    def receive(self) -> tuple[bytes, bytes]:
        kind = self.stream.read(1)
        (size,) = struct.unpack("!i", self.stream.read(4))
        return kind, self.stream.read(size - 4)

    def ask(self, user: str, password: str, name: str, query: str) -> str:
        """Return an empty text, or the error of the server."""
        self.send(b"", struct.pack("!i", 196608) + f"user\0{user}\0database\0{name}\0\0".encode())
        asked, bare = False, f"n=,r={secrets.token_hex(12)}"
        while True:
            kind, body = self.receive()
            if kind == b"E":
                return body.replace(b"\0", b" ").decode(errors="replace")
            if kind == b"Z" and asked:
                return ""
            if kind == b"Z":
                asked = True
                self.send(b"Q", query.encode() + b"\0")
            if kind == b"R":
                (code,) = struct.unpack("!i", body[:4])
                if code == 10:
                    first = f"n,,{bare}".encode()
                    self.send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first)
                elif code == 11:
                    self.send(b"p", self.proof(password, bare, body[4:].decode()))

    def proof(self, password: str, bare: str, challenge: str) -> bytes:
        nonce, salt, count = (part[2:] for part in challenge.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(count))
        key = hmac.digest(salted, b"Client Key", "sha256")
        message = f"{bare},{challenge},c=biws,r={nonce}"
        signature = hmac.digest(hashlib.sha256(key).digest(), message.encode(), "sha256")
        mixed = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        return f"c=biws,r={nonce},p={base64.b64encode(mixed).decode()}".encode()


def redis(host: str, password: str) -> Peer:
    def ask() -> str:
        with socket.create_connection((host, 6379), 5) as client:
            client.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = client.recv(64)
        return "" if answer.startswith(b"+OK") else f"redis: {answer!r}"

    return ask


def secret(address: str, header: str, value: str) -> Peer:
    def ask() -> str:
        parts = urlsplit(address)
        client = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
        client.request("GET", parts.path, headers={header: value})
        status = client.getresponse().status
        client.close()
        return "" if status == 200 else f"{address}: {status}"

    return ask


def sits(condition: bool, words: str) -> Peer:
    return lambda: "" if condition else words


# What it is: its port, the path of its health check, the secret that it wants, and its peers.


class Role:
    def __init__(
        self, name: str, port: int, health: str, wants: dict[str, str], peers: list[Peer], *, late: bool = False
    ) -> None:
        self.name, self.port, self.health, self.wants, self.peers, self.late = name, port, health, wants, peers, late


def dify_data() -> list[Peer]:
    vector = database("PGVECTOR_HOST", "PGVECTOR_USER", "PGVECTOR_PASSWORD", "PGVECTOR_DATABASE",
                      "create extension if not exists vector; select '[1,2]'::vector <-> '[1,3]'")  # fmt: skip
    broker = urlsplit(ENV["CELERY_BROKER_URL"])
    return [
        database("DB_HOST", "DB_USERNAME", "DB_PASSWORD", "DB_DATABASE"),
        vector,
        redis(ENV["REDIS_HOST"], ENV["REDIS_PASSWORD"]),
        redis(broker.hostname or "", broker.password or ""),
    ]


def dify_work() -> list[Peer]:
    return [
        secret(f"{ENV['CODE_EXECUTION_ENDPOINT']}/run", "X-Api-Key", ENV["CODE_EXECUTION_API_KEY"]),
        secret(f"{ENV['PLUGIN_DAEMON_URL']}/plugin", "X-Api-Key", ENV["PLUGIN_DAEMON_KEY"]),
        secret(f"{ENV['AGENT_BACKEND_BASE_URL']}/runs", "Authorization", f"Bearer {ENV['AGENT_BACKEND_API_TOKEN']}"),
    ]


def dify(mode: str) -> Role:
    wants = {"/inner/": f"X-Inner-Api-Key: {ENV['INNER_API_KEY_FOR_PLUGIN']}"}
    with_work = mode == "worker" or (mode == "api" and "SERVER_WORKER_CLASS" not in ENV)
    writes = [sits(os.access("/app/api/storage", os.W_OK), "the storage cannot be written")]
    peers = [*dify_data(), *(dify_work() if with_work else []), *(writes if mode != "beat" else [])]
    return Role(f"dify-{mode}", 5001, "/health", wants, peers)


def plugin_daemon() -> Role:
    peers = [
        database("DB_HOST", "DB_USERNAME", "DB_PASSWORD", "DB_DATABASE"),
        redis(ENV["REDIS_HOST"], ENV["REDIS_PASSWORD"]),
        secret(f"{ENV['DIFY_INNER_API_URL']}/inner/x", "X-Inner-Api-Key", ENV["DIFY_INNER_API_KEY"]),
    ]
    return Role("dify-plugin-daemon", 5002, "/health/check", {"/plugin": f"X-Api-Key: {ENV['SERVER_KEY']}"}, peers)


def agent_backend() -> Role:
    store = urlsplit(ENV["DIFY_AGENT_REDIS_URL"])
    key = ENV["DIFY_AGENT_SERVER_SECRET_KEY"]
    token = f"Bearer {ENV['DIFY_AGENT_LOCAL_SANDBOX_AUTH_TOKEN']}"
    peers = [
        sits(len(base64.urlsafe_b64decode(f"{key}=")) == 32 and "=" not in key, "the key has not 32 bytes"),
        redis(store.hostname or "", store.password or ""),
        secret(f"{ENV['DIFY_AGENT_PLUGIN_DAEMON_URL']}/plugin", "X-Api-Key", ENV["DIFY_AGENT_PLUGIN_DAEMON_API_KEY"]),
        secret(f"{ENV['DIFY_AGENT_INNER_API_URL']}/inner/x", "X-Inner-Api-Key", ENV["DIFY_AGENT_INNER_API_KEY"]),
        secret(f"{ENV['DIFY_AGENT_LOCAL_SANDBOX_ENDPOINT']}/shell", "Authorization", token),
    ]
    wants = {"/runs": f"Authorization: Bearer {ENV['DIFY_AGENT_API_TOKEN']}"}
    return Role("dify-agent-backend", 5050, "/health", wants, peers, late=True)


def n8n() -> Role:
    ready = [sits(os.access("/home/node/.n8n", os.W_OK), "the home cannot be written")]
    peers = [
        database("DB_POSTGRESDB_HOST", "DB_POSTGRESDB_USER", "DB_POSTGRESDB_PASSWORD", "DB_POSTGRESDB_DATABASE"),
        *ready,
    ]
    if "worker" not in sys.argv:
        mail, hashed = ENV["N8N_INSTANCE_OWNER_EMAIL"], ENV["N8N_INSTANCE_OWNER_PASSWORD_HASH"]
        peers.append(sits("@" in mail and hashed.startswith("$2"), "there is no owner"))
    if ENV["EXECUTIONS_MODE"] == "queue":
        peers.append(redis(ENV["QUEUE_BULL_REDIS_HOST"], ENV["QUEUE_BULL_REDIS_PASSWORD"]))
    wants = {"/runners/": f"Authorization: Bearer {ENV['N8N_RUNNERS_AUTH_TOKEN']}"}
    return Role("n8n", 5678, "/healthz/readiness", wants, peers)


def runner() -> Role:
    token = f"Bearer {ENV['N8N_RUNNERS_AUTH_TOKEN']}"
    peer = secret(f"{ENV['N8N_RUNNERS_TASK_BROKER_URI']}/runners/auth", "Authorization", token)
    return Role("n8n-runner", 5680, "/healthz", {}, [peer])


def role() -> Role:
    if "LITELLM_MASTER_KEY" in ENV:
        return Role("gateway", 4000, "/health/liveliness", {}, [])
    if "LLAMA_ARG_MODEL" in ENV:
        there = sits(Path(ENV["LLAMA_ARG_MODEL"]).exists(), "there is no model")
        return Role("llama", int(ENV["LLAMA_ARG_PORT"]), "/health", {}, [there])
    if "N8N_ENCRYPTION_KEY" in ENV:
        return n8n()
    if "N8N_RUNNERS_TASK_BROKER_URI" in ENV:
        return runner()
    if "SERVER_KEY" in ENV:
        return plugin_daemon()
    if "MODE" in ENV:
        return dify(ENV["MODE"])
    if "DIFY_AGENT_SERVER_SECRET_KEY" in ENV:
        return agent_backend()
    if "SHELLCTL_AUTH_TOKEN" in ENV:
        wants = {"/shell": f"Authorization: Bearer {ENV['SHELLCTL_AUTH_TOKEN']}"}
        return Role("dify-local-sandbox", 5004, "/health", wants, [])
    if "SANDBOX_PORT" in ENV:
        wants = {"/run": f"X-Api-Key: {ENV['API_KEY']}"}
        return Role("dify-sandbox", int(ENV["SANDBOX_PORT"]), "/health", wants, [])
    return Role("dify-web", 3000, "/health", {}, [])


ROLE = role()


# Answers


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        for prefix, wanted in ROLE.wants.items():
            header, _colon, value = wanted.partition(": ")
            if path.startswith(prefix) and self.headers.get(header) != value:
                return self.answer(401, {"error": "another secret"})
        if path == ROLE.health:
            return self.answer(503 if UNMET else 200, {"unmet": sorted(UNMET)})
        if ROLE.name in ("gateway", "llama") and path.startswith("/v1/"):
            return self.model(path, body)
        headers = dict(self.headers.items())
        return self.answer(200, {"role": ROLE.name, "path": self.path, "method": self.command, "headers": headers})

    def do_POST(self) -> None:
        self.do_GET()

    def model(self, path: str, body: bytes) -> None:
        key = ENV["LITELLM_MASTER_KEY" if ROLE.name == "gateway" else "LLAMA_API_KEY"]
        if self.headers.get("Authorization") != f"Bearer {key}":
            return self.answer(401, {"error": {"message": "no such key"}})
        if ROLE.name == "llama":
            return self.speak(json.loads(body))
        text = Path("/etc/litellm/models.yaml").read_text(encoding="utf-8")
        if path == "/v1/models":
            names = re.findall(r"(?m)^ *- model_name: (\S+)", text)
            return self.answer(200, {"object": "list", "data": [{"id": name} for name in names]})
        base = urlsplit(re.findall(r"(?m)^ *api_base: (\S+)", text)[0])
        backend = http.client.HTTPConnection(base.hostname or "", base.port, timeout=60)
        head = {"Authorization": f"Bearer {ENV['LLAMA_API_KEY']}", "Content-Type": "application/json"}
        backend.request("POST", "/v1/chat/completions", body, head)
        found = backend.getresponse()
        self.begin(found.status)
        while part := found.read1(65536):
            self.chunk(part)
        return self.chunk(b"")

    def speak(self, wanted: dict[str, object]) -> None:
        """Write ``max_tokens`` events, one every ``seed`` milliseconds. Each tells when it was written."""
        self.begin(200)
        for _number in range(int(str(wanted.get("max_tokens", 3)))):
            content = {"choices": [{"index": 0, "delta": {"content": f"{time.time():.6f}"}}]}
            self.chunk(f"data: {json.dumps(content)}\n\n".encode())
            time.sleep(int(str(wanted.get("seed", 100))) / 1000)
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def begin(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def serve(port: int) -> None:
    threading.Thread(target=Server(("0.0.0.0", port), Handler).serve_forever, daemon=True).start()


def ask_peers() -> None:
    """Ask until every peer agrees. What does not is in the answer of the health check, and in the log once."""
    told: set[str] = set()
    while UNMET:
        unmet = set()
        for peer in ROLE.peers:
            try:
                unmet.add(peer())
            except Exception as error:
                unmet.add(f"{type(error).__name__}: {error}")
        UNMET.clear()
        UNMET.update(unmet - {""})
        for line in sorted(UNMET - told):
            print(f"waits: {line}", flush=True)
        told |= UNMET
        time.sleep(0.5)


def main() -> None:
    if ENV.get("MODE") == "beat" and "beat" not in sys.argv:
        # The health check looks for this word in the command line.
        os.execv(sys.executable, [sys.executable, "-u", __file__, "beat"])
    print(f"a stand-in for {ROLE.name}", flush=True)
    if not ROLE.late:
        serve(ROLE.port)
    if ROLE.name == "n8n":
        serve(5679)
    ask_peers()
    if ROLE.late:
        serve(ROLE.port)
    Path("/tmp/ready").touch()
    print("ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
