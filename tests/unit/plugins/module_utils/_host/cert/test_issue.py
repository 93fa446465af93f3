"""When a certificate is kept as it lies, and when the module that brings one has something to do."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.issue import bring_certificate, kept_certificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.selfsigned import LIFETIME, make_pair
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")

NOW = datetime.datetime.now(datetime.UTC)
WANTED: dict[str, Any] = {"domain": "shop.test", "names": ["shop.test"], "ca": "selfsigned", "email": None}


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path))
    made.selfsigned.parent.mkdir(parents=True)
    return made


def test_a_good_one_is_kept_in_the_words_of_the_module(paths: Paths) -> None:
    make_pair(paths.selfsigned, ("shop.test",), now=NOW)
    kept = kept_certificate(WANTED, paths=paths)
    assert kept is not None
    brought = bring_certificate({**WANTED, "force": False}, check=False, paths=paths)
    for result in (kept, brought):
        result["certificate"].pop("seconds_left")  # a second may pass between the two
    assert kept == brought
    assert (kept["changed"], kept["steps"][0]["state"]) == (False, "ok")


@pytest.mark.parametrize(
    ("made_for", "days_ago"),
    [((), 0), (("www.shop.test",), 0), (("shop.test",), LIFETIME.days - 1), (("shop.test",), LIFETIME.days + 1)],
    ids=["none", "other names", "at its end", "expired"],
)
def test_another_is_not(paths: Paths, made_for: tuple[str, ...], days_ago: int) -> None:
    if made_for:
        make_pair(paths.selfsigned, made_for, now=NOW - datetime.timedelta(days=days_ago))
        (paths.selfsigned / made_for[0]).rename(paths.selfsigned / "shop.test")
    assert kept_certificate(WANTED, paths=paths) is None


def test_one_that_nginx_could_not_read_is_not(paths: Paths) -> None:
    make_pair(paths.selfsigned, ("shop.test",), now=NOW)
    key = paths.selfsigned / "shop.test/privkey.pem"
    key.chmod(0o600)
    assert kept_certificate(WANTED, paths=paths) is None
    mended = bring_certificate({**WANTED, "force": False}, check=False, paths=paths)
    assert mended["changed"]
    assert key.stat().st_mode & 0o777 == 0o640
    assert kept_certificate(WANTED, paths=paths) is not None
