"""An inventory to begin with: complete, and never over what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsa.ansible.inventory import read_groups
from vsa.cli import main
from vsa.core import UsageError
from vsa.verbs.init import EXAMPLE, write_inventory


def test_the_inventory_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "fleet")]) == 0
    assert f"wrote {tmp_path}/fleet/hosts.yml" in capsys.readouterr().out
    groups = read_groups(str(tmp_path / "fleet/hosts.yml"))
    assert groups is not None
    assert "vps-01" in groups["all"]
    assert (tmp_path / "fleet/host_vars/vps-01/sites.yml").read_text() == (
        EXAMPLE / "host_vars/vps-01/sites.yml"
    ).read_text()


def test_it_refuses_to_overwrite(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("mine\n")
    with pytest.raises(UsageError, match="overwrite") as caught:
        write_inventory(tmp_path)
    assert caught.value.there_are == [str(tmp_path / "hosts.yml")]
    assert [path.name for path in tmp_path.iterdir()] == ["hosts.yml"]
    with pytest.raises(UsageError):
        write_inventory(tmp_path / "hosts.yml")


def test_a_folder_with_other_files_is_fine(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("ours\n")
    write_inventory(tmp_path)
    assert (tmp_path / "README.md").read_text() == "ours\n"
