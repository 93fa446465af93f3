# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of others are shown as ``Words``, and only parsers read them raw. A place that forgets it is named here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from vsa_tree import ROOT

HOST = ROOT / "plugins/module_utils/_host"
FILES = sorted(HOST.rglob("*.py"))

# Attributes with the text of another program as it came, and the files that may read them: each file only parses the
# text, or makes Words of it.
RAW = {"raw", "stdout", "stderr", "output", "explanation"}
PARSERS = {
    "stack/alerts/deliver.py": "the JSON of amtool; each text of it is escaped and shortened",
    "cert/ask_ca.py": "hands it to read_failure",
    "cert/renew.py": "hands it to read_failure and read_renewals",
    "cert/revoke.py": "hands it to read_failure",
    "cert/timer/install.py": "compares one word of systemctl",
    "hub/node.py": "hands the JSON of the hub's own program to answer_of",
    "machine/alert.py": "makes Words of the last line",
    "machine/compose.py": "reads its JSON, and makes Words of its errors",
    "machine/compose_run.py": "makes Words",
    "machine/docker.py": "makes Words",
    "machine/firewall.py": "makes Words",
    "machine/programs.py": "returns it for a parser, and makes Words of it for an error",
    "stack/execute.py": "returns what a command wrote to who ran it, without the secrets of the stack",
    "proxy/commit.py": "hands it to culprit_line",
    "proxy/nginx.py": "makes a ConfigTest of it",
    "proxy/staging.py": "hands it to culprit_line",
    "proxy/transaction.py": "a message that is escaped already",
    "stack/backup/databases.py": "hands it to summary_of and error_lines, and makes Words",
    "stack/backup/repository.py": "hands it to repository_id, read_runs and error_lines, and makes Words",
    "stack/backup/restore.py": "reads its JSON, hands it to error_lines, and makes Words",
    "stack/backup/save.py": "hands it to summary_of and error_lines, and makes Words",
}
# Errors whose text another program or another machine wrote.
FOREIGN = {
    "APIError", "DockerException", "RequestException", "HTTPException", "HTTPError", "URLError", "TimeoutExpired",
    "CalledProcessError", "DNSException",
}  # fmt: skip
SAFE = {"Words", "escaped"}


def _name(path: Path) -> str:
    return path.relative_to(HOST).as_posix()


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def raw_reads(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that read the raw text of another program."""
    for node in ast.walk(tree):
        is_raw = isinstance(node, ast.Attribute) and node.attr in RAW and isinstance(node.ctx, ast.Load)
        if is_raw and _last_name(node.value) != "sys":  # its own streams
            yield node.lineno


def unmarked_errors(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that make text of a foreign error without Words or escaped()."""
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None or handler.type is None:
            continue
        caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if FOREIGN.isdisjoint(map(_last_name, caught)):
            continue
        for node in ast.walk(handler):
            is_text = isinstance(node, ast.FormattedValue)
            is_text |= isinstance(node, ast.Call) and _last_name(node.func) == "str"
            if is_text and id(node) not in _inside_words(handler) and _shows(node, handler.name):
                yield node.lineno


def _inside_words(handler: ast.ExceptHandler) -> set[int]:
    """Return the nodes within a call of Words or escaped."""
    calls = [node for node in ast.walk(handler) if isinstance(node, ast.Call) and _last_name(node.func) in SAFE]
    return {id(inner) for call in calls for inner in ast.walk(call)}


def _shows(node: ast.AST, name: str) -> bool:
    """Say whether a text shows an error itself: not as Words, and not a number of it such as its status."""
    if isinstance(node, ast.Call) and _last_name(node.func) in {*SAFE, "type"}:
        return False
    if isinstance(node, ast.Attribute) and node.attr in ("code", "errno", "returncode", "status"):
        return False
    if isinstance(node, ast.Name):
        return node.id == name
    return any(_shows(inner, name) for inner in ast.iter_child_nodes(node))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_only_parsers_read_the_words_of_others(path: Path) -> None:
    if _name(path) in PARSERS:
        return
    lines = list(raw_reads(ast.parse(path.read_text())))
    assert not lines, f"{path}:{lines}: show said()/Words, or add the parser to PARSERS with its reason"


def test_no_parser_is_listed_in_vain() -> None:
    for name in PARSERS:
        assert list(raw_reads(ast.parse((HOST / name).read_text()))), name


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_the_text_of_a_foreign_error_is_marked(path: Path) -> None:
    lines = list(unmarked_errors(ast.parse(path.read_text())))
    assert not lines, f"{path}:{lines}: write Words(speaker, str(error)).shown"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("try: f()\nexcept APIError as e: print(f'{e}')", [2]),
        ("try: f()\nexcept (OSError, http.client.HTTPException) as e: raise OSError(str(e))", [2]),
        ("try: f()\nexcept APIError as e: print(Words('Docker', str(e)).shown)", []),
        ("try: f()\nexcept APIError as e: print(f'a {Words(\"D\", str(e))}')", []),
        ("try: f()\nexcept HTTPError as e: print(f'{e.code}')", []),
        ("try: f()\nexcept OSError as e: print(f'{e}')", []),
    ],
)
def test_a_forgotten_place_is_found(code: str, found: list[int]) -> None:
    assert list(unmarked_errors(ast.parse(code))) == found


def test_a_raw_read_is_found() -> None:
    assert sorted(raw_reads(ast.parse("a.stderr.strip()\nb = done.output"))) == [1, 2]
