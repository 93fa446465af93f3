# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file of the controller with one secret: a password, or a token. Only the secret's name is in an error.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError

__all__ = ("read_secret_file",)

_MOST_BYTES = 4096


def read_secret_file(path: str | None, *, what: str, field: str) -> bytes:
    """Return the first bytes of the file of a secret. UsageError without a file, RefusedError if it cannot be read.

    ``what`` names the secret in errors: ``password``. ``field`` is the option that names the file.
    """
    if not path:
        raise UsageError(f"a {what} is missing", field=field, expected="a file on the controller")
    try:
        with Path(path).expanduser().open("rb") as stream:
            return stream.read(_MOST_BYTES)
    except OSError as error:
        raise RefusedError(f"the {what} could not be read: {error.strerror}", field=field, value=path) from error
