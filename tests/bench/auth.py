"""The cost of basic auth: the verb, a page, the throughput, and another site during a storm of wrong passwords.

Requests and storm come from the VPS itself, to its own proxy, for seconds. The storm's addresses are said in
X-Forwarded-For, which the attacked site believes of the gateway: to the proxy each is another client.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rows import Wanted

CLOSED, OPEN, APP = "closed.demo.test", "open.demo.test", "innocent.demo.test"
BACKEND = "bench-fast"
USER, PASSWORD = "alice", "correct horse 7"
_TOKEN = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
_PLACE = "/root/vsa-bench-auth"
_NGINX = """worker_processes 1;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000; server { listen 80; return 200 "fast\\n"; } }
"""

_HEAD = r"""
import base64, http.client, json, socket, ssl, sys, threading, time
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
def connect(name):
    client = http.client.HTTPSConnection(name, timeout=30)
    client.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", 443), 30), server_hostname=name)
    return client
name, seconds = sys.argv[1], float(sys.argv[2])
end = time.monotonic() + seconds
"""

# Sends 60 wrong passwords a second, each from another address, and prints the statuses.
_STORM = (
    _HEAD
    + r"""
statuses = {}
def guess(number):
    try:
        client = connect(name)
        wrong = base64.b64encode(f"alice:wrong {time.time_ns()}".encode()).decode()
        address = f"2001:db8:{number % 5000:x}::1" if number % 2 else f"198.51.{number // 250 % 250}.{number % 250}"
        client.request("GET", "/", headers={"Authorization": "Basic " + wrong, "X-Forwarded-For": address})
        status = client.getresponse().status
    except OSError as error:
        status = type(error).__name__
    statuses[str(status)] = statuses.get(str(status), 0) + 1
number, due = int(time.time() * 1000) % 100000, time.monotonic()
while time.monotonic() < end:
    threading.Thread(target=guess, args=(number,), daemon=True).start()
    number, due = number + 1, due + 1 / 60
    time.sleep(max(0, due - time.monotonic()))
print(json.dumps(statuses))
"""
)

# Sends requests on one connection and prints the p95 in seconds.
_ASK = (
    _HEAD
    + r"""
client, took = connect(name), []
while time.monotonic() < end:
    began = time.monotonic()
    client.request("GET", "/")
    answer = client.getresponse(); answer.read()
    assert answer.status == 200, answer.status
    took.append(time.monotonic() - began)
    time.sleep(0.01)
took.sort()
print(took[int(len(took) * 0.95)])
"""
)


class AuthBench:
    """A site behind a password and a neighbour site, on the rig's host."""

    def __init__(self, vps: Any, folder: Path, playbook: Callable[..., float]) -> None:
        self._vps, self._folder, self._playbook = vps, folder, playbook
        self._number = 0

    def start(self) -> None:
        """Make both sites and the tools."""
        if self._vps.run("command -v wrk curl || apt-get install -y -qq wrk curl", check=False).returncode:
            raise SystemExit("bench: wrk cannot be installed on the VPS")
        self._vps.add_dns(CLOSED, OPEN, APP)
        self._vps.run(f"mkdir -p {_PLACE}")
        self._vps.run(f"cat > {_PLACE}/nginx.conf", input=_NGINX)
        self._vps.run(f"cat > {_PLACE}/storm.py", input=_STORM)
        self._vps.run(f"cat > {_PLACE}/ask.py", input=_ASK)
        mount = f"{_PLACE}/nginx.conf:/etc/nginx/nginx.conf:ro"
        self._vps.run(f"docker rm -f {BACKEND}", check=False)
        self._vps.run(f"docker run -d --name {BACKEND} --network flowbiz_ext -v {mount} nginx:1.30.7")
        for domain, upstream in ((CLOSED, f"{BACKEND}:80"), (OPEN, f"{BACKEND}:80"), (APP, "web-2:3000")):
            self._playbook("flowbiz.vsa.site.provision", domain=domain, upstream=upstream, site_ca="selfsigned")
        gateway = self._vps.run(
            "docker inspect -f '{{.NetworkSettings.Networks.flowbiz_ext.Gateway}}' vsa-nginx"
        ).stdout
        self._playbook("flowbiz.vsa.site.provision", domain=CLOSED, site_trusted_proxies=gateway.strip())

    def end(self) -> None:
        """Remove what was made."""
        for domain in (CLOSED, OPEN, APP):
            self._playbook("flowbiz.vsa.site.unprovision", domain=domain, site_keep_container="true", yes="true")
        self._vps.run(f"docker rm -f {BACKEND}; rm -rf {_PLACE}")

    def _add(self, user: str, password: str) -> float:
        path = self._folder / "password"
        path.touch(mode=0o600)
        path.write_text(f"{password}\n", encoding="utf-8")
        return self._playbook("flowbiz.vsa.auth.add", domain=CLOSED, auth_user=user, auth_password_file=str(path))

    def add_first(self) -> float:
        """Put the open site behind a password: a transaction of the proxy."""
        self._playbook("flowbiz.vsa.auth.remove", domain=CLOSED, yes="true")
        return self._add(USER, PASSWORD)

    def add_further(self) -> float:
        """Add another user."""
        self._number += 1
        return self._add(f"user-{self._number}", PASSWORD)

    def add_unchanged(self) -> float:
        """Add a user with this password."""
        return self._add(USER, PASSWORD)

    def page(self) -> float:
        """Send 50 requests at once with a password that the proxy has not seen, and count the checks."""
        self._number += 1
        user = f"user-{self._number}"
        self._add(user, PASSWORD)
        before = self._checks()
        names = " ".join(f"https://{CLOSED}/{number}" for number in range(50))
        sinks = "-o /dev/null " * 50
        ask = f"curl -sk --parallel --parallel-max 50 --resolve {CLOSED}:443:127.0.0.1 -w '%{{http_code}} '"
        got = self._vps.run(f"{ask} -u '{user}:{PASSWORD}' {names} {sinks}").stdout.split()
        if got != ["200"] * 50:
            raise SystemExit(f"bench: a page behind a password says {got}")
        return float(self._checks() - before)

    def _checks(self) -> int:
        return int(self._vps.run(f"docker logs vsa-auth | grep -c {CLOSED} || true").stdout)

    def requests_open(self) -> float:
        """Request the open site at full speed; returns the seconds of 10,000 requests."""
        return self._wrk(OPEN)

    def requests_closed(self) -> float:
        """Request the site behind the password in the same way."""
        return self._wrk(CLOSED)

    def _wrk(self, domain: str) -> float:
        self._vps.run(f"grep -q {domain} /etc/hosts || echo 127.0.0.1 {domain} >> /etc/hosts")
        said = self._vps.run(f"wrk -t2 -c32 -d4s -H 'Authorization: Basic {_TOKEN}' https://{domain}/").stdout
        if "Non-2xx" in said or "Socket errors" in said:
            raise SystemExit(f"bench: wrk on {domain} says:\n{said}")
        found = re.search(r"Requests/sec:\s+([\d.]+)", said)
        if not found:
            raise SystemExit(f"bench: wrk on {domain} says:\n{said}")
        return 10_000 / float(found[1])

    def at_rest(self) -> float:
        """Return the p95 of the neighbour site without any wrong passwords."""
        return float(self._vps.run(f"python3 {_PLACE}/ask.py {APP} 5").stdout)

    def beside_a_storm(self) -> float:
        """Return the same p95 during 60 wrong passwords a second from as many addresses.

        Who guesses is elsewhere in truth, so here it takes the time that nobody else wants.
        """
        storm = f"nice -n 19 python3 {_PLACE}/storm.py {CLOSED} 8 > {_PLACE}/storm.json & sleep 2"
        said = self._vps.run(f"{storm}; python3 {_PLACE}/ask.py {APP} 5; wait").stdout
        statuses = json.loads(self._vps.run(f"cat {_PLACE}/storm.json").stdout)
        if sum(statuses.values()) < 240:
            print(f"bench: this machine is too busy for a storm of 60 a second: {statuses}", flush=True)
        return float(said)

    def rows(self, ping: str) -> list[Wanted]:
        """Return the rows, which are multiples of the row ``ping``."""
        served, rest = "10,000 requests, open site", "p95 of a site, nobody guesses beside it"
        return [
            Wanted("auth add, first user of a site", self.add_first, ping, 2.0),
            Wanted("auth add, a further user", self.add_further, ping, 2.0),
            Wanted("auth add, the same password", self.add_unchanged, ping, 2.0),
            Wanted("checks of a page of 50 requests", self.page, None, 1.0, unit="checks"),
            Wanted(served, self.requests_open),
            # 70 % of the throughput.
            Wanted("10,000 requests, behind a password", self.requests_closed, served, round(1 / 0.7, 2)),
            Wanted(rest, self.at_rest),
            Wanted("the same, 60 wrong passwords a second", self.beside_a_storm, rest, 2.0),
        ]
