"""The shipped stacks of applications on a real host: brought up for a tenant, judged as a stack of another's hand."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import rig
from stackrun import Stacks

__all__ = ("Shipped", "squid_says")

Vsa = Callable[..., CompletedProcess[str]]

# A program for a container with Python: print the addresses to which a TCP connection comes about.
_REACH = """
import socket, sys
for target in sys.argv[1:]:
    host, _colon, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
        print(target)
    except OSError:
        pass
"""
# The same for a request by a proxy: print the status. The address goes out as it is written.
_PROXIED = """
import http.client, sys
client = http.client.HTTPConnection(sys.argv[1], 3128, timeout=8)
client.request("GET", sys.argv[2])
print(client.getresponse().status)
"""
# In a container without a network: ask a Squid for a tunnel to each address, and print the first line of each answer.
_TUNNELS = """
squid -N -f "$1" >/dev/null 2>&1 &
shift
for try in $(seq 50); do (: 3<>/dev/tcp/127.0.0.1/3128) 2>/dev/null && break; sleep 0.2; done
for target; do
    exec 3<>/dev/tcp/127.0.0.1/3128
    printf 'CONNECT %s HTTP/1.1\\r\\nHost: %s\\r\\n\\r\\n' "$target" "$target" >&3
    read -r _version status _words <&3
    echo "$target $status"
    exec 3>&-
done
"""


def squid_says(vps: rig.Vps, folder: str, file: str, *targets: str) -> dict[str, str]:
    """Return the status with which a genuine Squid answers to CONNECT. Nothing leaves: the container has no network.

    403 is a refusal. 503 means that Squid would go there.
    """
    argv = ["docker", "run", "--rm", "--network", "none", "--user", "13:13", "--volume", f"{folder}:/etc/stack:ro"]
    # Without IPv6 in its container, Squid skips the addresses of IPv6 in its lists.
    argv += ["--sysctl", "net.ipv6.conf.all.disable_ipv6=0", "--sysctl", "net.ipv6.conf.lo.disable_ipv6=0"]
    argv += ["--entrypoint", "bash", "vsa-rig-apps:1", "-c", _TUNNELS, "tunnels", f"/etc/stack/{file}", *targets]
    return dict(line.split() for line in vps.run(argv).stdout.splitlines())


class Shipped:
    """One shipped stack. A copy of its folder is used, so the policy judges it, which spares the collection's own."""

    def __init__(self, name: str, stacks: Stacks, vsa: Vsa) -> None:
        self.name = name
        self.vps = stacks.vps
        self._folder = stacks.folder
        self._vsa = vsa
        shutil.copytree(rig.ROOT / "stacks" / name, stacks.folder / name)
        stacks.used(name)

    def images(self, image: str, *names: str) -> None:
        """Load an image of the rig, and give it the names that the Compose file has."""
        self.vps.load_images(image)
        for name in names:
            self.vps.run(["docker", "tag", image, name])

    def up(self, tenant: str, *words: str, **env: str) -> CompletedProcess[str]:
        """Run `vsa stack up`. ``env`` are settings."""
        sets = [word for name, value in env.items() for word in ("--set", f"{name}={value}")]
        return self._vsa("stack", "up", self.name, "--from", str(self._folder), "--tenant", tenant, *sets, *words)

    def change(self, tenant: str, *words: str, **more: Any) -> CompletedProcess[str]:
        """Run another verb of stacks."""
        verb, *rest = words
        return self._vsa("stack", verb, self.name, *rest, "--tenant", tenant, **more)

    def container(self, tenant: str, service: str) -> str:
        return f"{tenant}-{self.name}-{service}-1"

    def inside(self, tenant: str, service: str, *argv: str) -> CompletedProcess[str]:
        """Run a command in a container, whatever its exit code."""
        return self.vps.run(["docker", "exec", self.container(tenant, service), *argv], check=False)

    def reached(self, tenant: str, service: str, *targets: str) -> list[str]:
        """Return which of some ``HOST:PORT`` a container reaches, by address or by the name of another container."""
        done = self.inside(tenant, service, "python3", "-c", _REACH, *targets)
        assert done.returncode == 0, done.stderr
        return str(done.stdout).split()

    def proxied(self, tenant: str, service: str, proxy: str, address: str) -> str:
        """Return the status with which a Squid answers a container that asks for an address through it."""
        return str(self.inside(tenant, service, "python3", "-c", _PROXIED, proxy, address).stdout.strip())

    def networks(self, tenant: str) -> dict[str, dict[str, str]]:
        """Return the networks of each service, and its address on each of them."""
        found = {}
        for entry in self.inspected(tenant):
            ends = entry["NetworkSettings"]["Networks"]
            found[entry["Config"]["Labels"]["com.docker.compose.service"]] = {
                name: str(end["IPAddress"]) for name, end in ends.items()
            }
        return found

    def env(self, tenant: str) -> dict[str, str]:
        """Return the settings and secrets of the stack, which lie on the host alone."""
        text = self.vps.run(["cat", f"/srv/{tenant}/{self.name}/env/.env"]).stdout
        lines = [line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#")]
        return {name: value.strip("'") for name, _equals, value in lines}

    def inspected(self, tenant: str) -> list[dict[str, Any]]:
        """Return what `docker inspect` says of all containers of the stack."""
        names = f"docker ps -aq --filter label=com.docker.compose.project={tenant}-{self.name}"
        return list(json.loads(self.vps.run(f"docker inspect $({names})").stdout))

    def config(self, tenant: str) -> str:
        """Return what `docker compose config` says of what runs."""
        folder = f"/var/lib/vsa/stacks/{tenant}/{self.name}"
        argv = ["docker", "compose", "--project-name", f"{tenant}-{self.name}", "--env-file", f"{folder}/.env"]
        argv += ["--project-directory", f"/srv/{tenant}/{self.name}", "--file", f"{folder}/compose.yml", "config"]
        return str(self.vps.run(shlex.join(argv)).stdout)
