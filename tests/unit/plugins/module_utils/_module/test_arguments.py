# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which run a module is part of, by its options."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import is_uuid7
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.run_context import RunContext
from ansible_collections.flowbiz.vsa.plugins.module_utils._module.arguments import RUN_SPEC, run_context

AUDIT_ID = "01936f00-0000-7000-8000-000000000000"


def test_the_options_are_the_run() -> None:
    params = {"audit_id": AUDIT_ID, "actor": Actor("root", "ana", "ws").as_option(), "verb": "site.apply"}
    assert set(params) == set(RUN_SPEC)
    assert set(params["actor"]) == set(RUN_SPEC["actor"]["options"])  # type: ignore[arg-type]
    expected = RunContext(AUDIT_ID, Actor("root", "ana", "ws"), "site.apply")
    assert run_context(params, verb="site.provision") == expected


def test_a_task_without_them_is_a_run_of_its_own() -> None:
    made = run_context({"audit_id": None, "actor": None, "verb": None}, verb="site.provision")
    assert is_uuid7(made.audit_id)
    assert (made.actor, made.verb) == (Actor("unknown"), "site.provision")


@pytest.mark.parametrize("wrong", ["x", "01936f00-0000-4000-8000-000000000000", AUDIT_ID.upper().replace("F", "G")])
def test_an_id_of_another_form_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError, match="not a run's id"):
        run_context({"audit_id": wrong}, verb="v")
