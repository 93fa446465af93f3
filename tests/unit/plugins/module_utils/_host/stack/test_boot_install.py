"""The unit for the next boot: its files, once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.timer.install import UNIT as CERT_UNIT
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack import reverse_proxy
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.install import UNIT as BACKUP_UNIT
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.boot_install import install_boot_unit

UNIT = "etc/systemd/system/vsa-boot.service"
WANTED = "etc/systemd/system/multi-user.target.wants/vsa-boot.service"


def tree(root: Path) -> dict[str, int]:
    return {str(path.relative_to(root)): path.lstat().st_mtime_ns for path in root.rglob("*")}


def test_it_is_installed_once(tmp_path: Path) -> None:
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    install_boot_unit(tmp_path)
    assert str((tmp_path / WANTED).readlink()) == f"/{UNIT}"
    unit = (tmp_path / UNIT).read_text(encoding="utf-8")
    assert "After=docker.service" in unit
    assert f"Before={CERT_UNIT}.service {BACKUP_UNIT}.service" in unit, "what starts containers of VSA comes later"
    before = tree(tmp_path)
    install_boot_unit(tmp_path)
    assert tree(tmp_path) == before


def test_a_host_without_systemd_gets_none(tmp_path: Path) -> None:
    install_boot_unit(tmp_path)
    assert tree(tmp_path) == {}


def test_the_program_finds_all_that_it_imports(tmp_path: Path) -> None:
    """Also what it imports only when it meets the reverse proxy. Ansible is not there at a boot."""
    assert reverse_proxy.ReverseProxy.compose_override
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    install_boot_unit(tmp_path)
    package = "ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack"
    code = f"import sys; sys.modules['ansible'] = None; import {package}.boot, {package}.reverse_proxy"
    python = tmp_path / "usr/local/lib/vsa/boot-python"
    env = {"PYTHONPATH": str(python), "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
