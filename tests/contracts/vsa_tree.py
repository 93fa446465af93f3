"""The working tree as data: what the contract tests and the reference generator compare."""

from __future__ import annotations

import ast
import functools
import subprocess
from pathlib import Path
from typing import Any

import click
import yaml

from vsa.cli import cli

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "flowbiz.vsa"


@functools.cache
def files() -> tuple[Path, ...]:
    """Return every file that is committed, or could be, relative to the root; links too.

    Outside of a git checkout (in an unpacked archive): every file except the leftovers of tools.
    """
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True)
    if listed.returncode == 0:
        names = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    else:
        skip = {".venv", "build", "__pycache__", ".git"}
        found = (path.relative_to(ROOT) for path in ROOT.rglob("*"))
        names = [path for path in found if not skip & set(path.parts) and (ROOT / path).is_file()]
    return tuple(sorted(name for name in names if (ROOT / name).exists() or (ROOT / name).is_symlink()))


def below(folder: str, suffix: str = "") -> list[Path]:
    """Return the files below a folder of the root whose name ends with `suffix`, relative to the root."""
    return [path for path in files() if path.is_relative_to(folder) and path.name.endswith(suffix)]


def text(path: Path) -> str:
    """Return the text of a file, named relative to the root; an empty text if the file is binary."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError):
        return ""


class _Loader(yaml.SafeLoader):
    """Reads YAML, with the tags of Compose and Ansible as plain values."""


_Loader.add_multi_constructor(
    "!",
    lambda loader, suffix, node: getattr(loader, f"construct_{node.id}")(
        node, **({"deep": True} if node.id != "scalar" else {})
    ),
)


@functools.cache
def data(path: Path) -> Any:
    """Return the single document of a YAML file named relative to the root."""
    return yaml.load(text(path), Loader=_Loader)


def roles() -> list[str]:
    """Return the names of the roles."""
    return sorted({path.parts[1] for path in below("roles") if len(path.parts) > 2})


def modules() -> list[str]:
    """Return the names of the collection's modules."""
    return sorted(path.stem for path in below("plugins/modules", ".py") if path.stem != "__init__")


def stacks() -> list[str]:
    """Return the names of the stacks."""
    return sorted(path.parts[1] for path in below("stacks") if len(path.parts) == 3 and path.name == "compose.yml")


# The door for `ansible-playbook site.yml`.
NO_VERB = (("site",),)


def verbs() -> dict[str, Path]:
    """Return the playbook of each verb: `site provision` to playbooks/site/provision.yml (`bootstrap` has no noun)."""
    found = {}
    for path in below("playbooks", ".yml"):
        parts = path.with_suffix("").parts[1:]
        if parts not in NO_VERB:
            found[" ".join(part.replace("_", "-") for part in parts)] = path
    return found


def commands() -> list[str]:
    """Return every verb of the command line: `site provision`, `bootstrap`, `completion`."""
    found = []
    for noun, command in cli.commands.items():
        if isinstance(command, click.Group):
            found += [f"{noun} {verb}" for verb, leaf in command.commands.items() if not leaf.hidden]
        elif not command.hidden:
            found.append(noun)
    return sorted(found)


def entry_points(role: str) -> dict[str, dict[str, Any]]:
    """Return a role's argument specs by entry point."""
    return dict(data(Path("roles") / role / "meta/argument_specs.yml")["argument_specs"])


def tasks_of(value: Any) -> list[dict[str, Any]]:
    """Return every task of a task file or playbook in order, the tasks inside of blocks too."""
    found: list[dict[str, Any]] = []
    for item in value or []:
        nested = [
            key for key in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers") if key in item
        ]
        if not nested and "hosts" not in item and not any("import_playbook" in key for key in item):
            found.append(item)
        for key in nested:
            found.extend(tasks_of(item[key]))
    return found


def code_lines(path: Path) -> int:
    """Return the number of code lines of a plugin, without blank lines, comments and documentation strings."""
    source = text(path)
    lines = {
        number
        for number, line in enumerate(source.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    }
    for node in ast.parse(source).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Name) and target.id in {"DOCUMENTATION", "EXAMPLES", "RETURN"}:
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)
