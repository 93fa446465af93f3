"""Flags: a hint as the command to type, and the field of an error as it was typed."""

from __future__ import annotations

from typing import Any

import pytest

from vsa.cli import cli
from vsa.command.flags import command_line, in_own_words, result_in_own_words, with_flag
from vsa.core import Hint


@pytest.mark.parametrize(
    ("hint", "command"),
    [
        (Hint("vhost.sync"), "vsa vhost sync"),
        (
            Hint("site.provision", {"domain": "a.example", "container": "web-2", "port": 3000}),
            "vsa site provision --domain a.example --container web-2 --port 3000",
        ),
        (
            Hint("site.provision", {"aliases": ["a.example", "b.example"]}, same=True),
            "the same with --alias a.example --alias b.example",
        ),
        (Hint("site.provision", {"hsts": "off", "domain": "a.example"}),
         "vsa site provision --set hsts=off --domain a.example"),
        (Hint("site.provision", {"allow": ["10.0.0.0/8", "::1"]}, same=True),
         "the same with --set allow=10.0.0.0/8,::1"),
        (Hint("site.show", {"domain": "a.example"}), "vsa site show a.example"),
        (Hint("stack.logs", {"lines": 5, "name": "reverse-proxy"}), "vsa stack logs reverse-proxy --lines 5"),
        (Hint("stack.up", {"name": "app", "env": {"A": "1", "B": "2"}}), "vsa stack up app --set A=1 --set B=2"),
        (Hint("cert.issue", {"domain": "a.example", "force": True}), "vsa cert issue --domain a.example --force"),
        (Hint("site.apply", {"limit": "vps-01"}, same=True), "the same with --limit vps-01"),
        (Hint("bootstrap", {"email": "a b"}, note="once more"), "vsa bootstrap --email 'a b', once more"),
        (Hint("site.rename", {"domain": "b.example", "to": "a.example", "redirect": False}),
         "vsa site rename --domain b.example --to a.example --no-redirect"),
        (Hint("site.rename", {"domain": "b.example", "redirect": True}), "vsa site rename --domain b.example"),
        (Hint("site.later", {"some_field": 1}), "vsa site later --some-field 1"),
    ],
)  # fmt: skip
def test_at_the_wrappers_door(hint: Hint, command: str) -> None:
    assert command_line(hint, root=cli) == command


@pytest.mark.parametrize(
    ("error", "worded"),
    [
        ({"message": "no"}, {"message": "no"}),
        ({"message": "no", "try": "docker ps"}, {"message": "no", "try": "docker ps"}),
        (
            {"message": "no", "try": "ansible-playbook …", "hint": [{"verb": "site.list", "fields": {}}]},
            {"message": "no", "try": "vsa site list"},
        ),
        (
            {"hint": [{"verb": "cert.status"}, {"verb": "site.show", "fields": {"domain": "a.example"}}]},
            {"try": "vsa cert status, or vsa site show a.example"},
        ),
        ({"try": "docker ps", "hint": "vsa site list"}, {"try": "docker ps"}),
        ({"try": "docker ps", "hint": [3]}, {"try": "docker ps"}),
    ],
)
def test_an_error_in_own_words(error: dict[str, Any], worded: dict[str, Any]) -> None:
    assert in_own_words(error, root=cli) == worded


SYNC = "not live yet: ansible-playbook flowbiz.vsa.vhost.sync"
ADVICE = {"text": SYNC, "sentence": "not live yet", "hint": {"verb": "vhost.sync", "fields": {}}}


@pytest.mark.parametrize(
    ("result", "worded"),
    [
        ({"changed": False}, {"changed": False}),
        (
            {"advice": [ADVICE], "steps": [{"text": "a", "notes": ["b", SYNC]}], "sites": [{"problems": [SYNC]}]},
            {"steps": [{"text": "a", "notes": ["b", "not live yet: vsa vhost sync"]}],
             "sites": [{"problems": ["not live yet: vsa vhost sync"]}]},
        ),
        ({"advice": [{**ADVICE, "sentence": ""}], "note": SYNC}, {"note": "vsa vhost sync"}),
        ({"advice": [3, {"text": "a"}], "note": "a"}, {"note": "a"}),
        (
            {"undo": "ansible-playbook …", "undo_hint": {"verb": "vhost.rollback", "fields": {"to": 41}}},
            {"undo": "vsa vhost rollback --to 41"},
        ),
        (
            {"vsa_error": {"try": "ansible-playbook …", "hint": [{"verb": "site.list"}]}},
            {"vsa_error": {"try": "vsa site list"}},
        ),
    ],
)  # fmt: skip
def test_a_result_in_own_words(result: dict[str, Any], worded: dict[str, Any]) -> None:
    assert result_in_own_words(result, root=cli) == worded


def test_an_undo_names_its_host_unless_it_is_this_machine() -> None:
    fields = {"domain": "a.example", "generation": 41, "limit": "vps-01"}
    result = {"undo": "ansible-playbook …", "undo_hint": {"verb": "site.rollback", "fields": fields}}
    worded = "vsa site rollback --domain a.example --to 41"
    assert result_in_own_words(result, root=cli) == {"undo": f"{worded} --limit vps-01"}
    assert result_in_own_words(result, root=cli, local=True) == {"undo": worded}


def test_a_verb_that_does_more_than_one_module_names_no_undo_of_a_part() -> None:
    result = {
        "undo": "ansible-playbook …",
        "undo_hint": {"verb": "site.unprovision", "fields": {"domain": "a.example"}},
    }
    assert result_in_own_words(result, root=cli, undo_of="stack") == {}
    fields = {"name": "shop", "env": {"TAG": "2.0", "NAME": "a b"}, "tenant": "acme"}
    whole = {"undo": "ansible-playbook …", "undo_hint": {"verb": "stack.set", "fields": fields}}
    assert result_in_own_words(whole, root=cli, undo_of="stack") == {
        "undo": "vsa stack set shop TAG=2.0 'NAME=a b' --tenant acme"
    }


@pytest.mark.parametrize(
    ("verb", "field", "named"),
    [
        ("provision", "container", "--container"),
        ("provision", "aliases", "--alias"),
        ("provision", "hsts", "--set hsts"),
        ("provision", "sites/a.example/port", "sites/a.example/port"),
        ("provision", "daemon", "daemon"),
        ("show", "domain", "domain"),
        ("provision", None, None),
    ],
)
def test_the_field_as_typed(verb: str, field: str | None, named: str | None) -> None:
    command = cli.commands["site"].commands[verb]
    assert with_flag({"field": field}, command=command)["field"] == named
