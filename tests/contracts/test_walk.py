"""Below folders that others than root can write, root walks by open directories, never by paths as text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import vsa_tree

HOST = Path("plugins/module_utils/_host")
# The rooms whose verbs work below /srv/<tenant>, and files about folders that our own containers can write.
ROOMS = ("stack", "site/removal")
FILES = [path for room in ROOMS for path in vsa_tree.below(str(HOST / room), ".py") if path.name != "__init__.py"]
FILES += [HOST / "store/stacks.py", HOST / "store/lineages.py"]

# Functions and methods that take a path as text and follow links on the way.
FUNCTIONS = {
    "chmod",
    "chown",
    "copy",
    "copytree",
    "lchown",
    "link",
    "listdir",
    "make_directory",
    "mkdir",
    "makedirs",
    "open",
    "read_bytes",
    "read_json",
    "read_text",
    "realpath",
    "remove_tree",
    "removedirs",
    "rename",
    "replace",
    "rglob",
    "rmdir",
    "rmtree",
    "scandir",
    "symlink_to",
    "touch",
    "unlink",
    "write_atomically",
    "write_bytes",
    "write_new",
    "write_text",
}
# The methods of a Directory (walk.py) that have a name of the list. Their object is called as it is here.
WALKED = {"folder", "tenant", "top"}
# Uses of a path that only root can write, each with the reason.
ELSEWHERE = {
    ("stack/alerts/deliver.py", "make_directory"): "/var/lib/vsa",
    ("stack/alerts/deliver.py", "write_atomically"): "/var/lib/vsa",
    ("stack/backup/databases.py", "open"): "pipes of root's in /run",
    ("stack/backup/databases.py", "unlink"): "pipes of root's in /run",
    ("stack/backup/restore.py", "mkdir"): "/var/lib/vsa",
    ("stack/backup/restore.py", "read_text"): "/var/lib/vsa",
    ("stack/boot_install.py", "make_directory"): "/usr/local/lib/vsa and /etc/systemd",
    ("stack/boot_install.py", "write_atomically"): "/usr/local/lib/vsa and /etc/systemd",
    ("stack/down.py", "read_text"): "/etc/vsa/sites",
    ("stack/images.py", "mkdir"): "/var/lib/vsa",
    ("stack/images.py", "write_atomically"): "/var/lib/vsa",
    ("stack/inspect.py", "realpath"): "asks what a running container mounts; nothing is changed",
    ("stack/policy.py", "realpath"): "asks what Docker would mount; nothing is changed",
    ("stack/reading.py", "make_directory"): "a temporary directory of root's",
    ("stack/reading.py", "realpath"): "a temporary directory of root's",
    ("stack/reading.py", "write_new"): "a temporary directory of root's",
    ("stack/received.py", "make_directory"): "/var/cache/vsa-stacks",
    ("stack/received.py", "read_bytes"): "/var/cache/vsa-stacks, and Ansible's own temporary directory",
    ("stack/received.py", "unlink"): "/var/cache/vsa-stacks",
    ("stack/received.py", "write_new"): "/var/cache/vsa-stacks",
    ("stack/reverse_proxy.py", "chmod"): "the host's lock, in a directory that containers mount read-only",
    ("stack/reverse_proxy.py", "read_text"): "/var/lib/vsa",
    ("stack/reverse_proxy.py", "touch"): "the host's lock, in a directory that containers mount read-only",
    ("stack/up.py", "read_json"): "/etc/docker/daemon.json",
    ("stack/up.py", "read_text"): "/proc/meminfo",
    ("site/removal/claims.py", "read_text"): "/proc/self/mountinfo",
    ("site/removal/claims.py", "realpath"): "asks what Docker would mount; discard() looks again before it deletes",
    ("site/removal/journal.py", "mkdir"): "/var/lib/vsa",
    ("site/removal/journal.py", "rmdir"): "/var/lib/vsa",
    ("site/removal/journal.py", "unlink"): "/var/lib/vsa",
    ("site/removal/journal.py", "write_atomically"): "/var/lib/vsa",
    (
        "site/removal/run.py",
        "unlink",
    ): "manifests in /etc/vsa, and logs in a directory whose parents root alone can write",
    ("store/lineages.py", "listdir"): "only names are read",
    ("store/stacks.py", "chmod"): "/var/lib/vsa",
    ("store/stacks.py", "make_directory"): "/var/lib/vsa",
    ("store/stacks.py", "read_bytes"): "/var/lib/vsa",
    ("store/stacks.py", "read_text"): "/var/lib/vsa",
    ("store/stacks.py", "unlink"): "/var/lib/vsa",
    ("store/stacks.py", "write_atomically"): "/var/lib/vsa",
    ("store/stacks.py", "write_new"): "/var/lib/vsa",
}


def uses(path: Path) -> set[str]:
    """Return the functions of the list that a file calls, except methods of an open directory."""
    found = set()
    for node in ast.walk(ast.parse(vsa_tree.text(path))):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            found.add(node.func.id)
        if isinstance(node.func, ast.Attribute) and node.func.attr in FUNCTIONS:
            holder = node.func.value
            # `text.replace(a, b)` and `dataclasses.replace(value, field=…)` are no renames.
            text = node.func.attr == "replace" and (len(node.args) == 2 or node.keywords)
            if not text and not (isinstance(holder, ast.Name) and holder.id in WALKED):
                found.add(node.func.attr)
    return found


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_path_is_followed_as_text(path: Path) -> None:
    name = str(path.relative_to(HOST))
    allowed = {function for file, function in ELSEWHERE if file == name}
    unknown = uses(path) - allowed
    assert not unknown, f"{path} calls {sorted(unknown)}: use walk() of _host/machine/walk.py, or say why here"
    assert not allowed - uses(path), f"{path} no longer calls {sorted(allowed - uses(path))}: remove the row"


def test_the_rows_are_files() -> None:
    assert {str(path.relative_to(HOST)) for path in FILES} >= {file for file, _function in ELSEWHERE}
