"""File systems that are nearly full, a pending reboot, invalid settings, and a live generation that was edited."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host import machine
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

from hosttree import HostTree, provide


def test_a_file_system_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "srv").mkdir()
    full = SimpleNamespace(f_blocks=100, f_bfree=5, f_bavail=5, f_files=0, f_ffree=0)
    monkeypatch.setattr(os, "statvfs", lambda _place: full)
    (found,) = machine.disk_findings(Paths(str(tmp_path)))
    assert (found.name, found.subject) == ("disk-full", str(tmp_path))
    assert found.text == "95 % of the space is used"


def test_a_pending_reboot(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    assert machine.reboot_findings(paths, running="6.12.1-amd64") == []
    (tmp_path / "vmlinuz").symlink_to("boot/vmlinuz-6.12.1-amd64")
    assert machine.reboot_findings(paths, running="6.12.1-amd64") == []
    (found,) = machine.reboot_findings(paths, running="6.12.0-amd64")
    assert found.text == "kernel 6.12.0-amd64 runs, and 6.12.1-amd64 is installed"
    (tmp_path / "run").mkdir()
    (tmp_path / "run/reboot-required").touch()
    (tmp_path / "run/reboot-required.pkgs").write_text("libc6\nlinux-image-amd64\nlibc6\n")
    (found,) = machine.reboot_findings(paths)
    assert found.text == "a reboot is pending, for libc6, linux-image-amd64"


def test_invalid_settings(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    assert machine.settings_findings(host.paths) == []
    host.settings("ca: 5\n")
    (found,) = machine.settings_findings(host.paths)
    assert (found.name, found.subject) == ("settings-invalid", str(host.paths.vsa_yml))


def test_the_live_generation(tmp_path: Path) -> None:
    host = HostTree(tmp_path)
    assert machine.generation_findings(read_host(host.paths)) == []
    host.apply(provide("a.example"))
    assert machine.generation_findings(read_host(host.paths)) == []
    host.break_open("sites/a.example.conf", "# by hand\n")
    (found,) = machine.generation_findings(read_host(host.paths))
    assert found.text == "edited by hand: sites/a.example.conf; the next change of the proxy overwrites it"
    host.break_open("generation.json", None)
    (found,) = machine.generation_findings(read_host(host.paths))
    assert found.name == "generation-damaged"
