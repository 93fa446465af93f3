"""noun verb = FQCN = file: one playbook per verb, one command per playbook."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vsa_tree

VERBS = vsa_tree.verbs()
PLAYBOOKS = sorted(VERBS.values())
# The files that Ansible uses. A README may link to any place, and an argument spec repeats a default.
READ = [*vsa_tree.below("roles"), *vsa_tree.below("playbooks")]
USED = [path for path in READ if path.suffix != ".md" and path.name != "argument_specs.yml"]

# Verbs that run on the workstation without a playbook, each with its reason.
WITHOUT_PLAYBOOK = {
    "completion": "prints a shell script",
    "audit list": "reads the trail of this machine",
    "audit show": "reads the trail of this machine",
    "audit verify": "reads the trail of this machine",
    "audit rebuild": "rebuilds the index of the trail",
    "audit ship": "pushes the trail of this machine",
}


def test_every_verb_has_a_command_and_a_playbook() -> None:
    assert set(vsa_tree.commands()) - set(WITHOUT_PLAYBOOK) == set(VERBS)


def test_the_wrapper_names_only_playbooks_that_exist() -> None:
    known = {
        "flowbiz.vsa." + ".".join(path.with_suffix("").parts[1:]) for path in [*PLAYBOOKS, Path("playbooks/site.yml")]
    }
    for path in vsa_tree.below("wrapper/src", ".py"):
        named = set(re.findall(r"\"(flowbiz\.vsa\.[a-z_.]+)\"", vsa_tree.text(path))) - {
            "flowbiz.vsa.audit"
        }  # a callback
        for name in named:
            assert name in known, f"{path} names {name}"


def test_names_have_no_hyphen() -> None:
    # ansible-playbook does not find an FQCN with a hyphen in it.
    assert not [path for path in PLAYBOOKS if "-" in path.stem or "-" in path.parent.name]


REQUIRE_HOSTS = {"name": "Require a host", "ansible.builtin.import_playbook": "flowbiz.vsa.require_hosts"}


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_an_inventory_without_hosts_is_refused_first(path: Path) -> None:
    assert vsa_tree.data(path)[0] == REQUIRE_HOSTS
    assert "flowbiz.vsa.require_hosts" not in str(vsa_tree.data(path)[1:])


def test_what_refuses_an_inventory_without_hosts() -> None:
    (play,) = vsa_tree.data(Path("playbooks/require_hosts.yml"))
    assert play["hosts"] == "localhost"
    assert play.get("gather_facts") is False
    (task,) = play["tasks"]
    assert task["ansible.builtin.assert"]["that"] == 'groups["all"] | length > 0'
    assert task["ansible.builtin.assert"]["fail_msg"].startswith("refused: ")


# A short name, and the option of the role that it stands for. `domain` stands for the domain of every role.
SHORT_NAMES = {"upstream": "site_upstream", "maintenance": "site_maintenance"}
EXPRESSION = re.compile(r"\{\{ .*? \}\}")
MAPPED = re.compile(r"\{\{ (\w+)(?: \| default\(none\))? \}\}")


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_short_names_mean_the_same_in_every_playbook(path: Path) -> None:
    short = {**SHORT_NAMES, "domain": f"{path.parent.name}_domain"}
    mapped = []
    for option, value in vsa_tree.data(path)[1].get("vars", {}).items():
        named = MAPPED.fullmatch(str(value))
        if named is not None:
            assert short.get(named[1]) == option, f"{path}: {named[1]} is no short name of {option}"
            mapped.append(value)
    for expression in EXPRESSION.findall(vsa_tree.text(path)):
        used = set(re.findall(r"\w+", expression)) & set(short)
        assert not used or expression in mapped, f"{path}: {used} stand for an option, in vars"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_a_playbook_takes_the_domain_by_its_short_name(path: Path) -> None:
    noun = path.parent.name
    specs = {}
    if noun != "playbooks":
        specs = vsa_tree.entry_points(noun).get(path.stem, {}).get("options", {})
    takes = f"{noun}_domain" in specs or f"{noun}_domain" in vsa_tree.text(path)
    variables = vsa_tree.data(path)[1].get("vars", {})
    assert (f"{noun}_domain" in variables) == takes, f"{path}: vars: {noun}_domain comes from domain"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_a_verb_is_one_play_over_all_hosts(path: Path) -> None:
    plays = vsa_tree.data(path)[1:]
    assert plays
    for play in plays:
        assert play["hosts"] == "all", "which hosts is the inventory's and --limit's to say"
        assert play.get("gather_facts") is False, "facts cost a round trip; a role that needs some gathers them"
    tasks = sum(len(play.get("tasks", [])) + len(play.get("roles", [])) for play in plays)
    assert tasks <= 3, f"{path} has {tasks} tasks: what loops or decides belongs into a module"


@pytest.mark.parametrize("path", USED, ids=str)
def test_nothing_reaches_out_of_the_collection(path: Path) -> None:
    lines = [line for line in vsa_tree.text(path).splitlines() if "../" in line and not line.lstrip().startswith("#")]
    stray = [line for line in lines if not re.search(r"\w+_(source|root|directory|dir|path)\w*:.*\.\./.*stacks", line)]
    assert not stray, f"{path} reaches outside by ../ (only stacks/ may be, in one variable): {stray}"


def test_the_stacks_are_reached_in_one_variable() -> None:
    found = [
        f"{path}: {line.strip()}"
        for path in USED
        for line in vsa_tree.text(path).splitlines()
        if "../" in line and "stacks" in line and not line.lstrip().startswith("#")
    ]
    assert len(found) <= 1, f"more than one place knows where stacks/ lies: {found}"
