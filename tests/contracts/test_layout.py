"""Where a file may stand, whom it may import (the floors of module_utils), and where its unit test is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import vsa_tree

HOST = Path("plugins/module_utils/_host")
UNIT = Path("tests/unit/plugins/module_utils/_host")
# The lowest floor first. A package imports lower floors and itself, never a package of the same floor.
# On the highest floor `host` reads all other packages for the verb `status`, and `agent` for the hub.
FLOORS = (
    ("machine",),
    ("store", "audit"),
    ("proxy", "cert"),
    ("auth", "bootstrap", "site", "stack"),
    ("agent", "host", "hub"),
)
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
# Files from before this rule that only integration tests cover. Rows may be removed, never added.
UNTESTED: set[str] = set()

CORE = Path("plugins/module_utils/_core")
CORE_UNIT = Path("tests/unit/plugins/module_utils/_core")
# Files of the core that need no unit test, each with its reason.
CORE_WITHOUT_TEST = {
    "run_context.py": "a dataclass without logic",
    "version.py": "one constant; test_audit.py compares it with galaxy.yml",
}

# The folders of tests and of code. A test has the name of its file: `site/listing.py` has `site/test_listing.py`, and
# may have more tests, for example in `site/test_listing_hostile.py`.
MIRRORS = {Path("tests/unit/plugins"): Path("plugins"), Path("wrapper/tests"): Path("wrapper/src/vsa")}
# Tests of several files together, each with its reason.
TOGETHER = {
    "tests/unit/plugins/module_utils/_host/proxy/test_write_errors.py": "lets each write of a whole transaction fail",
    "tests/unit/plugins/module_utils/_host/site/test_undo.py": "carries out the undo that each verb prints",
    "tests/unit/plugins/module_utils/_host/test_disks_that_fail.py": "lets each write of each verb fail",
    "tests/unit/plugins/module_utils/_host/test_umask.py": "compares the modes that all makers of files set",
    "wrapper/tests/test_end_to_end.py": "runs the command against a play that needs no host",
    "wrapper/tests/test_schema.py": "compares the documents of every verb with their JSON Schema",
    "wrapper/tests/views/test_views.py": "one table of documents and texts for all views",
}

# Files that pass names of others on, each with its reason. Everybody else imports a name from the file that defines it.
PASSED_ON = {
    "wrapper/src/vsa/core.py": "the one file of the wrapper that imports the collection",
    "wrapper/src/vsa/views/columns.py": "the same for what both doors show, which is imported only to show something",
}

# Files with a function that takes a dictionary of options, each with its reason. All others take a request, a frozen
# dataclass that the module builds from its options.
WITH_OPTIONS = {
    "_core/contradictions.py": "compares the options of any verb, for the wrapper and the host",
    "_host/site/foresee.py": "the sites of a stack are options for the module site, which a later task runs",
    "_core/site/requested.py": "makes the fields of a site from its options",
}

FILES = [path for path in vsa_tree.below(str(HOST), ".py") if path.name != "__init__.py"]


def package(path: Path) -> str:
    return path.relative_to(HOST).parts[0]


def imported(path: Path) -> set[str]:
    """Return the packages of _host that a file imports, at any place in the file."""
    found = set()
    for node in ast.walk(ast.parse(vsa_tree.text(path))):
        if isinstance(node, ast.ImportFrom) and node.level:
            place = list(path.parent.parts[: len(path.parent.parts) - node.level + 1])
            parts = [*place, *(node.module or "").split(".")][len(HOST.parts) :]
            if tuple(place[: len(HOST.parts)]) == HOST.parts:
                found |= {parts[0]} if parts and parts[0] else {alias.name for alias in node.names}
    return found & set(FLOOR)


def test_the_packages_are_the_floors() -> None:
    assert {package(path) for path in FILES} == set(FLOOR), "a new package gets a floor here"


def test_the_rooms_of_the_architecture_are_the_floors() -> None:
    text = vsa_tree.text(Path("docs/architecture.md"))
    rows = re.findall(r"(?m)^\| (\d+) \| ([^|]+) \|", text)
    described = {(name, int(floor)) for floor, cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert described == set(FLOOR.items()), "the table of rooms in docs/architecture.md is not the tree"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_an_import_leads_down(path: Path) -> None:
    own = package(path)
    wrong = sorted(other for other in imported(path) if other != own and FLOOR[other] >= FLOOR[own])
    assert not wrong, f"{path} imports {wrong}: {own} stands on floor {FLOOR[own]}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_has_its_unit_tests(path: Path) -> None:
    test = UNIT / path.relative_to(HOST).with_name(f"test_{path.name}")
    there = test in vsa_tree.files()
    assert there != (str(path.relative_to(HOST)) in UNTESTED), f"{path}: {test} is {'there' if there else 'missing'}"


CORE_FILES = [path for path in vsa_tree.below(str(CORE), ".py") if path.name != "__init__.py"]


@pytest.mark.parametrize("path", CORE_FILES, ids=str)
def test_a_file_of_the_core_has_its_unit_tests(path: Path) -> None:
    test = CORE_UNIT / path.relative_to(CORE).with_name(f"test_{path.name}")
    there = test in vsa_tree.files()
    excused = str(path.relative_to(CORE)) in CORE_WITHOUT_TEST
    assert there or excused, f"{path} has no unit test: write {test}"
    assert not (there and excused), f"{test} exists: take its row out of CORE_WITHOUT_TEST"


def test_the_rows_of_the_core_are_files() -> None:
    assert {str(path.relative_to(CORE)) for path in CORE_FILES} >= set(CORE_WITHOUT_TEST)


UNIT_TESTS = [
    (test, MIRRORS[root] / test.relative_to(root).parent)
    for root in MIRRORS
    for test in vsa_tree.below(str(root), ".py")
    if test.name.startswith("test_")
]


@pytest.mark.parametrize(("test", "folder"), [pytest.param(*row, id=str(row[0])) for row in UNIT_TESTS])
def test_a_unit_test_has_its_file(test: Path, folder: Path) -> None:
    if str(test) in TOGETHER:
        return
    stems = {path.stem.removeprefix("_") for path in vsa_tree.below(str(folder), ".py") if path.parent == folder}
    name = test.stem.removeprefix("test_")
    found = [stem for stem in stems if name == stem or name.startswith(f"{stem}_")]
    assert found, f"{test} is the test of no file in {folder}; a test of several files together gets a row in TOGETHER"


SOURCES = [
    path
    for folder in ("plugins", "wrapper/src", "tests/support")
    for path in vsa_tree.below(folder, ".py")
    if path.name != "__init__.py"
]


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_a_name_is_imported_from_where_it_is_defined(path: Path) -> None:
    tree = ast.parse(vsa_tree.text(path))
    imported_names = {
        alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    public: set[str] = set()
    own = 0
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            public = set(ast.literal_eval(node.value))
        elif not docstring and not isinstance(node, ast.Import | ast.ImportFrom):
            own += 1
    if str(path) in PASSED_ON:
        return
    assert own, f"{path} only imports: let the others import from the files that define the names"
    passed_on = sorted(public & imported_names)
    assert not passed_on, f"{path} passes {passed_on} on: import them from the files that define them"


def takes_options(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Say whether a function has a parameter with a module's options, or the module itself."""
    arguments = function.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        annotation = ast.unparse(argument.annotation) if argument.annotation else ""
        dictionary = annotation.startswith(("Mapping[str, ", "MutableMapping[str, ", "dict[str, "))
        if argument.arg in {"options", "params", "module_params"} and dictionary:
            return True
        if "AnsibleModule" in annotation or ".params" in annotation:
            return True
    return False


@pytest.mark.parametrize("path", [*FILES, *CORE_FILES], ids=str)
def test_a_function_takes_a_request_and_no_options(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(vsa_tree.text(path)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    found = [f"{path}:{function.lineno} {function.name}" for function in functions if takes_options(function)]
    if str(path.relative_to("plugins/module_utils")) in WITH_OPTIONS:
        assert found, f"{path} takes no options any more: take its row out of WITH_OPTIONS"
        return
    assert not found, f"{found}: the module builds a request from its options, and _host and _core take the request"


def imports_of(path: Path) -> set[Path]:
    """Return the files of the collection that a file may import, by their paths from the root."""
    found = set()
    for node in ast.walk(ast.parse(vsa_tree.text(path))):
        if not isinstance(node, ast.ImportFrom):
            continue
        name = (node.module or "").removeprefix("ansible_collections.flowbiz.vsa.")
        folder = path.parents[node.level - 1] if node.level else Path()
        module = folder.joinpath(*name.split("."))
        # `from .. import forms` imports a file; `from ..forms import domain` imports a name of a file.
        found |= {module.with_suffix(".py"), *(module / f"{alias.name}.py" for alias in node.names)}
    return found


def test_every_file_is_imported_by_another() -> None:
    imported_files: set[Path] = set()
    for path in [entry for folder in ("plugins", "wrapper/src", "stacks") for entry in vsa_tree.below(folder, ".py")]:
        imported_files |= imports_of(path)
    everything = vsa_tree.below("plugins/module_utils", ".py")
    unused = [str(path) for path in everything if path.name != "__init__.py" and path not in imported_files]
    assert not unused, f"nothing imports {unused}: remove what nobody calls"
