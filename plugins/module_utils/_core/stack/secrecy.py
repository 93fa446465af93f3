# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values of a stack are secrets, and how they are taken out of every text that leaves a module.

Values in, values out; files are read elsewhere.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .. import forms
from ..audit.mask import MASK
from ..errors import RefusedError, VsaError
from ..result import Result, Step
from .env import parse_env
from .manifest import Stack

__all__ = ("Secrets",)

# A shorter value would be blanked in ordinary words. What VSA generates has 16 letters at least.
_SHORTEST_SECRET = 4
_SHORTEST_OTHER = 8
# The keys of a result that hold words of containers or of Compose. Tasks use all others, so these stay as they are.
_WORDS = ("details", "logs")


class Secrets:
    """The secrets that a verb came to know, and the texts without them."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def learn(
        self,
        stack: Stack,
        env: str,
        *,
        example: str = "",
        images: Collection[str] = (),
        documents: Collection[object] = (),
    ) -> None:
        """Add the secrets of a version of a stack.

        * Each secret that VSA generated, and each secret of the Compose file that comes from a variable.
        * Every other value of the environment file with 8 letters or more, unless it stands in ``example``, is a
          domain or one of the ``images``, or belongs to a variable that a site takes its domain from.

        ``documents`` are the Compose files as data.
        """
        variables = _variables(env)
        names = {secret.name for secret in stack.secrets} | set(_from_variables(documents))
        # A wrong domain is shown too, so that the operator sees what is wrong with it.
        domains = {site.domain_from for site in stack.sites}
        for name, value in variables.items():
            if name in names:
                self._add(value, least=_SHORTEST_SECRET)
            elif name not in domains and value not in example and value not in images and not _is_domain(value):
                self._add(value, least=_SHORTEST_OTHER)

    def learn_file(self, text: str) -> None:
        """Add the lines of a file that is a secret of the Compose file."""
        for line in (text, *text.splitlines()):
            self._add(line.strip(), least=_SHORTEST_SECRET)

    def _add(self, value: str, *, least: int) -> None:
        if len(value) >= least:
            # As text of JSON too: that is how Go and Compose quote a value. Compose writes a dollar twice.
            self._known |= {value, json.dumps(value)[1:-1], value.replace("$", "$$")}

    def text(self, value: str) -> str:
        """Return a text without secrets. The longest goes first: it may contain another one."""
        for secret in sorted(self._known, key=len, reverse=True):
            value = value.replace(secret, MASK)
        return value

    def _all(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self._all(entry) for key, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._all(entry) for entry in value]
        return value

    def result(self, result: Result) -> Result:
        """Return a result whose texts have no secret."""
        steps = tuple(
            Step(step.name, step.state, self.text(step.text), tuple(self.text(note) for note in step.notes))
            for step in result.steps
        )
        data = {key: self._all(value) if key in _WORDS else value for key, value in result.data.items()}
        diff = None if result.diff is None else self.text(result.diff)
        return dataclasses.replace(result, steps=steps, data=data, diff=diff)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Take the secrets out of an error that leaves the block."""
        try:
            yield
        except VsaError as error:
            self._clean(error)
            raise

    def _clean(self, error: VsaError) -> None:
        error.message = self.text(error.message)
        error.args = (error.message,)
        error.value = self._all(error.value)
        error.expected = self._all(error.expected)
        error.state = self.text(error.state)
        error.details = self._all(error.details)
        error.there_are = self._all(error.there_are)
        error.steps = self._all(error.steps)


def _variables(env: str) -> dict[str, str]:
    """Return the variables of an environment file. A line that is none may hold a secret, and is left to the reader."""
    found: dict[str, str] = {}
    for line in env.splitlines():
        try:
            found.update(parse_env(line))
        except RefusedError:
            continue
    return found


def _from_variables(documents: Collection[object]) -> Iterator[str]:
    """Yield the variables that Compose files turn into secrets."""
    for document in documents:
        secrets = document.get("secrets") if isinstance(document, Mapping) else None
        for entry in secrets.values() if isinstance(secrets, Mapping) else ():
            if isinstance(entry, Mapping) and entry.get("environment"):
                yield str(entry["environment"])


def _is_domain(value: str) -> bool:
    try:
        forms.domain(value)
    except RefusedError:
        return False
    return True
