"""Hints: the command line at Ansible's door, and the way of a hint through a module's result."""

from __future__ import annotations

import json

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import (
    Hint,
    as_mapping,
    parse_hint,
    playbook_command,
    undo_keys,
)

COMMANDS = [
    (Hint("vhost.sync"), "ansible-playbook flowbiz.vsa.vhost.sync"),
    (
        Hint("site.provision", {"domain": "a.example", "container": "web-2", "port": 3000}),
        "ansible-playbook flowbiz.vsa.site.provision -e domain=a.example -e site_container=web-2 -e site_port=3000",
    ),
    (
        Hint("cert.issue", {"domain": "a.example", "force": True}),
        "ansible-playbook flowbiz.vsa.cert.issue -e domain=a.example -e cert_force=true",
    ),
    (
        Hint("site.provision", {"upstream": "/=web-1:3000", "hsts": False}, same=True),
        "the same with -e upstream=/=web-1:3000 -e site_hsts=false",
    ),
    (Hint("site.provision", {"aliases": ("a.example", "b.example")}, same=True),
     "the same with -e site_aliases=a.example,b.example"),
    (Hint("site.apply", {"limit": "vps-01"}, same=True), "the same with --limit vps-01"),
    (Hint("cert.install-cron", note="once more"), "ansible-playbook flowbiz.vsa.cert.install_cron, once more"),
    (Hint("bootstrap", {"email": "a b"}), "ansible-playbook flowbiz.vsa.bootstrap -e 'bootstrap_email=a b'"),
    (Hint("stack.up", {"name": "app", "env": {"APP_DOMAIN": "DOMAIN"}}),
     """ansible-playbook flowbiz.vsa.stack.up -e stack_name=app -e '{"stack_env": {"APP_DOMAIN": "DOMAIN"}}'"""),
]  # fmt: skip


@pytest.mark.parametrize(("hint", "command"), COMMANDS)
def test_at_ansibles_door(hint: Hint, command: str) -> None:
    assert playbook_command(hint) == command


@pytest.mark.parametrize("hint", [hint for hint, _ in COMMANDS if "aliases" not in hint.fields])
def test_a_hint_comes_back_from_json(hint: Hint) -> None:
    assert parse_hint(json.loads(json.dumps(as_mapping(hint)))) == hint


@pytest.mark.parametrize("mapping", [None, "vsa site list", [], {}, {"verb": 3}])
def test_what_holds_no_hint(mapping: object) -> None:
    assert parse_hint(mapping) is None


def test_undo_keys() -> None:
    undo = Hint("site.rename", {"domain": "b.example", "to": "a.example", "redirect": False})
    keys = undo_keys(undo)
    assert keys["undo"] == (
        "ansible-playbook flowbiz.vsa.site.rename -e domain=b.example -e site_to=a.example -e site_redirect=false"
    )
    assert parse_hint(keys["undo_hint"]) == undo


def test_a_damaged_hint_keeps_its_verb() -> None:
    assert parse_hint({"verb": "site.list", "fields": "x", "same": "yes", "note": None}) == Hint("site.list")
