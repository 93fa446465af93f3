# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries that the collection imports, who installs each of them, and the one error if one of them is missing.

On a host ``bootstrap`` installs them as packages of the distribution; on the controller pip installs them. A verb
imports a library where the verb needs it, in ``with library(NAME):``. A verb that does not need the library runs
without it. Note that this module is **private** to the collection.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import VsaError
from .hints import Hint

__all__ = ("LIBRARIES", "Library", "MissingLibraryError", "library")


@dataclass(frozen=True)
class Library:
    """How a library comes to a machine; empty if the library is not needed there.

    ``package`` is the package of Debian and Ubuntu for a host, ``requirements`` is what pip installs on the controller.
    """

    package: str = ""
    requirements: tuple[str, ...] = ()


LIBRARIES = {
    "cryptography": Library("python3-cryptography"),
    "dns": Library("python3-dnspython"),
    "docker": Library("python3-docker"),
    "idna": Library("python3-idna", ("idna>=3.7",)),
    "jinja2": Library("python3-jinja2", ("jinja2>=3.1.6",)),
    # passlib has its hashes of bcrypt from the library bcrypt.
    "passlib": Library(requirements=("libpass>=1.9", "bcrypt>=4.2")),
    "requests": Library("python3-requests"),
    "ruamel": Library("python3-ruamel.yaml"),
    "yaml": Library("python3-yaml", ("pyyaml>=6.0.2",)),
}
"""Each library by the name under which Python imports it."""


class MissingLibraryError(VsaError):
    """A library is missing on the machine where this code runs. ``library`` is its name in LIBRARIES.

    This is not a RefusedError: whoever passes over a manifest that is refused must not pass over a missing library.
    """

    def __init__(self, name: str, *, said: str = "", field: str | None = None, value: object = None) -> None:
        super().__init__(
            f"the library {name} is missing on this host",
            field=field,
            value=value,
            expected=f"the package {LIBRARIES[name].package} of the distribution",
            hint=Hint("bootstrap"),
            details=[said] if said else [],
        )
        self.library = name

    def on_controller(self, python: str) -> VsaError:
        """Return the error for a library that is missing on the controller, whose interpreter is ``python``."""
        requirements = LIBRARIES[self.library].requirements
        words = [python, "-m", "pip", "install", *requirements]
        return VsaError(
            f"the library {self.library} is missing on the controller, or does not work there",
            field=self.field,
            value=self.value,
            expected=" and ".join(requirements),
            hint=shlex.join(words),
            details=self.details,
        )


@contextmanager
def library(name: str, *, field: str | None = None, value: object = None) -> Iterator[None]:
    """Guard the imports of a library. MissingLibraryError if the library is not installed or cannot be imported.

    ``field`` and ``value`` are the option that makes the library necessary, if only some values do.
    """
    try:
        yield
    except ImportError as error:
        # A library that is there may itself need one that is missing: docker needs requests, which needs idna.
        lacking = (error.name or "").partition(".")[0]
        missing = lacking if lacking in LIBRARIES else name
        raise MissingLibraryError(missing, said=str(error), field=field, value=value) from error
