"""A command as a value: what a verb's words mean, before anything runs.

Noun files build these with pure functions, tests compare them for equality, and ``runner.py`` alone executes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ("Run", "Where")


@dataclass(frozen=True, kw_only=True)
class Where:
    """On which hosts and in which way: the options that every verb takes.

    ``inventory`` is an absolute path, or a host list with a comma; ``None`` leaves it to ``ansible.cfg``. ``local``
    makes this machine the only host. ``verbosity`` is the number of ``-v`` typed.
    """

    inventory: str | None = None
    local: bool = False
    limit: str | None = None
    check: bool = False
    diff: bool = False
    verbosity: int = 0

    def run(self, playbook: str, **extravars: Any) -> Run:
        """Return the run of a playbook here; a variable that is ``None`` was not said and is not handed over."""
        said = {name: value for name, value in extravars.items() if value is not None}
        return Run(playbook=playbook, extravars=said, **vars(self))


@dataclass(frozen=True, kw_only=True)
class Run(Where):
    """One playbook by its FQCN, with its extra variables (JSON values; tuples count as lists)."""

    playbook: str
    extravars: Mapping[str, Any] = field(default_factory=dict)
