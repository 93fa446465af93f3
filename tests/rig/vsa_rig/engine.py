"""The Docker engine of the rig: found, or installed and started."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from ._shell import RigError, cache_dir, docker, run, say, step

__all__ = ["engine_down", "engine_up", "hub_reachable", "privileged_works"]

#: What the rig calls, and the Debian packages that bring it.
_TOOLS = {
    "docker": ("docker.io", "docker-cli"),
    "dockerd": ("docker.io",),
    "iptables": ("iptables",),
    "mmdebstrap": ("mmdebstrap",),
    "ssh": ("openssh-client",),
}

#: An image of a few kilobytes, to try a pull.
_SMALLEST = "hello-world:linux"

#: Seconds for which "Docker Hub cannot be reached" is believed without asking again.
_HUB_MEMORY = 24 * 3600.0


def engine_up() -> None:
    """Make sure that an engine answers and the rig's tools are there; only what is missing is installed, as root."""
    answers = _answers()
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None and not (tool == "dockerd" and answers)]
    if missing:
        _install(missing)
    if not answers:
        _start()


def _answers() -> bool:
    if shutil.which("docker") is None:
        return False
    return docker("version", "--format", "{{.Server.Version}}", check=False, timeout=30).returncode == 0


def _install(missing: list[str]) -> None:
    if os.geteuid() != 0:
        raise RigError(f"{', '.join(missing)} missing on this machine; run as root, or install them")
    log = cache_dir("log") / "engine.log"
    with step(f"installing {', '.join(missing)}"):
        run(["apt-get", "update", "-qq"], log=log)
        # Debian 12 has the client in docker.io, Debian 13 in a package of its own: take what exists.
        wanted = sorted({package for tool in missing for package in _TOOLS[tool]})
        known = run(["apt-cache", "--names-only", "search", r"^(docker\.io|docker-cli)$"]).stdout.split()
        packages = [name for name in wanted if not name.startswith("docker") or name in known]
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "debian-archive-keyring", *packages]
        run(["env", "DEBIAN_FRONTEND=noninteractive", *install], log=log)


def _start() -> None:
    if os.geteuid() != 0:
        raise RigError("no Docker engine answers; start it, or let root run the rig")
    log = cache_dir("log") / "dockerd.log"
    with step("starting the Docker engine"):
        if Path("/run/systemd/system").is_dir():
            run(["systemctl", "start", "docker"])
        else:
            # Nothing here supervises services. The engine outlives this process on purpose: the VPSes run in it.
            with log.open("ab") as out:
                daemon = subprocess.Popen(
                    ["dockerd"], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, cwd="/"
                )
            _pid_file().write_text(str(daemon.pid))
        deadline = time.monotonic() + 60
        while not _answers():
            if time.monotonic() > deadline:
                raise RigError(f"the Docker engine did not come up within 60 s; see {log}")
            time.sleep(0.5)


def engine_down() -> None:
    """Stop the engine if the rig started it and it is empty; never stop an engine that the rig did not start."""
    if not _pid_file().exists():
        return
    pid = int(_pid_file().read_text())
    try:
        ours = Path(f"/proc/{pid}/comm").read_text().strip() == "dockerd"
    except OSError:
        ours = False
    if ours and not docker("ps", "--all", "--quiet").stdout.split():
        with step("stopping the Docker engine that the rig started"):
            os.kill(pid, signal.SIGTERM)
            while Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z":
                time.sleep(0.2)
    _pid_file().unlink()


def _pid_file() -> Path:
    return cache_dir() / "dockerd.pid"


def _facts_file() -> Path:
    return cache_dir() / "facts.json"


def _facts() -> dict[str, object]:
    try:
        facts = json.loads(_facts_file().read_text())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _remember(key: str, value: object) -> None:
    _facts_file().write_text(json.dumps({**_facts(), key: value}))


def hub_reachable() -> bool:
    """Say whether ``docker pull`` reaches Docker Hub. The rig tries once, with a short limit, and remembers for a day.

    ``VSA_RIG_HUB=yes`` or ``no`` decides without trying.
    """
    told = os.environ.get("VSA_RIG_HUB")
    if told:
        return told.lower() in ("1", "yes", "true")
    known = _facts().get("hub")
    if isinstance(known, dict) and time.time() - float(known.get("time", 0)) < _HUB_MEMORY:
        return bool(known.get("reachable"))
    try:
        # The engine pulls, not this process. So only a pull by the engine shows what the engine can reach.
        reachable = docker("pull", "--quiet", _SMALLEST, check=False, timeout=15).returncode == 0
        docker("image", "rm", _SMALLEST, check=False)
    except subprocess.TimeoutExpired:
        reachable = False
    _remember("hub", {"reachable": reachable, "time": time.time()})
    say(f"  · Docker Hub {'answers: genuine images' if reachable else 'cannot be reached: stand-ins'}")
    return reachable


def privileged_works(image: str) -> bool:
    """Say whether this engine may run ``--privileged`` containers. Tries ``image`` once per engine and boot."""
    engine = docker("info", "--format", "{{.ID}}").stdout.strip()
    key = f"{engine} {Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
    known = _facts().get("privileged")
    if isinstance(known, dict) and known.get("key") == key:
        return bool(known.get("works"))
    probe = docker(
        "run", "--rm", "--privileged", "--label", "vsa.rig=1", "--entrypoint", "/bin/true", image, check=False
    )
    works = probe.returncode == 0
    _remember("privileged", {"key": key, "works": works})
    return works
