"""When a CA wants a renewal: asked as rarely as it says, and never waited for."""

from __future__ import annotations

import dataclasses
import datetime
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.status import Facts
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.ari import renewal_windows
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.tls import unverified_context

from acmeserver import WINDOW, AcmeServer, acme_server

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[AcmeServer]:
    with acme_server(tmp_path / "ca") as made:
        yield made


@pytest.fixture
def unverified() -> ssl.SSLContext:
    return unverified_context()


def facts(authority: AcmeServer, name: str = "aki.serial") -> Facts:
    day = datetime.timedelta(days=1)
    known = Facts(("shop.test",), NOW - 30 * day, NOW + 60 * day, "A CA", "aa")
    return dataclasses.replace(known, server=authority.directory, ari_id=name)


def test_an_answer_is_believed_as_long_as_the_ca_says(
    authority: AcmeServer, unverified: ssl.SSLContext, tmp_path: Path
) -> None:
    cache = tmp_path / "ari.json"
    for minutes, asked in ((0, 2), (59, 2), (61, 4)):
        moment = NOW + datetime.timedelta(minutes=minutes)
        found = renewal_windows([facts(authority)], cache=cache, context=unverified, now=moment)
        assert [window.as_list() for window in found.values()] == [list(WINDOW.values())]
        assert len(authority.asked) == asked, minutes
    assert renewal_windows([], cache=cache, context=unverified, now=NOW) == {}
    assert json.loads(cache.read_text(encoding="utf-8")) == {}, "a certificate that is gone is forgotten"


def test_a_ca_without_an_opinion_is_not_asked_each_time(
    authority: AcmeServer, unverified: ssl.SSLContext, tmp_path: Path
) -> None:
    for offers, name in ((False, "aki.serial"), (True, "aki.unknown")):
        authority.offers = offers
        authority.asked.clear()
        for _round in range(2):
            cache = tmp_path / f"{name}.json"
            assert renewal_windows([facts(authority, name)], cache=cache, context=unverified, now=NOW) == {}
        assert len(authority.asked) == (2 if offers else 1)


def test_a_ca_that_is_down_is_not_waited_for(unverified: ssl.SSLContext, tmp_path: Path) -> None:
    down = AcmeServer(port=1)
    assert renewal_windows([facts(down)], cache=tmp_path / "x.json", context=unverified, now=NOW) == {}
    assert (tmp_path / "x.json").exists(), "and not asked again at once"


def test_a_cache_that_is_damaged_is_made_anew(
    authority: AcmeServer, unverified: ssl.SSLContext, tmp_path: Path
) -> None:
    cache = tmp_path / "ari.json"
    for damage in ("", "[]", '{"aki.serial": 1}', '{"aki.serial": {"window": ["x"], "until": 1}}', "{"):
        cache.write_text(damage, encoding="utf-8")
        assert len(renewal_windows([facts(authority)], cache=cache, context=unverified, now=NOW)) == 1, damage
