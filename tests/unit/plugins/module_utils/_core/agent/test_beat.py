"""A beat: its form and limits, how it is packed, and how the hub checks it."""

from __future__ import annotations

import dataclasses
import gzip
import json
import random
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.actor import Actor
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.beat import (
    ABSENT,
    COMPRESSED_MOST,
    FAILED,
    INFLATED_MOST,
    OK,
    RECORDS_MOST,
    Beat,
    Reading,
    audit_line,
    canonical,
    digest_of,
    packed,
    parsed_beat,
    record_hashes,
    section_of,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.record import (
    GENESIS,
    MAX_LINE,
    AuditRecord,
    Controller,
    RecordedActor,
    seal,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError

AT = "2026-11-30T09:00:00Z"


def line(number: int = 1, *, previous: str = GENESIS, words: str = "") -> str:
    record = AuditRecord(
        id=str(number),
        kind="change",
        time=AT,
        actor=RecordedActor.of(Actor("ops")),
        controller=Controller("desk", "0" * 16),
        verb="site.provision",
        version="1",
        error=words,
    )
    return seal(record, previous)


def beat(**values: Any) -> Beat:
    sections = {"usage": section_of("usage", Reading(OK, AT, rows=[{"id": "a", "memory_bytes": 5}]))}
    known = Beat("vps-01", "1" * 32, "2" * 32, 1, "2026-11-30T09:00:00.123Z", "0.1.0", sections)
    return dataclasses.replace(known, **values)


def sent(given: Beat) -> dict[str, Any]:
    data = json.loads(gzip.decompress(packed(given).body))
    assert isinstance(data, dict)
    return data


def test_canonical_json_is_sorted_dense_and_in_utf8() -> None:
    assert canonical([{"b": "ü", "a": None}]) == '[{"a":null,"b":"ü"}]'.encode()
    assert digest_of([{"a": 1, "b": 2}]) == digest_of([{"b": 2, "a": 1}])
    assert digest_of([]) == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"


def test_only_a_section_that_was_read_has_rows() -> None:
    read = section_of("usage", Reading(OK, AT, rows=[{"id": "a"}]))
    assert read["status"] == "ok"
    assert read["digest"] == digest_of(read["rows"])
    for status in (FAILED, ABSENT):
        section = section_of("usage", Reading(status, AT, rows=[{"id": "a"}], error="e\x00" * 400))
        assert set(section) == {"status", "at", "error"}
        assert section["error"] == "e\ufffd" * 250


def test_what_is_sent_is_what_the_hub_reads() -> None:
    given = beat(after="3" * 64, records=[line()], left=3, audit_error="unreadable")
    assert parsed_beat(sent(given)) == given


def test_a_record_keeps_its_hash_over_the_wire() -> None:
    text = line(words="ünïcode \u0000")
    claimed = record_hashes(sent(beat(records=[text]))["audit"]["records"][0])
    assert claimed[1] == claimed[2]


def test_an_edited_record_is_sent_as_it_is_and_shows() -> None:
    edited = line().replace("ops", "oops")
    assert audit_line(edited.encode() + b"\n") == edited
    before, claimed, true = record_hashes(edited)
    assert before == GENESIS
    assert claimed != true


@pytest.mark.parametrize("data", [b"", b"torn", b'{"prev_hash":"', line().encode()[:-5]])
def test_what_is_no_record_is_not_sent(data: bytes) -> None:
    assert audit_line(data) is None


def test_an_edited_record_may_hold_any_bytes() -> None:
    edited = line().encode().replace(b"ops", b"\xff\x00")
    text = audit_line(edited)
    assert text is not None
    assert "\ufffd\ufffd" in text
    assert parsed_beat(sent(beat(records=[text]))).records == [text]


def test_at_most_500_records_and_the_rest_is_counted() -> None:
    given = beat(records=[line()] * 600, left=7)
    assert packed(given).records == RECORDS_MOST
    assert sent(given)["audit"]["left"] == 107


def test_a_beat_of_an_agent_that_counts_no_rest() -> None:
    data = sent(beat())
    del data["audit"]["left"]
    assert parsed_beat(data).left == 0


def test_long_records_are_cut_by_their_size_and_one_always_fits() -> None:
    chance = random.Random(7)
    noise = "".join(chance.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(MAX_LINE - 2000))
    rows = [{"id": f"{number:064x}", "memory_bytes": chance.getrandbits(60)} for number in range(20_000)]
    large = section_of("usage", Reading(OK, AT, rows=rows))
    found = packed(beat(records=[line(words=noise)] * 40, sections={"usage": large}))
    assert 1 <= found.records < 8
    assert len(found.body) <= COMPRESSED_MOST
    assert len(gzip.decompress(found.body)) <= INFLATED_MOST


def test_a_section_that_is_too_large_fails_alone() -> None:
    rows = [{"domain": f"{number}.example", "problems": ["ü" * 300] * 40} for number in range(1000)]
    sections = {**beat().sections, "domains": section_of("domains", Reading(OK, AT, rows=rows))}
    data = sent(beat(sections=sections, records=[line()]))
    assert data["sections"]["domains"]["status"] == "failed"
    assert "too large" in data["sections"]["domains"]["error"]
    assert data["sections"]["usage"]["status"] == "ok"
    assert len(data["audit"]["records"]) == 1


def test_a_section_that_does_not_compress_enough_fails_alone() -> None:
    chance = random.Random(7)
    rows = [{"id": f"{chance.getrandbits(1200):x}"} for _ in range(8000)]
    sections = {"containers": section_of("containers", Reading(OK, AT, rows=rows)), **beat().sections}
    data = sent(beat(sections=sections))
    assert data["sections"]["containers"]["status"] == "failed"
    assert data["sections"]["usage"]["status"] == "ok"


def changed(path: str, value: object) -> dict[str, Any]:
    data = sent(beat(records=[line()]))
    *parents, last = path.split("/")
    inner: Any = data
    for part in parents:
        inner = inner[part]
    inner[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("node", "a\nb"),
        ("node", "n" * 300),
        ("machine", "1" * 31),
        ("machine", None),
        ("epoch", "G" * 32),
        ("sequence", 0),
        ("sequence", True),
        ("sequence", "1"),
        ("sequence", 2**63),
        ("taken_at", "now"),
        ("agent", "<script>"),
        ("sections", []),
        ("sections/usage", 5),
        ("sections/usage/status", "fine"),
        ("sections/usage/at", 5),
        ("sections/usage/error", "e" * 501),
        ("sections/usage/digest", "0" * 64),
        ("sections/usage/rows", None),
        ("audit", None),
        ("audit/after", "x"),
        ("audit/records", "x"),
        ("audit/left", -1),
        ("audit/error", 5),
        ("audit/records", [line()] * 501),
    ],
)
def test_the_hub_refuses_a_beat_with_its_place(path: str, value: object) -> None:
    with pytest.raises(RefusedError) as refused:
        parsed_beat(changed(path, value))
    assert refused.value.field == path


@pytest.mark.parametrize("record", [5, "no record", line() + "\n", "\ud800" + line(), "x" * (MAX_LINE + 1)])
def test_the_hub_refuses_what_is_no_record(record: object) -> None:
    with pytest.raises(RefusedError) as refused:
        parsed_beat(changed("audit/records", [record]))
    assert refused.value.field == "audit/records/0"


@pytest.mark.parametrize("data", [None, [], "x", 5])
def test_the_hub_refuses_what_is_no_object(data: object) -> None:
    with pytest.raises(RefusedError):
        parsed_beat(data)


def test_half_a_surrogate_pair_in_an_unknown_field_is_refused() -> None:
    data = sent(beat())
    data["sections"]["usage"]["rows"][0]["new"] = "\ud800"
    with pytest.raises(RefusedError) as refused:
        parsed_beat(data)
    assert refused.value.field == "sections/usage/digest"


def test_a_section_of_a_newer_agent_is_left_out() -> None:
    data = sent(beat())
    data["sections"]["gpus"] = {"status": "what"}
    assert set(parsed_beat(data).sections) == {"usage"}
