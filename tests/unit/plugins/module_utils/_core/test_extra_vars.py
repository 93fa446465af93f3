"""What was typed with -e is done, or refused by name. Finding 7."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.extra_vars import KNOWN, judge_extra_vars


def refusal(verb: str, typed: dict[str, Any], *, check: bool = False, defined: tuple[str, ...] = ()) -> UsageError:
    with pytest.raises(UsageError) as caught:
        judge_extra_vars(typed, verb=verb, check=check, defined=defined)
    return caught.value


SHOP = {"domain": "shop.example.com"}


@pytest.mark.parametrize(
    ("verb", "typed", "message"),
    [
        # The commands of the finding.
        (
            "site.provision",
            {"domian": "ten.example.test", "upstream": "web-9:3000"},
            "VSA has no variable domian: did you mean domain?",
        ),
        ("site.provision", {"upstream": "web-9:3000"}, "domain is missing"),
        (
            "site.provision",
            {**SHOP, "container": "web-9", "port": 3000},
            "VSA has no variable container: did you mean site_container?",
        ),
        (
            "site.unprovision",
            {**SHOP, "site_keep_containers": "true"},
            "VSA has no variable site_keep_containers: did you mean site_keep_container?",
        ),
        # Their siblings.
        ("site.provision", {**SHOP, "site_nonsense": 1}, "VSA has no variable site_nonsense"),
        ("cert.issue", {**SHOP, "cert_forc": 1}, "VSA has no variable cert_forc: did you mean cert_force?"),
        ("auth.add", {**SHOP, "auth_usr": 1}, "VSA has no variable auth_usr: did you mean auth_user?"),
        ("auth.add", {**SHOP, "user": 1}, "VSA has no variable user: did you mean auth_user?"),
        ("stack.up", {"stack_nam": "x"}, "VSA has no variable stack_nam: did you mean stack_name?"),
        ("vhost.rollback", {"vhost_too": 1}, "VSA has no variable vhost_too: did you mean vhost_to?"),
        ("bootstrap", {"bootstrap_emial": 1}, "VSA has no variable bootstrap_emial: did you mean bootstrap_email?"),
        ("site.list", {"audit_id": 1}, "VSA has no variable audit_id"),
        ("site.list", {"vsa_site": {}}, "VSA has no variable vsa_site: did you mean vsa_sites?"),
        ("site.list", {"siet_fresh": 1}, "VSA has no variable siet_fresh: did you mean site_fresh?"),
        ("site.list", {"limit": "vps-01"}, "VSA has no variable limit: did you mean --limit?"),
        ("site.apply", {"aply": True}, "VSA has no variable aply: did you mean apply?"),
        ("site.apply", {**SHOP}, "site.apply does not read domain"),
        ("site.apply", {"upstream": "web-1:3000"}, "site.apply does not read upstream"),
        ("stack.up", {**SHOP, "stack_name": "x"}, "stack.up does not read domain"),
        ("site.show", {**SHOP, "upstream": "web-1:1"}, "site.show does not read upstream"),
        ("site.provision", {**SHOP, "apply": "true"}, "either one site is named, or all are applied"),
        ("site.show", {}, "domain is missing"),
        ("site.maintenance", {**SHOP}, "maintenance is missing"),
    ],
)
def test_finding_7_what_is_not_done_as_typed_is_refused(verb: str, typed: dict[str, Any], message: str) -> None:
    assert refusal(verb, typed).message == message


def test_every_wrong_name_is_told() -> None:
    error = refusal("site.provision", {**SHOP, "site_nonsense": 1, "site_rubbish": 1, "port": 1})
    assert error.message == "VSA has no variable port: did you mean site_port?"
    assert error.details == ["nor site_nonsense", "nor site_rubbish"]


@pytest.mark.parametrize(
    ("verb", "typed"),
    [
        ("site.provision", {**SHOP, "upstream": "web-1:3000", "site_body_size": "1g"}),
        ("site.provision", {"site_domain": "shop.example.com"}),
        ("site.provision", {**SHOP, "ansible_user": "root", "my_role_setting": 1, "env_name": "prod", "app": "shop"}),
        ("site.apply", {"apply": "true"}),
        ("site.apply", {"site_prune": "true", "vsa_sites": {}}),
        ("site.list", {**SHOP}),
        ("stack.logs", {"stack_name": "x", "stack_tail": 5, "stack_service": "nginx"}),
        ("site.maintenance", {**SHOP, "maintenance": "true"}),
        ("host.status", {"host_fresh": "true"}),
        ("vhost.rollback", {"vhost_to": 3, "vhost_removal": "allow"}),
    ],
)
def test_what_is_done_as_typed_passes(verb: str, typed: dict[str, Any]) -> None:
    judge_extra_vars(typed, verb=verb, check=False)


def test_a_domain_of_the_play_counts() -> None:
    judge_extra_vars({}, verb="site.provision", defined=("domain",), check=False)


@pytest.mark.parametrize(
    ("verb", "typed"),
    [
        ("site.unprovision", SHOP),
        ("cert.revoke", SHOP),
        ("stack.down", {"stack_name": "x"}),
        ("auth.remove", SHOP),
        ("site.unprovision", {**SHOP, "yes": "false"}),
    ],
)
def test_finding_7_removing_asks_for_a_word(verb: str, typed: dict[str, Any]) -> None:
    error = refusal(verb, typed)
    assert error.field == "yes"
    assert "nobody has confirmed" in error.message
    judge_extra_vars({**typed, "yes": "true"}, verb=verb, check=False)
    judge_extra_vars({**typed, "yes": True}, verb=verb, check=False)
    judge_extra_vars(typed, verb=verb, check=True)


def test_removing_one_user_needs_no_word() -> None:
    judge_extra_vars({**SHOP, "auth_user": "ana"}, verb="auth.remove", check=False)


def test_the_command_has_asked_before() -> None:
    judge_extra_vars({"vsa_door": "command", "site_domain": "a.example"}, verb="site.unprovision", check=False)


def test_known_variables_are_read_somewhere() -> None:
    assert {"domain", "upstream", "site_container", "stack_env", "vsa_sites"} <= KNOWN
    assert not {"limit", "tags", "generation"} & KNOWN
