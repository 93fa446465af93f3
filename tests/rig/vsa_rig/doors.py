"""The doors of the collection as an operator uses them: ``ansible-playbook`` and ``vsa`` of this working tree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ._shell import RigError, cache_dir, step
from .vps import Vps

__all__ = ["ROOT", "command", "playbook", "proxy_host", "run_web", "settings", "vsa"]

#: The repository, which is the collection.
ROOT = Path(__file__).resolve().parents[3]


def command(name: str) -> str:
    """The path of a program in this Python environment; raises RigError if ``make setup`` has not installed it."""
    for folder in (Path(sys.executable).parent, ROOT / ".venv" / "bin"):
        if (folder / name).exists():
            return str(folder / name)
    raise RigError(f"there is no {name} beside {sys.executable}: make setup")


def playbook(
    fqcn: str,
    vps: Vps | Sequence[Vps],
    *,
    extra: Mapping[str, Any] | None = None,
    words: Sequence[str] = (),
    user: str = "root",
    check: bool = True,
    timeout: float = 900,
) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the collection against these VPSes; raises RigError with its output when it fails.

    ``extra`` goes over as JSON with ``-e``; ``words`` are further arguments.
    """
    given = ["--extra-vars", json.dumps(dict(extra))] if extra else []
    argv = [command("ansible-playbook"), "-i", _inventory(vps, user), *given, *words, fqcn]
    return _run(argv, check=check, timeout=timeout)


def vsa(
    *words: str,
    vps: Vps | Sequence[Vps],
    user: str = "root",
    check: bool = True,
    timeout: float = 900,
    input: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command ``vsa`` against these VPSes."""
    return _run([command("vsa"), "-i", _inventory(vps, user), *words], check=check, timeout=timeout, input=input)


def settings(vps: Vps, **more: str) -> dict[str, str]:
    """The variables for ``flowbiz.vsa.bootstrap``: the rig's ACME server, and the CA file that verifies this server."""
    known = vps.services()
    bundle = cache_dir("vps", vps.name) / "ca.pem"
    bundle.write_text(known.ca_bundle)
    return {
        "bootstrap_ca": known.pebble_url,
        "bootstrap_ca_bundle": str(bundle),
        "bootstrap_email": "ops@demo.test",
        **more,
    }


def proxy_host(name: str, *, debian: str = "13", web: Sequence[str] = ("web-1", "web-2"), fresh: bool = False) -> Vps:
    """Return a VPS on which sites can be provisioned: after bootstrap, with the reverse proxy and with web containers.

    All of it through the collection's own playbooks. Called again it brings the same VPS to the same state; with
    ``fresh`` a new one is made.
    """
    vps = Vps.create(name, debian, fresh=fresh)
    with step(f"{name}: flowbiz.vsa.bootstrap"):
        playbook("flowbiz.vsa.bootstrap", vps, extra=settings(vps))
    vps.load_images("nginx:1.30.7", "certbot/certbot:v5.5.0", "vsa-demo-web:1")
    with step(f"{name}: flowbiz.vsa.stack.up reverse-proxy"):
        playbook("flowbiz.vsa.stack.up", vps, extra={"stack_name": "reverse-proxy"})
    for container in web:
        run_web(vps, container)
    return vps


def run_web(vps: Vps, container: str, *, network: str = "flowbiz_ext", words: Sequence[str] = ()) -> None:
    """Start the demonstration backend under this name on an edge network; replaces an existing one."""
    vps.run(["docker", "rm", "--force", container], check=False)
    argv = ["docker", "run", "--detach", "--name", container, "--network", network, "--env", f"APP_NAME={container}"]
    argv += ["--restart", "unless-stopped", "--memory", "128m", "--log-opt", "max-size=1m", *words]
    vps.run([*argv, "vsa-demo-web:1"])


def _inventory(vps: Vps | Sequence[Vps], user: str) -> str:
    """Write an inventory with exactly these hosts, and return its path."""
    hosts = [vps] if isinstance(vps, Vps) else list(vps)
    document = {"all": {"hosts": {host.name: host.inventory_vars(user=user) for host in hosts}}}
    path = cache_dir("vps", hosts[0].name) / f"inventory-{user}-{len(hosts)}.yml"
    path.write_text(json.dumps(document, indent=2) + "\n")
    return str(path)


def _run(argv: list[str], *, check: bool, timeout: float, input: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        # A test has its own audit trail, not the developer's.
        "XDG_STATE_HOME": os.environ.get("XDG_STATE_HOME") or str(cache_dir("state")),
    }
    feed: dict[str, Any] = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout, **feed)
    if check and done.returncode:
        raise RigError(f"{' '.join(argv)}\nended with {done.returncode}:\n{done.stdout[-8000:]}\n{done.stderr[-4000:]}")
    return done
