# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of the host: what apt knows about them, and whether a repository can be reached.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..._core.bootstrap import Platform, Policy, parse_platform, parse_policy
from .files import read_text
from .programs import output_of

__all__ = ("read_platform", "read_policy", "repository_error")

_OS_RELEASE = "/etc/os-release"
_SECONDS = 10


def read_platform(path: str = _OS_RELEASE) -> Platform:
    """Return the operating system of this host, with the architecture of its packages."""
    architecture = output_of(["dpkg", "--print-architecture"]) or "unknown"
    return parse_platform(read_text(path) or "", architecture=architecture.strip())


def read_policy(names: Sequence[str]) -> Policy:
    """Return the installed version and the candidate of each package that apt knows."""
    return parse_policy(output_of(["apt-cache", "policy", *names]) or "")


def repository_error(address: str) -> str:
    """Return why the key of a repository, the file ``gpg`` below its address, cannot be reached; empty if it can.

    Only the head is asked for: whoever adds the repository fetches the key.
    """
    # imported here because most runs ask no repository
    import urllib.error

    from ansible.module_utils.urls import open_url

    url = f"{address}/gpg"
    try:
        open_url(url, method="HEAD", timeout=_SECONDS).close()
    except urllib.error.HTTPError as error:
        return f"{url}: HTTP status {error.code}"
    except (OSError, ValueError) as error:
        return f"{url}: {getattr(error, 'reason', None) or error}"
    return ""
