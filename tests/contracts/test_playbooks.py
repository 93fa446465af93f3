"""noun verb = FQCN = file: one playbook per verb, one command per playbook."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.query import READ_VERBS
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.extra_vars import (
    DESTROYING,
    KNOWN,
    REQUIRED,
    SHORT_NAMES_OF,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.plain import VERBS as PLAIN

import vsa_tree

VERBS = vsa_tree.verbs()
PLAYBOOKS = sorted(VERBS.values())
# The files that Ansible uses. A README may link to any place, and an argument spec repeats a default.
READ = [*vsa_tree.below("roles"), *vsa_tree.below("playbooks")]
USED = [path for path in READ if path.suffix != ".md" and path.name != "argument_specs.yml"]

# Verbs that run on the workstation without a playbook, each with its reason.
WITHOUT_PLAYBOOK = {
    "completion": "prints a shell script",
    "help": "prints help",
    "init": "writes an example inventory on the workstation",
    "stack new": "writes a folder on the workstation",
    "audit verify": "reads the trail of this machine",
    "audit rebuild": "rebuilds the index of the trail",
    "audit ship": "pushes the trail of this machine",
    "vps list": "reads the inventory; with --live it performs host.ping",
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


def verb_of(path: Path) -> str:
    """Return the verb of a playbook as results name it: `site.provision`."""
    return ".".join(path.with_suffix("").parts[1:]).replace("_", "-")


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_the_inventory_and_what_was_typed_are_checked_first(path: Path) -> None:
    (play,) = vsa_tree.data(path)
    # The lookup returns all hosts: which hosts is the inventory's and --limit's to say.
    assert play["hosts"] == f"{{{{ lookup('flowbiz.vsa.hosts', '{verb_of(path)}') }}}}"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_the_check_knows_which_short_names_a_verb_reads(path: Path) -> None:
    expressions = " ".join(EXPRESSION.findall(vsa_tree.text(path)))
    read = {name for name in ("domain", *SHORT_NAMES) if re.search(rf"\{{\{{ {name}\b", expressions)}
    verb = verb_of(path)
    assert set(SHORT_NAMES_OF.get(verb, ())) == read, (
        f"{path} reads {sorted(read)}: REQUIRED and _OPTIONAL in _core/extra_vars.py must say so of {verb}"
    )
    needed = {name for name in read if f"{{{{ {name} }}}}" in expressions}
    assert set(REQUIRED.get(verb, ())) == needed, f"{path} has no default for {sorted(needed)}: REQUIRED names these"


def test_the_check_knows_every_variable_of_the_playbooks() -> None:
    nouns = {path.parent.name for path in PLAYBOOKS if path.parent.name != "playbooks"}
    for path in PLAYBOOKS:
        for expression in EXPRESSION.findall(vsa_tree.text(path)):
            named = set(re.findall(r"(?<![\w.'])[a-z]+_[a-z_]+(?![\w.'(])", expression))
            ours = {name for name in named if name.partition("_")[0] in nouns}
            assert ours <= KNOWN, f"{path}: {ours - KNOWN} would be refused if somebody typed them"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_a_playbook_can_end_at_the_first_host_that_fails(path: Path) -> None:
    (play,) = vsa_tree.data(path)
    expected = "{{ 1 if vsa_fail_fast | default(false) | bool else '100%' }}"
    assert play.get("serial") == expected, f"{path} needs `serial: {expected!r}` below its hosts, for --fail-fast"


def test_what_asks_for_a_word_is_a_verb() -> None:
    assert set(DESTROYING) <= {verb_of(path) for path in PLAYBOOKS}


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_a_verb_that_reads_shows_its_result(path: Path) -> None:
    (play,) = vsa_tree.data(path)
    # To find the host of a domain is no reading of its own.
    tasks = [task for task in play.get("tasks", []) if task.get("register") != "vsa_found"]
    reading = [key for task in tasks for key in task if key.startswith("flowbiz.vsa.") and key.endswith("_info")]
    shows = play.get("vars", {}).get("vsa_shows")
    wanted = "no vsa_shows"
    if reading:
        wanted = f"vsa_shows: {verb_of(path)} in its vars, and a row in VERBS of _core/plain.py"
    assert shows == (verb_of(path) if reading else None), f"{path} needs {wanted}"
    # The output of `site.export` is YAML, which the filter writes.
    assert not reading or shows in {*PLAIN, "site.export"}, f"{path} needs a row in VERBS of _core/plain.py"
    # One task: a second one would cost a tenth of the run.
    assert not reading or len(play["tasks"]) == 1
    for module in reading:
        assert (vsa_tree.ROOT / f"plugins/action/{module.rpartition('.')[2]}.py").exists()


def _specs() -> Iterator[tuple[str, set[str]]]:
    """Yield the verb of each Spec of the wrapper, and the names of its arguments."""
    for file in sorted((vsa_tree.ROOT / "wrapper/src/vsa/verbs").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Spec":
                arguments = {word.arg: word.value for word in node.keywords if word.arg}
                if isinstance(name := arguments.get("name"), ast.Constant):
                    yield str(name.value), set(arguments)


def test_a_verb_that_reads_shows_its_result_at_the_wrappers_door_too() -> None:
    specs = list(_specs())
    assert len(specs) > len(READ_VERBS), "the Specs of wrapper/src/vsa/verbs are not found"
    silent = {verb for verb, arguments in specs if verb in READ_VERBS and "shows" not in arguments}
    assert silent == set(), "give the Spec of the verb `shows=`: without it the command prints its last line only"


ABOUT_A_DOMAIN = [path for path in PLAYBOOKS if path.parent.name in ("site", "auth", "cert")]


@pytest.mark.parametrize("path", ABOUT_A_DOMAIN, ids=str)
def test_a_verb_about_a_domain_finds_its_host(path: Path) -> None:
    (play,) = vsa_tree.data(path)
    tasks = play["tasks"]
    changes = any("ansible.builtin.import_role" in task for task in tasks)
    if not changes or f"{path.parent.name}_domain" not in play.get("vars", {}):
        return
    assert tasks[0]["flowbiz.vsa.site_info"] == {"find": True, "domain": f"{{{{ {path.parent.name}_domain }}}}"}
    assert tasks[0]["register"] == "vsa_found", "plugin_utils/_action/base.py reads it"
    assert tasks[0]["when"].startswith("ansible_play_hosts_all | length > 1"), "one host needs no question"


# A short name, and the option of the role that it stands for. `domain` stands for the domain of every role.
SHORT_NAMES = {"upstream": "site_upstream", "maintenance": "site_maintenance"}
EXPRESSION = re.compile(r"\{\{ .*? \}\}")
MAPPED = re.compile(r"\{\{ (\w+)(?: \| default\(none\))? \}\}")


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_short_names_mean_the_same_in_every_playbook(path: Path) -> None:
    short = {**SHORT_NAMES, "domain": f"{path.parent.name}_domain"}
    mapped = []
    for option, value in vsa_tree.data(path)[0].get("vars", {}).items():
        named = MAPPED.fullmatch(str(value))
        if named is not None:
            assert short.get(named[1]) == option, f"{path}: {named[1]} is no short name of {option}"
            mapped.append(value)
    for expression in EXPRESSION.findall(vsa_tree.text(path)):
        used = set(re.findall(r"(?<!\.)\b\w+", expression)) & set(short)
        assert not used or expression in mapped, f"{path}: {used} stand for an option, in vars"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_a_playbook_takes_the_domain_by_its_short_name(path: Path) -> None:
    noun = path.parent.name
    specs = {}
    if noun in vsa_tree.roles():
        specs = vsa_tree.entry_points(noun).get(path.stem, {}).get("options", {})
    takes = f"{noun}_domain" in specs or f"{noun}_domain" in vsa_tree.text(path)
    variables = vsa_tree.data(path)[0].get("vars", {})
    assert (f"{noun}_domain" in variables) == takes, f"{path}: vars: {noun}_domain comes from domain"


@pytest.mark.parametrize("path", PLAYBOOKS, ids=str)
def test_a_verb_is_one_play_over_all_hosts(path: Path) -> None:
    plays = vsa_tree.data(path)
    assert len(plays) == 1
    for play in plays:
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
