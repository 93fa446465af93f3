"""Figures for Prometheus: their text."""

from __future__ import annotations

import datetime

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.figures import (
    LastBackup,
    backup_figures,
    certificate_figures,
)


def test_begin_and_end_of_each_certificate() -> None:
    entries = [
        {"domain": "shop.test", "not_before": "1970-01-01T00:01:00Z", "not_after": "1970-01-01T00:02:00Z"},
        # A file that is missing or damaged has no dates.
        {"domain": "gone.test", "not_before": None, "not_after": None},
    ]
    assert certificate_figures(entries).splitlines() == [
        "# HELP vsa_certificate_not_before_seconds The begin of the certificate on disk.",
        "# TYPE vsa_certificate_not_before_seconds gauge",
        'vsa_certificate_not_before_seconds{domain="shop.test"} 60',
        "# HELP vsa_certificate_not_after_seconds The end of the certificate on disk.",
        "# TYPE vsa_certificate_not_after_seconds gauge",
        'vsa_certificate_not_after_seconds{domain="shop.test"} 120',
    ]


def test_the_last_backup_of_each_stack_and_no_label_breaks_the_text() -> None:
    good = datetime.datetime(1970, 1, 1, 0, 1, tzinfo=datetime.UTC)
    text = backup_figures([LastBackup("acme", "shop", good), LastBackup("acme", 'x"\\\n', good)])
    assert text.splitlines()[2:] == [
        'vsa_backup_last_success_seconds{tenant="acme",stack="shop"} 60',
        'vsa_backup_last_success_seconds{tenant="acme",stack="x\\"\\\\\\n"} 60',
    ]
    assert text.endswith("\n")
