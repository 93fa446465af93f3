"""Plans: what differs from the live generation, in which words, under which name; and what NGINX's refusals mean."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.plan import (
    LIST,
    MAIN,
    FileChange,
    Generation,
    Plan,
    culprit_line,
    listed_files,
    make_plan,
    manifest_file,
    number_generation,
    numbered,
    site_file,
    site_list,
    site_of,
    stored_name,
    text_hash,
    undone_notes,
    unnumber,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.settings import Settings
from hypothesis import given, settings
from hypothesis import strategies as st

from making import generation_files, make_renderer, make_site

TRANSCRIPTS = Path(__file__).parent / "transcripts"
MAIN_TEXT = "# generation @GENERATION@.\n"
A, B = site_file("a.example"), site_file("b.example")


def live(files: Mapping[str, str], number: int = 7) -> Generation:
    """Return a generation that lies there as it was written."""
    written = {name: numbered(name, text, number) for name, text in files.items()}
    hashes = {name: text_hash(text) for name, text in written.items()}
    return Generation(number=number, files=written, hashes=hashes, inputs="i", marker="m")


def plan(before: Mapping[str, str], after: Mapping[str, str], *, number: int = 7) -> Plan:
    """Return the plan that leads from one generation's files to others'."""
    return make_plan(live(before, number), after, inputs="i", marker="m")


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        (site_file("shop.example.com"), "shop.example.com"),
        (manifest_file("shop.example.com"), "shop.example.com"),
        (site_file("a.conf"), "a.conf"),
        (manifest_file("a.yml.yml"), "a.yml.yml"),
        (MAIN, None),
        ("sites/x.yml", None),
        ("manifests/x.conf", None),
        ("generation.json", None),
    ],
)
def test_site_of(name: str, domain: str | None) -> None:
    assert site_of(name) == domain


@pytest.mark.parametrize(
    ("before", "after", "kinds", "summary"),
    [
        ({}, {}, {}, "no file changed"),
        ({MAIN: MAIN_TEXT, A: "a"}, {MAIN: MAIN_TEXT, A: "a"}, {}, "no file changed"),
        ({}, {MAIN: MAIN_TEXT}, {MAIN: "add"}, "1 file added"),
        ({MAIN: MAIN_TEXT}, {MAIN: MAIN_TEXT, A: "a"}, {A: "add"}, "1 file added"),
        ({A: "a"}, {A: "a2"}, {A: "change"}, "1 file changed"),
        ({A: "a", B: "b"}, {A: "a"}, {B: "remove"}, "1 file removed"),
        ({A: "a"}, {B: "b"}, {A: "remove", B: "add"}, "1 file added, 1 file removed"),
        ({A: "a", B: "b"}, {A: "a2", B: "b2"}, {A: "change", B: "change"}, "2 files changed"),
        (
            {A: "a", manifest_file("a.example"): "m"},
            {A: "a2", manifest_file("a.example"): "m2"},
            {A: "change", manifest_file("a.example"): "change"},
            "1 file changed",
        ),
        (
            {manifest_file("a.example"): "m"},
            {manifest_file("a.example"): "m2"},
            {manifest_file("a.example"): "change"},
            "1 file changed",
        ),
        ({A: ""}, {A: "a"}, {A: "change"}, "1 file changed"),
        ({}, {A: ""}, {A: "add"}, "1 file added"),
    ],
)
def test_make_plan(before: dict[str, str], after: dict[str, str], kinds: dict[str, str], summary: str) -> None:
    made = plan(before, after)
    assert {change.name: change.kind for change in made.changes} == kinds
    assert [change.name for change in made.changes] == sorted(kinds)
    assert made.summary() == summary
    assert made.changed == bool(kinds)
    assert made.base == 7
    assert made.files == after
    assert set(made.sites_changed) == {
        site_of(name) for name, kind in kinds.items() if name in (A, B) and kind != "remove"
    }
    assert set(made.sites_removed) == {
        site_of(name) for name, kind in kinds.items() if name in (A, B) and kind == "remove"
    }


def test_the_number_of_a_generation_is_no_change() -> None:
    files = generation_files([make_site()])
    for number in (1, 7, 12345):
        assert not plan(files, files, number=number).changed


def test_a_site_may_be_spelled_like_the_place_of_the_number() -> None:
    files = generation_files([make_site(routes=[{"path": "/@GENERATION@", "container": "web-1", "port": 3000}])])
    assert not plan(files, files).changed
    assert "location /@GENERATION@ {" in live(files).files[site_file("shop.example.com")]


def test_joins_alone_are_a_change() -> None:
    base = live({MAIN: MAIN_TEXT})
    joins = (("flowbiz_ext", "web-1"), ("flowbiz_ext", "api-1"))
    made = make_plan(base, {MAIN: MAIN_TEXT}, inputs="i", marker="m", networks=("n2", "n1"), joins=joins)
    assert made.changed
    assert not made.changes
    assert made.networks == ("n1", "n2")
    assert made.joins == tuple(sorted(joins))


@pytest.mark.parametrize(
    ("files", "drifted"),
    [
        ({MAIN: MAIN_TEXT, A: "a"}, ()),
        ({MAIN: MAIN_TEXT, A: "by hand"}, (A,)),
        ({MAIN: MAIN_TEXT}, (A,)),
        ({MAIN: MAIN_TEXT, A: "a", B: "foreign"}, (B,)),
        ({MAIN: "", A: ""}, (MAIN, A)),
    ],
)
def test_drift_is_seen_and_put_right(files: dict[str, str], drifted: tuple[str, ...]) -> None:
    written = {MAIN: MAIN_TEXT, A: "a"}
    good = live(written)
    lying = replace(good, files={name: number_generation(text, 7) for name, text in files.items()})
    assert lying.drifted == drifted
    made = make_plan(lying, written, inputs="i", marker="m")
    assert tuple(change.name for change in made.changes) == drifted


def test_domains_of_a_generation() -> None:
    files = generation_files([make_site("b.example"), make_site("a.example")])
    assert live(files).domains == ("a.example", "b.example")
    assert Generation().domains == ()
    assert Generation().drifted == ()


def test_the_hash_names_the_plan() -> None:
    before, after = {MAIN: MAIN_TEXT, A: "a"}, {MAIN: MAIN_TEXT, A: "a2", B: "b"}
    made = plan(before, after)
    same = plan(dict(reversed(before.items())), dict(reversed(after.items())))
    assert made.hash == same.hash
    assert len(made.hash) == 64
    others = [
        plan(before, after, number=8),
        plan(before, {**after, A: "a3"}),
        plan(before, {MAIN: MAIN_TEXT, A: "a2"}),
        replace(made, networks=("flowbiz_ext",)),
        replace(made, joins=(("flowbiz_ext", "web-1"),)),
        plan(before, {MAIN: MAIN_TEXT, A: "b", B: "a2"}),
    ]
    assert len({made.hash, *(other.hash for other in others)}) == len(others) + 1


def test_the_hash_does_not_depend_on_the_process() -> None:
    # A fleet prepares in one process and commits in another, each with its own order of sets and dictionaries.
    code = f"import runpy; print(runpy.run_path({__file__!r})['plan']({{}}, {{{A!r}: 'a', {B!r}: 'b'}}).hash)"
    here = plan({}, {A: "a", B: "b"}).hash
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        assert done.stdout.strip() == here


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        (FileChange(A, None, "x\n"), ["--- /dev/null", f"+++ after/{A}", "@@ -0,0 +1 @@", "+x"]),
        (FileChange(A, "x\n", None), [f"--- before/{A}", "+++ /dev/null", "@@ -1 +0,0 @@", "-x"]),
        (
            FileChange(A, "x\ny\n", "x\nz\n"),
            [f"--- before/{A}", f"+++ after/{A}", "@@ -1,2 +1,2 @@", " x", "-y", "+z"],
        ),
    ],
)
def test_diff(change: FileChange, lines: list[str]) -> None:
    assert change.diff().splitlines() == lines


def test_the_diff_of_a_plan_is_that_of_its_files() -> None:
    made = plan({A: "a\n", B: "b\n"}, {A: "a2\n"})
    assert made.diff() == "".join(change.diff() for change in made.changes)
    assert "-b\n" in made.diff()


_NUMBERS = st.integers(1, 10**7)
_DURATIONS = st.builds(lambda number, unit: f"{number}{unit}", st.integers(1, 999999), st.sampled_from("smhd"))


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    number=_NUMBERS,
    timeout=_DURATIONS,
    valid=_DURATIONS,
    marker=st.integers(0, (1 << 128) - 1).map(lambda value: f"{value:032x}"),
    http3=st.booleans(),
)
def test_unnumber_takes_back_number_generation(number: int, timeout: str, valid: str, marker: str, http3: bool) -> None:
    renderer = make_renderer(settings=Settings(worker_shutdown_timeout=timeout, resolver_valid=valid), marker=marker)
    text = renderer.main(any_http3=http3)
    assert unnumber(number_generation(text, number), number) == text
    assert number_generation(text, number) != text


# What NGINX said, recorded by transcripts/record.py: domain, line and words.
SHOP = "shop.example.com"
MAIN_PLACE = "/etc/nginx/vsa/generations/7/nginx.conf"
SAID: dict[str, tuple[str | None, int | None, str]] = {
    "unknown-directive": (SHOP, 12, 'unknown directive "proxy_past"'),
    "arguments": (SHOP, 12, 'invalid number of arguments in "client_max_body_size" directive'),
    "value": (SHOP, 12, '"client_max_body_size" directive invalid value'),
    "context": (SHOP, 12, '"worker_processes" directive is not allowed here'),
    "end-of-file": (SHOP, 18, 'directive "location" has no opening "{"'),
    "brace": (SHOP, 12, 'unexpected "}"'),
    "duplicate-location": (SHOP, 18, 'duplicate location "/"'),
    "duplicate-upstream": (SHOP, 2, 'duplicate upstream "blog.example.com_web-1_3000"'),
    "host-not-found": (SHOP, 4, 'host not found in upstream "web-1.flowbiz_ext:3000"'),
    "no-such-include": (SHOP, 12, 'open() "/etc/nginx/nothing.conf" failed (2: No such file or directory)'),
    "no-such-log-directory": (None, None, 'open() "/nowhere/x.log" failed (2: No such file or directory)'),
    "unknown-variable": (None, None, 'unknown "nothing" variable'),
    "zone-size": (
        SHOP,
        2,
        'the size 131072 of shared memory zone "vsa_upstreams" conflicts with already declared size 1048576',
    ),
    "warning-first": (SHOP, 24, 'unknown directive "nonsense"'),
    "main-directive": (
        None,
        None,
        f'invalid value "maybe" in "sendfile" directive, it must be "on" or "off" in {MAIN_PLACE}:17',
    ),
    "main-end-of-file": (
        None,
        None,
        f'unexpected end of file, expecting "}}" in {MAIN_PLACE}:122',
    ),
    "empty-main": (None, None, 'no "events" section in configuration'),
    "no-main-file": (
        None,
        None,
        f'open() "{MAIN_PLACE}" failed (2: No such file or directory)',
    ),
}


def test_every_transcript_is_read() -> None:
    versions = sorted(path.name for path in TRANSCRIPTS.iterdir() if path.is_dir() and path.name.startswith("nginx-"))
    assert versions == ["nginx-1.30.6", "nginx-1.30.6-log-file"]
    for version in versions:
        assert {path.stem for path in (TRANSCRIPTS / version).iterdir()} == set(SAID)


@pytest.mark.parametrize("version", ["nginx-1.30.6", "nginx-1.30.6-log-file"])
@pytest.mark.parametrize("case", SAID)
def test_culprit_line(version: str, case: str) -> None:
    output = (TRANSCRIPTS / version / f"{case}.txt").read_text(encoding="utf-8")
    assert culprit_line(output, 7) == SAID[case]
    # A refusal that is about another generation names no site of this one.
    assert culprit_line(output, 8)[:2] == (None, None)


@pytest.mark.parametrize(
    ("output", "words"),
    [("", ""), ("\n \n", ""), ("exec failed: no such container\n\n", "exec failed: no such container")],
)
def test_culprit_line_of_what_is_not_nginx(output: str, words: str) -> None:
    assert culprit_line(output, 7) == (None, None, words)


@pytest.mark.parametrize(
    ("name", "before", "noted"),
    [
        ("manifests/a.example.yml", "schema: 1\norigin: declared\n", True),
        ("manifests/a.example.yml", "schema: 1\n", False),
        ("manifests/a.example.yml", "schema: 1\n# origin: declared\n", False),
        ("manifests/a.example.yml", None, False),
        ("sites/a.example.conf", "origin: declared\n", False),
    ],
)
def test_a_change_of_a_declared_site_is_noted(name: str, before: str | None, noted: bool) -> None:
    notes = undone_notes([FileChange(name, before, "other")])
    assert bool(notes) is noted
    assert all("a.example is declared" in note for note in notes)


def test_what_auth_changes_is_undone_only_where_it_is_declared() -> None:
    changes = [FileChange("manifests/a.example.yml", "origin: declared\n", "other")]
    assert undone_notes(changes, verb="site.provision")[0].endswith("apply undoes this")
    assert undone_notes(changes, verb="auth.add")[0].endswith("apply undoes this, if it is declared there")


DIGESTS = {
    site_file(SHOP): "ab" * 32,
    manifest_file(SHOP): "cd" * 32,
    site_file("blog.example.com"): "01" * 32,
    manifest_file("blog.example.com"): "23" * 32,
    MAIN: "45" * 32,
}


def test_the_list_of_sites_names_each_stored_file() -> None:
    text = site_list(DIGESTS, root="/etc/nginx/vsa")
    assert text.splitlines()[1:] == [
        "include /etc/nginx/vsa/store/blog.example.com/0101010101010101.conf; # 2323232323232323.yml",
        "include /etc/nginx/vsa/store/shop.example.com/abababababababab.conf; # cdcdcdcdcdcdcdcd.yml",
    ]
    assert listed_files(text) == {name: digest[:16] for name, digest in DIGESTS.items() if name != MAIN}
    assert (site_of(LIST), stored_name(manifest_file(SHOP), "cd" * 32)) == (None, f"store/{SHOP}/cdcdcdcdcdcdcdcd.yml")


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "include /elsewhere/x.conf;\n", "include /store/a/../b.conf; # x.yml\n"]
)
def test_what_is_no_list_names_no_file(text: str) -> None:
    assert listed_files(text) == {}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            f'unknown directive "x" in /etc/nginx/vsa/store/{SHOP}/abababababababab.conf:12',
            (SHOP, 12, 'unknown directive "x"'),
        ),
        (
            f'duplicate location "/store/" in /etc/nginx/vsa/store/{SHOP}/abababababababab.conf:3',
            (SHOP, 3, 'duplicate location "/store/"'),
        ),
        (
            f'duplicate location "/store/a.conf:1" in {MAIN_PLACE}:3',
            (None, None, f'duplicate location "/store/a.conf:1" in {MAIN_PLACE}:3'),
        ),
    ],
)
def test_the_line_of_a_stored_file_is_found(message: str, expected: tuple[str | None, int | None, str]) -> None:
    assert culprit_line(f"2026/11/24 10:58:37 [emerg] 1#1: {message}\n", 7) == expected
