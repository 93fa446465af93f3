# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a shared host back to the state in which each file of tests expects it: web-1, web-2 and the proxy, no site."""

from __future__ import annotations

from typing import Any

from proxyhost import ProxyHost

__all__ = ("forget_sites",)

WEB = ("web-1", "web-2")

# Prints what was there. The names of all sites of the tests end with `.test`.
_LEFT = r"""
cd /srv/platform/reverse-proxy/data || exit 0
form='{{or (.Label "com.docker.compose.project") "none"}} {{.Names}}'
docker ps -a --format "$form" | awk '$1 != "reverse-proxy" && $2 != "web-1" && $2 != "web-2" {print "container", $2}'
find /etc/vsa/sites -name '*.yml' -printf 'file %p\n'
for place in selfsigned htpasswd letsencrypt/live letsencrypt/archive letsencrypt/renewal; do
    find "$place" -maxdepth 1 -name '*.test*' -printf 'file %p\n' 2>/dev/null
done
for place in /etc/vsa/certs /etc/vsa/dns letsencrypt/vsa-attempts letsencrypt/vsa-aside; do
    find "$place" -type f -printf 'file %p\n' 2>/dev/null
done
exit 0
"""


def forget_sites(vps: Any) -> None:
    """Remove the sites, certificates and containers that the tests of a file left on a host."""
    left = [line.partition(" ")[::2] for line in vps.run(_LEFT).stdout.splitlines()]
    containers = [name for kind, name in left if kind == "container"]
    files = [name for kind, name in left if kind == "file"]
    if containers:
        vps.run(["docker", "rm", "--force", "--volumes", *containers], check=False)
    if not files:
        return
    vps.run(["sh", "-c", 'cd /srv/platform/reverse-proxy/data && rm -rf -- "$@"', "forget", *files])
    host = ProxyHost(vps)
    host.drive(sync=True)
    host.run("sh", "-c", "rm -f /srv/platform/reverse-proxy/logs/nginx/*.test.*")
    for name in WEB:
        if host.run("docker", "inspect", "-f", "{{.State.Running}}", name, check=False).strip() != "true":
            host.restart_web(name)
