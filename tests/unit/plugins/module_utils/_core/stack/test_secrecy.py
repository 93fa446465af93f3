"""Which values of a stack are secrets, and that no text keeps one."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import OK, Result, Step
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.secrecy import Secrets
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.secrets import Secret
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.sites import StackSite

HASH = Secret("HASH", format="bcrypt-of", of="GENERATED")
STACK = Stack("shop", "A shop", "acme", secrets=(Secret("GENERATED"), HASH))
ENV = """\
GENERATED=Abcdefghijklmnop
HASH='$2b$10$abcdefghijkl'
MAIL_PASSWORD=by-the-operator
PIN=4711x
SHORT=true
PORT=3000
APP_DOMAIN=shop.example.com
APP_IMAGE=registry.example.com/app:1.2.3
LEVEL=informational
no variable at all
QUOTED="with \\"quotes\\" in it"
"""
EXAMPLE = "#LEVEL=informational\nMAIL_PASSWORD=\n"
DOCUMENTS = [{"secrets": {"pin": {"environment": "PIN"}, "file": {"file": "./key.txt"}, "none": None}}, None, []]


@pytest.fixture
def secrets() -> Secrets:
    known = Secrets()
    known.learn(STACK, ENV, example=EXAMPLE, images={"registry.example.com/app:1.2.3"}, documents=DOCUMENTS)
    return known


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("a Abcdefghijklmnop b", "a *** b", id="a generated secret"),
        pytest.param("a $2b$10$abcdefghijkl b", "a *** b", id="a hash"),
        pytest.param("a $$2b$$10$$abcdefghijkl b", "a *** b", id="a hash as Compose writes it"),
        pytest.param("by-the-operator", "***", id="a value of the operator"),
        pytest.param("4711x", "***", id="a secret of the Compose file"),
        pytest.param("true 3000", "true 3000", id="short values"),
        pytest.param("informational", "informational", id="a value of the example"),
        pytest.param("shop.example.com", "shop.example.com", id="a domain"),
        pytest.param("registry.example.com/app:1.2.3", "registry.example.com/app:1.2.3", id="an image"),
        pytest.param('with \\"quotes\\" in it', "***", id="a value as Compose quotes it"),
        pytest.param("no variable at all", "no variable at all", id="a line that is no variable"),
    ],
)
def test_a_text(secrets: Secrets, text: str, shown: str) -> None:
    assert secrets.text(text) == shown


def test_the_longest_goes_first() -> None:
    known = Secrets()
    known.learn(STACK, "A=secretive-value\nB=secretive-value-and-more\n")
    assert known.text("secretive-value-and-more secretive-value") == "*** ***"


def test_a_wrong_domain_is_shown_and_a_secret_never() -> None:
    sites = (StackSite("web", 3000, domain_from="DOMAIN"), StackSite("web", 3000, domain_from="GENERATED"))
    known = Secrets()
    known.learn(
        dataclasses.replace(STACK, sites=sites), "DOMAIN=https://shop.example.com\nGENERATED=Abcdefghijklmnop\n"
    )
    assert known.text("https://shop.example.com Abcdefghijklmnop") == "https://shop.example.com ***"


def test_a_file_that_is_a_secret() -> None:
    known = Secrets()
    known.learn_file("-----BEGIN KEY-----\nabcdef\n\nxy\n")
    assert known.text("abcdef xy -----BEGIN KEY-----") == "*** xy ***"


def test_an_error(secrets: Secrets) -> None:
    with pytest.raises(RefusedError) as refused, secrets.kept():
        raise RefusedError(
            "wrong: by-the-operator",
            field="env",
            value="4711x",
            expected="not by-the-operator",
            state="by-the-operator",
            details=["a", "by-the-operator"],
            there_are=["by-the-operator"],
        )
    assert "by-the-operator" not in str(refused.value.as_result())
    assert "4711x" not in str(refused.value.as_result())
    assert str(refused.value) == "wrong: ***"
    assert refused.value.details == ["a", "***"]


def test_a_result_keeps_what_tasks_use(secrets: Secrets) -> None:
    word = "by-the-operator"
    data = {"sites": [{"container": word}], "details": [word], "logs": [{"lines": (word,), "n": 1}]}
    shown = secrets.result(Result(steps=(Step("x", OK, word, (word,)),), data=data, diff=word))
    assert shown.steps == (Step("x", OK, "***", ("***",)),)
    assert shown.data == {
        "sites": [{"container": word}],
        "details": ["***"],
        "logs": [{"lines": ["***"], "n": 1}],
    }
    assert shown.diff == "***"
    assert secrets.result(Result()).diff is None
