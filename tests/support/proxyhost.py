# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bootstrapped VPS as the tests see it: the driver, requests through the proxy, and what lies on disk."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
TEMPLATES = {
    path.name: path.read_text()
    for folder in ("templates", "files")
    for path in (ROOT / "roles/vhost" / folder).iterdir()
}
NGINX = "/srv/platform/reverse-proxy/data/nginx"
_LIBRARY = "/root/vsa-test"

# Asks without pause, one new connection each, and counts; ends when standard input does.
_REQUESTER = r"""
import http.client, json, socket, ssl, sys, threading
domain, keep = sys.argv[1], sys.argv[2] == "keep"
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
class Connection(http.client.HTTPSConnection):
    def connect(self):
        self.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", 443), 10), server_hostname=domain)
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
good, bad = 0, []
connection = None
print("started", flush=True)
while not stop.is_set() and good + len(bad) < 200000:
    try:
        connection = connection or Connection(domain)
        connection.request("GET", "/probe", headers={} if keep else {"Connection": "close"})
        answer = connection.getresponse(); answer.read()
        if answer.status == 200: good += 1
        else: bad.append(str(answer.status))
        if answer.will_close: connection.close(); connection = None
    except Exception as error:
        bad.append(repr(error)); connection = None
print(json.dumps({"good": good, "bad": bad[:20]}))
"""

_SNAPSHOT = r"""
import hashlib, json, os, re
proxy = "/srv/platform/reverse-proxy"
nginx = f"{proxy}/data/nginx"
history = rf"{proxy}/logs/certbot|{nginx}/(generations/|store|last.json|.lock|current)"
# The renewal loop may write these files at any moment, the first time half a minute after the proxy came up.
loop = rf"{proxy}/data/letsencrypt/(vsa-renew\.state|vsa-reload|vsa-ari\.json|\.certbot\.lock)"
apart = re.compile(rf"/var/lib/vsa/audit|/var/log/vsa|{history}|{loop}")
busy = re.compile(rf"{proxy}/logs/|{proxy}/data/letsencrypt/vsa-")
found = {}
def note(path, name):
    state = os.lstat(path)
    if os.path.islink(path): found[name] = "link " + os.readlink(path); return
    if os.path.isfile(path) and busy.match(path): found[name] = "in use"; return
    found[name] = oct(state.st_mode) + " " + str(state.st_uid) + ":" + str(state.st_gid)
    if os.path.isfile(path):
        text = open(path, "rb").read()
        if name.startswith("live "):
            if name.endswith("generation.json"): return
            text = re.sub(rb"(generations?[ /]|default )\d+", rb"\1N", text)
        found[name] += " " + hashlib.sha256(text).hexdigest()
for top in ("/etc", "/srv", "/var/lib/vsa", "/var/spool", "/opt", "/root"):
    for folder, names, files in os.walk(top):
        for name in names + files:
            path = os.path.join(folder, name)
            if not apart.match(path): note(path, path)
live = os.path.realpath(proxy + "/data/nginx/current")
for folder, names, files in os.walk(live):
    for name in files: note(os.path.join(folder, name), "live " + os.path.relpath(os.path.join(folder, name), live))
listed = live + "/sites/_all.conf"
listed = open(listed).read() if os.path.exists(listed) else ""
for domain, conf, manifest in re.findall(r"/store/([^/]+)/(\w+)\.conf; # (\w+)\.yml", listed):
    note(f"{nginx}/store/{domain}/{conf}.conf", f"live sites/{domain}.conf")
    note(f"{nginx}/store/{domain}/{manifest}.yml", f"live manifests/{domain}.yml")
print(json.dumps(found))
"""


class ProxyHost:
    """Wraps a VPS of the rig whose reverse proxy runs."""

    def __init__(self, vps: Any) -> None:
        self.vps = vps
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as archive:
            place = "ansible_collections/flowbiz/vsa/plugins/module_utils"
            archive.add(ROOT / "plugins/module_utils/_bytecode.py", f"{place}/_bytecode.py")
            for name in ("_core", "_host"):
                folder = ROOT / "plugins/module_utils" / name
                for path in sorted(folder.rglob("*.py")):
                    archive.add(path, f"{place}/{name}/{path.relative_to(folder)}")
            archive.add(HERE / "driver.py", "driver.py")
        self.run("sh", "-c", "command -v curl >/dev/null || apt-get install -y -qq curl", timeout=300)
        self.run("mkdir", "-p", _LIBRARY)
        self.run("tar", "-x", "-C", _LIBRARY, stdin=stream.getvalue())

    def run(self, *argv: str, check: bool = True, stdin: bytes | None = None, timeout: float = 120) -> str:
        """Run a command on the VPS and return what it printed."""
        done = subprocess.run(
            ["docker", "exec", "-i", self.vps.name, *argv], input=stdin or b"", capture_output=True, timeout=timeout
        )
        if check and done.returncode:
            raise AssertionError(f"{argv}: {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
        return done.stdout.decode()

    #: The driver's command on the VPS, which reads what ``wanted`` returns.
    driver = ("env", f"PYTHONPATH={_LIBRARY}", "python3", f"{_LIBRARY}/driver.py")

    @staticmethod
    def wanted(call: str = "apply", *, templates: dict[str, str] | None = None, **wanted: Any) -> str:
        """Return what the driver reads for a call."""
        return json.dumps({"call": call, "templates": templates or TEMPLATES, **wanted})

    def drive(self, call: str = "apply", *, templates: dict[str, str] | None = None, **wanted: Any) -> dict[str, Any]:
        """Run the driver; a process that was killed returns ``{"killed": True}``."""
        done = subprocess.run(
            ["docker", "exec", "-i", self.vps.name, *self.driver],
            input=self.wanted(call, templates=templates, **wanted).encode(),
            capture_output=True,
            timeout=180,
        )
        if done.returncode == 137:
            return {"killed": True}
        if done.returncode:
            raise AssertionError(done.stderr.decode())
        return json.loads(done.stdout.decode().splitlines()[-1])

    def provision(self, domain: str, container: str = "web-1", port: int = 3000, **more: Any) -> dict[str, Any]:
        """Make a site with a self-signed certificate, which is made where it is missing."""
        self.certificate(domain)
        said = {"container": container, "port": port, "ca": "selfsigned", **more.pop("said", {})}
        return self.drive(domain=domain, said=said, **more)

    def unprovision(self, domain: str, *, check: bool = False, kill: str = "", **options: Any) -> dict[str, Any]:
        """Remove a site whole, as the verb does; ``kill`` is the step before which the process dies."""
        return self.drive("unprovision", domain=domain, options=options, check=check, kill=kill or None)

    def rename(self, domain: str, to: str, *, kill: str = "") -> dict[str, Any]:
        """Rename a site, as the verb does; ``kill`` is the step before which the process dies."""
        return self.drive("rename", domain=domain, to=to, kill=kill or None)

    def remove(self, domain: str) -> dict[str, Any]:
        """Take a site out of the proxy again."""
        return self.drive(domain=domain, absent=True)

    def certificate(self, domain: str) -> None:
        """Make a self-signed pair, unless there is one."""
        directory = f"/srv/platform/reverse-proxy/data/selfsigned/{domain}"
        request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30"
        script = (
            f"test -f {directory}/privkey.pem && exit 0; mkdir -p {directory} && "
            f"{request} -subj /CN={domain[:60]} -addext subjectAltName=DNS:{domain} "
            f"-keyout {directory}/privkey.pem -out {directory}/fullchain.pem 2>/dev/null && "
            f"chgrp 80443 {directory}/privkey.pem && chmod 640 {directory}/privkey.pem"
        )
        self.run("sh", "-c", script)

    def get(self, domain: str, path: str = "/", *more: str, https: bool = True) -> tuple[int, str]:
        """Fetch a path through the published port; status 0 where no answer came."""
        scheme, port = ("https", 443) if https else ("http", 80)
        text = self.run(
            *("curl", "-sk", "--path-as-is", "--max-time", "20", "--resolve", f"{domain}:{port}:127.0.0.1"),
            *("-w", "\n%{http_code}", *more, f"{scheme}://{domain}{path}"),
            check=False,
        )
        body, _newline, status = text.rpartition("\n")
        return int(status or 0), body

    def own_address(self, family: str) -> str:
        """Return the address from which this machine reaches the VPS by ``ip`` or ``ip6``; empty without IPv6."""
        target = getattr(self.vps, family)
        if not target:
            return ""
        route = subprocess.run(["ip", "-o", "route", "get", target], capture_output=True, text=True, check=True).stdout
        return route.split(" src ")[1].split()[0]

    def status(self, domain: str, path: str = "/") -> int:
        """Return the status of one path."""
        return self.get(domain, path)[0]

    def disk(self) -> dict[str, str]:
        """Return a hash of every file that a transaction may touch, the live link included."""
        text = self.run(
            "sh",
            "-c",
            f"cd / && find {NGINX} /etc/vsa -type f ! -name .lock ! -name last.json -exec sha256sum {{}} + ; "
            f"ls /srv/platform/reverse-proxy/logs/nginx | sed 's/^/log /'; echo live $(readlink {NGINX}/current)",
        )
        return {line.split(maxsplit=1)[1]: line.split(maxsplit=1)[0] for line in text.splitlines()}

    def snapshot(self) -> dict[str, str]:
        """Return what a site may leave on a host: files with hash and mode, containers, networks, volumes.

        History (generations that are not live) and audit are apart; of logs that others write to there is the name.
        """
        found: dict[str, str] = json.loads(self.run("python3", "-c", _SNAPSHOT, timeout=180))
        for what, words in {
            "container": ("ps", "-a", "--format", "{{.Names}} {{.ID}} {{.Image}} {{.State}} {{.Networks}}"),
            "network": ("network", "ls", "--format", "{{.Name}} {{.ID}}"),
            "volume": ("volume", "ls", "--format", "{{.Name}} {{.Driver}}"),
        }.items():
            for line in self.run("docker", *words).splitlines():
                name, _blank, rest = line.partition(" ")
                if what == "container":
                    # Docker lists the networks in any order.
                    state, _blank, networks = rest.rpartition(" ")
                    rest = f"{state} {','.join(sorted(networks.split(',')))}"
                found[f"{what} {name}"] = rest
        return found

    def file(self, domain: str) -> str:
        """Return the path of a site's live NGINX file."""
        listed = self.run("cat", f"{NGINX}/current/sites/_all.conf")
        [stored] = re.findall(rf"store/{re.escape(domain)}/\w+\.conf", listed)
        return f"{NGINX}/{stored}"

    def live(self) -> int:
        """Return the number of the live generation on disk."""
        return int(self.run("readlink", f"{NGINX}/current").strip().rpartition("/")[2])

    def served(self) -> int:
        """Return the generation that NGINX serves."""
        text = self.run(
            "docker",
            "exec",
            "vsa-nginx",
            "curl",
            "-s",
            "--unix-socket",
            "/run/vsa-status.sock",
            "http://vsa/generation",
        )
        return int(text.split()[0])

    def restart_web(self, name: str, *, network: str = "flowbiz_ext", aliases: tuple[str, ...] = ()) -> None:
        """Remove and start a demonstration backend."""
        self.run("docker", "rm", "-f", name, check=False)
        self.run("docker", "network", "create", network, check=False)
        flags = [word for alias in aliases for word in ("--network-alias", alias)]
        self.run(
            *("docker", "run", "-d", "--name", name, "--restart", "unless-stopped", "--network", network, *flags),
            *("-e", f"APP_NAME={name}"),
            "vsa-demo-web:1",
        )

    def wait_until(self, condition: str, *, seconds: float = 30) -> None:
        """Wait until a shell condition on the VPS holds."""
        self.run("timeout", str(seconds), "sh", "-c", f"until {condition}; do sleep 0.2; done", timeout=seconds + 20)

    def wait_for(self, domain: str, text: str = "", *, seconds: float = 30) -> None:
        """Wait until a site answers 200, with a text in its body."""
        ask = f"curl -skf --max-time 5 --resolve {domain}:443:127.0.0.1 https://{domain}/"
        self.wait_until(f"{ask} | grep -qF '{text}'", seconds=seconds)

    def logged(self, domain: str, uri: str) -> dict[str, Any]:
        """Return the last line of a site's log, of a request for ``uri``: NGINX writes a line after its answer."""
        log = f"/srv/platform/reverse-proxy/logs/nginx/{domain}.access.log"
        self.wait_until(f"""tail -n 1 {log} | grep -qF '"uri":"{uri}"'""", seconds=10)
        line: dict[str, Any] = json.loads(self.run("tail", "-n", "1", log))
        return line

    @contextmanager
    def asking(self, domain: str, *, keep: bool = False) -> Iterator[dict[str, Any]]:
        """Ask a site without pause meanwhile; afterwards the mapping has ``good`` and ``bad``."""
        seen: dict[str, Any] = {}
        with subprocess.Popen(
            ["docker", "exec", "-i", self.vps.name, "python3", "-c", _REQUESTER, domain, "keep" if keep else "close"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "started"
            try:
                yield seen
            finally:
                output, _errors = process.communicate(timeout=60)
                seen.update(json.loads(output.splitlines()[-1]))
