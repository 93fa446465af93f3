"""A restore that was cut off: nothing starts on data of two times."""

from __future__ import annotations

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.hints import Advice, Hint
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.manifest import parse_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.cut_off import (
    refuse_half_restored,
    restore_findings,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.backups import RestoreJournal

from backupstack import BackupHost


def test_data_that_lie_aside_are_named(shop: BackupHost) -> None:
    stack = parse_stack({"schema": 1, "description": "-", "tenant": "acme"}, name="shop", where="")
    journal = RestoreJournal(shop.paths, "acme", "shop")
    journal.write(run="20261129t030000z-1f2e", suffix="20261130t010000z-0000", moved=[])
    refuse_half_restored(shop.paths, stack, shop.engine)
    assert restore_findings(shop.paths, shop.engine) == []
    shop.engine.make_volume("acme-shop_files.before-20261130t010000z-0000", labels={})
    with pytest.raises(RefusedError) as refused:
        refuse_half_restored(shop.paths, stack, shop.engine)
    assert "acme-shop_files.before-20261130t010000z-0000" in refused.value.details[0]
    assert str(journal.path) in refused.value.details[1]
    assert "20261129t030000z-1f2e" in str(refused.value.as_result())
    (finding,) = restore_findings(shop.paths, shop.engine)
    assert (finding.name, finding.subject, finding.text) == ("restore-unfinished", "acme/shop", refused.value.message)
    assert finding.remedy == Advice("", refused.value.hint)
    journal.remove()
    refuse_half_restored(shop.paths, stack, shop.engine)
    assert restore_findings(shop.paths, shop.engine) == []


def test_the_command_of_a_restore_under_another_name_names_both(shop: BackupHost) -> None:
    stack = parse_stack({"schema": 1, "description": "-", "tenant": "acme"}, name="shop-2", where="")
    journal = RestoreJournal(shop.paths, "acme", "shop-2", saved="shop")
    journal.write(run="20261129t030000z-1f2e", suffix="20261130t010000z-0000", moved=[])
    shop.engine.make_volume("acme-shop-2_files.before-20261130t010000z-0000", labels={})
    with pytest.raises(RefusedError) as refused:
        refuse_half_restored(shop.paths, stack, shop.engine)
    expected = {"name": "shop", "tenant": "acme", "run": "20261129t030000z-1f2e", "new_name": "shop-2"}
    assert refused.value.hint == Hint("stack.restore", expected)
