"""What a host says when it is reached."""

from __future__ import annotations

import getpass
import platform
from pathlib import Path

from ansible_collections.flowbiz.vsa.plugins.module_utils._host.host.ping import answer_ping
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths


def test_who_where_and_whether_bootstrap_was_here(tmp_path: Path) -> None:
    paths = Paths(str(tmp_path))
    expected = {"user": getpass.getuser(), "python": platform.python_version(), "bootstrapped": False}
    result = answer_ping(paths=paths)
    assert (result.changed, result.data) == (False, {"ping": expected})
    paths.vsa_yml.parent.mkdir(parents=True)
    paths.vsa_yml.write_text("")
    assert answer_ping(paths=paths).data["ping"]["bootstrapped"] is True
