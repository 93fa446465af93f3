"""Old data are exchanged for restored data by renames, and stay beside."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.docker_backup import Volume
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.backup.exchange import (
    Exchange,
    begin_exchange,
    refuse_used_volumes,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.stack.folder import find_stack
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.backups import RestoreJournal

from backupstack import BackupHost

RUN = "20261129t030000z-1f2e"
FILES = "acme-shop_files"


def begin(host: BackupHost, now: str = "now", run: str = RUN) -> Exchange:
    folder, stack = find_stack(host.paths, "shop")
    journal = RestoreJournal(host.paths, "acme", "shop")
    return begin_exchange(stack, folder, host.engine, journal, run=run, now=now, databases=["db"])


def text(host: BackupHost, volume: str) -> str:
    found = host.engine.volume(volume)
    assert found is not None
    return (Path(found.directory) / "a").read_text(encoding="utf-8")


def restored(host: BackupHost) -> None:
    host.engine.make_volume("restored", labels={})
    found = host.engine.volume("restored")
    assert found is not None
    (Path(found.directory) / "a").write_text("restored", encoding="utf-8")


def test_a_volume_gets_other_data(shop: BackupHost) -> None:
    exchange = begin(shop)
    exchange.remove_containers()
    assert shop.engine.running == []
    restored(shop)
    exchange.exchange_volume("files", FILES, "restored")
    assert (text(shop, FILES), text(shop, f"{FILES}.before-now")) == ("restored", "one")
    assert shop.engine.volume("restored") is None
    assert exchange.kept([FILES]) == [f"{FILES}.before-now"]


def test_a_volume_that_was_not_there_leaves_nothing_beside(shop: BackupHost) -> None:
    shop.engine.remove_volume(FILES)
    exchange = begin(shop)
    exchange.exchange_volume("files", FILES, None)
    assert exchange.kept([FILES]) == []
    found = shop.engine.volume(FILES)
    assert found is not None
    assert list(Path(found.directory).iterdir()) == []


def test_the_folder_is_exchanged(shop: BackupHost) -> None:
    beside = Path(shop.paths.root, "srv/acme/.shop.restore")
    beside.mkdir()
    (beside / "upload").write_text("restored", encoding="utf-8")
    exchange = begin(shop)
    exchange.exchange_folder(".shop.restore")
    place = Path(shop.paths.root, "srv/acme")
    assert (place / "shop/upload").read_text(encoding="utf-8") == "restored"
    assert (place / "shop.before-now/upload").read_text(encoding="utf-8") == "one"
    assert exchange.kept([]) == [str(place / "shop.before-now")]


def test_a_killed_exchange_goes_on_and_moves_nothing_twice(shop: BackupHost) -> None:
    first = begin(shop)
    first.remove_containers()
    first.exchange_volume("files", FILES, None)
    second = begin(shop, now="later")
    assert (second.suffix, second.moved) == ("now", [FILES])
    restored(shop)
    second.exchange_volume("files", FILES, "restored")
    assert (text(shop, FILES), text(shop, f"{FILES}.before-now")) == ("restored", "one")
    assert second.kept([FILES]) == [f"{FILES}.before-now"]


@pytest.mark.parametrize(("services", "run", "goes_on"), [
    ((), RUN, True),
    (("db",), RUN, True),
    (("web",), RUN, False),
    ((), "20261129t030000z-0000", False),
])  # fmt: skip
def test_what_was_brought_up_since_is_kept(
    shop: BackupHost, services: tuple[str, ...], run: str, goes_on: bool
) -> None:
    first = begin(shop)
    first.remove_containers()
    first.exchange_volume("files", FILES, None)
    if services:
        shop.start(*services)
    second = begin(shop, now="later", run=run)
    assert (second.suffix == "now") is goes_on
    assert (second.moved == [FILES]) is goes_on


def test_a_volume_that_leads_elsewhere_is_refused(shop: BackupHost, monkeypatch: pytest.MonkeyPatch) -> None:
    _folder, stack = find_stack(shop.paths, "shop")
    refuse_used_volumes(stack, {"files": FILES}, shop.engine)
    elsewhere = Volume(FILES, "/etc", "local", {"device": "/etc"})
    monkeypatch.setattr(shop.engine, "volume", lambda _name: elsewhere)
    with pytest.raises(RefusedError, match="not in the engine's own directory"):
        refuse_used_volumes(stack, {"files": FILES}, shop.engine)
