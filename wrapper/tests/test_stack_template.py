"""The folder of a new stack: complete, of this name, and never over what is there."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vsa import cli
from vsa.core import UsageError
from vsa.stack_template import TEMPLATES, default_folder, template_folder, write_stack


def test_the_templates_are_the_folders_of_the_collection() -> None:
    found = {path.parent.name for path in template_folder("static").parent.glob("*/compose.yml")}
    assert found == set(TEMPLATES)


@pytest.mark.parametrize("tenant", [None, "acme"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_nothing_of_the_template_is_left_open(tmp_path: Path, template: str, tenant: str | None) -> None:
    files = write_stack(template, name="shop", to=tmp_path / "new", tenant=tenant)
    assert {"compose.yml", ".env.example", "stack.yml", "README.md"} <= {path.name for path in files}
    assert sorted(path for path in (tmp_path / "new").rglob("*") if path.is_file()) == sorted(files)
    for path in files:
        assert path.is_relative_to(tmp_path / "new/shop")
        assert "@" not in path.read_text().replace("@db:", ""), path
    assert yaml.safe_load((tmp_path / "new/shop/stack.yml").read_text()).get("tenant") == tenant


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    write_stack("worker", name="shop", to=tmp_path)
    (tmp_path / "shop/compose.yml").write_text("mine\n")
    with pytest.raises(UsageError, match="overwrite") as caught:
        write_stack("static", name="shop", to=tmp_path)
    assert caught.value.value == str(tmp_path / "shop")
    assert (tmp_path / "shop/compose.yml").read_text() == "mine\n"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="overwrite"):
        write_stack("static", name="link", to=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "shop"]


def test_a_run_that_was_killed_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / ".shop.partial").mkdir()
    (tmp_path / ".shop.partial/half").write_text("x")
    write_stack("worker", name="shop", to=tmp_path)
    assert not (tmp_path / "shop/half").exists()


@pytest.mark.parametrize(
    ("inventory", "expected"),
    [
        ("/fleet/hosts.yml", "/fleet/stacks"),
        ("/fleet/production", "/fleet/stacks"),
        ("vps-01,", "/here/stacks"),
        (None, "/here/stacks"),
    ],
)
def test_the_stacks_lie_beside_the_inventory(inventory: str | None, expected: str) -> None:
    assert default_folder(inventory, here=Path("/here")) == Path(expected)


def test_the_verb_says_what_it_wrote_and_what_is_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hosts.yml").write_text("all: {hosts: {vps-01: {}}}\n")
    words = ["-i", str(tmp_path / "hosts.yml"), "stack", "new", "shop", "--template", "worker"]
    assert cli.main(words) == 0
    out = capsys.readouterr().out
    assert f"wrote {tmp_path}/stacks/shop/compose.yml" in out
    assert f"vsa stack up shop --from {tmp_path}/stacks --check" in out
    assert cli.main(words) == 2
    assert "this would overwrite what is there" in capsys.readouterr().err
