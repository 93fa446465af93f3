"""Generations on disk: staged whole, verified, finished last; swept, kept and journalled."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import (
    MAIN,
    Generation,
    make_plan,
    site_file,
    text_hash,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.render import PAGES
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.generations import KEPT, Journal, Record

from hosttree import HostTree, make_record
from making import MARKER, generation_files, make_site

SHOP = site_file("shop.example.com")


@pytest.fixture
def host(tmp_path: Path) -> HostTree:
    """A host without a generation."""
    return HostTree(tmp_path)


def make(host: HostTree, upstream: str = "web-1:3000", *, finished: bool = True, live: bool = True) -> int:
    """Stage a generation with one site."""
    base = host.generations.read(host.generations.live_number())
    plan = make_plan(base, generation_files([make_site(upstream=upstream)]), inputs="i", marker=MARKER)
    number = host.generations.next_number()
    host.generations.open(number)
    hashes = host.generations.write(number, plan.files)
    if finished:
        host.generations.finish(make_record(number, plan, hashes=hashes))
    if finished and live:
        host.generations.switch(number)
    return number


def names(host: HostTree) -> list[str]:
    """Return the names of all directories of generations."""
    return sorted(path.name for path in host.paths.generations.iterdir())


def test_a_host_without_any(host: HostTree) -> None:
    assert host.generations.live_number() == 0
    assert host.generations.numbers() == []
    assert host.generations.read(0) == Generation()
    assert host.generations.record(0) is None
    assert host.generations.next_number() == 1
    host.paths.generations.rmdir()
    assert host.generations.numbers() == []
    host.generations.sweep()


def test_what_is_staged_lies_there_numbered_read_only_and_hashed(host: HostTree) -> None:
    number = make(host)
    directory = host.generations.directory(number)
    read = host.generations.read(number)
    assert number == 1
    assert set(read.files) == {MAIN, *PAGES, SHOP, "manifests/shop.example.com.yml"}
    assert f"/generations/{number}/sites/" in read.files[MAIN]
    assert read.drifted == ()
    assert read.marker == MARKER
    for path in directory.rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o7777 == 0o444
            assert path.stat().st_nlink == 1, "plain copies: an edit in place must not spoil other generations"
    assert str(host.paths.current.readlink()) == "generations/1", "relative, for it is read inside the container too"


def test_a_path_spelled_like_the_number_is_kept(host: HostTree) -> None:
    site = make_site(routes=[{"path": "/@GENERATION@", "container": "web-1", "port": 3000}])
    files = generation_files([site])
    plan = make_plan(Generation(), files, inputs="i", marker=MARKER)
    host.generations.open(1)
    host.generations.finish(make_record(1, plan, hashes=host.generations.write(1, plan.files)))
    read = host.generations.read(1)
    assert {name: read.files[name] for name in files if name != MAIN} == {
        name: text for name, text in files.items() if name != MAIN
    }
    assert not make_plan(read, files, inputs="i", marker=MARKER).changed


def test_a_generation_exists_only_when_it_is_finished(host: HostTree) -> None:
    number = make(host, finished=False)
    assert host.generations.numbers() == []
    assert host.generations.record(number) is None


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        (lambda path: None, []),
        (lambda path: path.unlink(), [SHOP]),
        (lambda path: (path.unlink(), path.write_text("")), [SHOP]),
        (lambda path: (path.chmod(0o644), path.write_text(path.read_text() + " ")), [SHOP]),
        (lambda path: (path.chmod(0o644), path.write_text(path.read_text()[:-20])), [SHOP]),
    ],
    ids=["whole", "gone", "empty", "longer", "torn"],
)
def test_verify(host: HostTree, damage: object, wrong: list[str]) -> None:
    number = make(host)
    record = host.generations.record(number)
    assert record is not None
    damage(host.generations.directory(number) / SHOP)  # type: ignore[operator]
    assert host.generations.verify(number, record.files) == wrong
    assert list(host.generations.read(number).drifted) == wrong


def test_a_number_is_never_used_twice(host: HostTree) -> None:
    assert make(host) == 1
    assert make(host, "web-1:3001", live=False) == 2
    host.generations.discard(2)
    assert host.generations.next_number() == 3, "generation 2 was rolled back, and its name stands in logs"
    assert make(host, "web-1:3002") == 3
    (host.paths.nginx / "last.json").unlink()
    assert host.generations.next_number() == 4
    (host.paths.nginx / "last.json").write_text("{torn")
    assert host.generations.next_number() == 4


@pytest.mark.parametrize("target", ["generations/x", "elsewhere", "generations/", "7/"])
def test_a_link_that_is_none_of_ours_is_no_generation(host: HostTree, target: str) -> None:
    host.paths.current.symlink_to(target)
    assert host.generations.live_number() == 0


def test_switch(host: HostTree) -> None:
    first, second = make(host), make(host, "web-1:3001")
    assert host.generations.live_number() == second
    host.generations.switch(first)
    assert host.generations.live_number() == first
    host.generations.switch(0)
    assert host.generations.live_number() == 0
    assert not host.paths.current.is_symlink()
    host.generations.switch(0)


def test_discard_never_takes_the_live_one(host: HostTree) -> None:
    first, second = make(host), make(host, "web-1:3001")
    host.generations.discard(second)
    host.generations.discard(0)
    assert host.generations.numbers() == [first, second]
    host.generations.discard(first)
    assert host.generations.numbers() == [second]


def test_sweep_takes_what_was_never_committed(host: HostTree) -> None:
    kept = [make(host), make(host, "web-1:3001")]
    prepared = make(host, "web-1:3002", live=False)
    unfinished = make(host, "web-1:3003", finished=False)
    (host.paths.generations / "rubbish").mkdir()
    assert names(host) == ["1", "2", str(prepared), str(unfinished), "rubbish"]
    host.generations.sweep()
    assert names(host) == ["1", "2"]
    assert host.generations.numbers() == kept


def test_sweep_without_a_live_one_takes_all(host: HostTree) -> None:
    make(host, live=False)
    host.generations.sweep()
    assert names(host) == []


@pytest.mark.parametrize("number", [1, KEPT - 1, KEPT, KEPT + 1, KEPT + 4])
def test_prune_keeps_the_last_ones(host: HostTree, number: int) -> None:
    for port in range(1, number + 1):
        make(host, f"web-1:{port}")
    host.generations.prune()
    assert host.generations.numbers() == list(range(max(1, number - KEPT + 1), number + 1))


def test_prune_keeps_the_live_one_however_old(host: HostTree) -> None:
    for port in range(1, 9):
        make(host, f"web-1:{port}")
    host.generations.switch(2)
    host.generations.prune()
    assert host.generations.numbers() == [2, 5, 6, 7, 8]


def test_the_record_says_who_why_and_what(host: HostTree) -> None:
    number = make(host)
    record = host.generations.record(number)
    assert record is not None
    assert (record.number, record.base, record.actor, record.verb) == (1, 0, "tester@here", "site.provision")
    assert record.changed == ["shop.example.com"]
    read = host.generations.read(number)
    assert record.files == {name: text_hash(text) for name, text in read.files.items()}
    assert Record.load(json.loads(record.dump())) == record


@pytest.mark.parametrize(
    "change",
    [None, [], "text", {}, {"schema": 2}, {"schema": None}],
    ids=str,
)
def test_a_record_that_is_none_is_not_read(change: object) -> None:
    assert Record.load(change) is None


def test_a_record_of_a_newer_vsa_is_read_as_far_as_it_is_known(host: HostTree) -> None:
    number = make(host)
    record = host.generations.record(number)
    assert record is not None
    known = json.loads(record.dump())
    assert Record.load({**known, "colour": "blue"}) == record
    assert Record.load({key: value for key, value in known.items() if key != "files"}) is None


def test_probes_and_records_are_no_files_of_a_generation(host: HostTree) -> None:
    number = make(host)
    (host.generations.directory(number) / "probe.conf").write_text("x")
    (host.generations.directory(number) / "sites/below").mkdir()
    assert host.generations.read(number).drifted == ()
    (host.generations.directory(number) / "sites/foreign.conf").write_text("x")
    assert host.generations.read(number).drifted == ("sites/foreign.conf",)


def test_staging_again_begins_anew(host: HostTree) -> None:
    number = make(host, finished=False)
    (host.generations.directory(number) / "sites/old.example.conf").write_text("x")
    plan = make_plan(Generation(), generation_files([make_site()]), inputs="i", marker=MARKER)
    host.generations.open(number)
    hashes = host.generations.write(number, plan.files)
    assert set(hashes) == set(plan.files)
    assert not (host.generations.directory(number) / "sites/old.example.conf").exists()


def test_what_was_staged_in_part_is_swept_away(host: HostTree) -> None:
    plan = make_plan(Generation(), {MAIN: "x", "elsewhere/x.conf": "x"}, inputs="i", marker=MARKER)
    host.generations.open(1)
    with pytest.raises(FileNotFoundError):
        host.generations.write(1, plan.files)
    host.generations.sweep()
    assert names(host) == []


def test_the_journal_is_there_from_the_first_effect_to_the_last(host: HostTree) -> None:
    journal = Journal(base=1, to=2, networks=["n"], attached=["n"], joined=[["n", "web-1"]])
    assert host.generations.journal() is None
    host.generations.write_journal(journal)
    assert host.generations.journal() == journal
    assert host.paths.journal.stat().st_mode & 0o7777 == 0o600
    host.generations.write_journal(dataclasses.replace(journal, to=3))
    assert host.generations.journal() == dataclasses.replace(journal, to=3)
    host.generations.close_journal()
    host.generations.close_journal()
    assert host.generations.journal() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"base": 1}', '{"base": 1, "to": 2, "colour": "blue"}'])
def test_a_torn_journal_is_none(host: HostTree, text: str) -> None:
    host.paths.journal.write_text(text)
    assert host.generations.journal() is None
