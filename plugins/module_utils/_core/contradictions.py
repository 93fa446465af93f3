# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a verb that contradict each other, whatever the host has. ``site/requested.py`` has those of a site.

The host checks the rules for every door. The wrapper calls the same functions before it asks any host.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .errors import UsageError

__all__ = ("refuse_force_for_all", "refuse_purge_with_kept_container", "refuse_set_and_unset")


def refuse_set_and_unset(options: Mapping[str, object], unset: Iterable[str]) -> None:
    """Raise UsageError if a field has a value and is to return to its default. None means: the field has no value."""
    for name in unset:
        if options.get(name) is not None:
            raise UsageError("a field is both said and unset", field="unset", value=name, expected="one of the two")


def refuse_purge_with_kept_container(*, purge: bool, keep_container: bool) -> None:
    """Raise UsageError if the data of a site is to go, but the container that uses the data is to stay."""
    if purge and keep_container:
        raise UsageError("the data of a container that stays cannot go", field="purge", value="true")


def refuse_force_for_all(*, force: bool, domain: str | None) -> None:
    """Raise UsageError if all certificates are to be renewed before they are due."""
    if force and domain is None:
        raise UsageError(
            "to renew everything by force would use up a CA's rate limits", field="force", expected="a domain beside it"
        )
