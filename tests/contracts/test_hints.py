"""Each hint in the code names a verb and options that exist at both doors."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest
import yaml

import vsa_tree
from vsa.cli import cli

Written = tuple[Path, ast.Call]

# The head of a unit names the verb that wrote it.
_WRITTEN_ON_THE_HOST = (
    "_host/agent/units.py",
    "_host/cert/timer/install.py",
    "_host/stack/alerts/install.py",
    "_host/stack/backup/install.py",
    "_host/stack/boot_install.py",
)


def _is_hint(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Hint"


def _written() -> list[Written]:
    """Return each place where a hint is made, apart from the one that reads a hint back."""
    places = []
    for path in (*vsa_tree.below("plugins", ".py"), *vsa_tree.below("wrapper/src", ".py")):
        if path.name == "hints.py":
            continue
        calls = [node for node in ast.walk(ast.parse(vsa_tree.text(path))) if _is_hint(node)]
        places += [(path, call) for call in calls if isinstance(call, ast.Call)]
    return places


HINTS = _written()


def _parts(call: ast.Call) -> tuple[str, list[str]]:
    """Return the verb and the names of the options; both have to be written literally."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    verb = call.args[0] if call.args else named["verb"]
    fields = call.args[1] if len(call.args) > 1 else named.get("fields")
    assert isinstance(verb, ast.Constant), ast.unparse(call)
    if fields is None:
        return str(verb.value), []
    assert isinstance(fields, ast.Dict), ast.unparse(call)
    assert all(isinstance(key, ast.Constant) for key in fields.keys), ast.unparse(call)
    return str(verb.value), [str(key.value) for key in fields.keys if isinstance(key, ast.Constant)]


def _options_of_role(verb: str) -> set[str]:
    """Return what a playbook of the verb understands: the options of its entry point, or the variables it reads."""
    noun, _, name = verb.replace("-", "_").partition(".")
    playbook = vsa_tree.text(Path("playbooks") / noun / f"{name}.yml" if name else Path(f"playbooks/{noun}.yml"))
    specs = yaml.safe_load(vsa_tree.text(Path("roles") / noun / "meta/argument_specs.yml"))["argument_specs"]
    known = set(specs.get(name or "main", {}).get("options", {}))
    return {option.removeprefix(f"{noun}_") for option in known} | {
        word.removeprefix(f"{noun}_") for word in playbook.replace('"', " ").replace("(", " ").split()
    }


@pytest.mark.parametrize(("path", "call"), HINTS, ids=[f"{path}:{call.lineno}" for path, call in HINTS])
def test_a_hint_exists_at_both_doors(path: Path, call: ast.Call) -> None:
    verb, fields = _parts(call)
    command: click.Command = cli
    for word in verb.split("."):
        assert isinstance(command, click.Group), f"{path}: {verb}"
        command = command.commands[word]
    flags = {str(parameter.name) for parameter in command.params} | {"limit"}
    settable = "settings" in flags
    for field in fields:
        assert field in flags or (settable and field in _options_of_role(verb)), f"{path}: {verb} has no {field}"
        assert field == "limit" or field in _options_of_role(verb), f"{path}: {verb} has no {field} at Ansible's door"


def _texts(path: Path) -> list[tuple[int, str]]:
    """Return the line and the text of each string in a file, without docstrings and other strings that stand alone."""
    tree = ast.parse(vsa_tree.text(path))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone]
    return [(node.lineno, node.value) for node in constants if isinstance(node.value, str)]


def test_no_text_of_the_collection_has_a_command_of_the_wrapper() -> None:
    """At Ansible's door the reader may not have the wrapper: a command to run next is a Hint."""
    nouns = "|".join(sorted(cli.commands))
    command = re.compile(rf"\bvsa ({nouns})\b")
    found = [
        f"{path}:{line}: {text.strip()[:80]}"
        for path in vsa_tree.below("plugins", ".py")
        if "plugins/modules/" not in str(path)
        for line, text in _texts(path)
        if command.search(text)
    ]
    allowed = [entry for entry in found if any(path in entry for path in _WRITTEN_ON_THE_HOST)]
    assert sorted(found) == sorted(allowed), "use a Hint, or an Advice"


def _texts(path: Path) -> list[tuple[int, str]]:
    """Return the texts of a file that are no docstrings, with their lines. A placeholder is its code in braces."""
    tree = ast.parse(vsa_tree.text(path))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and _has_doc(node)}
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = {id(value) for node in formatted for value in node.values}
    plain = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    found = [(node.lineno, ast.unparse(node)) for node in formatted]
    return found + [(node.lineno, node.value) for node in plain if id(node) not in docstrings | inside]


def _has_doc(node: ast.AST) -> bool:
    return ast.get_docstring(node, clean=False) is not None


def test_finding_18_a_page_is_named_by_an_address_that_every_installation_can_open() -> None:
    """`try docs/howto/wildcards.md` does not exist for who installed the wheel."""
    pages = [
        (path, line, text)
        for path in (*vsa_tree.below("plugins", ".py"), *vsa_tree.below("wrapper/src", ".py"))
        for line, text in _texts(path)
        if re.search(r"docs/(howto|runbooks|reference)/", text)
    ]
    assert len(pages) > 1, "the search finds what it is for"
    assert not [f"{path}:{line}: {text}" for path, line, text in pages if "{REPOSITORY}/blob/main/docs/" not in text]
