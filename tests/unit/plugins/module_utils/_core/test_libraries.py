"""A library that is missing ends a verb with one error, which says how the library comes to this machine."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import EXIT_REFUSED, RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.libraries import (
    LIBRARIES,
    MissingLibraryError,
    library,
)


@pytest.mark.parametrize(("name", "package"), [("dns", "python3-dnspython"), ("ruamel", "python3-ruamel.yaml")])
def test_a_host_of_before_is_told_to_bootstrap(name: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingLibraryError) as caught, library(name):
        __import__(name)
    error = caught.value
    assert error.message == f"the library {name} is missing on this host"
    assert error.expected == f"the package {package} of the distribution"
    assert (error.hint, error.exit_code) == (Hint("bootstrap"), EXIT_REFUSED)
    assert error.details, "Python's own words, which name a library that this one needs"


def test_issue_14_item_12_the_library_that_is_missing_below_another_is_named() -> None:
    with pytest.raises(MissingLibraryError) as caught, library("docker"):
        raise ModuleNotFoundError("No module named 'idna'", name="idna")
    assert (caught.value.library, caught.value.expected) == ("idna", "the package python3-idna of the distribution")
    with pytest.raises(MissingLibraryError) as caught, library("docker"):
        raise ModuleNotFoundError("No module named 'urllib3.util'", name="urllib3.util")
    assert (caught.value.library, caught.value.details) == ("docker", ["No module named 'urllib3.util'"])


def test_a_library_that_is_there_is_imported() -> None:
    with library("yaml"):
        import yaml
    assert yaml.safe_load("a: 1") == {"a": 1}


def test_a_missing_library_is_no_refused_manifest() -> None:
    assert not issubclass(MissingLibraryError, RefusedError)


def test_an_error_of_the_code_itself_passes() -> None:
    with pytest.raises(ValueError, match="mine"), library("yaml"):
        raise ValueError("mine")


@pytest.mark.parametrize("name", [name for name, entry in LIBRARIES.items() if entry.requirements])
def test_the_controller_is_told_what_pip_installs(name: str) -> None:
    error = MissingLibraryError(name, said="No module named 'x'", field="user", value="a").on_controller(
        "/opt/my venv/python"
    )
    assert "controller" in error.message
    assert str(error.hint).startswith("'/opt/my venv/python' -m pip install ")
    assert all(requirement in str(error.hint) for requirement in LIBRARIES[name].requirements)
    assert (error.field, error.value, error.details) == ("user", "a", ["No module named 'x'"])
