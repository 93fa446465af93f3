"""The options of a site."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import FIELDS
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.site import SITE_SPEC


def test_every_field_of_a_manifest_is_an_option() -> None:
    assert set(SITE_SPEC) == {*FIELDS, "upstream", "container", "port", "strip_prefix", "unset"}
