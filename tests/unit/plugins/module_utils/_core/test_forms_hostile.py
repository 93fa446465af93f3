"""More than ten thousand hostile domains, routes, containers, ports and tenants, at both doors.

None is accepted that is not exactly of its form, and each that is accepted means to NGINX what was asked for (whether
NGINX accepts it is asked of NGINX itself, in tests/integration/test_hostile_nginx.py, with the very same values).
"""

from __future__ import annotations

import pytest

from hostile import KINDS, judge
from hostile_sites import sites_of
from making import make_renderer
from nginx_text import meaning

# Distinct values judged of each kind, together more than 10,000; and how many must be accepted, lest nothing be said.
EACH = 2005
LEAST_ACCEPTED = 100


def test_there_are_ten_thousand() -> None:
    assert set(KINDS) == {"domain", "route", "container", "port", "tenant"}
    assert EACH * len(KINDS) > 10_000


@pytest.mark.parametrize("name", KINDS)
def test_only_what_is_of_its_form_is_accepted_and_it_means_what_was_asked(name: str) -> None:
    verdicts = judge(KINDS[name])
    assert verdicts.judged >= EACH
    assert verdicts.refused >= EACH // 2
    assert len(verdicts.accepted) >= LEAST_ACCEPTED
    renderer = make_renderer()
    for expected in sites_of(name, verdicts.accepted):
        assert meaning(renderer.site(expected.site)) == expected.meaning
