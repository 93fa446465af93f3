"""The report of a run as values: a result per host, and one exit code for all hosts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vsa.core import EXIT_INTERNAL, EXIT_OK, STATUS, worst_exit

__all__ = ("HostResult", "Report")


@dataclass
class HostResult:
    """One host: ``steps`` and ``error`` as the modules return them, ``payload`` what a verb shows,
    ``diffs`` Ansible's own.

    ``exit_code`` is this host's own, ``seconds`` from its first task to its last result.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    payload: dict[str, Any] = field(default_factory=dict)
    diffs: list[dict[str, Any]] = field(default_factory=list)
    changed: bool = False
    error: dict[str, Any] | None = None
    exit_code: int = EXIT_OK
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """Return the word for the exit code."""
        return STATUS.get(self.exit_code, STATUS[EXIT_INTERNAL])


@dataclass
class Report:
    """All hosts in the order in which they were seen, and an error of the run as a whole, if there is one."""

    hosts: dict[str, HostResult] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    error_exit: int = EXIT_OK

    @property
    def changed(self) -> bool:
        """Say whether anything changed on any host."""
        return any(host.changed for host in self.hosts.values())

    @property
    def exit_code(self) -> int:
        """Return the worst of all hosts and of the run itself."""
        return worst_exit([self.error_exit, *(host.exit_code for host in self.hosts.values())])
