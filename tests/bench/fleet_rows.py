"""The rows over 1,000 TLS sites on one VPS of the rig."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fleet import SITES, Fleet, domain_of
from making import make_renderer, make_site

_LOOP = """
- name: Write vhosts the usual way
  hosts: all
  gather_facts: false
  become: true
  tasks:
    - name: Write one vhost
      ansible.builtin.template:
        src: {source}
        dest: /var/tmp/vsa-bench/{{{{ item }}}}.conf
        mode: "0644"
      loop: {domains}
      loop_control:
        label: "{{{{ item }}}}"
"""
LOOPED = 50


def remove(fleet: Fleet, run: Callable[..., float]) -> None:
    """Remove a fleet from the host and from its proxy."""
    last = domain_of(0)
    fleet.clear(but=last)
    run("flowbiz.vsa.vhost.sync", vhost_removal="allow")
    run("flowbiz.vsa.site.unprovision", domain=last, site_keep_container="true", yes="true")


class FleetBench:
    """The commands of the rows over 1,000 sites; ``run`` runs a playbook on the same host and returns its seconds."""

    def __init__(self, vps: Any, folder: Path, run: Callable[..., float], *, number: int = SITES) -> None:
        self._vps = vps
        self._folder = folder
        self._run = run
        self._fleet = Fleet(vps, number)
        self._next = 0
        self._looped: float | None = None

    def start(self) -> None:
        """Write the files of the fleet; the first row that changes all sites brings them live."""
        self._fleet.lay()

    def end(self) -> None:
        """Remove the fleet, from the proxy too. The last site goes by its name: no sync takes all sites off the air."""
        remove(self._fleet, self._run)

    def sync_changed(self) -> float:
        """Bring all sites live with another container."""
        self._next += 1
        self._fleet.point_to(f"web-{1 + self._next % 2}", 3000)
        return self._run("flowbiz.vsa.vhost.sync")

    def sync_unchanged(self) -> float:
        """Synchronise all sites without a change."""
        return self._run("flowbiz.vsa.vhost.sync")

    def visited(self) -> float:
        """List all sites as their visitors get them. The answers of the DNS are kept from the warming up on."""
        return self._run("flowbiz.vsa.site.list")

    def not_visited(self) -> float:
        """List all sites without asking them."""
        return self._run("flowbiz.vsa.site.list", site_probe="false")

    def certificates(self) -> float:
        """Read the state of all certificates."""
        return self._run("flowbiz.vsa.cert.status")

    def looped(self) -> float:
        """Return the time of a loop of ansible.builtin.template over all vhosts.

        50 of them are measured, once, and a play with an empty loop is taken off; the rest is linear.
        """
        if self._looped is None:
            self._vps.run("rm -rf /var/tmp/vsa-bench && mkdir -p /var/tmp/vsa-bench")
            seconds = self._loop(LOOPED) - self._loop(0)
            self._looped = seconds / LOOPED * SITES
            self._vps.run("rm -rf /var/tmp/vsa-bench")
        return self._looped

    def _loop(self, number: int) -> float:
        # The text of a real vhost; Ansible renders only its name.
        text = make_renderer().site(make_site(domain_of(0))).replace(domain_of(0), "{{ item }}")
        source = self._folder / "vhost.conf.j2"
        source.write_text(text, encoding="utf-8")
        play = self._folder / "loop.yml"
        domains = json.dumps([domain_of(which) for which in range(number)])
        play.write_text(_LOOP.format(source=source, domains=domains), encoding="utf-8")
        return self._run(str(play))
