# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stood on the command line of ansible-playbook."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.plugin_utils._action.typed import typed_keys


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ((), []),
        (('{"stack_env": {"KEY": "s", "TAG": 2}}',), ["KEY", "TAG"]),
        (("{stack_env: {KEY: s}}",), ["KEY"]),
        (("""stack_env='{"KEY": "s"}' stack_name=shop""",), ["KEY"]),
        (("stack_name=shop", '{"stack_env": {"A": 1}}', '{"stack_env": {"A": 2, "B": 1}}'), ["A", "B"]),
        (("@/root/env.yml", "stack_name=shop"), []),
        (("stack_env=text",), []),
        (('{"stack_env": ["KEY"]}',), []),
        (("{broken",), []),
        (('["stack_env"]',), []),
    ],
)
def test_the_keys_of_a_variable_that_was_typed(words: tuple[str, ...], keys: list[str]) -> None:
    assert typed_keys(words, "stack_env") == keys
