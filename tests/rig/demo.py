"""The main job on real hosts of this machine: ``demo.py up`` (``make demo`` runs this) and ``demo.py down``.

A fresh VPS is bootstrapped, gets the reverse proxy and a small web application, and serves ``shop.demo.test`` with a
certificate of a real ACME server. Run again it brings the same VPS to the same state; after an interrupted run, or with
``--fresh``, it starts with a new one.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import rig

NAME = "vps-demo"
DOMAIN = "shop.demo.test"
OWN = "staff.demo.test"
CONTAINER = "web-1"
PORT = 3000

_INVENTORY = rig.ROOT / "inventories" / "demo"
_SSH_CONFIG = _INVENTORY / ".ssh_config"
_IMAGES = ("vsa-rig-vps:13", "vsa-rig-pebble:1", "nginx:1.30.7", "certbot/certbot:v5.5.0", "vsa-demo-web:1")


def up(*, fresh: bool) -> None:
    """Make the demo, or bring it up to date, and show the page that it serves."""
    start = time.monotonic()
    _title(1, "a VPS, and an ACME server with DNS beside the VPS")
    rig.engine_up()
    rig.images(*_IMAGES)
    for name in _IMAGES:
        if really := rig.standin_of(name):
            rig.say(f"  · {name} is a stand-in (no registry can be reached): {really}")
    kept = not fresh and _complete().exists()
    vps = rig.Vps.create(NAME, fresh=not kept)
    _SSH_CONFIG.write_text(vps.ssh_config())
    rig.say(f"  · {NAME} is {vps.ip}: {'the VPS of the last time' if kept else 'only systemd and sshd'}")

    _title(2, "bootstrap: Python, Docker with Compose, network, settings")
    settings = rig.settings(vps)
    ca_bundle = settings["bootstrap_ca_bundle"]
    words = ["--ca", settings["bootstrap_ca"], "--ca-bundle", ca_bundle, "--email", settings["bootstrap_email"]]
    _vsa("bootstrap", *words)

    _title(3, "the reverse proxy")
    # If a registry can be reached, a host pulls the images itself.
    vps.load_images("nginx:1.30.7", "certbot/certbot:v5.5.0", "vsa-demo-web:1")
    _vsa("stack", "up", "reverse-proxy")

    _title(4, f"a web application in the container {CONTAINER}, and a domain that resolves to the VPS")
    if vps.run(["docker", "inspect", CONTAINER], check=False).returncode:
        rig.run_web(vps, CONTAINER)
    vps.add_dns(DOMAIN, OWN)
    rig.say(f"  · {CONTAINER} listens on port {PORT} of flowbiz_ext · {DOMAIN} → {vps.ip}")

    _title(5, f"the site {DOMAIN}")
    _vsa("site", "provision", "--domain", DOMAIN, "--container", CONTAINER, "--port", str(PORT))

    _title(6, f"the site {OWN}, whose certificate the operator brings")
    pair = f"/srv/platform/reverse-proxy/data/selfsigned/{OWN}/fullchain.pem"
    if vps.run(["test", "-f", pair], check=False).returncode:
        _playbook("molecule/shared/pair.yml", f"pair_domain={OWN}")
    _vsa("site", "provision", "--domain", OWN, "--container", CONTAINER, "--port", str(PORT), "--ca", "selfsigned")

    _title(7, "the answers of both sites through the proxy")
    fetch(vps.ip, OWN, vps.run(["cat", pair]).stdout)
    fetch(vps.ip, DOMAIN, Path(ca_bundle).read_text())
    _complete().touch()
    rig.say(f"\n✔ the demo runs, after {time.monotonic() - start:.0f} s\n")
    print(_next_steps(vps.ip, ca_bundle))


def down() -> None:
    """Remove the VPS, its services, and the files that point to it."""
    _SSH_CONFIG.unlink(missing_ok=True)
    shutil.rmtree(_state())
    if shutil.which("docker") is None:
        rig.say("✔ there is no demo: no Docker on this machine")
        return
    rig.engine_up()
    rig.down(everything=False, scope=os.environ["VSA_RIG_SCOPE"])
    rig.say(
        "  · kept for the next time: the rig's images and its SSH key; tests/rig/rig.py down --all removes these too"
    )


def fetch(address: str, domain: str, trust: str) -> None:
    """Request a site over HTTPS at ``address`` and print the answer; raises if chain, name or answer is wrong."""
    answer = rig.https_get(address, domain, "/hello", trust=trust, headers={"User-Agent": "vsa-demo"})
    if answer.status != 200 or answer.json()["app"] != CONTAINER:
        raise rig.RigError(f"{domain} answered {answer.status}: {answer.body[:500]!r}")
    rig.say(f"  · https://{domain}/")
    rig.say(f"  ✔ chain verified: issued by {answer.issuer}, until {answer.expires}, {answer.protocol}")
    print(f"HTTP/1.1 {answer.status} {answer.reason}")
    for key, value in answer.headers.items():
        print(f"{key}: {value}")
    print("\n" + json.dumps(answer.json(), indent=2), flush=True)


def _state() -> Path:
    """The audit trail of the demo's own runs: separate from the operator's trail, and removed with the demo."""
    return rig.cache_dir("demo-state")


def _complete() -> Path:
    """A file that exists if a demo has completed on the VPS; it is removed with the VPS."""
    return rig.cache_dir("vps", NAME) / "demo-complete"


def _title(number: int, text: str) -> None:
    rig.say(f"\n[{number}/7] {text}")


def _vsa(*words: str) -> None:
    """Run the ``vsa`` of this environment as an operator would, and show its output live."""
    _run("vsa", "-i", str(_INVENTORY.relative_to(rig.ROOT)), *words)


def _playbook(path: str, *extra: str) -> None:
    """Run a playbook of this repository on the VPS, and show its output live."""
    given = [word for each in extra for word in ("-e", each)]
    _run("ansible-playbook", "-i", str(_INVENTORY.relative_to(rig.ROOT)), *given, path)


def _run(program: str, *argv: str) -> None:
    rig.say(f"$ {program} {shlex.join(argv)}")
    environment = {**os.environ, "XDG_STATE_HOME": str(_state())}
    done = subprocess.run([rig.command(program), *argv], cwd=rig.ROOT, stdin=subprocess.DEVNULL, env=environment)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        raise rig.RigError(f"{program} ended with {done.returncode}; its output is above")


def _next_steps(address: str, ca_bundle: str) -> str:
    inventory = _INVENTORY.relative_to(rig.ROOT)
    return f"""Try next, in {rig.ROOT}:

  curl --cacert {ca_bundle} --resolve {DOMAIN}:443:{address} https://{DOMAIN}/any/path
  .venv/bin/vsa -i {inventory} site list
  .venv/bin/vsa -i {inventory} site show {DOMAIN}
  .venv/bin/vsa -i {inventory} cert status
  .venv/bin/vsa -i {inventory} site provision --domain {DOMAIN} --container {CONTAINER} --port {PORT}
  .venv/bin/ansible-playbook -i {inventory} site.yml -e domain={DOMAIN} -e upstream={CONTAINER}:{PORT}
  XDG_STATE_HOME={_state()} .venv/bin/vsa audit list
  ssh -F {inventory}/.ssh_config {NAME}
  make demo-down"""


def main(argv: list[str] | None = None) -> int:
    """Run ``up`` or ``down`` and return the exit code."""
    parser = argparse.ArgumentParser(prog="demo.py", description="The main job for real, on this machine.")
    parser.add_argument("verb", choices=("up", "down"))
    parser.add_argument("--fresh", action="store_true", help="start with a new VPS, even if there is one")
    words = parser.parse_args(argv)
    # Tests that run at the same time have an ACME server and DNS of their own.
    os.environ["VSA_RIG_SCOPE"] = "demo"
    try:
        if words.verb == "up":
            up(fresh=words.fresh)
        else:
            down()
    except (rig.RigError, OSError, http.client.HTTPException) as problem:
        rig.say(f"\n✘ the demo failed: {problem}\n  try        make demo   (again), or make demo-down")
        return 1
    except KeyboardInterrupt:
        rig.say("\n✘ interrupted; make demo starts again, make demo-down removes everything")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
