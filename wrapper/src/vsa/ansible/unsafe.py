"""Mark strings for Ansible as data. Ansible renders no marked string as a template, whatever an operator typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ("marked_unsafe",)


def marked_unsafe(value: Any) -> Any:
    """Return a JSON value with every string marked, so that Ansible never renders it. Keys are not marked.

    ``{"__ansible_unsafe": "…"}`` is how Ansible itself writes such strings in JSON (its profile ``_legacy``).
    """
    if isinstance(value, str):
        return {"__ansible_unsafe": value}
    if isinstance(value, Mapping):
        return {str(key): marked_unsafe(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [marked_unsafe(entry) for entry in value]
    return value
