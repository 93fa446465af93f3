"""The only file of the wrapper that imports the pure core of the collection.

All other files of the wrapper import the names from here. So there is one import to look at if the two do not fit.
Names that few verbs need are imported when a file asks for them (PEP 562), because everything that is imported here
delays every command.
"""

from __future__ import annotations

import importlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core import errors, ids
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.door import COMMAND, DOOR
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
    NOTHING_CHANGED,
    STATUS,
    InternalError,
    RefusedError,
    UsageError,
    VsaError,
    announced_outcome,
    worst_exit,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint, parse_hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.words import NOTHING, escaped_json, escaped_lines, word

if TYPE_CHECKING:
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.token import hub_base, node_of_token
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.arguments import SECRET_OPTIONS
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.query import STATES as RUN_STATES
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.query import Query as RunQuery
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.query import moment
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.options import REVOCATION_REASONS
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.contradictions import (
        refuse_force_for_all,
        refuse_purge_with_kept_container,
        refuse_set_and_unset,
    )
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.forms import PROFILES
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hub.operation import is_address
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.nearest import distance
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.headers import route_headers
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.requested import refuse_contradictions
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import is_secret_name, typed_secret
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.removal import size_words
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.rules.catalogue import NAMES as FINDINGS
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.secrets import FORMATS as SECRET_FORMATS
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.secrets import secrets as read_secrets

__all__ = (
    "COMMAND",
    "DOOR",
    "EXIT_DUE",
    "EXIT_INTERNAL",
    "EXIT_INTERRUPTED",
    "EXIT_NOT_ROLLED_BACK",
    "EXIT_OK",
    "EXIT_REFUSED",
    "EXIT_ROLLED_BACK",
    "EXIT_UNREACHABLE",
    "EXIT_USAGE",
    "FINDINGS",
    "NOTHING",
    "NOTHING_CHANGED",
    "PROFILES",
    "REVOCATION_REASONS",
    "RUN_STATES",
    "SECRET_FORMATS",
    "SECRET_OPTIONS",
    "STATUS",
    "Hint",
    "InternalError",
    "RefusedError",
    "RunQuery",
    "UsageError",
    "VsaError",
    "announced_outcome",
    "audit_id",
    "checked",
    "collections_root",
    "distance",
    "escaped_json",
    "escaped_lines",
    "hub_base",
    "is_address",
    "is_secret_name",
    "moment",
    "node_of_token",
    "parse_hint",
    "read_secrets",
    "refuse_contradictions",
    "refuse_force_for_all",
    "refuse_purge_with_kept_container",
    "refuse_set_and_unset",
    "route_headers",
    "setting",
    "site_fields",
    "size_words",
    "typed_secret",
    "version",
    "word",
    "worst_exit",
)


# Values that no error shows: they are secrets, or may be.
_SECRET_FORMS = ("password", "env_value")
_CORE = errors.__name__.rpartition(".")[0]
# Names of the core that are imported when they are asked for, each with its file and its name there.
_LATER = {
    "FINDINGS": ("stack.rules.catalogue", "NAMES"),
    "PROFILES": ("forms", "PROFILES"),
    "distance": ("nearest", "distance"),
    "hub_base": ("agent.token", "hub_base"),
    "is_address": ("hub.operation", "is_address"),
    "node_of_token": ("agent.token", "node_of_token"),
    "RUN_STATES": ("audit.query", "STATES"),
    "RunQuery": ("audit.query", "Query"),
    "moment": ("audit.query", "moment"),
    "read_secrets": ("stack.secrets", "secrets"),
    "route_headers": ("site.headers", "route_headers"),
    "SECRET_FORMATS": ("stack.secrets", "FORMATS"),
    "REVOCATION_REASONS": ("cert.options", "REVOCATION_REASONS"),
    "SECRET_OPTIONS": ("audit.arguments", "SECRET_OPTIONS"),
    "refuse_contradictions": ("site.requested", "refuse_contradictions"),
    "refuse_force_for_all": ("contradictions", "refuse_force_for_all"),
    "refuse_purge_with_kept_container": ("contradictions", "refuse_purge_with_kept_container"),
    "refuse_set_and_unset": ("contradictions", "refuse_set_and_unset"),
    "is_secret_name": ("stack.env", "is_secret_name"),
    "size_words": ("stack.removal", "size_words"),
    "typed_secret": ("stack.env", "typed_secret"),
}
# Forms that are not read in `_core/forms.py`, each with its file and its function there.
_READERS = {
    "env_value": ("stack.env", "env_value"),
    "hub_base": ("agent.token", "hub_base"),
    "node_name": ("agent.token", "node_name"),
    "route": ("site.requested", "parse_route"),
}
_SETTINGS = ("alert_command", "alert_url", "dns_plugin", "loki_url")


def __getattr__(name: str) -> Any:
    """Return a name of the core that is imported only now."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    file, there = _LATER[name]
    found = getattr(importlib.import_module(f"{_CORE}.{file}"), there)
    globals()[name] = found
    return found


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
            from ansible_collections.flowbiz.vsa.plugins.module_utils._core import settings

            return settings.parse_settings({form: value}, where="").as_dict()[form]
        return _reader(form)(value, field=field)
    except errors.VsaError as error:
        shown = None if form in _SECRET_FORMS else value
        raise UsageError(error.message, field=field, value=shown, expected=error.expected) from error


def _reader(form: str) -> Callable[..., Any]:
    """Return the function that reads a form. Only its own file is imported: every verb reads forms, few read stacks."""
    file, name = _READERS.get(form, ("forms", form))
    reader: Callable[..., Any] = getattr(importlib.import_module(f"{_CORE}.{file}"), name)
    return reader


def setting(text: str, *, field: str) -> tuple[str, Any]:
    """Return field and value of ``FIELD=VALUE`` in normal form. Raises :class:`UsageError`, as :func:`checked` does."""
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site import requested

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
    from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site import manifest as site

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
