"""When the present certificate is valid as it is, and when ensure_certificate has something to do."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import OK
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.issue import ensure_certificate, valid_certificate
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.selfsigned import LIFETIME, make_pair
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.wanted import IssueRequest
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")

NOW = datetime.datetime.now(datetime.UTC)
REQUEST = IssueRequest("shop.test", names=["shop.test"], ca="selfsigned")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path))
    made.selfsigned.parent.mkdir(parents=True)
    return made


def test_a_valid_one_is_kept_with_the_result_of_the_module(paths: Paths) -> None:
    make_pair(paths.selfsigned, ("shop.test",), now=NOW)
    valid = valid_certificate(read_host(paths), REQUEST)
    assert valid is not None
    ensured = ensure_certificate(read_host(paths), REQUEST, check=False)
    for result in (valid, ensured):
        result.data["certificate"].pop("seconds_left")  # a second may pass between the two
    assert valid == ensured
    assert (valid.changed, valid.steps[0].state) == (False, OK)


@pytest.mark.parametrize(
    ("made_for", "days_ago"),
    [((), 0), (("www.shop.test",), 0), (("shop.test",), LIFETIME.days - 1), (("shop.test",), LIFETIME.days + 1)],
    ids=["none", "other names", "at its end", "expired"],
)
def test_another_is_not(paths: Paths, made_for: tuple[str, ...], days_ago: int) -> None:
    if made_for:
        make_pair(paths.selfsigned, made_for, now=NOW - datetime.timedelta(days=days_ago))
        (paths.selfsigned / made_for[0]).rename(paths.selfsigned / "shop.test")
    assert valid_certificate(read_host(paths), REQUEST) is None


def test_one_that_nginx_could_not_read_is_not(paths: Paths) -> None:
    make_pair(paths.selfsigned, ("shop.test",), now=NOW)
    key = paths.selfsigned / "shop.test/privkey.pem"
    key.chmod(0o600)
    assert valid_certificate(read_host(paths), REQUEST) is None
    mended = ensure_certificate(read_host(paths), REQUEST, check=False)
    assert mended.changed
    assert key.stat().st_mode & 0o777 == 0o640
    assert valid_certificate(read_host(paths), REQUEST) is not None
