"""Rules for every file: no latest tag, no path of a machine, no name of a registry; links, locks and metadata agree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.version import REPOSITORY

import vsa_tree

ROOT = vsa_tree.ROOT
LINKS = ("galaxy.yml", "meta", "playbooks", "plugins", "roles", "stacks")
TEXT = [path for path in vsa_tree.files() if not (ROOT / path).is_symlink() and path.name != "LICENSE"]


def test_the_links_are_the_collection() -> None:
    folder = Path("collections/ansible_collections/flowbiz/vsa")
    assert sorted(path.name for path in (ROOT / folder).iterdir()) == sorted(LINKS)
    for name in LINKS:
        link = ROOT / folder / name
        assert link.is_symlink()
        assert str(link.readlink()) == f"../../../../{name}", "relative, so that a clone anywhere works"
        assert link.resolve() == ROOT / name
        assert folder / name in vsa_tree.files(), f"{folder / name} is not committed"


def test_finding_15_the_clone_names_no_inventory() -> None:
    """Otherwise a forgotten inventory would mean the hosts of the example, and time-outs instead of an error."""
    assert not re.search(r"(?m)^inventory\s*=", vsa_tree.text(Path("ansible.cfg")))


def test_no_image_is_called_latest() -> None:
    for path in TEXT:
        if path.suffix in {".yml", ".yaml", ".j2", ".sh", ".mk"} or path.name in {"Dockerfile", "Makefile"}:
            found = re.findall(r"[\w/.-]+:latest\b", vsa_tree.text(path))
            assert not found, f"{path}: {found}"


def machine_addresses() -> set[str]:
    """Return the hosts that the package clients of this machine use. No file may name them."""
    words = [
        value for name, value in os.environ.items() if re.search(r"(INDEX_URL|DEFAULT_INDEX|GOPROXY|REGISTRY)$", name)
    ]
    configured = [Path("/etc/apt/sources.list"), *Path("/etc/apt").glob("sources.list.d/*"), Path("/etc/pip.conf")]
    words += [path.read_text(encoding="utf-8", errors="replace") for path in configured if path.is_file()]
    for command in (
        ["npm", "config", "get", "registry"],
        ["go", "env", "GOPROXY"],
        [sys.executable, "-m", "pip", "config", "list"],
    ):
        try:
            words.append(subprocess.run(command, capture_output=True, text=True, timeout=20).stdout)
        except (OSError, subprocess.TimeoutExpired):
            continue
    urls = re.findall(r"https?://[^\s'\"]+", "\n".join(words))
    return {host for url in urls if (host := urlsplit(url).hostname) and "." in host}


def test_no_file_names_a_package_registry() -> None:
    hosts = machine_addresses()
    for path in TEXT:
        text = vsa_tree.text(path)
        named = [host for host in hosts if host in text]
        assert not named, f"{path} names {named}: take it from the machine's own configuration"


# Home directories in examples, and in the images of n8n and Dify.
HOMES = r"/home/(?!operator\b|ops\b|dify\b|node\b|runner\b|[<$*{])\w+"


def test_no_file_names_a_path_of_this_machine() -> None:
    home = Path.home()
    for path in TEXT:
        text = vsa_tree.text(path)
        assert f"{ROOT}/" not in text, f"{path} names the checkout"
        assert not re.search(HOMES, text), f"{path} names a home directory"
        if str(home) != "/root":
            assert f"{home}/" not in text


def test_no_file_refers_to_what_is_not_here() -> None:
    # The planning papers are not part of the repository; docs/architecture.md has the rules.
    papers = re.compile(r"\b(DESIGN|STYLE|UX|RIG|FIELD)(\.md| ?§)")
    for path in TEXT:
        found = papers.search(vsa_tree.text(path))
        assert not found, f"{path} refers to {found[0]!r}, which is not in the repository"


def test_dependencies_are_the_same_in_every_view() -> None:
    galaxy = vsa_tree.data(Path("galaxy.yml"))
    required = vsa_tree.data(Path("collections/requirements.yml"))["collections"]
    assert galaxy["dependencies"] == {entry["name"]: entry["version"] for entry in required}


def test_the_addresses_of_the_project_stand_in_galaxy_yml() -> None:
    galaxy = vsa_tree.data(Path("galaxy.yml"))
    base = galaxy["repository"]
    assert base == "https://github.com/flowbiz/vsa"
    for name in ("homepage", "documentation", "issues"):
        assert galaxy[name] == base or galaxy[name].startswith(f"{base}/")
    assert base == REPOSITORY
    others = {path for path in vsa_tree.files() if base in vsa_tree.text(path) and path.name != "galaxy.yml"}
    copy = Path("plugins/module_utils/_core/version.py")  # a host does not have galaxy.yml
    assert others == {copy, Path(__file__).resolve().relative_to(vsa_tree.ROOT)}


# A name that the collection's own files use, and what the project declares for it.
@pytest.mark.parametrize("collection", ["ansible.posix", "community.crypto", "community.docker", "community.general"])
def test_a_collection_is_declared_if_the_artifact_uses_it(collection: str) -> None:
    shipped = [path for folder in ("plugins", "roles", "playbooks") for path in vsa_tree.below(folder)]
    used = any(re.search(rf"(?m)^[^#\n]*\b{re.escape(collection)}\.[a-z]", vsa_tree.text(path)) for path in shipped)
    assert used == (collection in vsa_tree.data(Path("galaxy.yml"))["dependencies"])


def test_the_installed_collections_satisfy_them() -> None:
    # The locked PyPI package `ansible` contains them, in a version that our requirements accept.
    import json

    from ansible.galaxy.dependency_resolution.versioning import meets_requirements

    for name, wanted in vsa_tree.data(Path("galaxy.yml"))["dependencies"].items():
        relative = Path("ansible_collections", *name.split("."), "MANIFEST.json")
        manifest = next((Path(entry) / relative for entry in sys.path if (Path(entry) / relative).is_file()), None)
        assert manifest, f"{name} is not installed"
        version = json.loads(manifest.read_text())["collection_info"]["version"]
        assert meets_requirements(version, wanted), f"{name} {version} is not {wanted}"


def locked(name: str) -> dict[str, str]:
    lines = vsa_tree.text(Path("requirements") / name).splitlines()
    pins = [re.match(r"([a-z0-9-]+)==([^\s;\\]+)", line) for line in lines]
    return {pin[1]: pin[2] for pin in pins if pin}


@pytest.mark.parametrize("name", ["dev.lock", "runtime.lock", "uv.lock"])
def test_a_lock_is_hashed_and_has_no_address(name: str) -> None:
    text = vsa_tree.text(Path("requirements") / name)
    assert locked(name)
    assert "://" not in text
    blocks = re.split(r"(?m)^(?=[a-z0-9-]+==)", text)[1:]
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_lock_has_what_the_project_asks_for() -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads(vsa_tree.text(Path("pyproject.toml")))["project"]
    wanted = [
        *project["dependencies"],
        *[item for extra in project["optional-dependencies"].values() for item in extra],
    ]
    pins = locked("dev.lock")
    for requirement in map(Requirement, wanted):
        assert requirement.name in pins, f"{requirement.name} is not locked: make lock"
        assert requirement.specifier.contains(pins[requirement.name]), (
            f"{requirement} is locked as {pins[requirement.name]}"
        )
    assert "passlib" not in pins, "libpass is its fork of the same import name: never both"
    assert "crossplane" not in pins, "ngxparse is its fork with the same files: never both"
    runtime = locked("runtime.lock")
    assert runtime.items() <= pins.items(), "one version of each package in both locks: make lock"


def test_every_make_target_has_its_line() -> None:
    text = vsa_tree.text(Path("Makefile"))
    targets = set(re.findall(r"(?m)^([a-z-]+):", text))
    described = set(re.findall(r"(?m)^([a-z-]+):[^#\n]*## \S", text))
    assert targets == described
    assert targets == set(re.search(r"(?m)^\.PHONY: (.*)$", text)[1].split())  # type: ignore[index]


def test_init_files_are_empty() -> None:
    filled = [path for path in vsa_tree.files() if path.name == "__init__.py" and vsa_tree.text(path)]
    assert not filled
