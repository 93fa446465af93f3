"""The texts of the collection's own files that are imported."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine import sources

PACKAGE = "ansible_collections/flowbiz/vsa/plugins/module_utils"


def test_what_is_imported_has_its_text() -> None:
    found = sources.imported_sources()
    own = f"{PACKAGE}/_host/machine/sources.py"
    assert found[own] == Path(sources.__file__).read_text(encoding="utf-8")
    assert found["ansible_collections/__init__.py"] == ""
    assert found[f"{PACKAGE}/_host/machine/__init__.py"] == ""
    assert all(name.startswith("ansible_collections/") for name in found)
