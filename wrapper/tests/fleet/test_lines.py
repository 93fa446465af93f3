"""An inventory keeps every byte but the lines of the one host, or it is not touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from hypothesis import given, settings
from hypothesis import strategies as st

from vsa.fleet.lines import CannotEditError, groups_with, with_host, with_variables, without_host

NEW = {"ansible_host": "203.0.113.9"}


@dataclass(frozen=True)
class Row:
    """An inventory, and what it becomes: with vps-09 in the group, and without vps-02. None: refused."""

    text: str
    added: str | None = None
    removed: str | None = None
    group: str = "infomaniak"
    name: str = "vps-09"


PLAIN = """\
all:
  children:
    infomaniak:
      hosts:
        vps-01:
          ansible_host: 203.0.113.7
        vps-02:
          ansible_host: 203.0.113.8
    kamatera:
      hosts:
        vps-03:
"""
LINES = ["        vps-09:", "          ansible_host: 203.0.113.9"]
ADDED = "\n".join(LINES) + "\n"
TWO = "        vps-02:\n          ansible_host: 203.0.113.8\n"

NINE = "    vps-09:\n      ansible_host: 203.0.113.9\n"

ROWS: dict[str, Row] = {
    "plain": Row(PLAIN, PLAIN.replace(TWO, TWO + ADDED), PLAIN.replace(TWO, "")),
    "a comment after the last host is the next group's": Row(
        PLAIN.replace("    kamatera:", "\n    # The old ones.\n    kamatera:"),
        PLAIN.replace("    kamatera:", "\n    # The old ones.\n    kamatera:").replace(TWO, TWO + ADDED),
        PLAIN.replace("    kamatera:", "\n    # The old ones.\n    kamatera:").replace(TWO, ""),
    ),
    "a deeper comment belongs to the last host": Row(
        PLAIN.replace(TWO, f"{TWO}          # its disk is small\n"),
        PLAIN.replace(TWO, f"{TWO}          # its disk is small\n{ADDED}"),
        PLAIN.replace(TWO, ""),
    ),
    "blank lines between groups": Row(
        PLAIN.replace("    kamatera:", "\n\n    kamatera:"),
        PLAIN.replace("    kamatera:", "\n\n    kamatera:").replace(TWO, TWO + ADDED),
        PLAIN.replace("    kamatera:", "\n\n    kamatera:").replace(TWO, ""),
    ),
    "a host in braces": Row(
        PLAIN.replace(TWO, "        vps-02: {ansible_host: 203.0.113.8}  # small\n"),
        PLAIN.replace(TWO, "        vps-02: {ansible_host: 203.0.113.8}  # small\n" + ADDED),
        PLAIN.replace(TWO, ""),
    ),
    "all hosts in braces": Row("infomaniak: {hosts: {vps-01: , vps-02: }}\n"),
    "a value of the vault": Row(
        PLAIN.replace(
            TWO, f"{TWO}          secret: !vault |\n            $ANSIBLE_VAULT;1.1;AES256\n            3866\n"
        ),
        PLAIN.replace(
            TWO, f"{TWO}          secret: !vault |\n            $ANSIBLE_VAULT;1.1;AES256\n            3866\n{ADDED}"
        ),
        PLAIN.replace(TWO, ""),
    ),
    "a literal block with a line that looks like a comment": Row(
        PLAIN.replace(TWO, f"{TWO}          note: |\n            # not a comment\n\n"),
        PLAIN.replace(TWO, f"{TWO}          note: |\n            # not a comment\n{ADDED}\n"),
        PLAIN.replace(TWO, "\n"),
    ),
    "tabs for indentation": Row(PLAIN.replace("        vps-02:", "\tvps-02:")),
    "a tab before a comment": Row(
        PLAIN.replace("vps-02:\n", "vps-02:\t# small\n"),
        PLAIN.replace("vps-02:\n", "vps-02:\t# small\n").replace("203.0.113.8\n", f"203.0.113.8\n{ADDED}"),
        PLAIN.replace(TWO, ""),
    ),
    "CRLF": Row(
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(TWO, TWO + ADDED).replace("\n", "\r\n"),
        PLAIN.replace(TWO, "").replace("\n", "\r\n"),
    ),
    "no final newline": Row(
        "infomaniak:\n  hosts:\n    vps-01:\n    vps-02:",
        "infomaniak:\n  hosts:\n    vps-01:\n    vps-02:\n    vps-09:\n      ansible_host: 203.0.113.9",
        "infomaniak:\n  hosts:\n    vps-01:\n",
    ),
    "a host in four groups": Row(
        PLAIN
        + "    hub:\n      hosts:\n        vps-02:\n    agents:\n      hosts:\n        vps-01:\n        vps-02:\n",
        (
            PLAIN
            + "    hub:\n      hosts:\n        vps-02:\n    agents:\n      hosts:\n        vps-01:\n        vps-02:\n"
        ).replace(TWO, TWO + ADDED),
        PLAIN.replace(TWO, "") + "    hub:\n      hosts:\n    agents:\n      hosts:\n        vps-01:\n",
    ),
    "the only host of a group": Row(
        "infomaniak:\n  hosts:\n    vps-02:\n      ansible_host: 203.0.113.8\nkamatera:\n  hosts:\n    vps-03:\n",
        "infomaniak:\n  hosts:\n    vps-02:\n      ansible_host: 203.0.113.8\n"
        + NINE
        + "kamatera:\n  hosts:\n    vps-03:\n",
        "infomaniak:\n  hosts:\nkamatera:\n  hosts:\n    vps-03:\n",
    ),
    "a group without hosts": Row(
        "infomaniak:\n  vars:\n    x: 1\nold:\n  hosts: {}\nkamatera:\n  hosts:\n    vps-02:\n",
        "infomaniak:\n  hosts:\n" + NINE + "  vars:\n    x: 1\nold:\n  hosts: {}\nkamatera:\n  hosts:\n    vps-02:\n",
        "infomaniak:\n  vars:\n    x: 1\nold:\n  hosts: {}\nkamatera:\n  hosts:\n",
    ),
    "hosts without a value": Row(
        "infomaniak:\n  hosts:  # none yet\n\nkamatera:\n  hosts:\n    vps-02:\n",
        "infomaniak:\n  hosts:  # none yet\n" + NINE + "\nkamatera:\n  hosts:\n    vps-02:\n",
        "infomaniak:\n  hosts:  # none yet\n\nkamatera:\n  hosts:\n",
    ),
    "an empty group": Row(
        "infomaniak:\nkamatera:\n  hosts:\n    vps-02:\n",
        "infomaniak:\n  hosts:\n" + NINE + "kamatera:\n  hosts:\n    vps-02:\n",
        "infomaniak:\nkamatera:\n  hosts:\n",
    ),
    "a group that is not there, below all": Row(
        "all:\n  children:\n    kamatera:\n      hosts:\n        vps-02:\n  vars:\n    x: 1\n",
        "all:\n  children:\n    kamatera:\n      hosts:\n        vps-02:\n    infomaniak:\n      hosts:\n"
        + ADDED
        + "  vars:\n    x: 1\n",
        "all:\n  children:\n    kamatera:\n      hosts:\n  vars:\n    x: 1\n",
    ),
    "a group that is not there, at the top": Row(
        "---\nkamatera:\n  hosts:\n    vps-02:\n",
        "---\nkamatera:\n  hosts:\n    vps-02:\ninfomaniak:\n  hosts:\n" + NINE,
        "---\nkamatera:\n  hosts:\n",
    ),
    "an anchor on the hosts, and an alias of them": Row(
        "infomaniak:\n  hosts: &these\n    vps-01:\n    vps-02:\nagents:\n  hosts: *these\n"
    ),
    "an anchor on a host's values": Row(
        "infomaniak:\n  hosts:\n    vps-01: &small\n      disk: 20\n    vps-02: *small\n",
        "infomaniak:\n  hosts:\n    vps-01: &small\n      disk: 20\n    vps-02: *small\n    vps-09:\n"
        "      ansible_host: 203.0.113.9\n",
        "infomaniak:\n  hosts:\n    vps-01: &small\n      disk: 20\n",
    ),
    "an anchor that goes with its host": Row(
        "infomaniak:\n  hosts:\n    vps-02: &small\n      disk: 20\n    vps-03: *small\n",
        "infomaniak:\n  hosts:\n    vps-02: &small\n      disk: 20\n    vps-03: *small\n    vps-09:\n"
        "      ansible_host: 203.0.113.9\n",
        None,
    ),
    "ranges": Row(
        "infomaniak:\n  hosts:\n    web-[01:10]:\n    vps-02:\n",
        "infomaniak:\n  hosts:\n    web-[01:10]:\n    vps-02:\n" + NINE,
        "infomaniak:\n  hosts:\n    web-[01:10]:\n",
    ),
    "a host twice in a group": Row("infomaniak:\n  hosts:\n    vps-02:\n    vps-01:\n    vps-02:\n"),
    "two documents": Row("infomaniak:\n  hosts:\n    vps-02:\n---\nkamatera:\n  hosts:\n    vps-03:\n"),
    "another indentation": Row(
        "all:\n    children:\n        infomaniak:\n            hosts:\n                vps-02:\n",
        "all:\n    children:\n        infomaniak:\n            hosts:\n                vps-02:\n"
        "                vps-09:\n                  ansible_host: 203.0.113.9\n",
        "all:\n    children:\n        infomaniak:\n            hosts:\n",
    ),
    "a name that YAML reads as a truth": Row(
        "infomaniak:\n  hosts:\n    vps-02:\n",
        "infomaniak:\n  hosts:\n    vps-02:\n    'on':\n      ansible_host: 203.0.113.9\n",
        "infomaniak:\n  hosts:\n",
        name="on",
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_a_host_is_added_by_whole_lines(row: Row) -> None:
    if row.added is None and row.text not in (ROWS["an anchor that goes with its host"].text,):
        with pytest.raises(CannotEditError) as caught:
            with_host(row.text, row.name, group=row.group, entry=NEW)
        assert caught.value.lines[0] == f"{row.group}:"
        return
    assert with_host(row.text, row.name, group=row.group, entry=NEW) == row.added


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_a_host_is_removed_by_whole_lines(row: Row) -> None:
    if row.removed is None:
        with pytest.raises(CannotEditError):
            without_host(row.text, "vps-02")
        return
    assert without_host(row.text, "vps-02").rstrip("\r\n") == row.removed.rstrip("\r\n")


@pytest.mark.parametrize(
    "row", [row for row in ROWS.values() if row.added], ids=[k for k, r in ROWS.items() if r.added]
)
def test_ansible_reads_the_new_host(tmp_path: Path, row: Row) -> None:
    path = tmp_path / "hosts.yml"
    path.write_text(row.added or "", newline="")
    host = InventoryManager(loader=DataLoader(), sources=[str(path)]).get_host(row.name)
    assert host is not None
    assert host.vars["ansible_host"] == "203.0.113.9"
    assert row.group in {group.name for group in host.groups}


def test_values_are_data_and_never_yaml() -> None:
    entry = {"ansible_host": "2001:db8::9", "ansible_port": 2222, "x": "it's {{ a }}: # no", "y": "yes", "z": "1e3"}
    made = with_host(PLAIN, "vps-09", group="kamatera", entry=entry)
    assert "ansible_host: '2001:db8::9'\n" in made
    assert "x: 'it''s {{ a }}: # no'\n" in made
    assert "y: 'yes'\n" in made


def test_a_host_gets_further_variables() -> None:
    made = with_variables(PLAIN, "vps-02", entry={"x": "a b"})
    assert made == PLAIN.replace(TWO, f"{TWO}          x: 'a b'\n")
    made = with_variables(PLAIN, "vps-03", entry={"x": "a"})
    assert made == PLAIN + "          x: a\n"
    with pytest.raises(CannotEditError, match="lines of its own"):
        with_variables("all:\n  hosts:\n    vps-02: {x: 1}\n", "vps-02", entry={"y": "a"})


def test_a_variable_that_is_there_is_not_written_twice() -> None:
    with pytest.raises(CannotEditError, match="twice"):
        with_variables(PLAIN, "vps-02", entry={"ansible_host": "203.0.113.9"})


def test_the_lines_to_type_by_hand_are_an_inventory() -> None:
    with pytest.raises(CannotEditError) as caught:
        with_host(ROWS["all hosts in braces"].text, "vps-09", group="infomaniak", entry=NEW)
    assert with_host("x:\n", "vps-09", group="infomaniak", entry=NEW) == "x:\n" + "\n".join(caught.value.lines) + "\n"


def test_aliases_do_not_multiply() -> None:
    levels = [f"    a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    bomb = "\n".join(["infomaniak:", "  vars:", "    a0: &a0 [x]", *levels, "  hosts:", "    vps-02:", ""])
    with pytest.raises(CannotEditError, match="aliases"):
        without_host(bomb, "vps-02")


NAMES = st.sampled_from(["vps-01", "vps-02", "vps-03", "db-01", "web-[1:3]"])
VALUES = ["          a: 1", "          b: |\n            # text", ""]
NOISE = st.sampled_from(["", "# a comment", "    # a deeper comment", "          # deeper still", "  "])


@st.composite
def inventories(draw: st.DrawFn) -> str:
    lines = ["all:", "  children:"]
    for group in draw(st.lists(st.sampled_from(["infomaniak", "kamatera", "hub", "agents"]), min_size=1, unique=True)):
        lines += draw(st.lists(NOISE, max_size=2))
        lines += [f"    {group}:", "      hosts:"]
        for name in draw(st.lists(NAMES, max_size=3, unique=True)):
            lines += draw(st.lists(NOISE, max_size=1))
            lines.append(f"        {name}:")
            lines += draw(st.lists(st.sampled_from(VALUES), max_size=2, unique=True))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = "\n".join(lines).replace("\n", end)
    return text + draw(st.sampled_from(["", end, end + end]))


@settings(max_examples=60, deadline=None)
@given(inventories(), st.sampled_from(["infomaniak", "kamatera", "hub", "agents"]))
def test_what_was_added_goes_again_and_leaves_every_byte(text: str, group: str) -> None:
    made = with_host(text, "new-01", group=group, entry=NEW)
    assert groups_with(made, "new-01") == [group]
    before, after = text.splitlines(), made.splitlines()
    rest = list(after)
    for line in before:
        # Every old line is there, in its order.
        rest = rest[rest.index(line) + 1 :]
    if f" {group}:" in text:
        assert without_host(made, "new-01").splitlines() == before


@settings(max_examples=40, deadline=None)
@given(inventories())
def test_a_removal_takes_only_lines_away(text: str) -> None:
    made = without_host(text, "vps-02")
    assert groups_with(made, "vps-02") == []
    rest = text.splitlines()
    for line in made.splitlines():
        rest = rest[rest.index(line) + 1 :]
