# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's firewall: install its rules and the unit that loads them, and read what the kernel has.

The unit runs before Docker at every boot and whenever Docker starts, so no container is ever without the rules. A
second unit makes the proxy's network namespace strict whenever a container started: Docker may restart the proxy at any
time, and older engines do not apply the container's ``sysctls`` to the interfaces of the start.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..._core.errors import NotRolledBackError, RolledBackError
from ..._core.firewall import JUMPS, FirewallPolicy, is_docker_bridge, missing_rules, rules
from ..._core.networks import ENTRY_BRIDGE
from ..._core.proxy.namespace import strict_script
from ..._core.words import Words
from .disk import disk_words, is_disk_error, way_out
from .files import make_directory, read_text, write_atomically
from .programs import output_of
from .systemd import read_unit

__all__ = ("UNIT", "foreign_bridges", "install_firewall", "not_in_force", "wanted_files")

UNIT = "vsa-firewall.service"

_HOME = "var/lib/vsa/firewall"
_RULES = {4: f"{_HOME}/rules4", 6: f"{_HOME}/rules6"}
_SCRIPT = f"{_HOME}/load"
_STRICT = f"{_HOME}/strict"
_UNIT_FILE = f"etc/systemd/system/{UNIT}"
_STRICT_UNIT = "vsa-proxy-namespace"
_WATCH = f"{_STRICT_UNIT}.path"

_LOAD = f"""\
#!/bin/sh
# Written by vsa. Loads the rules beside this file; a second run changes nothing.
set -eu
# With this module the rules see packets between two containers of one network too.
modprobe -q br_netfilter 2>/dev/null || true
load() {{ # the programs' prefix, the file with the rules
    "$1-restore" --noflush --wait=30 <"$2"
    "$1" --wait 30 -t filter -N DOCKER-USER 2>/dev/null || true
    while read -r table chain own; do
        "$1" --wait 30 -t "$table" -C "$chain" -j "$own" 2>/dev/null ||
            "$1" --wait 30 -t "$table" -I "$chain" 1 -j "$own"
    done <<JUMPS
{chr(10).join(" ".join(jump) for jump in JUMPS)}
JUMPS
}}
load iptables /{_RULES[4]}
if [ -e /proc/net/if_inet6 ]; then
    load ip6tables /{_RULES[6]}
fi
"""

_UNIT_TEXT = f"""\
# Written by vsa (docs/adr/0010).
[Unit]
Description=VSA: what containers and other hosts may reach
DefaultDependencies=no
After=local-fs.target systemd-modules-load.service
Before=network-pre.target docker.service
Wants=network-pre.target
PartOf=docker.service
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /{_SCRIPT}

[Install]
WantedBy=multi-user.target docker.service
"""

_STRICT_TEXT = f"""\
#!/bin/sh
# Written by vsa. Makes every interface of the proxy's network namespace strict; a second run changes nothing.
set -eu
# The proxy answers ARP within its own network alone, so the host must not ask under its public address.
asks=/proc/sys/net/ipv4/conf/{ENTRY_BRIDGE}/arp_announce
[ ! -e $asks ] || echo 2 >$asks
pid=$(docker inspect --format '{{{{.State.Pid}}}}' vsa-nginx 2>/dev/null) || exit 0
[ "$pid" -gt 0 ] || exit 0
exec nsenter --target "$pid" --net sh -euc '
{strict_script()}'
"""

_STRICT_SERVICE = f"""\
# Written by vsa (docs/adr/0010).
[Unit]
Description=VSA: the proxy forwards nothing, and believes no container about routes
After=docker.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
# The namespace is there a moment before its interfaces are.
ExecStart=/bin/sh -c 'for second in 1 2 3 4 5; do /bin/sh /{_STRICT}; sleep 1; done'
"""

_STRICT_PATH = f"""\
# Written by vsa. Docker makes a file in this directory for each container that starts.
[Unit]
Description=VSA: a container started
# By default a path unit is part of the early boot, which Docker waits for. Two units that wait for each other make
# systemd leave one of them out of the boot, and this one can be Docker.
DefaultDependencies=no
# At a boot Docker starts its containers before this unit watches, so the service also runs with the unit.
Wants={_STRICT_UNIT}.service
After=docker.service
Conflicts=shutdown.target
Before=shutdown.target
StartLimitIntervalSec=0

[Path]
PathModified=/run/docker/netns
Unit={_STRICT_UNIT}.service

[Install]
WantedBy=multi-user.target
"""


def wanted_files(policy: FirewallPolicy) -> dict[str, str]:
    """Return the text of each file of the firewall, by its path relative to the root."""
    files = {_RULES[family]: rules(policy, family) for family in (4, 6)}
    units = {
        _UNIT_FILE: _UNIT_TEXT,
        f"etc/systemd/system/{_STRICT_UNIT}.service": _STRICT_SERVICE,
        f"etc/systemd/system/{_WATCH}": _STRICT_PATH,
    }
    return {**files, _SCRIPT: _LOAD, _STRICT: _STRICT_TEXT, **units}


def foreign_bridges(root: str) -> tuple[str, ...]:
    """Return the bridges whose names begin as Docker's do, and that somebody else made."""
    names = sorted(path.name for path in Path(root, "sys/class/net").glob("br-*"))
    return tuple(name for name in names if not is_docker_bridge(name))


def _changed_files(root: str, wanted: Mapping[str, str]) -> list[str]:
    """Return the paths of the firewall's files that are missing or differ."""
    return [path for path, text in wanted.items() if read_text(Path(root, path)) != text]


def not_in_force(root: str) -> list[str]:
    """Return which parts of the installed rules the kernel lacks; empty also if nothing is installed."""
    lacking = []
    for family, program in ((4, "iptables-save"), (6, "ip6tables-save")):
        text = read_text(Path(root, _RULES[family]))
        if text is None or (family == 6 and not Path(root, "proc/net/if_inet6").exists()):
            continue
        saved = output_of([program]) or ""
        lacking += [f"IPv{family} {part}" for part in missing_rules(text, saved)]
    return lacking


def install_firewall(root: str, policy: FirewallPolicy, *, check: bool) -> list[str]:
    """Make the rules, the script and the unit as they should be, and load them. Returns what differed.

    RolledBackError if the kernel refuses the rules; the files and the rules of before are back then.
    """
    wanted = wanted_files(policy)
    differing = [f"/{path}" for path in _changed_files(root, wanted)]
    if not differing:
        differing = [name for name in (UNIT, _WATCH) if not _is_on(name)]
    if not differing:
        differing = not_in_force(root)
    if differing and not check:
        _apply(root, wanted)
    return differing


def _is_on(name: str) -> bool:
    unit = read_unit(name)
    return unit.active and unit.enabled


def _apply(root: str, wanted: Mapping[str, str]) -> None:
    before = {path: read_text(Path(root, path)) for path in wanted}
    try:
        _write(root, wanted)
    except OSError as error:
        if not is_disk_error(error):
            raise
        with suppress(OSError):
            _write(root, before)
        raise RolledBackError(
            f"a file could not be written: {disk_words(error)}",
            state="the rules in force are those of before",
            hint=way_out(error),
        ) from error
    problem = _load()
    if problem is None:
        return
    _write(root, before)
    if before[_UNIT_FILE] is not None and _load() is not None:
        raise NotRolledBackError(f"the firewall's rules do not load: {problem}", state="the rules are incomplete")
    raise RolledBackError(f"the firewall's rules do not load: {problem}", state="the rules are as before")


def _write(root: str, files: Mapping[str, str | None]) -> None:
    for path, text in files.items():
        target = Path(root, path)
        if text is None:
            target.unlink(missing_ok=True)
            continue
        make_directory(target.parent, mode=0o755)
        write_atomically(target, text, mode=0o644)


def _load() -> str | None:
    """Have systemd read the unit, start it now and at every boot. Returns what systemd says if that fails."""
    for words in (["daemon-reload"], ["enable", UNIT, _WATCH], ["restart", UNIT, _WATCH]):
        done = subprocess.run(  # pylint: disable=ansible-bad-function  # _host has no module object with run_command
            ["systemctl", *words], capture_output=True, text=True, errors="replace", timeout=120, check=False
        )
        if done.returncode:
            said = Words("systemctl", done.stderr)
            return str(said) if said else f"systemctl {words[0]} failed"
    return None
