"""The id of a run."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import is_uuid7
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.arguments import audit_id


def test_an_audit_id_is_kept_or_made() -> None:
    given = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert audit_id(given) == given
    made = [audit_id(None), audit_id("")]
    assert all(map(is_uuid7, made))
    assert made[0] != made[1]
    with pytest.raises(UsageError, match="this is not a run's id"):
        audit_id("4f6e8a52-0000-4000-8000-000000000000")
