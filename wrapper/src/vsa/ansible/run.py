"""A command as a value, before anything runs.

The files of the verbs build the values by pure functions, tests compare the values, and ``runner.py`` alone executes
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ("Run", "Where", "given")


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that were given: None, an empty list and an empty mapping were not. False and 0 are values."""
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in fields.items()
        if value is not None and value not in ((), [], {})
    }


@dataclass(frozen=True, kw_only=True)
class Where:
    """The hosts and the way of a run: the options that every verb takes.

    * ``inventory``: an absolute path, or a list of hosts with a comma. None: ``ansible.cfg`` names the inventory.
    * ``local``: this machine is the only host.
    * ``verbosity``: the number of ``-v``.
    * ``fail_fast``: act on one host after another, and end at the first that fails.
    """

    inventory: str | None = None
    local: bool = False
    limit: str | None = None
    check: bool = False
    diff: bool = False
    verbosity: int = 0
    fail_fast: bool = False

    def verb(self, verb: str, /, **fields: Any) -> Run:
        """Return the run of a verb (``cert.issue``) on these hosts.

        Each field becomes the option of that name of the role: ``domain`` becomes ``cert_domain``. A field that is None
        or empty was not given, and is not handed over.
        """
        noun = verb.partition(".")[0]
        extravars = {f"{noun}_{name}": value for name, value in given(fields).items()}
        return Run(playbook=f"flowbiz.vsa.{verb.replace('-', '_')}", extravars=extravars, **vars(self))


@dataclass(frozen=True, kw_only=True)
class Run(Where):
    """One playbook by its FQCN, with its extra variables (JSON values; tuples count as lists)."""

    playbook: str
    extravars: Mapping[str, Any] = field(default_factory=dict)
