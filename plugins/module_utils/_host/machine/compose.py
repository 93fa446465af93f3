# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask Compose how it reads a Compose file, without touching the engine.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..._core.errors import RefusedError
from ..._core.hints import Hint
from ..._core.words import Words

__all__ = ("compose_config", "compose_environment", "project_options")

_SECONDS = 60
_MOST_LINES = 5
_KEPT = ("PATH", "HOME")


def project_options(name: str, folder: Path | str, files: Iterable[Path | str], env_file: Path | str) -> list[str]:
    """Return the words that tell Compose a project: its name, folder, environment file and Compose files."""
    options = ["--project-name", name, "--project-directory", str(folder), "--env-file", str(env_file)]
    for file in files:
        options += ["--file", str(file)]
    return options


def compose_environment(folder: Path | str) -> dict[str, str]:
    """Return the environment in which Compose runs: no variable of this process counts, except PATH and HOME."""
    kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
    return {**kept, "LC_ALL": "C", "PWD": str(folder)}


def compose_config(folder: Path, files: tuple[str, ...], *, name: str, env_file: str) -> dict[str, Any]:
    """Return the configuration of a Compose project, with all variables, profiles, includes and defaults filled in.

    ``files`` and ``env_file`` are paths below ``folder``. RefusedError with Compose's own words if Compose does not
    accept the files, or if there is no Compose.
    """
    options = project_options(name, folder, [folder / file for file in files], folder / env_file)
    argv = ["docker", "compose", *options, "config", "--format", "json"]
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # module_utils have no module to call
            argv,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
            env=compose_environment(folder),
            cwd=folder,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RefusedError(
            "Compose does not answer on this host",
            details=[f"{type(error).__name__}: {argv[0]}"],
            hint=Hint("bootstrap"),
        ) from error
    if done.returncode:
        raise RefusedError(
            "Compose does not accept the files of the stack",
            field="stack",
            value=name,
            details=Words("Compose", done.stderr).lines(_MOST_LINES),
        )
    return dict(json.loads(done.stdout))
