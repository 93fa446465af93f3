# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the machine and of VSA's own files: space on the disks, a pending reboot, settings, the live generation.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..._core.errors import RefusedError
from ..._core.finding import WARNING, Finding
from ..._core.hints import Advice, Hint
from ..._core.host.disk import Usage, disk_is_full
from ..machine.files import read_text
from ..store.host import Host
from ..store.layout import Paths
from ..store.settings import read_settings

__all__ = ("disk_findings", "generation_findings", "reboot_findings", "settings_findings")

_SYNC = Advice("", Hint("vhost.sync"))
_NAMED = 5
# What VSA and Docker write to. Directories of the same file system are reported once.
_WRITTEN = ("", "var/lib/docker", "srv", "etc/vsa", "var/lib/vsa", "var/log")


def settings_findings(paths: Paths) -> list[Finding]:
    """Return a finding if /etc/vsa/vsa.yml is not valid: no verb can change the host then."""
    try:
        read_settings(paths)
    except RefusedError as error:
        field = f" ({error.field})" if error.field else ""
        return [Finding("settings-invalid", WARNING, str(paths.vsa_yml), f"{error.message}{field}", "correct the file")]
    return []


def generation_findings(host: Host) -> list[Finding]:
    """Return a finding if the live generation was edited by hand, or lost its record."""
    if not host.number:
        return []
    if host.record is None:
        text = f"generation {host.number} is live, and its generation.json is missing or damaged"
        return [Finding("generation-damaged", WARNING, "live generation", text, _SYNC)]
    edited = list(host.live.drifted)
    if not edited:
        return []
    names = ", ".join(edited[:_NAMED])
    more = f" and {len(edited) - _NAMED} more" if len(edited) > _NAMED else ""
    text = f"edited by hand: {names}{more}; the next change of the proxy overwrites it"
    return [Finding("generation-edited", WARNING, "live generation", text, _SYNC)]


def reboot_findings(paths: Paths, *, running: str | None = None) -> list[Finding]:
    """Return a finding if the host waits for a reboot. ``running`` is the release of the kernel that runs."""
    release = os.uname().release if running is None else running
    remedy = "reboot the host"
    if Path(paths.root, "run/reboot-required").exists():
        packages = read_text(Path(paths.root, "run/reboot-required.pkgs")) or ""
        names = ", ".join(sorted(set(packages.split()))[:_NAMED])
        text = f"a reboot is pending{f', for {names}' if names else ''}"
        return [Finding("reboot-pending", WARNING, "host", text, remedy)]
    try:
        newest = os.readlink(Path(paths.root, "vmlinuz")).rpartition("vmlinuz-")[2]
    except OSError:
        return []  # a container, or a kernel that the provider chooses
    if newest in ("", release):
        return []
    return [Finding("reboot-pending", WARNING, "host", f"kernel {release} runs, and {newest} is installed", remedy)]


def disk_findings(paths: Paths) -> list[Finding]:
    """Return a finding for each file system that is nearly full, by space or by inodes."""
    seen: set[int] = set()
    findings = []
    for name in _WRITTEN:
        place = Path(paths.root, name)
        try:
            device, found = place.stat().st_dev, os.statvfs(place)
        except FileNotFoundError:
            continue
        if device in seen:
            continue
        seen.add(device)
        usage = Usage(found.f_blocks, found.f_bfree, found.f_bavail, found.f_files, found.f_ffree)
        findings += [Finding("disk-full", WARNING, str(place), text) for text in disk_is_full(usage)]
    return findings
