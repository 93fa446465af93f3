"""What protects sites from each other, and its price: limits and path checks on one site, and a site beside an attack.

Requests come from the VPS itself, attacks from this machine, both to the VPS's own proxy and for seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _places import ROOT
from rows import Wanted

import crowd
import rig

PLAIN, GUARDED, VICTIM, OTHER = (f"{name}.demo.test" for name in ("plain", "guarded", "victim", "beside"))
_PLACE = "/root/vsa-bench-shared"
_NGINX = """worker_processes 1;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000; server { listen 80; return 200 "fast\\n"; } }
"""
_ATTACKS = {"hanging": 200, "half-open": 2000, "half-upload": 500}
_PAGES = 300
# In the template of a site: the limits of connections, and the check of paths with two dots.
_LIMITS = re.compile(r"(?m)^ *limit_conn .*\n|^ *if \(\$vsa_climbs\) \{\n.*\n *\}\n")


class SharedBench:
    """Sites with and without limits, and an attacked site beside another one, on the rig's host."""

    def __init__(self, vps: Any, folder: Path, playbook: Callable[..., float]) -> None:
        self._vps, self._folder, self._playbook = vps, folder, playbook
        self._limited = True

    def start(self) -> None:
        """Make the sites, each with a container of its own, and the tools."""
        if self._vps.run("command -v wrk || apt-get install -y -qq wrk", check=False).returncode:
            raise SystemExit("bench: wrk cannot be installed on the VPS")
        self._vps.add_dns(PLAIN, GUARDED, VICTIM, OTHER)
        self._vps.run(f"mkdir -p {_PLACE}")
        self._vps.run(f"cat > {_PLACE}/nginx.conf", input=_NGINX)
        upstreams = {VICTIM: "victim:3000", OTHER: "beside:3000"}
        for domain in (PLAIN, GUARDED):
            name = f"bench-{domain.partition('.')[0]}"
            mount = f"{_PLACE}/nginx.conf:/etc/nginx/nginx.conf:ro"
            self._vps.run(f"docker rm -f {name}", check=False)
            self._vps.run(f"docker run -d --name {name} --network flowbiz_ext -v {mount} nginx:1.30.7")
            self._vps.run(f"grep -q {domain} /etc/hosts || echo 127.0.0.1 {domain} >> /etc/hosts")
            upstreams[domain] = f"{name}:80"
        for name in ("victim", "beside"):
            rig.run_web(self._vps, name)
        for domain, upstream in upstreams.items():
            self._playbook("flowbiz.vsa.site.provision", domain=domain, upstream=upstream, site_ca="selfsigned")
        password = self._folder / "guarded"
        password.touch(mode=0o600)
        password.write_text("correct horse 9\n", encoding="utf-8")
        words = {"auth_user": "alice", "auth_route": "/admin/", "auth_password_file": str(password)}
        self._playbook("flowbiz.vsa.auth.add", domain=GUARDED, **words)
        text = (ROOT / "roles/vhost/templates/site.conf.j2").read_text(encoding="utf-8")
        bare, count = _LIMITS.subn("", text)
        if count < 4:
            raise SystemExit("bench: the template of a site has other limits than these rows know")
        (self._folder / "templates").mkdir()
        (self._folder / "templates/site.conf.j2").write_text(bare, encoding="utf-8")

    def end(self) -> None:
        """Remove what was made."""
        self._limits(on=True)
        for domain in (PLAIN, GUARDED, VICTIM, OTHER):
            self._playbook("flowbiz.vsa.site.unprovision", domain=domain, site_keep_container="true", yes="true")
        self._vps.run(f"docker rm -f bench-plain bench-guarded victim beside; rm -rf {_PLACE}")

    def _limits(self, *, on: bool) -> None:
        """Render all sites with or without limits; this is not measured."""
        if self._limited is on:
            return
        words = {} if on else {"vhost_templates_dir": str(self._folder / "templates")}
        self._playbook("flowbiz.vsa.vhost.sync", **words)
        self._limited = on

    def bare(self) -> float:
        """Request a site that has no limits and no path checks; returns the seconds of 10,000 requests."""
        self._limits(on=False)
        return self._wrk(PLAIN)

    def guarded(self) -> float:
        """Request an open page of a site with the usual limits and a protected path in the same way."""
        self._limits(on=True)
        return self._wrk(GUARDED)

    def _wrk(self, domain: str) -> float:
        said = self._vps.run(f"wrk -t2 -c32 -d4s https://{domain}/page").stdout
        found = re.search(r"Requests/sec:\s+([\d.]+)", said)
        if not found or "Non-2xx" in said or "Socket errors" in said:
            raise SystemExit(f"bench: wrk on {domain} says:\n{said}")
        return 10_000 / float(found[1])

    def undisturbed(self) -> float:
        """Return the p99 of a site beside which nothing happens."""
        return self._p99()

    def beside(self, attack: str) -> float:
        """Return the same p99 while another site of the host is attacked."""
        try:
            with crowd.attacking(attack, self._vps.ip, VICTIM, _ATTACKS[attack]):
                return self._p99()
        finally:
            rig.run_web(self._vps, "victim")  # its threads hang

    def _p99(self) -> float:
        answers = crowd.pages(self._vps.ip, OTHER, count=_PAGES)
        if answers["statuses"] != {"200": _PAGES}:
            print(f"bench: {OTHER} lost requests: {answers['statuses']}", flush=True)
        return float(answers["p99"])

    def rows(self) -> list[Wanted]:
        """Return the rows."""
        bare, rest = "10,000 requests, no limits", "p99 of another site, no attack"
        return [
            Wanted(bare, self.bare),
            Wanted("10,000 requests, limits, a protected path", self.guarded, bare),
            Wanted(rest, self.undisturbed),
            *(
                Wanted(f"the same, {number:,} × {attack}", lambda attack=attack: self.beside(attack), rest, 3.0)
                for attack, number in _ATTACKS.items()
            ),
        ]
