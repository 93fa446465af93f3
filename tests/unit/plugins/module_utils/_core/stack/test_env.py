"""Environment files of stacks, and the values that an operator sets in them."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.env import (
    complete_env,
    env_for_compose,
    env_values,
    is_secret_name,
    missing_secrets,
    parse_env,
    previous_values,
    refuse_typed_secrets,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import Secret, Stack
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", {}),
        ("# A=1\n\nB=2\n", {"B": "2"}),
        ("A=1\nA=2", {"A": "2"}),
        ("export A = 1 ", {"A": "1"}),
        ("A=\"x y\"\nB='z'", {"A": "x y", "B": "z"}),
        ("A=x # why", {"A": "x"}),
        ("A=x#y", {"A": "x#y"}),
        ("A=", {"A": ""}),
        ("A=b=c", {"A": "b=c"}),
    ],
)
def test_parse_env(text: str, values: dict[str, str]) -> None:
    assert parse_env(text) == values


def test_a_line_that_is_no_variable_is_named_and_not_shown() -> None:
    with pytest.raises(RefusedError) as refused:
        parse_env("A=1\nhunter2 is my password\n")
    assert refused.value.value == "env/.env:2"
    assert "hunter2" not in str(refused.value.as_result())


@pytest.mark.parametrize(
    ("env", "example", "values", "expected"),
    [
        (None, "", {}, ""),
        (None, "# how\nA=\n#B=2\n", {"A": "s"}, "# how\nA=s\n#B=2\n"),
        (None, "#B=2\n", {"B": "3"}, "B=3\n"),
        ("A=mine\n", "A=\n", {}, "A=mine\n"),
        ("A=mine\n", "A=\n", {"A": "new"}, "A=new\n"),
        ("A=1\n#A=2\n", "", {"A": "3"}, "A=3\n#A=2\n"),
        ("A=1", "", {"B": "2"}, "A=1\nB=2\n"),
        ("A=1\n", "", {"A": "1"}, "A=1\n"),
        ("AB=1\n", "", {"A": "2"}, "AB=1\nA=2\n"),
    ],
)
def test_complete_env(env: str | None, example: str, values: dict[str, str], expected: str) -> None:
    assert complete_env(env, example, values) == expected
    assert complete_env(expected, example, values) == expected, "the second time changes nothing"


def test_missing_secrets() -> None:
    stack = Stack("app", "An application", "acme", secrets=(Secret("A"), Secret("B"), Secret("C")))
    assert [secret.name for secret in missing_secrets(stack, "A=x\nB=\n")] == ["B", "C"]
    assert len(missing_secrets(stack, None)) == 3


@pytest.mark.parametrize(
    "values",
    [{"A B": "x"}, {"A": "it's"}, {"A": "x\nB=y"}, {"A": "\x1b[2J"}, {"A": "x" * 4097}, {"A": None}, {"A": True}],
)
def test_values_that_no_line_can_hold_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(RefusedError):
        env_values(values)


def test_env_values() -> None:
    assert env_values({"NGINX_IMAGE": "nginx:1.31.0", "PORT": 80}) == {"NGINX_IMAGE": "nginx:1.31.0", "PORT": "80"}


_PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="'", include_characters=" "))


@pytest.mark.parametrize(
    "value", ["a b", "a$b", "${A}", "$$", "#", "x # y", '"', "\\", "a\\", '\\"\\', " x ", "é€", "! ? & ~"]
)
def test_a_value_is_read_as_it_was_set(value: str) -> None:
    assert parse_env(complete_env(None, "", {"A": value})) == {"A": value}


@given(_PRINTABLE)
def test_any_printable_value_is_read_as_it_was_set(value: str) -> None:
    assert parse_env(complete_env("B=1\n", "", env_values({"A": value}))) == {"A": value, "B": "1"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=$B", "1"),
        ('A="$B"', "1"),
        ("A='$B'", "$B"),
        ("A=x$$y", "x$y"),
        ('A="x\\ny"', "x\ny"),
        ("A='x\\ny'", "x\\ny"),
    ],
)
def test_variables_in_a_value_are_filled_in_as_compose_does(text: str, value: str) -> None:
    assert parse_env(f"B=1\n{text}\n")["A"] == value


def test_the_variables_for_compose() -> None:
    stack = Stack("app", "An application", "acme")
    text = env_for_compose(stack, {".env": "A=1\nB=2\n"}, "B=3\n")
    assert parse_env(text) == {"VSA_TENANT": "acme", "VSA_STACK": "app", "A": "1", "B": "3"}


@pytest.mark.parametrize(
    ("values", "before"),
    [
        ({"TAG": "2"}, {"TAG": "1"}),
        ({"TAG": "1"}, {}),
        ({"TAG": "2", "NEW": "x", "SAME": "s"}, {"TAG": "1", "NEW": ""}),
        ({"TAG": "2", "API_KEY": "b"}, {}),
        ({"TAG": "2", "GENERATED": "b"}, {}),
        ({}, {}),
    ],
)
def test_what_takes_a_change_of_variables_back(values: dict[str, str], before: dict[str, str]) -> None:
    stack = Stack("shop", "A shop", "acme", secrets=(Secret("GENERATED"),))
    env = "TAG=1\nSAME=s\nAPI_KEY=a\nGENERATED=a\n"
    assert previous_values(stack, env, values) == before


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("SMTP_PASSWORD", True),
        ("PASSWORD", True),
        ("DB_PASS", True),
        ("API_KEY", True),
        ("N8N_ENCRYPTION_KEY", True),
        ("SECRET_KEY_BASE", True),
        ("Auth_Token", True),
        ("APIKEY", True),
        ("AWS_CREDENTIALS", True),
        ("TAG", False),
        ("MAX_TOKENS", False),
        ("KEYBOARD", False),
        ("COMPASS", False),
        ("POSTGRES_PASSWORD_FILE", False),
        ("TLS_KEY_PATH", False),
        ("", False),
    ],
)
def test_a_name_that_says_that_its_value_is_a_secret(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_a_secret_of_stack_yml_that_was_typed_is_refused_without_its_value() -> None:
    stack = Stack("shop", "A shop", "acme", secrets=(Secret("SALT"),))
    refuse_typed_secrets(["TAG", "SALTY"], stack)
    with pytest.raises(RefusedError, match="SALT is a secret") as refused:
        refuse_typed_secrets(["TAG", "SALT"], stack)
    assert (refused.value.field, refused.value.value) == ("env", "SALT=***")
    assert refused.value.expected == "SALT=-, and the value on standard input; by ansible-playbook: -e @FILE"
