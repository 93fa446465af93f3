# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hashes by the machine's own libcrypt, compared with those of libpass, which the controller uses."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.bcrypt import fits, hash_password
from passlib.hash import bcrypt


@pytest.mark.parametrize("password", ["secret", "pä§ß word", "x" * 72])
def test_both_libraries_know_a_hash_of_the_other(password: str) -> None:
    made = hash_password(password, field="f")
    assert made.startswith("$2b$10$")
    assert bcrypt.verify(password, made)
    assert fits(password, made)
    assert fits(password, bcrypt.using(rounds=4, ident="2y").hash(password))
    assert hash_password(password, field="f") != made


@pytest.mark.parametrize("hashed", ["", "secret", "*0", "$2b$10$", "$2b$10$" + "." * 53, "$6$salt$hash", "$2é"])
def test_what_is_no_hash_of_it_does_not_fit(hashed: str) -> None:
    assert not fits("secret", hashed)


def test_what_bcrypt_would_cut_off_is_refused_and_not_shown() -> None:
    with pytest.raises(RefusedError) as refused:
        hash_password("x" * 73, field="env/HASH")
    assert refused.value.field == "env/HASH"
    assert "xxx" not in str(vars(refused.value))
