"""A door into the collection: a set of commands, a working directory, and the expected place of the collection."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from pathlib import Path


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a user without any configuration: no ANSIBLE_ or VSA_ variable, an empty home."""
    configured = re.compile(r"(ANSIBLE|VSA|MOLECULE|PYTHON|VIRTUAL_ENV)")
    kept = {key: value for key, value in os.environ.items() if not configured.match(key)}
    return {**kept, "HOME": str(home), "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", **more}


@dataclasses.dataclass(frozen=True)
class Door:
    """One way into the collection: the working directory, the commands, and the expected place of the collection."""

    cwd: Path
    bin: Path
    collection: Path
    env: dict[str, str]

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of the door's commands and return its output of both streams."""
        done = subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=self.cwd,
            env={**self.env, "PATH": f"{self.bin}:{self.env['PATH']}"},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
        assert not check or done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done
