# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site becomes under another domain."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import FIELDS, Site, parse
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.rename import renamed

from manifests import FULL, LEAST

OLD, NEW = "shop.example.com", "store.example.com"


def site(**fields: Any) -> Site:
    return parse({**LEAST, **fields})


@pytest.mark.parametrize(
    ("fields", "redirect", "aliases"),
    [
        ({}, True, (OLD,)),
        ({}, False, ()),
        ({"aliases": ["a.example"]}, True, (OLD, "a.example")),
        ({"aliases": ["a.example"]}, False, ("a.example",)),
        # The new domain was an alias: it is the site's own name now.
        ({"aliases": [NEW, "a.example"]}, True, (OLD, "a.example")),
        ({"aliases": [NEW]}, False, ()),
        # www. stands before the domain, whichever that is.
        ({"www": "add"}, True, (OLD, f"www.{OLD}")),
        ({"www": "remove"}, False, ()),
        ({"www": "add", "aliases": [f"www.{NEW}"]}, True, (OLD, f"www.{OLD}")),
    ],
)
def test_the_old_names_become_aliases(fields: dict[str, Any], redirect: bool, aliases: tuple[str, ...]) -> None:
    new = renamed(site(**fields), NEW, redirect=redirect)
    assert (new.domain, new.aliases) == (NEW, aliases)


def test_every_other_field_stays() -> None:
    old = parse({**FULL, "origin": "declared"})
    new = renamed(old, NEW, redirect=True)
    same = [name for name in FIELDS if name != "aliases"]
    assert [getattr(new, name) for name in same] == [getattr(old, name) for name in same]
    assert (old.origin, new.origin) == ("declared", None)


def test_there_and_back_without_redirects_is_the_same_site() -> None:
    old = parse(FULL)
    assert renamed(renamed(old, NEW, redirect=True), OLD, redirect=False).aliases == (*old.aliases,)
    assert renamed(renamed(old, NEW, redirect=False), OLD, redirect=False) == old


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="has this domain already") as caught:
        renamed(site(), OLD, redirect=True)
    assert caught.value.field == "to"
    with pytest.raises(RefusedError, match="www is for a domain without"):
        renamed(site(www="add"), f"www.{NEW}", redirect=True)
