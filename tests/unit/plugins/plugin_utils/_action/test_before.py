# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding 3: a task that refuses does not say "nothing was changed" for a run that changed something before."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import NotRolledBackError, RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.before import with_what_ran

RUNS = "the containers of shop run"


def failed(error: Exception) -> dict[str, Any]:
    return {"failed": True, "changed": False, **error.as_result()}  # type: ignore[attr-defined]


def test_finding_3_a_refusal_after_a_change_says_what_runs() -> None:
    result = with_what_ran(failed(RefusedError("no address")), RUNS)
    assert result["vsa_error"]["state"] == f"{RUNS}; the refused step itself changed nothing"
    assert result["vsa_exit"] == 6
    assert result["vsa_error"]["try"] == "the same again, after the cause is mended"


def test_finding_3_the_state_of_the_task_follows_what_the_run_did() -> None:
    error = RefusedError("the CA refused", state="the proxy is as it was", exit_code=4, hint=Hint("cert.status"))
    result = with_what_ran(failed(error), RUNS)
    assert result["vsa_error"]["state"] == f"{RUNS}; the proxy is as it was"
    assert result["vsa_error"]["try"] == "ansible-playbook flowbiz.vsa.cert.status"
    assert result["vsa_exit"] == 6


@pytest.mark.parametrize(
    ("result", "before"),
    [
        (failed(RefusedError("no address")), ""),
        ({"changed": True}, RUNS),
        ({"failed": True, "msg": "a module of others"}, RUNS),
    ],
)
def test_everything_else_stays_as_it_is(result: dict[str, Any], before: str) -> None:
    assert with_what_ran(result, before) is result


def test_a_worse_exit_code_stays() -> None:
    error = NotRolledBackError("half done", state="half", exit_code=1)
    assert with_what_ran(failed(error), RUNS)["vsa_exit"] == 1
