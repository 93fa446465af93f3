"""What is read of, and done in, the network namespace of a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import namespace


def test_settings_are_read_by_their_path(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = "/proc/sys/net/ipv4/conf/eth0/rp_filter:1\n/proc/sys/net/ipv6/conf/all/accept_ra:0\n"
    monkeypatch.setattr(namespace, "output_of", lambda argv: printed if argv[2] == "7" else None)
    assert namespace.interface_settings(7) == {
        "net/ipv4/conf/eth0/rp_filter": "1",
        "net/ipv6/conf/all/accept_ra": "0",
    }
    assert namespace.interface_settings(8) is None


def test_the_host_asks_under_the_address_of_the_bridge(tmp_path: Path) -> None:
    namespace.ask_as_bridge(str(tmp_path), "vsa-entry")
    assert list(tmp_path.iterdir()) == []
    setting = tmp_path / "proc/sys/net/ipv4/conf/vsa-entry/arp_announce"
    setting.parent.mkdir(parents=True)
    setting.write_text("0\n")
    namespace.ask_as_bridge(str(tmp_path), "vsa-entry")
    assert setting.read_text() == "2\n"


@pytest.mark.parametrize(("printed", "worked"), [("", True), (None, False)])
def test_a_script_works_or_fails(monkeypatch: pytest.MonkeyPatch, printed: str | None, worked: bool) -> None:
    monkeypatch.setattr(namespace, "output_of", lambda argv: printed)
    assert namespace.run_script(7, "true") is worked


def test_gateways_of_a_process() -> None:
    found = namespace.default_gateways(os.getpid())
    assert found is not None
    assert all(part.count(".") == 3 for part in found)
    assert namespace.default_gateways(2**22 + 1) is None
