"""A fleet of three VPSes as an operator makes it: the hub with sites, a second host with sites, and a Debian 12.

Every fact about a host is asked on the host itself: by Docker's command, by openssl, from the log files.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

import rig
from hubhost import DATABASE

__all__ = ("HUB", "PASSWORD", "Fleet", "Truth")

HUB = "dashboard.three.vsa.test"
PASSWORD = "a-password-of-the-tests-03"
_BEAT = "systemctl reset-failed vsa-agent-send.service; systemctl start vsa-agent-send.service"
_LIVE = "/srv/platform/reverse-proxy/data/letsencrypt/live"
_LOGS = "/srv/platform/reverse-proxy/logs/nginx"
# Health, exit code and memory as Docker's command has them; `-` where there is none.
_INSPECT = (
    "{{.Name}}|{{.State.Status}}|{{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}}|{{.State.ExitCode}}"
    "|{{.RestartCount}}|{{.Config.Image}}|{{.HostConfig.Memory}}"
)


class Fleet:
    """The three hosts, the inventory, and the hub's pages."""

    def __init__(self, folder: Path, hosts: Mapping[str, rig.Vps]) -> None:
        self.folder = folder
        self.hosts = dict(hosts)
        self.inventory = folder / "fleet"

    def write_inventory(self) -> None:
        """Write the fleet as it is before the two nodes are added: the hub, and the groups of two providers."""
        hub = self.hosts["vps-01"]
        groups = self.inventory / "group_vars"
        (groups / "all").mkdir(parents=True)
        # The host keys come by `vsa vps add`, so nothing else of the rig's way to connect is here.
        text = f"""\
all:
  children:
    infomaniak:
      hosts:
        vps-01:
          ansible_host: {hub.ip}
          vsa_hostname: vps-01.vsa.test
    kamatera:
      hosts:
    # Hosts with an older distribution.
    legacy:
      children:
        kamatera:
    hub:
      hosts:
        vps-01:
"""
        (self.inventory / "hosts.yml").write_text(text)
        login = {"ansible_user": "root", "ansible_ssh_private_key_file": str(rig.ssh_key())}
        # Debian 12 has no Compose, and Docker's own repository is not to be had here.
        old = {"bootstrap_engine_enabled": False, "vsa_provider": "kamatera", **login}
        for name, found in (("infomaniak", {"vsa_provider": "infomaniak", **login}), ("kamatera", old)):
            (groups / f"{name}.yml").write_text(json.dumps(found))
        everywhere = {"hub_url": f"https://{HUB}", "hub_auth_file": "../hub-auth", **rig.settings(hub)}
        (groups / "all/settings.yml").write_text(json.dumps(everywhere))
        for name, content in (("hub-auth", f"admin:{PASSWORD}\n"), ("password", f"{PASSWORD}\n")):
            (self.folder / name).write_text(content)
            (self.folder / name).chmod(0o600)

    def vsa(self, *words: str, code: int = 0, input: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command on this inventory; an AssertionError has its output if it ends with another code."""
        environment = {
            **os.environ,
            "XDG_STATE_HOME": str(self.folder / "state"),
            "VSA_INVENTORY": str(self.inventory),
            "ANSIBLE_NOCOLOR": "1",
        }
        done = subprocess.run(
            [rig.command("vsa"), *words],
            cwd=rig.ROOT,
            env=environment,
            input=input,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == code, f"vsa {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def add(self, node: str, *words: str) -> None:
        """Add a node with its host key, bootstrap it, and let its agent report."""
        vps = self.hosts[node]
        argv = ["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"]
        key = vps.run(argv).stdout.split()[1]
        where = ("--hostname", f"{node}.vsa.test", "--ip", vps.ip)
        self.vsa("vps", "add", "--id", node, *where, "--host-key", key, "--bootstrap", *words)

    def page(self, path: str, **query: str) -> dict[str, Any]:
        """Return the JSON of a page, asked as a person with the password."""
        hub = self.hosts["vps-01"]
        ask = ["docker", "exec", "--interactive", "vsa-nginx", "curl", "-sSk", "--fail", "-G", "--max-time", "30"]
        ask += ["--resolve", f"{HUB}:443:127.0.0.1", "-u", f"admin:{PASSWORD}", f"https://{HUB}/api/v1/{path}"]
        for name, value in query.items():
            ask += ["--data-urlencode", f"{name.rstrip('_')}={value}"]
        return dict(json.loads(hub.run(ask).stdout))

    def rows(self, path: str) -> list[dict[str, Any]]:
        """Return the rows of all pages of a list."""
        found: list[dict[str, Any]] = []
        number = 1
        while True:
            listed = self.page(path, page=str(number))["list"]
            found += listed["rows"]
            if number >= listed["pages"]:
                assert len(found) == listed["total"]
                return found
            number += 1

    def node(self, name: str) -> dict[str, Any]:
        """Return the row of a node on the page VPS."""
        return next(row for row in self.page("vps")["nodes"] if row["id"] == name)

    def query(self, sql: str) -> list[str]:
        """Return the lines that PostgreSQL itself answers."""
        argv = ["docker", "exec", DATABASE, "psql", "--username", "hub", "--dbname", "hub", "-At", "-c", sql]
        return self.hosts["vps-01"].run(argv).stdout.splitlines()

    def beat(self, *names: str) -> None:
        """Let nodes send what they are now, and wait until the hub has it."""
        since = {name: self.hosts[name].run("date -u +%s.%N").stdout for name in names}
        for name in names:
            self.hosts[name].run(_BEAT, check=False)
        for name in names:
            self._wait_for_news(name, float(since[name]))

    def _wait_for_news(self, name: str, moment: float) -> None:
        """Send again until the hub has figures that are newer: it takes no two beats of a node within a few seconds."""
        deadline = time.monotonic() + 90
        while not self._is_newer(name, moment):
            assert time.monotonic() < deadline, f"no beat of {name} arrived"
            time.sleep(3)
            self.hosts[name].run(_BEAT, check=False)

    def _is_newer(self, name: str, moment: float) -> bool:
        at = self.node(name)["sections"]["figures"]["rows_at"]
        return bool(at) and datetime.fromisoformat(at).timestamp() > moment

    @staticmethod
    def until(what: Callable[[], Any], *, seconds: float = 60) -> None:
        """Wait until something holds; an AssertionError if it does not in time."""
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, "it did not come to hold in time"
            time.sleep(3)


class Truth:
    """What a host itself says, by other ways than the agent's."""

    def __init__(self, vps: rig.Vps) -> None:
        self.vps = vps

    def _lines(self, command: str) -> list[str]:
        found: list[str] = str(self.vps.run(command).stdout).splitlines()
        return found

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return the containers that `docker inspect` shows, by name."""
        found = {}
        for line in self._lines(f"docker ps -aq --no-trunc | xargs -r docker inspect -f '{_INSPECT}'"):
            name, state, health, code, restarts, image, memory = line.split("|")
            shown = {
                "running": {"-": ("ok", "running"), "healthy": ("ok", "healthy"), "unhealthy": ("bad", "unhealthy"),
                            "starting": ("busy", "starting")}[health],
                "exited": ("old", "stopped") if code == "0" else ("bad", f"exit {code}"),
                "paused": ("warn", "paused"),
                "restarting": ("bad", "restarting"),
                "created": ("old", "created"),
            }[state]  # fmt: skip
            found[name.lstrip("/")] = {
                "shown": shown, "restarts": int(restarts), "image": image, "memory_limit_bytes": int(memory) or None,
            }  # fmt: skip
        return found

    def sites(self) -> dict[str, dict[str, Any]]:
        """Return the sites as their manifests and NGINX have them, by domain: routes, password, expiry."""
        found = {}
        for path in self._lines("ls /etc/vsa/sites/*.yml"):
            said = yaml.safe_load(self.vps.run(["cat", path]).stdout)
            domain = str(said["domain"])
            routes = {(route["path"], route["container"], route["port"]) for route in said["routes"]}
            found[domain] = {"routes": routes, "aliases": list(said.get("aliases") or [])}
        return found

    def answer(self, domain: str, path: str = "/") -> int:
        """Return the status that the proxy of the host gives for a name, 0 without an answer."""
        words = f"-sk -o /dev/null -w %{{http_code}} --max-time 10 --resolve {domain}:443:127.0.0.1".split()
        return int(
            self.vps.run(["docker", "exec", "vsa-nginx", "curl", *words, f"https://{domain}{path}"], check=False).stdout
        )

    def certificates(self) -> dict[str, dict[str, str]]:
        """Return what openssl says of each certificate: its end, names, and the fingerprints of file and proxy."""
        found = {}
        for name in self._lines(f"ls {_LIVE} | grep -v README"):
            wanted = "-noout -fingerprint -sha256 -enddate -ext subjectAltName"
            text = self.vps.run(f"openssl x509 {wanted} -in {_LIVE}/{shlex.quote(name)}/cert.pem").stdout
            served = self.vps.run(
                f"openssl s_client -connect 127.0.0.1:443 -servername {shlex.quote(name)} </dev/null 2>/dev/null"
                " | openssl x509 -noout -fingerprint -sha256",
                check=False,
            ).stdout
            words = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
            names = sorted(part.strip().removeprefix("DNS:") for part in text.splitlines()[-1].split(","))
            found[name] = {
                "not_after": words["notAfter"],
                "names": ",".join(names),
                "file": words["sha256 Fingerprint"],
                "served": served.strip().partition("=")[2],
            }
        return found

    def statuses(self, domain: str) -> dict[str, int]:
        """Return how often each status stands in a site's access log."""
        lines = self._lines(f"cat {_LOGS}/{domain}.access.log")
        return dict(Counter(str(json.loads(line)["status"]) for line in lines))

    def runs(self) -> set[str]:
        """Return the ids of the runs in the host's own audit trail."""
        return {str(json.loads(line)["id"]) for line in self._lines("cat /var/log/vsa/audit.jsonl")}

    def machine(self) -> dict[str, Any]:
        """Return the machine's figures by the tools of the distribution."""
        size, used = self._lines("df -B1 --output=size,used / | tail -1")[0].split()
        return {
            "memory": int(self._lines("awk '/^MemTotal/ {print $2}' /proc/meminfo")[0]) * 1024,
            "cpus": int(self._lines("nproc")[0]),
            "kernel": self._lines("uname -r")[0],
            "os": self._lines('. /etc/os-release; echo "$PRETTY_NAME"')[0],
            "disk": (int(size), int(used)),
        }
