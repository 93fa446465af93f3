# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One site, and whoever visits it, cannot use up what all sites share: connections, disk, memory."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator

import pytest

import crowd
import rig
from proxyhost import ProxyHost

VICTIM, OTHER = "victim.crowd.vsa.test", "other.crowd.vsa.test"


@pytest.fixture(scope="module")
def host(proxy_vps: rig.Vps) -> Iterator[ProxyHost]:
    """A site that is attacked, and another one on a container of its own."""
    host = ProxyHost(proxy_vps)
    for name in ("web-1", "web-2"):
        host.restart_web(name)
    for domain, container in ((VICTIM, "web-1"), (OTHER, "web-2")):
        host.provision(domain, container, said={"body_size": "64m"})
        host.wait_for(domain, f'"app": "{container}"')
    yield host
    for domain in (VICTIM, OTHER):
        host.remove(domain)


@pytest.mark.long
@pytest.mark.parametrize(("attack", "connections"), [("hanging", 200), ("half-open", 2000), ("half-upload", 500)])
def test_other_sites_lose_no_request(host: ProxyHost, attack: str, connections: int) -> None:
    _attack(host, attack, connections, count=1000)


@pytest.mark.parametrize("attack", ["hanging", "half-open", "half-upload"])
def test_other_sites_lose_no_request_in_a_small_attack(host: ProxyHost, attack: str) -> None:
    """The short sibling: the machine that runs all tests at once cannot carry the whole attack too."""
    _attack(host, attack, 20, count=100)


def _attack(host: ProxyHost, attack: str, connections: int, *, count: int) -> None:
    with crowd.attacking(attack, host.vps.ip, VICTIM, connections):
        answers = crowd.pages(host.vps.ip, OTHER, count=count)
    assert answers["statuses"] == {"200": count}
    host.restart_web("web-1")  # its threads hang
    host.wait_for(VICTIM, '"app": "web-1"')


def test_unfinished_uploads_take_bounded_disk(host: ProxyHost) -> None:
    """Each of them would take the whole body, and 200 of them at 60 MiB would take 12 GiB."""
    with crowd.attacking("half-upload", host.vps.ip, VICTIM, 200):
        count = len(held_files(host, "body") + held_files(host, "client_temp"))
        assert crowd.pages(host.vps.ip, OTHER, count=50)["statuses"] == {"200": 50}
        refused, page = upload(host, 2 << 20)
        small, _page = upload(host, 2000)
    assert 0 < count <= 64
    assert (refused, small) == (503, 200), "a large body is refused while so many wait, a small one is not"
    assert "<html" in page


@pytest.fixture
def unannounced(host: ProxyHost) -> Iterator[None]:
    """Clients on the host that send five megabytes with a GET by HTTP/2, without a length, and then nothing."""
    client = f"curl -sk --http2 -X GET -T - --resolve {VICTIM}:443:127.0.0.1 https://{VICTIM}/"
    one = f"(head -c 5000000 /dev/zero; sleep 60) | {client} -o /dev/null &"
    host.run("sh", "-c", " ".join([one] * UNANNOUNCED))
    yield
    host.run("pkill", "-f", f"curl.*{VICTIM}", check=False)


UNANNOUNCED = 12


def test_a_body_that_no_header_announces_takes_bounded_disk(host: ProxyHost, unannounced: None) -> None:
    """No limit can count a body of a GET by HTTP/2 before the body is there, so the body may have a megabyte only."""
    time.sleep(4)
    sizes = held_files(host, "body") + held_files(host, "client_temp")
    assert max(sizes, default=0) <= 1 << 20
    assert sum(sizes) < UNANNOUNCED * (1 << 20)


def profile_of(name: str | None) -> dict[str, str]:
    """Return the fields that give a site a profile, none for a site without one."""
    return {"profile": name} if name else {}


@pytest.mark.parametrize("profile", [None, "sse", "web"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "POST"])
def test_a_small_body_of_any_method_passes_and_a_large_one_only_if_it_is_counted(
    host: ProxyHost, method: str, profile: str | None
) -> None:
    host.provision(VICTIM, said=profile_of(profile), unset=[] if profile else ["profile"])
    answers = {}
    for size in (2000, 2 << 20):
        body = ("--http2", "-X", method, "-T", "-")
        url = ("--resolve", f"{VICTIM}:443:127.0.0.1", f"https://{VICTIM}/upload")
        words = ("curl", "-sk", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", *body, *url)
        answers[size] = host.run(*words, stdin=b"x" * size, check=False).split()
    large = "200" if method == "POST" else "413"
    assert answers == {2000: ["2", "200"], 2 << 20: ["2", large]}


def upload(host: ProxyHost, size: int) -> tuple[int, str]:
    """Send a body to the attacked site."""
    host.run("sh", "-c", f"head -c {size} /dev/zero >/root/vsa-body")
    return host.get(VICTIM, "/upload", "-H", "Expect:", "-H", "Accept: text/html", "--data-binary", "@/root/vsa-body")


def test_many_files_and_many_browsers_are_never_refused(host: ProxyHost) -> None:
    assert crowd.browse(host.vps.ip, OTHER, browsers=1, files=200) == {"200": 200}
    assert crowd.browse(host.vps.ip, OTHER, browsers=50, files=20) == {"200": 1000}
    assert crowd.browse(host.vps.ip, OTHER, browsers=1, files=200, path="/slow?ms=500") == {"200": 200}


def test_a_site_behind_a_cdn_is_never_refused(host: ProxyHost) -> None:
    """All visitors come from the CDN's address; the limit counts the visitors that the CDN names."""
    network = rig_network(host)
    said = {"trusted_proxies": [network], "client_connections": 5}
    assert host.provision(OTHER, "web-2", said=said)["changed"]
    host.wait_for(OTHER, '"app": "web-2"')
    try:
        assert cdn(host, visitors=60) == {"200": 60}
        # The counter-check: one visitor with as many requests at once is over the limit of this site.
        statuses = cdn(host, visitors=1, times=60)
        assert statuses.get("503", 0) > 0
        assert sum(statuses.values()) == 60
    finally:
        host.provision(OTHER, "web-2", unset=["trusted_proxies", "client_connections"])


def rig_network(host: ProxyHost) -> str:
    return f"{host.vps.ip.rpartition('.')[0]}.0/24"


def cdn(host: ProxyHost, *, visitors: int, times: int = 1) -> dict[str, int]:
    """Ask through one connection of a CDN, for each visitor under an address of his own."""
    import asyncio

    async def run() -> list[str]:
        found = []
        connections = [await crowd.Http2.open(host.vps.ip, OTHER) for _number in range(visitors)]
        jobs = [
            connection.statuses(["/slow?ms=1500"] * times, **{"x-forwarded-for": f"203.0.113.{number}"})
            for number, connection in enumerate(connections)
        ]
        for statuses in await asyncio.gather(*jobs):
            found += statuses
        return found

    statuses = asyncio.run(run())
    return {status: statuses.count(status) for status in set(statuses)}


def slow_reader(host: ProxyHost, target: str, *headers: str) -> ssl.SSLSocket:
    """Ask for a large answer and read nothing of it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.settimeout(20)
    plain.connect((host.vps.ip, 443))
    tls = context.wrap_socket(plain, server_hostname=VICTIM)
    lines = (f"GET {target} HTTP/1.1", f"Host: {VICTIM}", *headers, "", "")
    tls.sendall("\r\n".join(lines).encode())
    return tls


BIG = r"""
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        size = int(self.path.rpartition("=")[2]) if "=" in self.path else 1
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        if "yes" in self.path: self.send_header("X-Accel-Buffering", "yes")
        if "no" in self.path: self.send_header("X-Accel-Buffering", "no")
        self.end_headers()
        for _part in range(0, size, 65536): self.wfile.write(b"x" * min(65536, size))
    def log_message(self, *words): pass
class Server(http.server.HTTPServer): request_queue_size = 100
Server(("", 3000), Handler).serve_forever()
"""


@pytest.fixture
def big(host: ProxyHost) -> Iterator[None]:
    """A container with a single worker that sends large answers serves the victim's site."""
    host.run("docker", "rm", "-f", "big-1", check=False)
    words = ("--name", "big-1", "--network", "flowbiz_ext", "--entrypoint", "python3", "vsa-demo-web:1", "-c", BIG)
    host.run("docker", "run", "-d", "--no-healthcheck", *words)
    host.provision(VICTIM, "big-1")
    host.wait_for(VICTIM)
    yield
    host.provision(VICTIM, "web-1", unset=["profile"])
    host.run("docker", "rm", "-f", "big-1")


def held_files(host: ProxyHost, folder: str) -> list[int]:
    """Return the sizes of the temporary files that NGINX holds open below its cache; it removes their names at once."""
    find = f"find /proc/$pid/fd -lname '*cache/nginx/{folder}*' -exec stat -Lc %s {{}} +"
    script = f"for pid in $(pgrep -f 'nginx: worker'); do {find} 2>/dev/null; done; true"
    return [int(line) for line in host.run("sh", "-c", script).split()]


def temporary(host: ProxyHost) -> int:
    """Return how much the answers that wait for slow clients take of the disk, in bytes."""
    return sum(held_files(host, "proxy"))


@pytest.mark.parametrize("profile", [None, "sse", "web"])
def test_no_backend_fills_the_disk_by_a_header(host: ProxyHost, big: None, profile: str | None) -> None:
    host.provision(VICTIM, "big-1", said=profile_of(profile), unset=[] if profile else ["profile"])
    clients = [slow_reader(host, f"/yes?size={200 << 20}") for _number in range(2)]
    time.sleep(3)
    assert temporary(host) <= (2 * (2 << 20) if profile == "web" else 0)
    for client in clients:
        client.close()


def seconds_behind_a_slow_reader(host: ProxyHost, target: str, *headers: str) -> float:
    slow = slow_reader(host, target, *headers)
    time.sleep(1)
    began = time.monotonic()
    status, _body = host.get(VICTIM, "/?size=1", "--max-time", "5")
    slow.close()
    return time.monotonic() - began if status == 200 else 99


def test_a_slow_visitor_does_not_hold_a_container_of_the_profile_web(host: ProxyHost, big: None) -> None:
    host.provision(VICTIM, "big-1", said={"profile": "web"})
    assert seconds_behind_a_slow_reader(host, f"/?size={900 << 10}") < 2
    target = f"/?size={3 << 20}"
    # A stream is never buffered, whether the client asks for one or the container says so.
    assert seconds_behind_a_slow_reader(host, target, "Accept: text/event-stream") > 4
    assert seconds_behind_a_slow_reader(host, f"/no?size={3 << 20}") > 4
