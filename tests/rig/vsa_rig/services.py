"""The services around a VPS: an ACME server (Pebble), and DNS for names below ``.test``."""

from __future__ import annotations

import dataclasses
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

from ._shell import LABEL, RigError, docker, lock, step
from .beside import address_of
from .images import images
from .network import NETWORK, addresses, network, scope, scoped

__all__ = ["PROFILES", "Services", "services"]

_IMAGE = "vsa-rig-pebble:1"

#: How the ACME server behaves: Pebble's own switches. ``hostile`` rejects nonces, sleeps and forgets authorizations;
#: ``dns`` is for challenges by DNS, which are looked up at a server that takes updates.
PROFILES: Mapping[str, Mapping[str, str]] = {
    "default": {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"},
    "hostile": {"PEBBLE_VA_SLEEPTIME": "3", "PEBBLE_WFE_NONCEREJECT": "50", "PEBBLE_AUTHZREUSE": "0"},
    "dns": {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"},
}


@dataclasses.dataclass(frozen=True)
class Services:
    """The running services.

    ``pebble_url`` is the ACME directory as a VPS reaches it; ``ca_bundle`` the PEM text that trusts both the ACME
    server itself and what it issues; ``dns_ip`` the name server; ``management_url`` challtestsrv's API.
    """

    container: str
    pebble_url: str
    ca_bundle: str
    dns_ip: str
    management_url: str

    def add_dns(self, name: str, *, ipv4: str = "", ipv6: str = "") -> None:
        """Let ``name`` (below ``.test``) lead to these addresses from now on; an empty family has no record."""
        self.remove_dns(name)
        if ipv4:
            self._manage("add-a", {"host": name, "addresses": [ipv4]})
        if ipv6:
            self._manage("add-aaaa", {"host": name, "addresses": [ipv6]})

    def remove_dns(self, name: str) -> None:
        """Remove the address records of ``name``."""
        for verb in ("clear-a", "clear-aaaa"):
            self._manage(verb, {"host": name})

    def add_caa(self, name: str, value: str) -> None:
        """Let ``name`` have one CAA record with the tag ``issue`` and this value."""
        self._manage("add-caa", {"host": name, "policies": [{"tag": "issue", "value": value}]})

    def fail_dns(self, name: str) -> None:
        """Answer each question about ``name`` by SERVFAIL."""
        self._manage("set-servfail", {"host": name})

    def _manage(self, verb: str, document: Mapping[str, object]) -> None:
        request = urllib.request.Request(f"{self.management_url}/{verb}", json.dumps(document).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=10):
            pass


def services(profile: str = "default", *, within: str | None = None, dns: str = "") -> Services:
    """Return the services of this scope; start them if they do not run. Another profile is a second ACME server.

    ``within`` is the scope, by default the current one. The second server is reached as
    ``https://pebble-<profile>.test:14000/dir`` and validates through the default one's DNS, or that at ``dns``.
    """
    images(_IMAGE)
    network()
    where = scope() if within is None else within
    main = services(within=where) if profile != "default" else None
    container = scoped("services" if main is None else f"services-{profile}", within=where)
    name = "pebble" if main is None else f"pebble-{profile}.test"
    with lock("addresses"):
        if not _runs(container):
            docker("rm", "--force", "--volumes", container, check=False)
            ipv4, ipv6 = addresses()
            given = {**PROFILES[profile], "RIG_NAME": name, "RIG_IP": ipv4, "RIG_IP6": ipv6}
            if main is not None:
                given["RIG_DNS"] = dns or main.dns_ip
            argv = ["run", "--detach", "--name", container, "--network", NETWORK, "--ip", ipv4]
            argv += ["--ip6", ipv6] if ipv6 else []
            argv += ["--label", LABEL, "--label", f"vsa.rig.scope={where}", "--label", "vsa.rig.kind=services"]
            argv += [word for key, value in given.items() for word in ("--env", f"{key}={value}")]
            with step(f"starting {container} (ACME server{', DNS' if main is None else ''})"):
                docker(*argv, _IMAGE)
    ipv4 = address_of(container)
    if main is not None:
        main.add_dns(name, ipv4=ipv4)
    return Services(
        container=container,
        pebble_url=f"https://{name}:14000/dir",
        ca_bundle=_ca_bundle(container, ipv4),
        dns_ip=ipv4 if main is None else main.dns_ip,
        management_url=f"http://{ipv4}:8055" if main is None else main.management_url,
    )


def _runs(container: str) -> bool:
    """Say whether the service runs from the current image."""
    wanted = docker("image", "inspect", "--format", "{{.Id}}", _IMAGE).stdout.strip()
    state = docker("inspect", "--format", "{{.State.Running}} {{.Image}}", container, check=False)
    return state.stdout.split() == ["true", wanted]


def _ca_bundle(container: str, ipv4: str) -> str:
    """Return the CA of the ACME server's own certificate, and the roots of its certificates (new at each start)."""
    deadline = time.monotonic() + 30
    while True:
        server_ca = docker("exec", container, "cat", "/var/lib/rig/ca.pem", check=False).stdout
        try:
            trust = ssl.create_default_context(cadata=server_ca)
            with urllib.request.urlopen(f"https://{ipv4}:15000/roots/0", timeout=5, context=trust) as answer:
                return server_ca + str(answer.read(), "ascii")
        except (urllib.error.URLError, ssl.SSLError, OSError, ValueError) as problem:
            ended = docker("inspect", "--format", "{{.State.Running}}", container, check=False).stdout.strip() != "true"
            if ended or time.monotonic() > deadline:
                logs = docker("logs", "--tail", "20", container, check=False)
                raise RigError(f"{container} did not come up: {problem}\n{logs.stdout}{logs.stderr}") from problem
        time.sleep(0.1)
