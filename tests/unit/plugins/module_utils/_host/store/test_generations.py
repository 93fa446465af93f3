"""Generations on disk: staged whole, verified, finished last; swept, kept and journalled."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import (
    LIST,
    MAIN,
    Generation,
    make_plan,
    manifest_file,
    numbered,
    site_file,
    text_hash,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.render import PAGES
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.generations import Heading, Journal, Record

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


def stored(host: HostTree) -> set[str]:
    """Return the paths of all stored files."""
    return {str(path) for path in (host.paths.nginx / "store").rglob("*") if path.is_file()}


def needed(host: HostTree) -> set[str]:
    """Return the paths of the stored files that the finished generations have."""
    records = filter(None, map(host.generations.record, host.generations.numbers()))
    files = [host.generations.path(record.number, name, record.files) for record in records for name in record.files]
    return {path for path in files if "/store/" in path}


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
            # These two have the key with which VSA visits sites, and only root reads them.
            secret = path.name in (MAIN, "generation.json")
            assert path.stat().st_mode & 0o7777 == (0o400 if secret else 0o444)
            assert (MARKER in path.read_text()) == secret
            assert path.stat().st_nlink == 1
    stored = host.file(SHOP)
    assert (stored.parent.parent, stored.parent.name) == (host.paths.nginx / "store", "shop.example.com")
    assert (stored.stat().st_mode & 0o7777, stored.stat().st_nlink) == (0o444, 1)
    assert str(host.paths.current.readlink()) == "generations/1", "relative, for it is read inside the container too"


def test_what_an_earlier_release_left_open_is_closed(host: HostTree) -> None:
    numbers = [make(host), make(host)]
    files = [host.generations.directory(number) / name for number in numbers for name in (MAIN, "generation.json")]
    assert not host.generations.key_is_open()
    for file in files:
        file.chmod(0o444)
    host.generations.sweep()
    assert [file.stat().st_mode & 0o7777 for file in files] == [0o400, 0o400, 0o444, 0o444]
    assert host.generations.key_is_open(), "the next change makes another key"
    host.generations.close_keys()
    assert {file.stat().st_mode & 0o7777 for file in files} == {0o400}
    assert not host.generations.key_is_open()
    assert (host.generations.directory(2) / PAGES[0]).stat().st_mode & 0o7777 == 0o444


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
    damage(host.file(SHOP, number))  # type: ignore[operator]
    assert host.generations.verify(number, record.files) == wrong
    assert list(host.generations.read(number).drifted) == wrong
    assert host.generations.verify(number, record.files, names=[MAIN]) == []


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


KEEP = 5


@pytest.mark.parametrize("number", [1, KEEP - 1, KEEP, KEEP + 1, KEEP + 4])
def test_finding_4_prune_keeps_the_last_ones(host: HostTree, number: int) -> None:
    for port in range(1, number + 1):
        make(host, f"web-1:{port}")
    host.generations.prune(KEEP)
    assert host.generations.numbers() == list(range(max(1, number - KEEP + 1), number + 1))
    assert stored(host) == needed(host), "what no generation needs is gone, all else is there"


def test_prune_keeps_the_live_one_however_old(host: HostTree) -> None:
    for port in range(1, 9):
        make(host, f"web-1:{port}")
    host.generations.switch(2)
    host.generations.prune(KEEP)
    assert host.generations.numbers() == [2, 5, 6, 7, 8]
    assert stored(host) == needed(host)


def test_the_record_says_who_why_and_what(host: HostTree) -> None:
    number = make(host)
    record = host.generations.record(number)
    assert record is not None
    assert (record.number, record.base, record.actor, record.verb) == (1, 0, "tester@here", "site.provision")
    assert record.changed == ["shop.example.com"]
    read = host.generations.read(number)
    assert {**record.files, LIST: ""} == {LIST: "", **{name: text_hash(text) for name, text in read.files.items()}}
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
    assert Record.load({key: value for key, value in known.items() if key != "files"}) is None


def test_the_heading_of_a_record_is_read_without_its_files_and_sites(
    host: HostTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = make(host)
    record = host.generations.record(number)
    assert record is not None
    wanted = {entry.name: getattr(record, entry.name) for entry in dataclasses.fields(Heading)}
    monkeypatch.setattr(Record, "load", lambda _data: pytest.fail("the whole record was read"))
    assert dataclasses.asdict(host.generations.heading(number) or pytest.fail("no heading")) == wanted
    assert host.generations.heading(number + 1) is None


@pytest.mark.parametrize("indent", [None, 1])
def test_the_heading_of_a_record_that_another_program_wrote(host: HostTree, indent: int | None) -> None:
    number = make(host)
    path = host.generations.directory(number) / "generation.json"
    known = json.loads(path.read_text())
    heading = host.generations.heading(number)
    path.unlink()
    path.write_text(json.dumps({**known, "actor": ', "files": {', "summary": ', "changed": ['}, indent=indent))
    assert host.generations.heading(number) == dataclasses.replace(
        heading or pytest.fail("no heading"), actor=', "files": {', summary=', "changed": ['
    )
    path.write_text("{")
    assert host.generations.heading(number) is None


def test_probes_and_records_are_no_files_of_a_generation(host: HostTree) -> None:
    number = make(host)
    (host.generations.directory(number) / "probe.conf").write_text("x")
    (host.generations.directory(number) / "sites/below").mkdir()
    assert host.generations.read(number).drifted == ()
    (host.generations.directory(number) / "sites/foreign.conf").write_text("x")
    assert host.generations.read(number).drifted == ("sites/foreign.conf",)


EDITED_LISTS = {"gone": None, "empty": "", "another": "include /etc/nginx/vsa/store/x.example/0123456789abcdef.conf;\n"}


@pytest.mark.parametrize("text", EDITED_LISTS.values(), ids=EDITED_LISTS)
def test_a_list_of_sites_that_somebody_changed_is_drift_and_written_again(host: HostTree, text: str | None) -> None:
    number = make(host)
    host.break_open(LIST, text)
    read = host.generations.read(number)
    assert read.drifted == (LIST,)
    assert read.domains == ("shop.example.com",)
    plan = make_plan(read, generation_files([make_site()]), inputs="i", marker=MARKER)
    assert [change.name for change in plan.changes] == [LIST]
    assert (plan.sites_changed, plan.sites_removed) == ((), ())
    other = make(host)
    assert host.generations.read(other).drifted == ()
    host.generations.discard(number)
    assert stored(host) == needed(host)


def test_what_is_stored_is_stored_once(host: HostTree) -> None:
    first, second, third = make(host), make(host, "web-1:3001"), make(host)
    assert host.file(SHOP, first) == host.file(SHOP, third) != host.file(SHOP, second)
    assert len(stored(host)) == 4
    host.generations.discard(first)
    host.generations.discard(second)
    assert len(stored(host)) == 2
    assert host.generations.read(third).drifted == ()


def test_what_is_unchanged_is_not_written_again(host: HostTree) -> None:
    make(host)
    before = host.file(SHOP).stat()
    files = generation_files([make_site(), make_site("blog.example.com")])
    host.generations.open(2)
    hashes = host.generations.write(2, files, base=1, changed={site_file("blog.example.com")})
    assert host.generations.verify(2, hashes) == []
    assert host.file(SHOP).stat() == before


def test_an_edit_of_a_stored_file_is_seen_in_each_generation_and_is_repaired(host: HostTree) -> None:
    """Such an edit spoils other generations, but not silently; the next one that needs the file has it whole."""
    first, second = make(host), make(host, "web-1:3001")
    third = make(host)
    whole = host.file(SHOP).read_text()
    host.break_open(SHOP, "# by hand\n")
    assert [host.generations.read(number).drifted for number in (first, second, third)] == [(SHOP,), (), (SHOP,)]
    make(host, "web-1:3002")
    make(host)
    assert host.file(SHOP).read_text() == whole
    assert [host.generations.read(number).drifted for number in (first, second, third)] == [(), (), ()]
    assert host.file(SHOP).stat().st_mode & 0o7777 == 0o444


def test_a_plain_file_beside_the_list_is_drift(host: HostTree) -> None:
    """NGINX reads sites/*.conf, so it would read the file too."""
    number = make(host)
    (host.generations.directory(number) / SHOP).write_text("# somebody's own\n")
    assert host.generations.read(number).drifted == (SHOP,)
    assert host.generations.read(number).files[SHOP] == "# somebody's own\n"


def test_a_generation_of_an_earlier_version_is_read_as_before(host: HostTree) -> None:
    """It has plain copies and no list."""
    plan = make_plan(Generation(), generation_files([make_site()]), inputs="i", marker=MARKER)
    directory = host.generations.directory(1)
    for name, text in plan.files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(numbered(name, text, 1))
    hashes = {name: text_hash(numbered(name, text, 1)) for name, text in plan.files.items()}
    host.generations.finish(make_record(1, plan, hashes=hashes))
    host.generations.switch(1)
    read = host.generations.read(1)
    assert (set(read.files), read.drifted, read.domains) == (set(plan.files), (), ("shop.example.com",))
    assert host.generations.verify(1, hashes) == []
    assert not make_plan(read, plan.files, inputs="i", marker=MARKER).changed
    second = make(host)
    versions = host.generations.versions("shop.example.com")
    assert list(versions) == [1, second]
    assert len(set(versions.values())) == 1
    host.break_open(SHOP, "# by hand\n")
    assert host.generations.read(1).drifted == (), "it shares no file"
    host.generations.discard(1)
    assert host.generations.numbers() == [second]


def test_versions_of_a_site(host: HostTree) -> None:
    for upstream in ("web-1:3000", "web-1:3001", "web-1:3000"):
        make(host, upstream)
    versions = host.generations.versions("shop.example.com")
    assert list(versions) == [1, 2, 3]
    assert versions[1] == versions[3] != versions[2]
    assert host.generations.versions("other.example.com") == {1: None, 2: None, 3: None}
    record = host.generations.record(1)
    assert record is not None
    assert record.files[manifest_file("shop.example.com")].startswith(str(versions[1]))


@pytest.mark.parametrize("left", ["the list alone", "a part", "all"])
def test_what_a_killed_staging_stored_is_swept_away(host: HostTree, left: str) -> None:
    make(host)
    before = stored(host)
    number = make(host, "web-1:3001", finished=False)
    if left != "all":
        for path in sorted(stored(host) - before)[: 2 if left == "the list alone" else 1]:
            Path(path).unlink()
    host.generations.sweep()
    assert stored(host) == before
    assert not host.generations.directory(number).exists()


def test_a_removal_that_was_killed_is_done_by_the_next_run(host: HostTree) -> None:
    """The record goes first, so the rest is an unfinished generation."""
    first, second = make(host), make(host, "web-1:3001")
    (host.generations.directory(first) / "generation.json").unlink()
    host.generations.sweep()
    assert names(host) == [str(second)]
    assert stored(host) == needed(host)


def test_an_emptied_list_of_the_live_generation_costs_no_stored_file(host: HostTree) -> None:
    first = make(host)
    live = make(host, "web-1:3001")
    host.break_open(LIST, "")
    host.generations.discard(first)
    assert needed(host) == stored(host) != set()
    assert host.generations.read(live).domains == ("shop.example.com",)


def test_staging_again_begins_anew(host: HostTree) -> None:
    number = make(host, finished=False)
    (host.generations.directory(number) / "sites/old.example.conf").write_text("x")
    plan = make_plan(Generation(), generation_files([make_site()]), inputs="i", marker=MARKER)
    host.generations.open(number)
    hashes = host.generations.write(number, plan.files)
    assert set(hashes) == {LIST, *plan.files}
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


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"base": 1}', '{"base": "1", "to": 2}'])
def test_a_torn_journal_is_none(host: HostTree, text: str) -> None:
    host.paths.journal.write_text(text)
    assert host.generations.journal() is None
