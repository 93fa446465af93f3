"""Full names lead to the own copy of the collection in a plain clone, an installed wheel and a Galaxy artifact."""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
from pathlib import Path

import vsa_tree
from vsa_door import Door

INSIDE = ("galaxy.yml", "meta", "playbooks", "plugins", "roles", "stacks")
# Without playbooks/site.yml: its full name leads to the folder playbooks/site.
PLAYBOOKS = ["flowbiz.vsa." + ".".join(path.with_suffix("").parts[1:]) for path in vsa_tree.verbs().values()]
SITE = ["-e", "domain=shop.example.com", "-e", "upstream=web-1:3000"]


def collection_files() -> set[str]:
    """Return the files of the collection below this place."""
    return {str(path) for path in vsa_tree.files() if path.parts[0] in INSIDE}


def task_files(output: str) -> set[Path]:
    """Return the files that Ansible read tasks from, as -vvv prints them."""
    return {Path(name).resolve() for name in re.findall(r"(?m)^task path: (.+):\d+$", output)}


def test_every_playbook_resolves_by_its_full_name(door: Door, inventory: Path) -> None:
    said = door.run("ansible-playbook", "-i", str(inventory), "--syntax-check", *PLAYBOOKS, *SITE).stdout
    assert said.count("playbook: ") == len(PLAYBOOKS)


def test_the_role_that_runs_is_the_doors_own(door: Door, inventory: Path) -> None:
    # The run fails on this host, but Ansible prints the file of each task before.
    done = door.run("ansible-playbook", "-i", str(inventory), "-vvv", "flowbiz.vsa.site.provision", *SITE, check=False)
    assert (door.collection / "roles/site/tasks/provision.yml").resolve() in task_files(done.stdout), done.stdout
    strangers = {path for path in task_files(done.stdout) if not path.is_relative_to(door.collection.resolve())}
    assert not strangers


def test_modules_and_roles_are_documented_from_the_doors_own_files(door: Door) -> None:
    names = [f"flowbiz.vsa.{name}" for name in vsa_tree.modules()]
    documents = json.loads(door.run("ansible-doc", "--json", "-t", "module", *names).stdout)
    for name in names:
        assert Path(documents[name]["doc"]["filename"]).resolve().is_relative_to(door.collection.resolve())
    roles = json.loads(door.run("ansible-doc", "--json", "-t", "role", "--list", "flowbiz.vsa").stdout)
    assert set(roles) == {f"flowbiz.vsa.{role}" for role in vsa_tree.roles()}


def test_site_yml_works_from_the_root_of_a_clone(clone: Door, inventory: Path) -> None:
    clone.run("ansible-playbook", "-i", str(inventory), "--syntax-check", "site.yml", *SITE)
    done = clone.run("ansible-playbook", "-i", str(inventory), "-vvv", "site.yml", *SITE, check=False)
    assert (clone.cwd / "roles/site/tasks/provision.yml").resolve() in task_files(done.stdout), done.stdout


def test_a_clone_has_an_example_inventory(clone: Door) -> None:
    groups = json.loads(clone.run("ansible-inventory", "-i", "inventories/example", "--list").stdout)
    assert {"infomaniak", "kamatera", "hub", "agents"} <= set(groups["all"]["children"])


def test_the_wheel_carries_the_whole_collection_and_nothing_else(wheel_file: Path) -> None:
    names = set(zipfile.ZipFile(wheel_file).namelist())
    prefix = "ansible_collections/flowbiz/vsa/"
    assert {name.removeprefix(prefix) for name in names if name.startswith(prefix)} == collection_files()
    others = {name.split("/")[0] for name in names if not name.startswith(prefix)}
    assert {name for name in others if not name.endswith(".dist-info")} == {"vsa"}


def test_the_command_of_the_wheel_runs_the_wheels_playbooks(wheel: Door, inventory: Path) -> None:
    version = vsa_tree.data(Path("galaxy.yml"))["version"]
    assert version in wheel.run("vsa", "--version").stdout
    words = ["site", "provision", "--domain", "shop.example.com", "--container", "web-1", "--port", "3000"]
    done = wheel.run("vsa", "-vvv", "-i", str(inventory), *words, check=False)
    assert (wheel.collection / "roles/site/tasks/provision.yml").resolve() in task_files(done.stdout), done.stdout


def test_the_command_of_the_working_tree_runs_the_working_tree(clone: Door, inventory: Path) -> None:
    # The `vsa` of .venv runs inside another clone: it uses its own collection, not the clone in the working directory.
    words = ["site", "provision", "--domain", "shop.example.com", "--container", "web-1", "--port", "3000"]
    done = clone.run("vsa", "-vvv", "-i", str(inventory), *words, check=False)
    assert vsa_tree.ROOT / "roles/site/tasks/provision.yml" in task_files(done.stdout), done.stdout


def test_an_editable_install_has_no_copy_of_the_collection() -> None:
    import sysconfig

    site_packages = Path(sysconfig.get_paths()["purelib"])
    assert not (site_packages / "ansible_collections/flowbiz").exists()
    paths = (site_packages / "_flowbiz_vsa.pth").read_text().splitlines()
    assert sorted(paths) == [str(vsa_tree.ROOT / "collections"), str(vsa_tree.ROOT / "wrapper/src")]


def test_the_artifact_carries_the_whole_collection(artifact_file: Path) -> None:
    with tarfile.open(artifact_file) as archive:
        names = {member.name for member in archive if member.isfile()}
        manifest = json.load(archive.extractfile("MANIFEST.json"))["collection_info"]  # type: ignore[arg-type]
    assert collection_files() - {"galaxy.yml"} <= names, (
        "MANIFEST.json takes the place of galaxy.yml, all else is in it"
    )
    assert {name.split("/")[0] for name in names} == {
        *(set(INSIDE) - {"galaxy.yml"}),
        *(
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "FILES.json",
            "LICENSE",
            "MANIFEST.json",
            "README.md",
            "SECURITY.md",
            "changelogs",
            "docs",
            "tests",
        ),
    }
    assert {name for name in names if name.startswith("tests/") and not name.startswith("tests/sanity/")} == {
        "tests/config.yml"
    }
    assert manifest["version"] == vsa_tree.data(Path("galaxy.yml"))["version"]
