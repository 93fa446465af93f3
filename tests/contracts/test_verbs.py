"""A verb is complete: command, playbook, role task or reading module, reference, how-to, changelog."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.query import READ_VERBS

import vsa_tree

VERBS = vsa_tree.commands()
PLAYBOOKS = vsa_tree.verbs()
HOWTO = Path("docs/howto/README.md")


def called(verb: str) -> set[str]:
    """Return what the playbook of a verb calls: `roles/site/tasks/apply.yml`, `plugins/modules/site_info.py`."""
    found = set()
    for play in vsa_tree.data(PLAYBOOKS[verb]):
        for role in play.get("roles", []):
            found.add(task_file(role["role"] if isinstance(role, dict) else role, "main"))
        for task in vsa_tree.tasks_of(play.get("tasks", [])):
            found |= {path for key, value in task.items() if (path := target(key, value))}
    return found


def task_file(role: str, entry: str) -> str:
    return f"roles/{role.removeprefix('flowbiz.vsa.')}/tasks/{entry}.yml"


def target(key: str, value: Any) -> str | None:
    """Return the file that one key of a task calls, None if the key calls no file of the collection."""
    if key in {"ansible.builtin.include_role", "ansible.builtin.import_role"}:
        return task_file(value["name"], value.get("tasks_from", "main"))
    if key.startswith("flowbiz.vsa."):
        return f"plugins/modules/{key.removeprefix('flowbiz.vsa.')}.py"
    return None


def changelog_entries() -> list[str]:
    """Return every entry of the fragments and of the releases."""
    found = []
    for path in vsa_tree.below("changelogs/fragments", ".yml"):
        found += list(vsa_tree.data(path).values())
    released = Path("changelogs/changelog.yaml")
    if released in vsa_tree.files():
        for release in (vsa_tree.data(released)["releases"] or {}).values():
            found += list(release.get("changes", {}).values())
    # A summary is one text, every other section is a list of entries.
    summaries = [value for value in found if isinstance(value, str)]
    sections = [value for value in found if not isinstance(value, str)]
    return [*summaries, *(entry for section in sections for entry in section)]


def test_there_are_verbs() -> None:
    assert "site provision" in VERBS
    assert "audit list" in VERBS


# Verbs whose playbook does the half at the hub, by the role hub. The wrapper does the other half.
AT_THE_HUB = ("vps add", "vps remove", "agent rotate", "agent revoke")


@pytest.mark.parametrize("verb", list(PLAYBOOKS))
def test_a_playbook_calls_a_task_of_its_role_or_reads(verb: str) -> None:
    found = called(verb)
    missing = [path for path in found if Path(path) not in vsa_tree.files()]
    assert not missing, f"{PLAYBOOKS[verb]} calls {missing}, which do not exist"
    noun = "hub" if verb in AT_THE_HUB else verb.split()[0]
    own = [path for path in found if path.startswith((f"roles/{noun}/", f"plugins/modules/{noun}"))]
    assert own, f"{PLAYBOOKS[verb]} calls {sorted(found)}: neither a task file of the role {noun} nor {noun}_info"
    modules = [Path(path).stem for path in found if path.startswith("plugins/modules/")]
    changing = [module for module in modules if not module.endswith("_info")]
    assert not changing, f"{PLAYBOOKS[verb]} calls {changing} itself: a verb that changes something is a role task"


def test_the_audit_trail_knows_which_verbs_read() -> None:
    reading = {verb for verb in PLAYBOOKS if all(path.endswith("_info.py") for path in called(verb))}
    assert {verb.replace(" ", ".") for verb in reading} == set(READ_VERBS), "READ_VERBS in _core/audit/query.py"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_in_the_reference(verb: str) -> None:
    page = Path("docs/reference/cli.md")
    assert f"\n## `vsa {verb}`\n" in vsa_tree.text(page), f"{page} does not have `vsa {verb}`: make docs"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_a_how_to(verb: str) -> None:
    row = re.search(rf"(?m)^\| `vsa {verb}` \| (.+) \|$", vsa_tree.text(HOWTO))
    assert row, f"{HOWTO} does not list `vsa {verb}`: make docs"
    assert row[1] != "—", f"no page that {HOWTO} lists shows `vsa {verb}`: write the command into a page of docs/howto"


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_a_changelog_entry(verb: str) -> None:
    noun, _, leaf = verb.partition(" ")
    in_full = re.compile(rf"\b{verb}\b")
    of_the_noun = re.compile(rf"(vsa )?{noun} - ")
    found = [
        entry
        for entry in changelog_entries()
        if in_full.search(entry) or (leaf and of_the_noun.match(entry) and f"C({leaf})" in entry)
    ]
    assert found, (
        f"no changelog entry speaks of `vsa {verb}`: write a fragment in changelogs/fragments with an entry "
        f'that names it, such as "{noun} - the new verb C({leaf or noun}) …"'
    )
