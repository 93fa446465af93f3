# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker Compose's command line for a stack of the host, as far as it changes containers.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from ..._core.errors import NotRolledBackError
from ..._core.words import Words
from .compose import compose_environment, project_options

__all__ = ("ComposeProject",)


@dataclass(frozen=True)
class ComposeProject:
    """A Compose project with its folder, its Compose files, and its environment file, all by absolute path."""

    name: str
    folder: str
    files: tuple[str, ...]
    env_file: str

    def run(self, *words: str, seconds: float) -> Words | None:
        """Run a command of Compose, and wait. Returns what Compose said if it ended with an error, otherwise None.

        NotRolledBackError if there is no Compose, or if it takes longer than ``seconds``.
        """
        options = project_options(self.name, self.folder, self.files, self.env_file)
        argv = ["docker", "compose", "--ansi", "never", *options, *words]
        try:
            done = subprocess.run(  # pylint: disable=ansible-bad-function  # module_utils have no module to call
                argv,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=seconds,
                check=False,
                env=compose_environment(self.folder),
                cwd=self.folder,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotRolledBackError(
                f"Compose did not end: {type(error).__name__}", field="stack", value=self.name, state="not known"
            ) from error
        return Words("Compose", done.stderr or done.stdout) if done.returncode else None
