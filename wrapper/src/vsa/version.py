"""The output of ``vsa --version``, for reports of faults."""

from __future__ import annotations

import platform
from importlib import metadata

from vsa.core import collections_root, version

__all__ = ("describe",)


def describe() -> str:
    """Return the versions of the collection, Ansible and Python, and the path of the collection."""
    parts = [f"{name} {metadata.version(name)}" for name in ("ansible-core", "ansible-runner")]
    return (
        f"vsa {version()} ({', '.join(parts)}, Python {platform.python_version()}, collection in {collections_root()})"
    )
