"""The names in docs/low-level-design.md are those of the code."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.generations import Journal, Record

import vsa_tree

PAGE = vsa_tree.text(Path("docs/low-level-design.md"))
PROXY = Path("plugins/module_utils/_host/proxy")


@pytest.mark.parametrize(("part", "kind"), [("record", Record), ("journal", Journal)])
def test_the_keys_of_a_file(part: str, kind: type) -> None:
    found = re.search(rf"<!-- BEGIN {part} -->\n(.*?)<!-- END {part} -->", PAGE, flags=re.DOTALL)
    assert found
    assert re.findall(r"`(\w+)`", found[1]) == [field.name for field in dataclasses.fields(kind)]


def test_the_steps_of_a_transaction() -> None:
    sources = "".join(vsa_tree.text(PROXY / name) for name in ("staging.py", "commit.py"))
    in_code = set(re.findall(r'on_step\("(\w+)"\)', sources))
    table = PAGE[PAGE.index("## The steps of a transaction") :].split("\n## ")[0]
    assert in_code
    assert set(re.findall(r"(?m)^\| `(\w+)` \|", table)) == in_code


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:_core|_host|tests|wrapper)/[\w/.-]+)`", PAGE))))
def test_a_file_that_is_named_exists(path: str) -> None:
    place = Path("plugins/module_utils", path) if path.startswith("_") else Path(path)
    assert place in vsa_tree.files() or any(place in file.parents for file in vsa_tree.files()), path
