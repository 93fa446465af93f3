# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""stack.yml may name a service whose profile is off."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.profiles import profiled_services


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"services": {"web": {}, "db": {"profiles": ["keys"]}, "job": {"profiles": []}, "none": None}}, {"db"}),
        ({"services": {"db": {"profiles": ["keys"]}, "exit": {"profiles": ["providers"]}}}, {"db", "exit"}),
        ({"services": None}, set()),
        ({"services": ["db"]}, set()),
        (None, set()),
        ("services", set()),
    ],
)
def test_services_of_profiles(document: object, expected: set[str]) -> None:
    assert profiled_services(document) == expected
