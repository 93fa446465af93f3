"""How long a check says that the sites are away."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.outage import outage_note, outage_seconds


@pytest.mark.parametrize(("networks", "least", "most"), [(0, 2, 10), (10, 3, 15), (200, 40, 90)])
def test_the_seconds_are_near_the_measured_ones(networks: int, least: int, most: int) -> None:
    assert least <= outage_seconds(networks) <= most


def test_the_note_says_why_and_how_long() -> None:
    note = outage_note(200)
    assert "the proxy would be recreated" in note
    assert f"about {outage_seconds(200)} s (200 tenants' networks)" in note
