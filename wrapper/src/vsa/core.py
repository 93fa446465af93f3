"""The only file of the wrapper that imports the pure core of the collection.

All other files of the wrapper import the names from here. So there is one import to look at if the two do not fit.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core import errors, forms, ids, settings
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.options import REVOCATION_REASONS
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.contradictions import (
    refuse_force_for_all,
    refuse_purge_of_what_stays,
    refuse_said_and_unset,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import (
    EXIT_DUE,
    EXIT_INTERNAL,
    EXIT_INTERRUPTED,
    EXIT_NOT_ROLLED_BACK,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_ROLLED_BACK,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    STATUS,
    InternalError,
    RefusedError,
    UsageError,
    VsaError,
    announced_outcome,
    worst_exit,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.forms import PROFILES
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint, parse_hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site import manifest as site
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site import requested
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.requested import refuse_contradictions
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import env_value

__all__ = (
    "EXIT_DUE",
    "EXIT_INTERNAL",
    "EXIT_INTERRUPTED",
    "EXIT_NOT_ROLLED_BACK",
    "EXIT_OK",
    "EXIT_REFUSED",
    "EXIT_ROLLED_BACK",
    "EXIT_UNREACHABLE",
    "EXIT_USAGE",
    "PROFILES",
    "REVOCATION_REASONS",
    "STATUS",
    "Hint",
    "InternalError",
    "RefusedError",
    "UsageError",
    "VsaError",
    "announced_outcome",
    "audit_id",
    "checked",
    "collections_root",
    "parse_hint",
    "refuse_contradictions",
    "refuse_force_for_all",
    "refuse_purge_of_what_stays",
    "refuse_said_and_unset",
    "setting",
    "site_fields",
    "version",
    "worst_exit",
)


# Values that no error shows: they are secrets, or may be.
_SECRET_FORMS = ("password", "env_value")
_SETTINGS = ("alert_command", "alert_url", "dns_plugin", "loki_url")


def audit_id() -> str:
    """Return a new id for one run: a UUIDv7 of now."""
    return ids.uuid7(time.time_ns() // 1_000_000, randomness=os.urandom(10))


def checked(form: str, value: str, *, field: str) -> Any:
    """Return a value in its normal form: one of the core's forms (``domain``, ``port`` …), ``route``, ``user``,
    ``password`` and ``env_value`` (which no error shows), or a setting.

    Raises :class:`UsageError` with the field as typed, the value and the expected form. At this door a value that has
    not its form is a usage error, because no host was asked.
    """
    try:
        if form in _SETTINGS:
            return settings.parse_settings({form: value}, where="").as_dict()[form]
        special: dict[str, Callable[..., Any]] = {
            "route": requested.parse_route,
            "env_value": env_value,
        }
        read = special.get(form) or getattr(forms, form)
        return read(value, field=field)
    except errors.VsaError as error:
        shown = None if form in _SECRET_FORMS else value
        raise UsageError(error.message, field=field, value=shown, expected=error.expected) from error


def setting(text: str, *, field: str) -> tuple[str, Any]:
    """Return field and value of ``FIELD=VALUE`` in normal form. Raises :class:`UsageError`, as :func:`checked` does."""
    try:
        return requested.parse_setting(text)
    except errors.VsaError as error:
        named = str(error.field or "").removeprefix("set").strip()
        raise UsageError(
            error.message,
            field=f"{field} {named}".strip(),
            value=error.value,
            expected=error.expected,
            hint=error.hint,
        ) from error


def site_fields() -> tuple[str, ...]:
    """Return the fields of a manifest that can go back to their defaults."""
    return tuple(name for name in site.FIELDS if name not in site.NEVER_UNSET)


def collections_root() -> Path:
    """Return the parent of the directory ``ansible_collections`` from which this core was imported.

    Links are not followed. In a clone the result is ``collections/``, whose links lead to the working tree.
    """
    here = Path(errors.__file__).absolute()
    return next(parent.parent for parent in here.parents if parent.name == "ansible_collections")


def version() -> str:
    """Return the collection's version, from the ``galaxy.yml`` or ``MANIFEST.json`` that came with this core."""
    home = collections_root() / "ansible_collections/flowbiz/vsa"
    for name, pattern in (("galaxy.yml", r'(?m)^version:\s*"?([^"\s]+)'), ("MANIFEST.json", r'"version":\s*"([^"]+)"')):
        if (home / name).is_file() and (found := re.search(pattern, (home / name).read_text(encoding="utf-8"))):
            return found[1]
    return "unknown"
