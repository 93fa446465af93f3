# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file /etc/vsa/vsa.yml: read it, plan and write a change of it, and roll the change back.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ..._core.settings import SETTINGS_SCHEMA, Settings, parse_settings
from ..machine.files import dump_yaml, load_yaml, make_directory, read_text, write_atomically
from .layout import Paths

__all__ = ("SettingsChange", "plan_settings", "read_settings", "roll_back_settings", "write_settings")

_NOT_SAID = "not said"
# A setting may be an address with a token in it.
_MODE = 0o640
_HEADER = "# Settings of this host; a flag or a site's manifest wins over them. Comments do not survive a change.\n"


@dataclass(frozen=True)
class SettingsChange:
    """A change of vsa.yml.

    ``before`` and ``after`` are the texts of the file, None if there is no file. ``settings`` are the values after the
    change. ``words`` has a line for each setting that changes.
    """

    before: str | None
    after: str | None
    settings: Settings
    words: tuple[str, ...]


def read_settings(paths: Paths) -> Settings:
    """Return the settings of the host; the built-in ones if there is no file. RefusedError if the file is invalid."""
    text = read_text(paths.vsa_yml)
    return Settings() if text is None else parse_settings(load_yaml(text, where=str(paths.vsa_yml)))


def plan_settings(
    paths: Paths, requested: Mapping[str, object], *, unset: Collection[str] = (), create: bool = False
) -> SettingsChange:
    """Return how the file changes if these settings are requested, and the settings ``unset`` are taken out.

    A value of None was not requested: the file keeps what it has. ``create``: a file is made even without a setting.
    Raises RefusedError if a value does not have its form, or if the file holds a wrong value that is not replaced.
    """
    before = read_text(paths.vsa_yml)
    there = load_yaml(before or "", where=str(paths.vsa_yml))
    if there is not None and not isinstance(there, Mapping):
        parse_settings(there)
    had = dict(there or {})
    wanted = {key: value for key, value in requested.items() if value is not None and key not in unset}
    parse_settings(wanted, where="bootstrap_")
    parse_settings(_without(had, {*wanted, *unset}))
    words = [f"{key}: {had.get(key, _NOT_SAID)} → {value}" for key, value in wanted.items() if had.get(key) != value]
    words += [f"{key}: {had[key]} → {_NOT_SAID}" for key in unset if key in had]
    merged = {"schema": SETTINGS_SCHEMA, **_without(had, unset), **wanted}
    changes = bool(words) or (create and before is None)
    after = _HEADER + dump_yaml(merged) if changes else before
    if before is not None and paths.vsa_yml.stat().st_mode & 0o7777 & ~_MODE:
        words.append(f"mode: {paths.vsa_yml.stat().st_mode & 0o7777:04o} → {_MODE:04o}")
    return SettingsChange(before, after, parse_settings(merged), tuple(words))


def _without(settings: Mapping[str, object], names: Collection[str]) -> dict[str, object]:
    return {key: value for key, value in settings.items() if key not in names}


def write_settings(paths: Paths, change: SettingsChange) -> None:
    """Write the file if it changes. Only root can read it."""
    if change.words and change.after is not None:
        make_directory(paths.vsa_yml.parent, mode=0o755)
        write_atomically(paths.vsa_yml, change.after, mode=_MODE, group=0)


def roll_back_settings(paths: Paths, change: SettingsChange) -> None:
    """Write the text that was there before the change, or remove the file if there was none."""
    if not change.words:
        return
    if change.before is None:
        paths.vsa_yml.unlink(missing_ok=True)
    else:
        write_atomically(paths.vsa_yml, change.before, mode=_MODE, group=0)
