# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's settings, /etc/vsa/vsa.yml: read, and as an inventory says them compared, written, and rolled back.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..._core.settings import SETTINGS_SCHEMA, Settings, parse_settings
from ..machine.files import dump_yaml, load_yaml, read_text, write_atomically
from .layout import Paths

__all__ = ("SettingsChange", "plan_settings", "read_settings", "roll_back_settings", "write_settings")

_HEADER = "# Settings of this host; a flag or a site's manifest wins over them. Comments do not survive a change.\n"


@dataclass(frozen=True)
class SettingsChange:
    """What vsa.yml is and will be: texts, the values that will hold, and a line for each that changes."""

    before: str | None
    after: str | None
    settings: Settings
    words: tuple[str, ...]


def read_settings(paths: Paths) -> Settings:
    """Return the host's settings; a host without the file has the built-in ones."""
    text = read_text(paths.vsa_yml)
    return Settings() if text is None else parse_settings(load_yaml(text, where=str(paths.vsa_yml)))


def plan_settings(paths: Paths, said: Mapping[str, object]) -> SettingsChange:
    """Return what the settings said make of the file; what is null was not said and stays.

    Raises RefusedError where a value, or the file as it lies there, is not of its form.
    """
    before = read_text(paths.vsa_yml)
    there = load_yaml(before or "", where=str(paths.vsa_yml))
    parse_settings(there)
    had = dict(there or {})
    wanted = {key: value for key, value in said.items() if value is not None}
    parse_settings(wanted, where="bootstrap_")
    words = tuple(
        f"{key}: {had.get(key, 'not said')} → {value}" for key, value in wanted.items() if had.get(key) != value
    )
    merged = {"schema": SETTINGS_SCHEMA, **had, **wanted}
    after = _HEADER + dump_yaml(merged) if words else before
    return SettingsChange(before, after, parse_settings(merged), words)


def write_settings(paths: Paths, change: SettingsChange) -> None:
    """Write the file where it changes."""
    if change.words and change.after is not None:
        paths.vsa_yml.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(paths.vsa_yml, change.after, mode=0o644)


def roll_back_settings(paths: Paths, change: SettingsChange) -> None:
    """Make the file what it was before."""
    if not change.words:
        return
    if change.before is None:
        paths.vsa_yml.unlink(missing_ok=True)
    else:
        write_atomically(paths.vsa_yml, change.before, mode=0o644)
