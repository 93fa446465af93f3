"""The parts of files that list all verbs: tables of nouns and verbs, the defaults of roles; and the JSON Schema.

A part of a Markdown page stands between ``<!-- BEGIN <name> … -->`` and ``<!-- END <name> -->``. So nobody lists the
verbs by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from vsa.cli import cli
from vsa.documents import json_schema
from vsa.fleet.variables import json_schema as inventory_schema

__all__ = ("listed",)

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = Path("docs/reference/json.schema.json")
INVENTORY = Path("docs/reference/inventory.schema.json")
# What every verb checks an inventory by: the same without the words for readers.
INVENTORY_RULES = Path("wrapper/src/vsa/fleet/schema.json")
HOWTO = Path("docs/howto/README.md")
# Verbs that print no JSON document.
_WITHOUT_DOCUMENT = {"completion", "help", "init"}


def listed() -> dict[Path, str]:
    """Return every file with such a part, by its path, with the part written again."""
    tables = {
        Path("README.md"): ("nouns", noun_table()),
        Path("docs/architecture.md"): ("nouns", layer_table()),
        HOWTO: ("verbs", page_table()),
    }
    files = {ROOT / path: _with_part(_read(path), name, lines) for path, (name, lines) in tables.items()}
    files[ROOT / SCHEMA] = json.dumps(json_schema(_verbs_with_document()), indent=2, ensure_ascii=False) + "\n"
    made = inventory_schema(_options())
    files[ROOT / INVENTORY] = json.dumps(_readable(made), indent=2, ensure_ascii=False) + "\n"
    files[ROOT / INVENTORY_RULES] = _rules(made)
    for path in sorted(ROOT.glob("roles/*/defaults/main.yml")):
        files[path] = _with_defaults(path.read_text(encoding="utf-8"), role=path.parts[-3])
    return files


def commands() -> dict[str, click.Command]:
    """Return every verb of the command line: ``site provision``, ``bootstrap``."""
    found: dict[str, click.Command] = {}
    for noun, command in cli.commands.items():
        if isinstance(command, click.Group):
            found |= {f"{noun} {verb}": leaf for verb, leaf in command.commands.items() if not leaf.hidden}
        elif not command.hidden:
            found[noun] = command
    return found


def verbs_of(noun: str) -> list[str]:
    """Return the verbs of a noun, in the order of its help; a noun that is a verb itself has none."""
    return [name.split()[1] for name in commands() if name.split()[0] == noun and " " in name]


# Modules and roles whose names do not begin with their noun: the verbs of vps change the hub.
_FURTHER = {"vps": ("hub",)}
_ROLES = {"vps": "hub"}


def noun_table() -> list[str]:
    """Return the table of the README: what each noun is about, and its verbs."""
    lines = ["| noun | what it is about | verbs |", "|---|---|---|"]
    for noun, command in cli.commands.items():
        verbs = " ".join(f"`{verb}`" for verb in verbs_of(noun)) or "—"
        lines.append(f"| `vsa {noun}` | {command.get_short_help_str(limit=120).rstrip('.')} | {verbs} |")
    return lines


def layer_table() -> list[str]:
    """Return the table of the architecture: verbs, role and modules of each noun that has playbooks."""
    modules = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if path.stem != "__init__")
    lines = ["| noun | verbs | role | modules |", "|---|---|---|---|"]
    for noun in cli.commands:
        role = _ROLES.get(noun, noun)
        has_role = (ROOT / "roles" / role).is_dir()
        if not has_role and not (ROOT / "playbooks" / noun).is_dir():
            continue
        own_verbs = [verb for verb in verbs_of(noun) if _playbook(noun, verb).is_file()]
        verbs = " ".join(own_verbs) or noun
        found = [module for module in modules if module == noun or module.startswith(f"{noun}_")]
        own = " ".join(f"`{module}`" for module in (*found, *_FURTHER.get(noun, ())))
        lines.append(f"| {noun} | {verbs} | {role if has_role else '—'} | {own or '—'} |")
    return lines


def _playbook(noun: str, verb: str) -> Path:
    return ROOT / "playbooks" / noun / f"{verb.replace('-', '_')}.yml"


def page_table() -> list[str]:
    """Return which pages of the index show which verb."""
    links = re.findall(r"(?m)^\| \[([^]]+)\]\(([^)]+)\) \|", _read(HOWTO))
    texts = {f"[{title}]({link})": _read(HOWTO.parent / link) for title, link in links}
    lines = ["| verb | pages |", "|---|---|"]
    for verb in commands():
        shown = re.compile(rf"\bvsa {verb}(?![\w-])")
        pages = [link for link, text in texts.items() if shown.search(text)]
        lines.append(f"| `vsa {verb}` | {' '.join(pages) or '—'} |")
    return lines


def _options() -> dict[str, Any]:
    """Return the options of all roles by their names."""
    found: dict[str, Any] = {}
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        specs = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]
        for spec in specs.values():
            found |= spec.get("options") or {}
    return found


def _readable(node: Any) -> Any:
    """Return a schema whose descriptions have no markup of Ansible: C(name) becomes name."""
    if isinstance(node, dict):
        return {key: _readable(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_readable(entry) for entry in node]
    return re.sub(r"\b[COVEPMBI]\(([^()]*)\)", r"\1", node) if isinstance(node, str) and "(" in node else node


def _rules(made: Mapping[str, Any]) -> str:
    """Return the rules of the variables as JSON, one variable in each line."""
    lines = [f"{json.dumps(name)}: {json.dumps(_silent(rule))}" for name, rule in sorted(made["properties"].items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _silent(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _silent(value) for key, value in node.items() if key != "description" or isinstance(value, dict)}
    return [_silent(entry) for entry in node] if isinstance(node, list) else node


def _read(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _with_part(text: str, name: str, lines: list[str]) -> str:
    """Return a page with the lines between the two marks of a part; SystemExit if the page has no such marks."""
    marks = re.compile(rf"(<!-- BEGIN {name}\b[^>]*-->\n).*?(<!-- END {name} -->)", flags=re.DOTALL)
    if not marks.search(text):
        raise SystemExit(f"a page has lost the marks of its part {name!r}")
    table = "\n".join(lines)
    return marks.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text)


def _verbs_with_document() -> list[str]:
    """Return the verbs that print a JSON document, as documents name them."""
    return [verb.replace(" ", ".") for verb in commands() if verb not in _WITHOUT_DOCUMENT]


def _with_defaults(text: str, *, role: str) -> str:
    """Return the defaults of a role with those that its argument specs say, between the two marks if it has them."""
    marks = re.compile(
        r"(# BEGIN defaults of the argument specs\b.*\n)(?:.*\n)*?(# END defaults of the argument specs\n)"
    )
    outside = yaml.safe_load(marks.sub("", text)) or {}
    missing = {name: value for name, value in _specified(role) if name not in outside}
    written = "".join(_default_line(name, value) for name, value in missing.items())
    return marks.sub(lambda found: f"{found[1]}{written}{found[2]}", text)


def _default_line(name: str, value: Any) -> str:
    """Return one default as YAML; a text that needs quotes has double ones, as everywhere in the project."""
    if isinstance(value, str) and "{{" in value:
        return f"{name}: {json.dumps(value, ensure_ascii=False)}\n"
    return yaml.safe_dump({name: value}, allow_unicode=True, width=100)


def _specified(role: str) -> Iterator[tuple[str, Any]]:
    """Yield each option that no entry point of the role requires, with its default."""
    specs: Mapping[str, Any] = yaml.safe_load(_read(Path("roles", role, "meta/argument_specs.yml")))["argument_specs"]
    options = [pair for spec in specs.values() for pair in (spec.get("options") or {}).items()]
    required = {name for name, option in options if option.get("required")}
    for name, option in options:
        if name not in required:
            yield name, option.get("default")
