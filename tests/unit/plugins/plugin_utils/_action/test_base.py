# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the base class adds to a task's options, and what it refuses before the module is called."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.flowbiz.vsa.plugins.action.cert import ActionModule as Cert
from ansible_collections.flowbiz.vsa.plugins.action.cert_timer import ActionModule as CertTimer
from ansible_collections.flowbiz.vsa.plugins.action.site import ActionModule as Site
from ansible_collections.flowbiz.vsa.plugins.action.vhost import ActionModule as Vhost
from ansible_collections.flowbiz.vsa.plugins.action.vhost_info import ActionModule as VhostInfo
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import EXIT_REFUSED, EXIT_USAGE, RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint, undo_keys
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import is_uuid7
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.attribution import set_audit_id
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.base import VsaAction

AUDIT_ID = "01936f00-0000-7000-8000-000000000000"


class Task:
    def __init__(self, **args: Any) -> None:
        self.args = args


class Templar:
    def template(self, value: str) -> str:
        return value.replace("{{ name }}", "shop")


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A run that is recorded, of plugins without Ansible's own machinery."""
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    set_audit_id(AUDIT_ID)
    yield
    set_audit_id(None)


RESULT: dict[str, Any] = {"changed": True}
REMARK = {"changed": True, "steps": [{"name": "site", "state": "warning", "text": "no answer", "notes": ["502"]}]}


def call(
    kind: type[VsaAction], task_vars: dict[str, Any] | None = None, returned: dict[str, Any] = RESULT, **args: Any
) -> tuple[Any, dict[str, Any]]:
    """Run a plugin; returns what it returns, and the calls of the module by the module's name."""
    calls: dict[str, Any] = {}

    class Plugin(kind):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            self._task = Task(**args)
            self._templar = Templar()

        def _execute_module(self, *, module_name: str, module_args: Any, **_more: Any) -> dict[str, Any]:
            assert module_name not in calls
            calls[module_name] = module_args
            return dict(returned)

    return Plugin().run(task_vars=task_vars), calls


def test_a_module_learns_which_run_it_is() -> None:
    result, calls = call(CertTimer, state="absent")
    assert result == {"changed": True}
    options = calls["flowbiz.vsa.cert_timer"]
    assert options.pop("actor")
    assert options == {"state": "absent", "audit_id": AUDIT_ID, "verb": "cert.install-cron"}


def test_the_task_may_name_its_verb_but_not_another_record() -> None:
    _, calls = call(Cert, verb="cert.renew", audit_id="01936f00-0000-7000-8000-00000000ffff")
    assert calls["flowbiz.vsa.cert"]["verb"] == "cert.renew"
    assert calls["flowbiz.vsa.cert"]["audit_id"] == AUDIT_ID


@pytest.mark.parametrize(
    ("args", "task_vars", "expected"),
    [
        ({"audit_id": "a"}, {"vsa_audit_id": "b"}, "a"),
        ({}, {"vsa_audit_id": "b"}, "b"),
    ],
)
def test_a_run_that_nothing_records_has_the_id_that_it_was_given(
    args: dict[str, Any], task_vars: dict[str, Any], expected: str
) -> None:
    set_audit_id(None)
    _, calls = call(CertTimer, task_vars, **args)
    assert calls["flowbiz.vsa.cert_timer"]["audit_id"] == expected


def test_a_run_without_any_id_gets_one() -> None:
    set_audit_id(None)
    _, calls = call(CertTimer)
    assert is_uuid7(calls["flowbiz.vsa.cert_timer"]["audit_id"])


def test_a_verb_on_one_host_refuses_a_play_with_two() -> None:
    result, calls = call(Cert, {"ansible_play_hosts_all": ["vps-01", "vps-02"]})
    assert (result["failed"], result["changed"], result["vsa_exit"]) == (True, False, EXIT_USAGE)
    assert result["vsa_error"]["there_are"] == ["vps-01", "vps-02"]
    assert calls == {}
    assert call(Cert, {"ansible_play_hosts_all": ["vps-01"]})[0] == {"changed": True}
    assert call(CertTimer, {"ansible_play_hosts_all": ["vps-01", "vps-02"]})[0] == {"changed": True}


HAS, NOT, LOST = {"place": {"site": True}}, {"place": {"site": False}}, {"unreachable": True}


def on(here: str, found: dict[str, Any], *, left: tuple[str, ...] = ("vps-01", "vps-02")) -> dict[str, Any]:
    """Return the variables of a host in a play that asked every host for the domain; ``left`` are still in the play."""
    hostvars = {host: {"vsa_found": answer} if answer else {} for host, answer in found.items()}
    return {
        "inventory_hostname": here,
        "ansible_play_hosts_all": list(found),
        "ansible_play_hosts": list(left),
        "hostvars": hostvars,
    }


def test_finding_15_a_verb_acts_on_the_host_that_has_the_domain_alone() -> None:
    found = {"vps-01": NOT, "vps-02": HAS}
    result, calls = call(Cert, on("vps-01", found), domain="a.example")
    assert (result["skipped"], result["skip_reason"], calls) == (True, "the domain is on vps-02", {})
    assert call(Cert, on("vps-02", found), domain="a.example")[0] == {"changed": True}


@pytest.mark.parametrize(
    ("kind", "found", "code"),
    [
        (Cert, {"vps-01": HAS, "vps-02": HAS}, 2),
        (Cert, {"vps-01": NOT, "vps-02": NOT}, 3),
        (Site, {"vps-01": NOT, "vps-02": NOT}, 2),
        (Cert, {"vps-01": HAS, "vps-02": NOT, "vps-03": LOST}, 5),
        (Cert, {"vps-01": HAS, "vps-02": NOT, "vps-03": None}, 5),
        (Vhost, {"vps-01": HAS, "vps-02": HAS}, 2),
    ],
)
def test_finding_15_otherwise_one_host_says_why_and_none_acts(
    kind: type[VsaAction], found: dict[str, Any], code: int
) -> None:
    first, calls = call(kind, on("vps-01", found), domain="a.example")
    assert (first["failed"], first["vsa_of_run"], first["vsa_exit"], calls) == (True, True, code, {})
    second, calls = call(kind, on("vps-02", found), domain="a.example")
    assert (second["skipped"], calls) == (True, {})


@pytest.mark.parametrize(
    ("kind", "args"), [(Cert, {"action": "renew"}), (Vhost, {"sync": True}), (Vhost, {"phase": "rollback"})]
)
def test_a_task_without_a_domain_acts_on_every_host(kind: type[VsaAction], args: dict[str, Any]) -> None:
    assert call(kind, on("vps-01", {"vps-01": None, "vps-02": None}), **args)[0] == {"changed": True}


def test_what_a_plugin_adds_replaces_what_the_task_says() -> None:
    class Adding(VsaAction):
        module: ClassVar[str] = "flowbiz.vsa.probe"

        def arguments(self) -> dict[str, Any]:
            return {"files": "read"}

    _, calls = call(Adding, files="typed", name="x")
    assert calls == {"flowbiz.vsa.probe": {"files": "read", "name": "x"}}, "no verb: no options about the run"


def test_an_error_of_a_plugin_is_a_failed_result() -> None:
    class Failing(VsaAction):
        module: ClassVar[str] = "flowbiz.vsa.probe"

        def arguments(self) -> dict[str, Any]:
            raise RefusedError("no", field="f", value="v")

    result, calls = call(Failing)
    assert (result["failed"], result["vsa_exit"], result["msg"]) == (True, EXIT_REFUSED, "no (f = 'v')")
    assert calls == {}


@pytest.mark.parametrize(
    ("kind", "args", "wanted"),
    [
        (Vhost, {"sync": True}, True),
        (Cert, {}, False),
        (VhostInfo, {}, False),
        (VhostInfo, {"domain": None}, False),
        (VhostInfo, {"domain": "a.example.com"}, True),
        (Site, {"state": "absent"}, True),
    ],
)
def test_a_task_that_renders_gets_the_templates(kind: type[VsaAction], args: dict[str, Any], wanted: bool) -> None:
    ((_, options),) = call(kind, **args)[1].items()
    assert ("templates" in options) == wanted


def test_removing_a_site_has_a_verb_of_its_own() -> None:
    assert call(Site, state="absent")[1]["flowbiz.vsa.site"]["verb"] == "site.unprovision"
    assert call(Site, state="renamed")[1]["flowbiz.vsa.site"]["verb"] == "site.rename"
    assert call(Site)[1]["flowbiz.vsa.site"]["verb"] == "site.provision"


def test_finding_7_remarks_become_warnings_at_ansibles_door() -> None:
    result, _ = call(CertTimer, returned={**REMARK, "warnings": ["from Ansible"]})
    assert result["warnings"] == ["from Ansible", "site: no answer", "site: 502"]


def test_the_command_shows_the_steps_itself() -> None:
    result, _ = call(CertTimer, {"vsa_door": "command"}, returned=REMARK)
    assert "warnings" not in result


def test_an_undo_names_the_host_of_the_inventory() -> None:
    """A module does not know this name."""
    undo = {"changed": True, **undo_keys(Hint("site.rollback", {"domain": "a.example", "generation": 41}))}
    result, _calls = call(Site, {"inventory_hostname": "vps-01"}, undo, domain="a.example")
    fields = {"domain": "a.example", "generation": 41, "limit": "vps-01"}
    assert result["undo_hint"] == {"verb": "site.rollback", "fields": fields}
    command = "ansible-playbook flowbiz.vsa.site.rollback -e domain=a.example -e site_generation=41 --limit vps-01"
    assert result["undo"] == command


def test_finding_3_what_the_role_says_of_the_run_so_far_is_told_with_a_refusal() -> None:
    refused = {"failed": True, "changed": False, **RefusedError("no address").as_result()}
    variables = {"vsa_before": "the containers of {{ name }} run"}
    result, _ = call(CertTimer, variables, refused)
    assert result["vsa_error"]["state"] == "the containers of shop run; the refused step itself changed nothing"
    assert result["vsa_exit"] == 6


def test_finding_3_a_check_has_done_nothing_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Task, "check_mode", True, raising=False)
    refused = {"failed": True, "changed": False, **RefusedError("no address").as_result()}
    result, _ = call(CertTimer, {"vsa_before": "the containers run"}, refused)
    assert (result["vsa_error"]["state"], result["vsa_exit"]) == ("nothing was changed", EXIT_REFUSED)
