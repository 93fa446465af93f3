"""A field of a manifest is one row in ``_core/site``, and every description of the field comes from this row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.flowbiz.vsa.plugins.doc_fragments.site import ModuleDocFragment
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.fields import REQUEST_ONLY, ROUTES
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import (
    FIELDS,
    NEVER_UNSET,
    ROUTE_FIELDS,
    parse,
    to_manifest,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.requested import parse_setting, requested_fields
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.site import SITE_SPEC

import vsa_tree
from manifests import LEAST
from vsa.core import site_fields

FRAGMENT = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
PROVISION = vsa_tree.entry_points("site")["provision"]["options"]
MANIFEST = vsa_tree.entry_points("site")["apply"]["options"]["site_declared"]["options"]["manifest"]["options"]
DEFAULTS = vsa_tree.data(Path("roles/site/defaults/main.yml"))
[TASK] = vsa_tree.data(Path("roles/site/tasks/provision.yml"))
README = vsa_tree.text(Path("roles/site/README.md"))
MODULES = vsa_tree.text(Path("docs/reference/modules.md"))
REQUESTED = {**REQUEST_ONLY, **FIELDS}


def plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", REQUESTED)
def test_what_can_be_requested_is_an_option_everywhere(name: str) -> None:
    first = REQUESTED[name].description.split(". ")[0].rstrip(".")
    assert FRAGMENT[name]["type"] == SITE_SPEC[name]["type"]
    assert FRAGMENT[name].get("elements") == SITE_SPEC[name].get("elements")
    assert first in FRAGMENT[name]["description"]
    assert first in PROVISION[f"site_{name}"]["description"]
    assert DEFAULTS[f"site_{name}"] is None
    assert TASK["flowbiz.vsa.site"][name] == f"{{{{ site_{name} }}}}"
    assert re.search(rf"(?m)^\| `site_{name}` ", README)
    for module in ("site", "vhost"):
        section = MODULES.split(f"## `flowbiz.vsa.{module}`\n")[1].split("\n## ")[0]
        assert re.search(rf"(?m)^\| `{name}` ", section), f"docs/reference/modules.md: {module}"


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_a_manifest_can_be_declared_requested_set_and_unset(name: str) -> None:
    row = FIELDS[name]
    assert row.description.split(". ")[0].rstrip(".") in MANIFEST[name]["description"]
    value = plain(row.sample)
    beside = {"rate_limit": "1r/s"} if name == "rate_burst" else {}
    assert to_manifest(parse({**LEAST, **beside, name: value}))[name] == value
    assert requested_fields({name: value}) == {name: value}
    assert (name in site_fields()) is (name not in NEVER_UNSET)
    if row.kind != ROUTES:
        text = ",".join(value) if isinstance(value, list) else str(value).lower()
        assert parse_setting(f"{name}={text}") == (name, value)


def test_nothing_is_an_option_without_a_row() -> None:
    assert set(FRAGMENT) == set(SITE_SPEC) == set(REQUESTED)
    assert set(MANIFEST) == {"schema", *FIELDS}
    assert set(MANIFEST["routes"]["options"]) == set(ROUTE_FIELDS)
