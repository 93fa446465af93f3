"""Containers that a test needs beside its VPSes, in the engine of this machine."""

from __future__ import annotations

from collections.abc import Sequence

from ._shell import LABEL, docker
from .network import network, scope

__all__ = ["address_of", "run_beside"]


def run_beside(name: str, image: str, *command: str, words: Sequence[str] = ()) -> None:
    """Start a container on the rig's network; ``rig.py down`` finds it by its labels. One of that name is replaced.

    ``words`` are further options of ``docker run``.
    """
    docker("rm", "--force", "--volumes", name, check=False)
    own = ("--label", LABEL, "--label", f"vsa.rig.scope={scope()}", "--network", network())
    docker("run", "--detach", "--name", name, *own, *words, image, *command)


def address_of(name: str) -> str:
    """Return the IPv4 address of a container on the rig's network."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return docker("inspect", "--format", form, name).stdout.strip()
