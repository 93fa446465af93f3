"""What `vsa help TOPIC` explains is what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from vsa.ansible.environment import _PASSED
from vsa.cli import main
from vsa.core import STATUS
from vsa.topics import ENVIRONMENT, EXIT_CODES, TOPICS

# Variables that the wrapper or Click reads itself, or that become another one.
_READ_HERE = {"VSA_INVENTORY", "ANSIBLE_CONFIG", "NO_COLOR"}


def test_every_exit_code_is_explained() -> None:
    assert set(EXIT_CODES) == set(STATUS)


def test_the_variables_reach_ansible_or_are_read_here() -> None:
    assert set(ENVIRONMENT) <= _PASSED | _READ_HERE
    assert {name for name in _PASSED if name.startswith("VSA_")} <= set(ENVIRONMENT)


@pytest.mark.parametrize("topic", TOPICS)
def test_a_topic_is_printed_and_stands_in_the_reference(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", topic]) == 0
    said = capsys.readouterr().out
    page = (Path(__file__).parents[2] / "docs/reference/cli.md").read_text(encoding="utf-8")
    for name, meaning in TOPICS[topic][1].items():
        assert name in said
        assert meaning in said
        assert f"| `{name}` | {meaning} |" in page


def test_the_help_of_a_verb_by_another_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "site", "provision"]) == 0
    by_help = capsys.readouterr().out
    assert main(["site", "provision", "--help"]) == 0
    assert by_help.split() == capsys.readouterr().out.split()
    assert main(["help", "nothing"]) == 2
    assert "exit-codes" in capsys.readouterr().err
