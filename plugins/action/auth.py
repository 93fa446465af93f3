# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of the module auth: reads, compares and hashes passwords. Only a hash reaches the host.

One call of the module is enough for a new user, and for a user who has this password already. Another password takes
two calls, because the first call returns the hash that the host has.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, ClassVar

from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import MissingLibraryError, library
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.secret_file import read_secret_file


def read_password(path: str | None) -> str:
    """Return the password, the one line of a file. RefusedError if it is not valid; no error shows a part of it."""
    content = read_secret_file(path, what="password", field="password_file")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise RefusedError("the password is not text", field="password_file", expected="UTF-8") from None
    return forms.password(text.removesuffix("\n").removesuffix("\r"))


def hash_of(password: str) -> str:
    """Return a new bcrypt hash. MissingLibraryError if the controller's libraries cannot make one."""
    with library("passlib"):
        from passlib.exc import MissingBackendError
        from passlib.hash import bcrypt  # takes 0.1 s, and removing a user does not need it

    # passlib 1.7.4 writes a traceback into its log if it does not know the version of bcrypt.
    logging.getLogger("passlib").setLevel(logging.CRITICAL)
    try:
        return str(bcrypt.using(rounds=forms.BCRYPT_COST, ident="2y").hash(password))
    except MissingBackendError as error:
        raise MissingLibraryError("passlib", said=str(error)) from error
    except (ValueError, AttributeError) as error:
        # The password has its form. passlib 1.7.4, the last release, fails on every password with bcrypt 5.
        raise MissingLibraryError("passlib", said=_unusable(error)) from error


def _unusable(error: Exception) -> str:
    """Return why passlib cannot hash, with its release, and what to remove."""
    with library("passlib"):
        import passlib

    return f"passlib {passlib.__version__} of {Path(passlib.__file__).parent} fails ({error}): pip uninstall passlib"


def same_password(password: str, present: str) -> bool:
    """Say whether a hash belongs to this password, is of bcrypt, and is not too cheap to stay."""
    with library("passlib"):
        from passlib.hash import bcrypt

    try:
        forms.password_hash(present)
        return bool(bcrypt.verify(password, present))
    except ValueError:
        return False


class ActionModule(VsaAction):
    """Runs the module of the same name on exactly one host: once, or twice if a user gets another password."""

    module: ClassVar[str] = "flowbiz.vsa.auth"
    verb: ClassVar[str | None] = "auth.add"
    one_host: ClassVar[bool] = True
    templates: ClassVar[bool] = True

    def default_verb(self) -> str | None:
        """Return the verb for a task that names none."""
        return self.verb if self._adds() else "auth.remove"

    def act(self) -> dict[str, Any]:
        """Add the user, or call the module once to remove the user."""
        return self._present() if self._adds() else self.execute()

    def _adds(self) -> bool:
        return bool(self._task.args.get("state", "present") == "present")

    def _present(self) -> dict[str, Any]:
        """Add the user. Call the module again if the user has another hash."""
        args = self._task.args
        forms.domain(args.get("domain"))
        forms.user(args.get("user"))
        if args.get("route") is not None:
            forms.path(args["route"], field="route")
        password = read_password(args.get("password_file"))
        hashed = hash_of(password)
        first = self.execute(hash=hashed)
        present = first.pop("present", None)
        protected = first.pop("protected", False)
        if present is None:
            return first
        same = same_password(password, present)
        if same and protected:
            text = f"{args['user']} may pass with this password already"
            return {**first, "steps": [{"name": "users", "state": "ok", "text": text, "notes": []}]}
        second = self.execute(hash=present if same else hashed, replaces=present)
        if second.pop("present", None) is not None:
            raise RefusedError("another run changed the user meanwhile", field="user", value=args["user"])
        return second
