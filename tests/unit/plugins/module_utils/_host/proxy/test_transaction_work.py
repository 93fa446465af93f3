# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a change of one site does for each site that does not change: with 1,000 sites that is what it waits for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy import render
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hosttree import HostTree, provide

FEW, MANY = 4, 14


class Work:
    """The files that were opened, the calls of stat(2), and the templates that were compiled."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.looked_at: list[str] = []
        self.compiled = 0
        self.ended = False


_watched: list[tuple[str, Work]] = []


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    # An audit hook can't be removed, so it does nothing if nobody watches.
    if event == "open" and _watched:
        root, work = _watched[-1]
        if str(arguments[0]).startswith(root) and not work.ended:
            work.opened.append(str(arguments[0]))


sys.addaudithook(_on_event)


@contextmanager
def watched(root: Path) -> Iterator[Work]:
    """Count what is done below a directory."""
    work = Work()
    real_stat, real_compile = os.stat, ImmutableSandboxedEnvironment.compile

    def stat(path: object, *words: object, **named: object) -> object:
        if str(path).startswith(str(root)) and not work.ended:
            work.looked_at.append(str(path))
        return real_stat(path, *words, **named)  # type: ignore[call-overload]

    def compiled(*words: object, **named: object) -> object:
        work.compiled += 1
        return real_compile(*words, **named)  # type: ignore[call-overload]

    _watched.append((str(root), work))
    try:
        with mock.patch.object(os, "stat", stat), mock.patch.object(ImmutableSandboxedEnvironment, "compile", compiled):
            yield work
    finally:
        _watched.pop()


def changed(root: Path, *, sites: int) -> Work:
    """Return the work of a change of one of so many sites, up to its reload."""
    host = HostTree(root)
    host.apply(*(provide(f"s{number}.example") for number in range(sites)))
    render._compile.cache_clear()
    with host.certificates("s1.example"), watched(root) as work:

        def on_step(step: str) -> None:
            # From here on NGINX reads, and the visitor waits for NGINX alone.
            work.ended = work.ended or step == "reload"

        host.proxy(on_step).apply(host.request(provide("s1.example", "web-2:3000")))
    assert work.ended
    return work


@pytest.mark.parametrize(("kind", "most"), [("opened", 3), ("looked_at", 0)])
def test_a_site_that_does_not_change_costs_a_few_calls(tmp_path: Path, kind: str, most: int) -> None:
    few = getattr(changed(tmp_path / "few", sites=FEW), kind)
    many = getattr(changed(tmp_path / "many", sites=MANY), kind)
    # Its manifest, its live NGINX file and its live manifest are read once each.
    assert len(many) - len(few) <= most * (MANY - FEW), sorted(many)


def test_a_template_is_compiled_once_on_a_host(tmp_path: Path) -> None:
    (tmp_path / "var/cache").mkdir(parents=True)
    if os.geteuid() != 0:
        pytest.skip("only root keeps what was compiled")
    assert changed(tmp_path, sites=FEW).compiled == 0
