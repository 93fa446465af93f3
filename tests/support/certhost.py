# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with certificates for tests: its verbs, its files, the served certificates, and injected faults."""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import CompletedProcess
from typing import Any

from certs import Pair, make_pair

__all__ = ("LIB", "CertHost", "Ended")

LIB = "/srv/platform/reverse-proxy/data/letsencrypt"


class Ended:
    """The end of a verb on the only host: exit code, output, and error message."""

    def __init__(self, done: CompletedProcess[str]) -> None:
        assert done.stdout.startswith("{"), f"{done.stdout}\n{done.stderr}"
        self.code = done.returncode
        document = json.loads(done.stdout)
        self.said: dict[str, Any] = next(iter((document["hosts"] or {"": document}).values()))
        self.error: dict[str, Any] = self.said.get("error") or {}
        self.message = str(self.error.get("message", ""))

    def __repr__(self) -> str:
        return f"exit {self.code}: {self.error or self.said}"


class CertHost:
    """Wraps a VPS of the rig whose reverse proxy runs."""

    def __init__(self, vps: Any, vsa: Callable[..., CompletedProcess[str]]) -> None:
        self.vps = vps
        self._vsa = vsa

    def run(self, line: str, *, check: bool = True) -> str:
        """Run a shell line on the VPS and return what it printed."""
        return str(self.vps.run(line, check=check).stdout)

    def vsa(self, *words: str) -> Ended:
        """Run a verb with --json."""
        return Ended(self._vsa(*words, "--json"))

    def issue(self, domain: str, *words: str) -> Ended:
        """Run ``vsa cert issue``."""
        return self.vsa("cert", "issue", "--domain", domain, *words)

    def status(self, domain: str) -> dict[str, Any]:
        """Return the entry of one domain in ``vsa cert status``."""
        ended = self.vsa("cert", "status", "--domain", domain)
        assert ended.code == 0, ended
        entry: dict[str, Any] = ended.said["certificates"][0]
        return entry

    def site(self, domain: str, *, ipv6: bool = False) -> None:
        """Make a site for the demonstration backend, with a certificate of the host's CA."""
        self.vps.add_dns(domain, ipv6=ipv6)
        words = ("--domain", domain, "--container", "web-1", "--port", "3000")
        ended = self.vsa("site", "provision", *words)
        assert ended.code == 0, ended

    def served(self, domain: str) -> str:
        """Return the serial number of the certificate in a handshake with SNI; empty if there is none."""
        ask = f"openssl s_client -connect 127.0.0.1:443 -servername {domain} </dev/null 2>/dev/null"
        return self.run(f"{ask} | openssl x509 -noout -serial 2>/dev/null", check=False).strip().removeprefix("serial=")

    def on_disk(self, domain: str) -> str:
        """Return the serial number of the certificate on disk."""
        read = f"openssl x509 -noout -serial -in {LIB}/live/{domain}/fullchain.pem"
        return self.run(read).strip().removeprefix("serial=")

    def wait_served(self, domain: str, serial: str, *, seconds: float = 60) -> float:
        """Wait until a certificate is served; returns the seconds."""
        began = time.monotonic()
        while self.served(domain) != serial:
            took = time.monotonic() - began
            assert took < seconds, f"{domain} still serves {self.served(domain)}, not {serial}, after {took:.0f} s"
            time.sleep(0.5)
        return time.monotonic() - began

    def put_pair(self, domain: str, *, age: float, life: float, issuer: Pair) -> str:
        """Replace a lineage's certificate by one that is ``age`` of its ``life`` days old; returns its serial number.

        The files of the present version are overwritten: certbot and NGINX take it for the one that was issued.
        """
        now = datetime.datetime.now(datetime.UTC)
        start = now - datetime.timedelta(days=age)
        pair = make_pair([domain], issuer=issuer, start=start, end=start + datetime.timedelta(days=life))
        texts = {"cert": pair.pem, "chain": issuer.pem, "fullchain": pair.chain, "privkey": pair.key_pem}
        for name, text in texts.items():
            self.vps.run(f"cat > {LIB}/live/{domain}/{name}.pem", input=text)
        return self.on_disk(domain)

    @contextmanager
    def blocked(self, rule: str) -> Iterator[None]:
        """Reject forwarded packets to the containers that match a rule of iptables."""
        line = f"DOCKER-USER {rule} -j REJECT --reject-with tcp-reset"
        self.run(f"iptables -I {line}")
        try:
            yield
        finally:
            self.run(f"iptables -D {line}")

    def hurry(self) -> None:
        """Let the reloader forget its last reload, so that the next reload comes at once."""
        self.run("docker exec vsa-nginx sh -c 'kill -TERM $(pgrep -f nginx-reloader.sh)'", check=False)

    def ca_down(self) -> Any:
        """Let the host's CA refuse every connection."""
        return self.blocked("-p tcp --dport 14000")
