"""Which certificates a round of renewal looks at, and what it makes of self-signed pairs."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.renew import RenewRequest, renew_certificates
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.selfsigned import LIFETIME, make_pair
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another group: needs root")

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(str(tmp_path))
    made.letsencrypt.mkdir(parents=True)
    make_pair(made.selfsigned, ("young.test",), now=NOW)
    make_pair(made.selfsigned, ("old.test", "www.old.test"), now=NOW - LIFETIME * 0.7)
    return made


def renew(paths: Paths, domain: str | None = None, *, force: bool = False, check: bool = False) -> Result:
    return renew_certificates(read_host(paths), RenewRequest(domain, force=force, prove=False), check=check)


def test_a_self_signed_pair_that_is_due_is_made_anew(paths: Paths) -> None:
    assert renew(paths, check=True).data["renewed"] == ["old.test"]
    assert renew(paths).data["renewed"] == ["old.test"]
    again = renew(paths)
    assert (again.changed, again.data["renewed"]) == (False, [])
    assert again.steps[-1].text == "2 are not due"
    assert (paths.letsencrypt / "vsa-reload").exists(), "NGINX is to load it"
    assert "exit=0" in (paths.letsencrypt / "vsa-renew.state").read_text(encoding="utf-8")


def test_one_that_is_not_due_only_by_force(paths: Paths) -> None:
    assert renew(paths, "young.test").data["renewed"] == []
    assert renew(paths, "young.test", force=True).data["renewed"] == ["young.test"]
    with pytest.raises(UsageError) as refused:
        renew(paths, force=True)
    assert refused.value.field == "force"


def test_a_name_that_is_not_there_is_refused(paths: Paths) -> None:
    with pytest.raises(RefusedError) as refused:
        renew(paths, "x.test")
    assert refused.value.there_are == ["old.test", "young.test"]
