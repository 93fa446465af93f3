"""Remove what the rig made."""

from __future__ import annotations

import shutil
import time

from ._shell import END, LABEL, RigError, cache_dir, docker, lock, say, step
from .engine import engine_down
from .images import remove_images
from .network import NETWORK

__all__ = ["down", "scopes"]

#: Seconds that the engine gets to remove containers, also those whose removal another process began.
_PATIENCE = 60.0


def down(*, everything: bool = True, scope: str = "", all: bool = False) -> None:
    """Remove the rig's containers, volumes and network; without ``everything`` only those of ``scope``.

    Images, archives and the SSH key are kept, so that the next start takes seconds, unless ``all``; that also stops an
    engine that the rig started itself.
    """
    # Two sessions may find the same leftovers of a third one.
    with lock("down"):
        _down(everything=everything, scope=scope, all=all)


def _down(*, everything: bool, scope: str, all: bool) -> None:
    chosen = ["--filter", f"label={LABEL}"]
    if not everything:
        chosen += ["--filter", f"label=vsa.rig.scope={scope}"]
    listed = _names(chosen)
    said = ""
    if listed:
        with step(f"removing {', '.join(sorted(listed))}"):
            for name in listed:
                docker("exec", name, "sh", "-c", END, check=False)
            said = docker("rm", "--force", "--volumes", *listed, check=False).stderr.strip()
            _wait_until_gone(chosen)
    volumes = docker("volume", "ls", "--quiet", *chosen).stdout.split()
    if volumes:
        docker("volume", "rm", "--force", *volumes, check=False)
    for name in listed:
        shutil.rmtree(cache_dir("vps") / name, ignore_errors=True)
    # The engine refuses while another scope still uses the network, as intended.
    docker("network", "rm", NETWORK, check=False)
    if all:
        with step("removing the rig's images and caches"):
            remove_images()
            engine_down()
            shutil.rmtree(cache_dir())
    left = _names(chosen)
    if left:
        raise RigError(f"still there: {', '.join(left)}; try again. The engine says: {said or 'nothing'}")
    say(f"✔ nothing of {'the rig' if everything else f'its part {scope}'} is left")


def _names(chosen: list[str]) -> list[str]:
    """Return the names of the chosen containers, running or not."""
    return docker("ps", "--all", "--format", "{{.Names}}", *chosen).stdout.split()


def _wait_until_gone(chosen: list[str]) -> None:
    """Wait until the engine has removed the chosen containers: somebody else may have begun to remove them."""
    deadline = time.monotonic() + _PATIENCE
    while _names(chosen) and time.monotonic() < deadline:
        time.sleep(0.2)


def scopes() -> list[str]:
    """Return every scope (VSA_RIG_SCOPE) that has a container, running or stopped."""
    listed = docker("ps", "--all", "--format", '{{.Label "vsa.rig.scope"}}', "--filter", f"label={LABEL}").stdout
    return sorted({line for line in listed.splitlines() if line})
