# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for the tests that need real ones, from the rig in tests/rig.

Each test session has an ACME server and DNS of its own and names its VPSes after itself, so that sessions may run side
by side; at its end it removes what it made. For work on one test, ``VSA_RIG_KEEP=NAME`` keeps them, and the next
session with the same NAME finds them again (``make rig-down`` removes them).
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import rig
from stackrun import Stacks
from tidying import forget_sites

_KEEP = os.environ.get("VSA_RIG_KEEP", "")
_SCOPE = f"keep-{_KEEP}" if _KEEP else f"it{os.getpid()}"
_numbers = itertools.count(1)
_shared: list[rig.Vps] = []


def _remove_orphans() -> None:
    """Remove the leftovers of killed sessions. The scope of a session contains the number of its process."""
    for scope in rig.scopes():
        found = re.fullmatch(r"it(\d+)", scope)
        if found and not Path("/proc", found[1]).exists():
            rig.down(everything=False, scope=scope)


@pytest.fixture(scope="session", autouse=True)
def _rig() -> Iterator[None]:
    """Start the engine, and remove everything that this session made in the engine at the end."""
    rig.engine_up()
    _remove_orphans()
    before = os.environ.get("VSA_RIG_SCOPE")
    os.environ["VSA_RIG_SCOPE"] = _SCOPE
    yield
    if not _KEEP:
        rig.down(everything=False, scope=_SCOPE)
    os.environ.pop("VSA_RIG_SCOPE")
    if before is not None:
        os.environ["VSA_RIG_SCOPE"] = before


@pytest.fixture(scope="session")
def services(_rig: None) -> rig.Services:
    """The ACME server and DNS of this session."""
    return rig.services()


@pytest.fixture(scope="session")
def proxy_vps(services: rig.Services) -> rig.Vps:
    """One VPS for the session: bootstrapped, with the reverse proxy, and with web-1 and web-2 on flowbiz_ext."""
    vps = rig.proxy_host(f"{_SCOPE}-proxy")
    _shared.append(vps)
    return vps


@pytest.fixture(scope="module", autouse=True)
def _what_a_file_leaves(_rig: None) -> Iterator[None]:
    """Remove what a file of tests left on the shared host, so that no test depends on the files before its own."""
    yield
    for vps in _shared:
        forget_sites(vps)


@pytest.fixture
def fresh_vps(services: rig.Services) -> Iterator[Callable[..., rig.Vps]]:
    """``fresh_vps(debian="13")`` boots a VPS with nothing on it; it is gone after the test."""
    made: list[rig.Vps] = []

    def boot(debian: str = "13") -> rig.Vps:
        vps = rig.Vps.create(f"{_SCOPE}-vps{next(_numbers)}", debian)
        made.append(vps)
        return vps

    yield boot
    for vps in made:
        vps.destroy()


@pytest.fixture
def vsa(request: pytest.FixtureRequest) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``vsa("site", "list", vps=…)`` runs the command, by default on proxy_vps, and returns how it ended."""

    def run(*words: str, vps: rig.Vps | None = None, **named: Any) -> subprocess.CompletedProcess[str]:
        target = request.getfixturevalue("proxy_vps") if vps is None else vps
        return rig.vsa(*words, vps=target, **{"check": False, **named})

    return run


@pytest.fixture
def playbook(request: pytest.FixtureRequest) -> Callable[..., subprocess.CompletedProcess[str]]:
    """``playbook("flowbiz.vsa.site.provision", {"site_domain": …}, vps=…)``: the same by ansible-playbook."""

    def run(
        fqcn: str, extra: dict[str, Any] | None = None, *, vps: rig.Vps | None = None, **named: Any
    ) -> subprocess.CompletedProcess[str]:
        target = request.getfixturevalue("proxy_vps") if vps is None else vps
        return rig.playbook(fqcn, target, extra=extra, **{"check": False, **named})

    return run


@pytest.fixture
def stacks(
    tmp_path: Path, proxy_vps: rig.Vps, playbook: Callable[..., subprocess.CompletedProcess[str]]
) -> Iterator[Stacks]:
    """A directory of stacks on the controller, and what they make on the session's VPS; gone after the test."""
    made = Stacks(tmp_path, proxy_vps, playbook)
    yield made
    made.remove()
