"""From the options of the module stack_backup to the request of its verb."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import actor_from_option
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.restore import RestoreRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._module import stack_backup

RUN = RunContext(audit_id="id", actor=actor_from_option({"user": "ops"}), verb="stack.restore")
OPTIONS: dict[str, Any] = {"name": "shop", "tenant": "acme", "run": None, "new_name": None, "allow": ["device"]}


def test_the_request_of_a_restore() -> None:
    wanted = RestoreRequest("shop", tenant="acme", allow=("device",), by=RUN)
    assert stack_backup.restore_request(OPTIONS, RUN) == wanted


@pytest.mark.parametrize("state", ["saved", "restored"])
def test_each_state_has_its_verb(monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    called: list[tuple[str, bool]] = []

    def note(name: str) -> Any:
        return lambda _request, *, check: called.append((name, check)) or Result()

    monkeypatch.setattr(stack_backup, "save_and_schedule", note("saved"))
    monkeypatch.setattr(stack_backup, "restore_stack", note("restored"))
    stack_backup.act({**OPTIONS, "state": state}, run=RUN, check=True)
    assert called == [(state, True)]
