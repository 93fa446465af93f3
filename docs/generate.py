"""Write the generated parts of the documentation, or with --check say which of them are stale.

* the parts of source files that come from the fields of a manifest (see ``fields.py``)
* the requirements of every module, and of an execution environment (see ``libraries.py``)
* the parts of pages, of the JSON Schema and of the roles' defaults that list all verbs or options (see ``tables.py``)
* ``docs/reference/cli.md``: the help of every command of ``vsa``
* ``docs/reference/stack.md`` and ``stack.schema.json``: the fields of stack.yml (see ``stack_page.py``)
* ``docs/reference/hub.openapi.json``: the API of the hub (see ``hub_page.py``)
* ``docs/reference/modules.md``: the options and return values of every module, as ``ansible-doc`` resolves them
* ``docs/reference/agent-protocol.md``: the sections of a beat (see ``protocol_page.py``)
* ``roles/<role>/README.md``, between two markers: the options of every entry point, from ``meta/argument_specs.yml``

Exit code: 0 all is as it would be written, 1 something was stale (with --check) or cannot be written.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from fields import SOURCES, filled
from hub_page import hub_pages
from libraries import required
from protocol_page import protocol_page
from stack_page import stack_pages
from tables import listed

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- BEGIN argument specs -->", "<!-- END argument specs -->"
FOREIGN_TEXT = (
    "An option that comes by `-e` or by a vars file is a template by Ansible's own rule. For text of others see "
    "[Pass text of others to a verb](../../docs/howto/foreign-text.md)."
)
NOTE = "<!-- Made by `make docs`; do not edit. -->"

# Ansible's documentation markup, as far as the project uses it.
_MARKUP = [
    (re.compile(r"\b[COVEP]\(([^()]*(?:\([^()]*\))?[^()]*)\)"), r"`\1`"),
    (re.compile(r"\bM\(([^)]*)\)"), r"`\1`"),
    (re.compile(r"\bB\(([^)]*)\)"), r"**\1**"),
    (re.compile(r"\bI\(([^)]*)\)"), r"*\1*"),
    (re.compile(r"\bU\(([^)]*)\)"), r"<\1>"),
    (re.compile(r"\bL\(([^,)]*),\s*([^)]*)\)"), r"[\1](\2)"),
]


def prose(value: str | list[str] | None) -> str:
    """Return a description, one or several paragraphs, as one line of Markdown that a table cell can hold."""
    paragraphs = [value] if isinstance(value, str) else value or []
    text = " ".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return text.replace("|", r"\|")


def kind(option: dict[str, Any]) -> str:
    """Return the type of an option or return value: `list of str`, with the choices if there are any."""
    named = str(option.get("type", "str"))
    if named == "list":
        named = f"list of {option.get('elements', 'raw')}"
    choices = option.get("choices")
    return f"{named}: {', '.join(f'`{choice}`' for choice in choices)}" if choices else named


def default(option: dict[str, Any]) -> str:
    """Return what holds when the option is not given."""
    if option.get("required"):
        return "**required**"
    value = option.get("default")
    if value is None:
        return "—"
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text}`".replace("|", r"\|")


def option_rows(options: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield one table row per option, those inside of another below it with a dotted name."""
    for name, option in options.items():
        yield f"| `{prefix}{name}` | {kind(option)} | {default(option)} | {prose(option.get('description'))} |"
        nested = option.get("options") or option.get("suboptions")
        if nested:
            yield from option_rows(nested, f"{prefix}{name}[]." if option.get("type") == "list" else f"{prefix}{name}.")


def option_table(options: dict[str, Any]) -> list[str]:
    """Return the table of some options, or the sentence that there are none."""
    if not options:
        return ["No options."]
    return ["| option | type | default | meaning |", "|---|---|---|---|", *option_rows(options)]


def role_section(role: str) -> str:
    """Return what stands between the markers of a role's README."""
    specs = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text(encoding="utf-8"))
    lines = [BEGIN, NOTE, "", FOREIGN_TEXT]
    for entry, spec in specs["argument_specs"].items():
        lines += ["", f"### Entry point `{entry}`", "", f"{prose(spec['short_description'])}.", ""]
        if spec.get("description"):
            lines += [prose(spec["description"]), ""]
        lines += option_table(spec.get("options") or {})
    return "\n".join([*lines, "", END])


def role_readme(role: str) -> str:
    """Return a role's README with its section written again."""
    path = ROOT / "roles" / role / "README.md"
    if not path.is_file():
        raise SystemExit(f"{path.relative_to(ROOT)} is missing: write it, with a line {BEGIN} and a line {END}")
    text = path.read_text(encoding="utf-8")
    found = re.search(f"{re.escape(BEGIN)}.*?{re.escape(END)}", text, flags=re.DOTALL)
    if not found:
        raise SystemExit(f"{path.relative_to(ROOT)} has no line {BEGIN} followed by a line {END}")
    return text[: found.start()] + role_section(role) + text[found.end() :]


def return_rows(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield one table row per return value, those inside of another below it with a dotted name."""
    for name, value in (values or {}).items():
        returned = prose(value.get("returned", ""))
        yield f"| `{prefix}{name}` | {kind(value)} | {returned} | {prose(value.get('description'))} |"
        if value.get("contains"):
            inner = f"{prefix}{name}[]." if value.get("type") == "list" else f"{prefix}{name}."
            yield from return_rows(value["contains"], inner)


def modules_page() -> str:
    """Return docs/reference/modules.md."""
    names = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py") if path.stem != "__init__")
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "ANSIBLE_NOCOLOR": "1"}
    command = [str(Path(sys.executable).parent / "ansible-doc"), "--json", "-t", "module"]
    command += [f"flowbiz.vsa.{name}" for name in names]
    asked = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT)
    if asked.returncode != 0:
        raise SystemExit(f"ansible-doc: {asked.stderr.strip()}")
    documents = json.loads(asked.stdout)
    lines = ["# Modules", "", NOTE, "", "All are in the action group `flowbiz.vsa.vsa`."]
    for name in names:
        document = documents[f"flowbiz.vsa.{name}"]
        doc = document["doc"]
        lines += [
            "",
            f"## `flowbiz.vsa.{name}`",
            "",
            f"{prose(doc['short_description'])}.",
            "",
            prose(doc["description"]),
        ]
        support = ", ".join(f"{key} {value['support']}" for key, value in (doc.get("attributes") or {}).items())
        if support:
            lines += ["", f"Support: {support.replace('_', ' ')}."]
        lines += ["", f"Needs: {'; '.join(doc['requirements'])}."]
        lines += ["", *option_table(doc.get("options") or {})]
        lines += ["", "Returns:", "", "| value | type | returned | meaning |", "|---|---|---|---|"]
        lines += return_rows(document.get("return") or {})
        lines += ["", "```yaml", (document.get("examples") or "").strip(), "```"]
    return "\n".join(lines) + "\n"


def command_helps() -> Iterator[tuple[str, str]]:
    """Yield each command of `vsa` with its help, groups before their verbs."""
    import click
    from click.testing import CliRunner

    from vsa.cli import cli

    # A fixed width and no colour, whatever the terminal that runs this.
    runner = CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "VSA_INVENTORY": None})

    def walk(command: click.Command, words: list[str]) -> Iterator[tuple[str, str]]:
        result = runner.invoke(cli, [*words, "--help"], prog_name="vsa", terminal_width=100)
        if result.exit_code != 0:
            raise SystemExit(f"vsa {' '.join(words)} --help ends with {result.exit_code}: {result.output}")
        yield " ".join(["vsa", *words]), result.output.rstrip()
        if isinstance(command, click.Group):
            for name, inner in command.commands.items():
                if not inner.hidden:
                    yield from walk(inner, [*words, name])

    yield from walk(cli, [])


def topics() -> Iterator[str]:
    """Yield the lines of what `vsa help TOPIC` explains."""
    from vsa.topics import TOPICS

    for name, (title, rows) in TOPICS.items():
        yield from ("", f"## {title}", "", f"`vsa help {name}` prints the same.", "", "| | |", "|---|---|")
        yield from (f"| `{key}` | {prose(meaning)} |" for key, meaning in rows.items())


def cli_page() -> str:
    """Return docs/reference/cli.md."""
    lines = ["# The command `vsa`", "", NOTE, *topics()]
    for name, text in command_helps():
        lines += ["", f"## `{name}`", "", "```text", *(line.rstrip() for line in text.splitlines()), "```"]
    return "\n".join(lines) + "\n"


def sources() -> dict[Path, str]:
    """Return every source file that has generated parts, by its path."""
    return {ROOT / path: filled((ROOT / path).read_text(encoding="utf-8")) for path in SOURCES}


def pages() -> dict[Path, str]:
    """Return every generated file, whole, by its path. They are made of the source files as these are on disk."""
    reference = ROOT / "docs/reference"
    roles = sorted(path.parent.parent.name for path in ROOT.glob("roles/*/meta/argument_specs.yml"))
    written = {reference / "cli.md": cli_page(), reference / "modules.md": modules_page()}
    written |= {reference / name: text for name, text in {**stack_pages(NOTE), **hub_pages()}.items()}
    written[reference / "agent-protocol.md"] = protocol_page()
    return written | {ROOT / "roles" / role / "README.md": role_readme(role) for role in roles}


def main() -> int:
    """Write what differs, or with --check show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 and a diff where something is stale"
    )
    check = parser.parse_args().check
    # The pages are made of the source files, so the source files come first.
    stale = write(sources(), check=check)
    stale += write(required(), check=check)
    stale += write(listed(), check=check)
    stale += write(pages(), check=check)
    if check and stale:
        print(f"{stale} generated file(s) are stale: run `make docs`", file=sys.stderr)
    return 1 if check and stale else 0


def write(files: dict[Path, str], *, check: bool) -> int:
    """Write the files that differ, or show the differences if ``check``. Return how many differ."""
    stale = 0
    for path, text in files.items():
        name = str(path.relative_to(ROOT))
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if before == text:
            continue
        stale += 1
        if check:
            lines = difflib.unified_diff(
                before.splitlines(), text.splitlines(), name, f"{name} (generated)", lineterm=""
            )
            print("\n".join(lines))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return stale


if __name__ == "__main__":
    sys.exit(main())
