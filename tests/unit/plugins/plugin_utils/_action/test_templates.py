# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file a template's text comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.render import PAGES, TEMPLATES
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.templates import read_templates


def test_every_template_and_page_is_read() -> None:
    texts = read_templates(None)
    assert set(texts) == {*TEMPLATES, *PAGES}
    assert all(texts.values())


def test_a_file_of_the_operator_replaces_the_one_of_its_name(tmp_path: Path) -> None:
    own = read_templates(None)
    name = sorted(TEMPLATES)[0]
    (tmp_path / name).write_text("# mine\n")
    (tmp_path / "other.j2").write_text("not read\n")
    assert read_templates(str(tmp_path)) == {**own, name: "# mine\n"}


def test_a_directory_without_any_template_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        read_templates(str(tmp_path))
    assert (caught.value.field, caught.value.value) == ("vhost_templates_dir", str(tmp_path))
