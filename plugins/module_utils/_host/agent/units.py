# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of the agent: a timer, and two services that end as soon as their work is done.

What talks to the network never has root's rights, and what has root's rights never talks to the network:

* The collector is root without any capability. It reads what belongs to root (manifests, certificates, the trail) and
  Docker's socket, and connects to nothing but UNIX sockets in a network namespace without a network.
* The sender is a user of its own. It sees no Docker, no /etc/vsa, no keys. systemd hands it address and token.

Sources: systemd.exec(5), systemd.timer(5), systemd.resource-control(5).
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from .places import COLLECT, PROGRAM, SEND, TIMER, USER

__all__ = ("NOTE", "SYSUSERS", "unit_files")

NOTE = "# Written by `vsa agent register`, which overwrites changes.\n"

SYSUSERS = f'{NOTE}u {USER} - "Agent of VSA" - -\n'
"""The line for systemd-sysusers(8) that makes the user of the sender."""

_START = f"/usr/bin/python3 -I /{PROGRAM}"

# What neither of the two needs. LogLevelMax: two lines of systemd for each start would be 11,000 lines a day.
_CONFINED = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
LogLevelMax=notice
Nice=5
TasksMax=64
Environment=PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8
"""

# A unit of systemd may be started five times in ten seconds; verbs that change something one after the other start it
# more often.
_OFTEN = "StartLimitIntervalSec=0"

_COLLECT = f"""\
[Unit]
Description=Read this host for its hub (VSA)
After=docker.service
{_OFTEN}

[Service]
Type=oneshot
ExecStart={_START} collect
TimeoutStartSec=120
User=root
Group={USER}
UMask=0027
RuntimeDirectory=vsa-agent
RuntimeDirectoryMode=0750
RuntimeDirectoryPreserve=yes
MemoryMax=256M
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
IPAddressDeny=any
ReadWritePaths=-/var/lib/vsa
{_CONFINED}"""

_SEND = f"""\
[Unit]
Description=Send what was read of this host to its hub (VSA)
Wants={COLLECT} network-online.target
After={COLLECT} network-online.target
{_OFTEN}

[Service]
Type=oneshot
ExecStart={_START} send
TimeoutStartSec=600
User={USER}
Group={USER}
UMask=0022
StateDirectory=vsa-agent
StateDirectoryMode=0755
RuntimeDirectory=vsa-agent-send
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
LoadCredential=token:/etc/vsa/agent/token
LoadCredential=hub:/etc/vsa/agent/hub.json
MemoryMax=128M
RestrictAddressFamilies=AF_INET AF_INET6
PrivateUsers=yes
ProtectProc=invisible
ProcSubset=pid
InaccessiblePaths=-/run/docker.sock -/var/run/docker.sock -/run/containerd -/etc/vsa -/srv -/var/lib/vsa -/var/log
{_CONFINED}"""

# FixedRandomDelay: each host has its own second of the half minute, so a fleet does not ask its hub all at once.
# OnBootSec: a host whose clock is wrong at its start sends all the same.
_TIMER = f"""\
[Unit]
Description=Every 30 seconds: {SEND}

[Timer]
Unit={SEND}
OnCalendar=*-*-* *:*:00/30
OnBootSec=20
RandomizedDelaySec=30
FixedRandomDelay=yes
AccuracySec=1

[Install]
WantedBy=timers.target
"""


def unit_files() -> dict[str, str]:
    """Return the texts of the units by their names."""
    return {name: f"{NOTE}{text}" for name, text in ((COLLECT, _COLLECT), (SEND, _SEND), (TIMER, _TIMER))}
