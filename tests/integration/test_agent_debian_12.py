# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent on Debian 12: an older Python and systemd, and a host without an engine and without a proxy."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.token import made_token

import rig
from bootstrapping import bootstrap
from fakehub import fake_hub

pytestmark = [pytest.mark.rig, pytest.mark.long, pytest.mark.timeout(600)]

HUB, NODE = "hub-12.vsa.test", "vps-12"
TOKEN = made_token(NODE, randomness=bytes(range(32)))


@pytest.fixture
def vps() -> Iterator[rig.Vps]:
    vps = rig.Vps.create(rig.scoped("agent-12"), "12")
    yield vps
    vps.destroy()


def test_a_host_without_an_engine_reports(vps: rig.Vps, tmp_path: Path) -> None:
    done = bootstrap(vps, user="root", variables={**rig.settings(vps), "bootstrap_engine_enabled": False})
    assert done.code == 0, done.text
    # The rig gives each host a volume for Docker's data. A host that never had an engine lacks this directory.
    vps.run("umount /var/lib/docker && rmdir /var/lib/docker")
    (tmp_path / "token").write_text(TOKEN, encoding="ascii")
    (tmp_path / "token").chmod(0o600)
    gateway = str(next(ipaddress.ip_network(f"{vps.ip}/24", strict=False).hosts()))
    vps.services().add_dns(HUB, ipv4=gateway)
    settings = vps.run("cat /etc/vsa/vsa.yml").stdout
    bundle = next(line.split()[1] for line in settings.splitlines() if line.startswith("ca_bundle:"))
    with fake_hub(tmp_path / "hub", TOKEN, name=HUB, address=gateway) as hub:
        vps.put(bundle, f"{vps.run(['cat', bundle]).stdout}\n{hub.ca}")
        words = ("agent", "register", "--hub-url", hub.url, "--token-file", f"{tmp_path}/token", "--json")
        made = json.loads(rig.vsa(*words, vps=vps).stdout)
        assert made["changed"] is True
        sections = hub.beats[0].sections
        states = {name: section["status"] for name, section in sections.items()}
        assert states["node"] == states["figures"] == "ok", sections
        assert states["containers"] == "absent", sections
        assert "failed" not in states.values(), sections
        assert sections["node"]["rows"][0]["python"].startswith("3.11")
        vps.run("systemctl start vsa-agent-send.service")
        assert len(hub.beats) >= 2, "the unit sends, by the timer or by hand"
        # What the units promise holds for this systemd too.
        exposure = vps.run("systemd-analyze security vsa-agent-send.service --no-pager | tail -1").stdout
        assert float(exposure.split(":")[1].split()[0]) <= 2.0, exposure
        assert json.loads(rig.vsa(*words, vps=vps).stdout)["changed"] is False
