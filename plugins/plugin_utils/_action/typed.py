# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of a variable stood on the command line of ``ansible-playbook``, where others can see them.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible.errors import AnsibleError
from ansible.parsing.splitter import parse_kv
from ansible.parsing.utils.yaml import from_yaml

__all__ = ("typed_keys",)


def typed_keys(words: Iterable[object], variable: str) -> list[str]:
    """Return the keys of a mapping that was typed with ``-e``. What a file holds (``-e @FILE``) was not typed.

    ``words`` are the arguments of ``-e``: ``NAME=VALUE``, or YAML or JSON.
    """
    keys: list[str] = []
    for word in words:
        value = _variables(str(word)).get(variable)
        found = _parsed(value) if isinstance(value, str) else value
        if isinstance(found, Mapping):
            keys += [str(key) for key in found]
    return list(dict.fromkeys(keys))


def _variables(text: str) -> Mapping[str, object]:
    """Return the variables of one argument. Ansible itself refuses an argument that it cannot read."""
    if text.startswith("@"):
        return {}
    if text.startswith(("{", "[")):
        return _parsed(text)
    try:
        return dict(parse_kv(text))
    except AnsibleError:
        return {}


def _parsed(text: str) -> Mapping[str, object]:
    """Return the mapping that a text in YAML or JSON is; an empty one if the text is something else."""
    try:
        found = from_yaml(text)
    except AnsibleError:
        return {}
    return found if isinstance(found, Mapping) else {}
