# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Compose's command line, as far as it only reads.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from .compose import project_options
from .programs import output_of

__all__ = ("config_hash", "config_hashes")


def config_hash(folder: Path, compose: str, env: str, *, service: str) -> str | None:
    """Return the hash by which Compose decides whether the container of a service is recreated.

    ``compose`` and ``env`` are the texts of the Compose file and of the environment file that ``folder`` will have.
    None if Compose does not say.
    """
    with tempfile.TemporaryDirectory(prefix="vsa-compose-") as place:
        files = {"compose.yml": compose, "env": env}
        for name, text in files.items():
            path = Path(place, name)
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        argv = ["docker", "compose", "--project-directory", str(folder), "--env-file", f"{place}/env"]
        argv += ["--file", f"{place}/compose.yml", "config", "--hash", service]
        printed = output_of(argv)
    words = (printed or "").split()
    return words[1] if len(words) == 2 and words[0] == service else None


def config_hashes(folder: str, files: list[str], env_file: str, *, project: str) -> dict[str, str]:
    """Return the hash of each service of a Compose project that lies on the host; empty if Compose does not say."""
    options = project_options(project, folder, files, env_file)
    lines = (output_of(["docker", "compose", *options, "config", "--hash", "*"]) or "").splitlines()
    pairs = [line.split() for line in lines]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
