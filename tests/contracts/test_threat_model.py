"""Each promise of the threat model names tests that exist, and each test of an attack proves a promise."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

import vsa_tree

PAGE = Path("docs/threat-model.md")
ROW = re.compile(r"(?m)^\| (?!promise \|)(?!-)([^|]+) \| ((?:`[^`]+::[^`]+` ?)+) *\|$")


def section() -> str:
    """Return the part of the page with the promises."""
    text = vsa_tree.text(PAGE)
    return text.partition("## What VSA promises")[2].partition("## What VSA does not promise")[0]


PROMISES = [(promise.strip(), re.findall(r"`([^`]+)`", tests)) for promise, tests in ROW.findall(section())]


@functools.cache
def names_of_tests(path: Path) -> frozenset[str]:
    """Return the names of the tests of a file."""
    nodes = ast.walk(ast.parse(vsa_tree.text(path)))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


def test_there_are_promises() -> None:
    assert len(PROMISES) >= 25
    rows = [
        line for line in section().splitlines() if line.startswith("|") and not line.startswith(("| promise", "|--"))
    ]
    assert len(rows) == len(PROMISES), "a row has no test, or its tests are not written as `file.py::test_name`"


@pytest.mark.parametrize(("promise", "tests"), PROMISES, ids=[promise[:60] for promise, _tests in PROMISES])
def test_a_promise_names_tests_that_exist(promise: str, tests: list[str]) -> None:
    for node in tests:
        file, _, name = node.partition("::")
        assert Path(file) in vsa_tree.files(), f"{promise} names {node}: there is no such file"
        assert name in names_of_tests(Path(file)), f"{promise} names {node}: the file has no such test"


def test_every_position_of_an_attacker_has_its_promises() -> None:
    table = vsa_tree.text(PAGE).partition("## Who is not trusted")[2].partition("## What VSA promises")[0]
    positions = set(re.findall(r"(?m)^\| (?!position \|)(?!-)([a-z ]+) \|", table))
    headings = re.findall(r"(?m)^### Against (?:an? |the )?(.+)$", section())
    described = {heading.removesuffix("s") if heading == "faults" else heading for heading in headings}
    assert described <= positions, f"{described - positions} is no position"


@pytest.mark.parametrize("path", vsa_tree.below("tests/integration/hostile", ".py"), ids=str)
def test_the_tests_of_attacks_prove_promises(path: Path) -> None:
    named = {node for _promise, tests in PROMISES for node in tests}
    if path.name.startswith("test_"):
        assert any(node.startswith(f"{path}::") for node in named), f"{PAGE} names no test of {path}"


def test_who_finds_a_flaw_knows_whom_to_tell() -> None:
    text = vsa_tree.text(Path("SECURITY.md"))
    assert {"Report a flaw", "Which versions get fixes"} <= set(re.findall(r"(?m)^## (.*)$", text))
