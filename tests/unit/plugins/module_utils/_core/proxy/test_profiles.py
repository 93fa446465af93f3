"""The profiles of a site: each that may be said is there."""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core import forms
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.profiles import PROFILES


def test_every_profile_that_may_be_said_is_there() -> None:
    assert set(PROFILES) == set(forms.PROFILES)
