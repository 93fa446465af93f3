"""The renewal on the host itself is installed, changed and removed; systemctl is a script that records its calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, RolledBackError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.result import Result
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.timer.install import TimerRequest, set_timer
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.host import read_host
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.store.layout import Paths

TIMER = TimerRequest()
CRON = TimerRequest(cron=True)
ABSENT = TimerRequest(present=False)
UNIT = "etc/systemd/system/vsa-cert-renew.timer"
# Remembers in a file whether the timer is enabled.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>{root}/calls
case "$1" in
    is-enabled) test -e {root}/enabled && echo enabled ;;
    is-active) test -e {root}/enabled && echo active ;;
    enable) touch {root}/enabled ;;
    disable) rm -f {root}/enabled ;;
esac
"""


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    root = tmp_path / "root"
    (root / "etc/cron.d").mkdir(parents=True)
    program = tmp_path / "bin/systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL.format(root=tmp_path), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return Paths(str(root))


def install(paths: Paths, request: TimerRequest, *, check: bool = False) -> Result:
    return set_timer(read_host(paths), request, check=check)


def calls(paths: Paths) -> list[str]:
    file = Path(paths.root).parent / "calls"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def files(paths: Paths) -> list[str]:
    root = Path(paths.root)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_timer_is_installed_once(paths: Paths) -> None:
    planned = install(paths, TIMER, check=True)
    assert (planned.changed, planned.steps[0].state) == (True, "would_change")
    assert files(paths) == []
    made = install(paths, TIMER)
    assert (made.changed, made.steps[0].text) == (True, "vsa-cert-renew.timer, twice a day")
    assert "no alert is sent" in made.steps[0].notes[0]
    assert calls(paths)[-2:] == ["daemon-reload", "enable --now vsa-cert-renew.timer"]
    assert UNIT in files(paths)
    assert made.diff is not None
    assert made.diff == planned.diff
    assert "+OnCalendar=" in made.diff
    again = install(paths, TIMER)
    assert (again.changed, again.steps[0].state, again.diff) == (False, "ok", "")


def test_a_timer_that_somebody_stopped_is_started(paths: Paths) -> None:
    install(paths, TIMER)
    (Path(paths.root).parent / "enabled").unlink()
    assert install(paths, TIMER).changed
    assert not install(paths, TIMER).changed


def test_a_file_that_somebody_changed_is_written_again(paths: Paths) -> None:
    install(paths, CRON)
    program = Path(paths.root, "usr/local/lib/vsa/cert-renew")
    text = program.read_text(encoding="utf-8")
    program.write_text(f"{text}# changed\n", encoding="utf-8")
    assert install(paths, CRON).changed
    assert program.read_text(encoding="utf-8") == text
    program.chmod(0o600)
    assert install(paths, CRON).changed
    assert program.stat().st_mode & 0o777 == 0o755


def test_cron_replaces_the_timer(paths: Paths) -> None:
    install(paths, TIMER)
    made = install(paths, CRON)
    assert made.steps[0].text == "/etc/cron.d/vsa-cert-renew, twice a day"
    assert "disable --now vsa-cert-renew.timer" in calls(paths)
    assert [name for name in files(paths) if name.startswith("etc/")] == ["etc/cron.d/vsa-cert-renew"]
    assert not install(paths, CRON).changed


def test_nothing_is_left_of_it(paths: Paths) -> None:
    install(paths, TIMER)
    removed = install(paths, ABSENT)
    assert (removed.changed, removed.steps[0].text, removed.steps[0].notes) == (True, "removed", ())
    assert files(paths) == []
    assert not Path(paths.root, "usr/local/lib/vsa").exists()
    again = install(paths, ABSENT)
    assert (again.changed, again.steps[0].text) == (False, "it is not installed")


def test_an_alert_hook_needs_no_note(paths: Paths) -> None:
    paths.vsa_yml.parent.mkdir(parents=True)
    paths.vsa_yml.write_text("alert_url: https://chat.example.com/hook\n", encoding="utf-8")
    assert install(paths, CRON).steps[0].notes == ()


def test_a_host_without_cron_is_refused(paths: Paths) -> None:
    Path(paths.root, "etc/cron.d").rmdir()
    with pytest.raises(RefusedError, match="this host has no cron"):
        install(paths, CRON)


def test_a_host_without_systemd_is_refused(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RefusedError, match="this host has no systemd"):
        install(paths, TIMER)


def test_a_timer_that_does_not_start_is_an_error(paths: Paths) -> None:
    program = Path(paths.root).parent / "bin/systemctl"
    program.write_text("#!/bin/sh\ntest $1 != enable || { echo 'unit is masked' >&2; exit 1; }\n", encoding="utf-8")
    with pytest.raises(RolledBackError, match="the timer does not start: systemctl says: unit is masked"):
        install(paths, TIMER)


def test_the_copies_are_all_that_the_program_needs(paths: Paths) -> None:
    install(paths, CRON)
    home = Path(paths.root, "usr/local/lib/vsa")
    # Isolated: neither the collection nor the current directory is on the path, only what a host has.
    code = (
        f"import sys; sys.path.insert(0, {str(home / 'python')!r})\n"
        "from ansible_collections.flowbiz.vsa.plugins.module_utils._host.cert.timer import watch\n"
        "print(watch.__file__, watch.late_certificates([], {}, now=watch.time_now()))"
    )
    done = subprocess.run([sys.executable, "-I", "-B", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(home))
    assert done.stdout.endswith("[]\n")
