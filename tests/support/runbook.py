"""The commands of a page, run block by block: on a host, and on the workstation, as an operator copies them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import rig

__all__ = ["Runbook"]

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"```(bash|sh)\n(.*?)```", flags=re.DOTALL)
_ASSIGNMENT = re.compile(r"(?m)^([a-z_]+)=\S.*$")
_SECONDS = 600


class Runbook:
    """A page below docs/ and a host. Blocks of ``bash`` run on the host, blocks of ``sh`` on the workstation.

    ``values`` replace the values that a page assigns to variables (``disk=…``), which stand for the operator's own.
    A variable is known in all later blocks, as in one shell. Blocks without a language are not run.
    """

    def __init__(self, page: str, vps: rig.Vps, **values: str) -> None:
        self._text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        self._vps = vps
        self._values = values
        self._assigned: list[str] = []

    def headings(self) -> list[str]:
        """Return the headings of the page that have blocks to run, in their order."""
        return [heading for heading in re.findall(r"(?m)^##+ (.+)$", self._text) if self._blocks(heading)]

    def run(self, heading: str) -> str:
        """Run the blocks below a heading, each to its end before the next. Return what they printed."""
        blocks = self._blocks(heading)
        assert blocks, f"nothing to run below {heading}"
        return "".join(self._run(language, block) for language, block in blocks)

    def _blocks(self, heading: str) -> list[tuple[str, str]]:
        start = self._text.index(f"# {heading}\n") + len(heading) + 3
        # A comment in a block begins like a heading of the first level, which only the title of the page has.
        section = re.split(r"(?m)^##+ ", self._text[start:])[0]
        return _BLOCK.findall(section)

    def _run(self, language: str, block: str) -> str:
        block = _ASSIGNMENT.sub(self._own_value, block)
        argv = ["bash", "-euo", "pipefail", "-c", "\n".join([*self._assigned, block])]
        if language == "bash":
            done = self._vps.run(argv, check=False)
        else:
            done = subprocess.run(
                argv, cwd=ROOT, env=self._workstation(), capture_output=True, text=True, timeout=_SECONDS
            )
        assert done.returncode == 0, f"{block}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
        self._assigned += [match[0] for match in _ASSIGNMENT.finditer(block)]
        return str(done.stdout)

    def _own_value(self, match: re.Match[str]) -> str:
        value = self._values.get(match[1])
        return match[0] if value is None else f"{match[1]}={value}"

    def _workstation(self) -> dict[str, str]:
        """Return the environment of a workstation whose inventory has the host."""
        inventory = self._vps.inventory(self._vps.known_hosts.parent / "runbook.yml")
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "VSA_INVENTORY": str(inventory),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        }
