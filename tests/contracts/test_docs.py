"""Documentation is true: generated parts are fresh, links have a target, and every command that a page shows exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.declared import parse_declared

import vsa_tree
from vsa.cli import SHORT_FORMS, cli

PAGES = [path for path in vsa_tree.files() if path.suffix == ".md"]
WRITTEN = [path for path in PAGES if not path.is_relative_to("docs/reference")]
ADRS = sorted(path for path in PAGES if re.fullmatch(r"\d{4}-.*", path.stem))
TARGETS = set(re.findall(r"(?m)^([a-z-]+):", vsa_tree.text(Path("Makefile"))))


def test_generated_documentation_is_fresh() -> None:
    command = [sys.executable, str(vsa_tree.ROOT / "docs/generate.py"), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, f"{checked.stdout[-4000:]}\n{checked.stderr}"


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```", "", vsa_tree.text(path), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (vsa_tree.ROOT / path.parent / file).resolve() if file else vsa_tree.ROOT / path
        assert there.exists(), f"{path} links to {target}"
        if anchor:
            headings = re.findall(r"(?m)^#+ +(.*)$", there.read_text(encoding="utf-8"))
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{path} links to {target}"


WARNED = [Path("README.md"), *(Path("roles") / role / "README.md" for role in vsa_tree.roles())]


@pytest.mark.parametrize("path", WARNED, ids=str)
def test_a_reader_is_warned_that_values_of_e_are_templates(path: Path) -> None:
    text = vsa_tree.text(path)
    assert "docs/howto/foreign-text.md" in text
    assert re.search(r"`-e`[^.]* (is a template|are templates)", text)


def shown_commands(path: Path) -> list[str]:
    """Return the commands of a page: in code blocks of a shell or without a language, and between backquotes."""
    text = vsa_tree.text(path)
    blocks = re.findall(r"```(?:bash|sh|shell|console|text)?\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("path", WRITTEN, ids=str)
def test_a_make_target_that_is_shown_exists(path: Path) -> None:
    for line in shown_commands(path):
        for target in re.findall(r"^make ([a-z-]+)", line):
            assert target in TARGETS, f"{path} shows `make {target}`"


@pytest.mark.parametrize("path", WRITTEN, ids=str)
def test_a_verb_that_is_shown_exists(path: Path) -> None:
    for line in shown_commands(path):
        words = line.split()
        if len(words) > 1 and words[1] in SHORT_FORMS:
            words[1:2] = SHORT_FORMS[words[1]]
        if not words or words[0] != "vsa" or len(words) < 2 or not re.fullmatch(r"[a-z-]+", words[1]):
            continue
        noun = cli.commands.get(words[1])
        assert noun is not None, f"{path} shows `{line}`"
        options = noun.params
        if isinstance(noun, click.Group) and len(words) > 2 and re.fullmatch(r"[a-z-]+", words[2]):
            assert words[2] in noun.commands, f"{path} shows `{line}`"
            options = noun.commands[words[2]].params
        known = {name for option in [*options, *cli.params] for name in [*option.opts, *option.secondary_opts]}
        for word in words[2:]:
            if re.fullmatch(r"--[a-z-]+", word) and word != "--help":
                assert word in known, f"{path} shows `{line}`: {word} is no option of it"


# The sources of the messages that how-to pages and runbooks quote; a text over several lines is one text.
MESSAGES = re.sub(
    r'"\s*\n\s*f?"',
    "",
    "\n".join(
        vsa_tree.text(path)
        for path in vsa_tree.files()
        if path.parts[0] in {"plugins", "stacks", "roles", "wrapper"} and path.suffix != ".md"
    ),
)
QUOTING = [path for path in WRITTEN if path.parts[:2] in {("docs", "howto"), ("docs", "runbooks")}]


@pytest.mark.parametrize("path", QUOTING, ids=str)
def test_a_message_that_is_shown_exists(path: Path) -> None:
    tables = re.findall(r"(?m)^\| (?:message|what you see) \|.*\n\|[-|]+\n((?:\|.*\n)+)", vsa_tree.text(path))
    for line in "".join(tables).splitlines():
        for message in re.findall(r"`([^`]+)`", line.split("|")[1]):
            # What stands for a value in the text: …, X, a number, the name of our container.
            pieces = re.split(r"…|\bX\b|\d+|vsa-auth", message)
            missing = [piece for piece in pieces if len(piece) > 7 and piece.strip(" :") not in MESSAGES]
            assert not missing, f"{path} quotes `{message}`, but no source has {missing}"


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.stem)
def test_a_decision_has_its_parts(path: Path) -> None:
    text = vsa_tree.text(path)
    headings = re.findall(r"(?m)^## (.*)$", text)
    assert headings == ["Status", "Context", "Decision", "Consequences"]
    assert re.match(rf"# {path.stem[:4]}[.:] ", text)
    assert f"({path.name})" in vsa_tree.text(path.parent / "README.md"), f"docs/adr/README.md does not list {path.name}"


def test_a_decision_that_is_named_exists() -> None:
    numbers = {path.stem[:4] for path in ADRS}
    for path in vsa_tree.files():
        for number in re.findall(r"docs/adr/(\d{4})|\bADR (\d{4})", vsa_tree.text(path)):
            assert "".join(number) in numbers, f"{path} names decision {''.join(number)}, which does not exist"


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.stem[:4]) for path in ADRS] == list(range(1, len(ADRS) + 1))


@pytest.mark.parametrize("folder", ["docs/runbooks", "docs/howto"])
def test_every_page_is_in_the_index(folder: str) -> None:
    index = vsa_tree.text(Path(folder, "README.md"))
    for path in vsa_tree.below(folder, ".md"):
        assert path.name == "README.md" or f"({path.name})" in index, f"{folder}/README.md does not list {path.name}"


def test_a_declaration_that_is_shown_is_one() -> None:
    shown = [
        text for path in WRITTEN for text in re.findall(r"```yaml\n(.*?)```", vsa_tree.text(path), flags=re.DOTALL)
    ]
    shown += [vsa_tree.text(path) for path in vsa_tree.below("inventories", ".yml")]
    declared = [data for text in shown if "vsa_sites:" in text and (data := yaml.safe_load(text))]
    assert len(declared) >= 2
    for data in declared:
        entries = [{"domain": domain, "manifest": fields} for domain, fields in data["vsa_sites"].items()]
        assert parse_declared(entries)[1] == []


def test_the_table_of_nouns_is_the_tree() -> None:
    text = vsa_tree.text(Path("docs/architecture.md"))
    table = re.search(r"(?m)^\| noun \| verbs .*\n\|[-|]+\n((?:\|.*\n)+)", text)
    assert table
    rows = [re.split(r" *\| *", line.strip("| ")) for line in table[1].splitlines()]
    verbs = {noun if noun == verb else f"{noun} {verb}" for noun, said, *_rest in rows for verb in said.split()}
    assert verbs == set(vsa_tree.verbs())
    # A noun whose verbs only read has no role.
    assert sorted(role for _noun, _verbs, role, _modules in rows if role != "—") == vsa_tree.roles()
    # The verbs of vps call the module hub. A noun without a playbook has no row yet.
    without_row = set() if "vps" in {row[0] for row in rows} else {"hub"}
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row[3])}
    assert sorted(named | without_row) == vsa_tree.modules()
