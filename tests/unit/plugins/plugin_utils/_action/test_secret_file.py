"""A secret of a file of the controller: read, or refused by the name of its option."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.secret_file import read_secret_file


def test_a_secret_is_read_up_to_a_bound(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"x" * 5000)
    assert read_secret_file(str(tmp_path / "token"), what="token", field="token_file") == b"x" * 4096


@pytest.mark.parametrize("path", [None, ""])
def test_no_file_is_a_usage_error(path: str | None) -> None:
    with pytest.raises(UsageError, match="a token is missing") as refused:
        read_secret_file(path, what="token", field="token_file")
    assert refused.value.field == "token_file"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="the password could not be read: No such file") as refused:
        read_secret_file(str(tmp_path / "gone"), what="password", field="password_file")
    assert (refused.value.field, refused.value.value) == ("password_file", str(tmp_path / "gone"))
