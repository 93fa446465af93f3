# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entry point of the shipper: what it hands to syslog-ng, and what it refuses before syslog-ng starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "stacks/observability/shipper/start.sh"
HUB = "https://logs.example.com"


def start(root: Path, *, password: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script with files of the test, and a syslog-ng that prints what it gets."""
    text = SCRIPT.read_text(encoding="utf-8")
    for old in ("/etc/vsa-hostname", "/etc/vsa-loki-password"):
        text = text.replace(old, f"{root}{old.removeprefix('/etc')}")
    (root / "start.sh").write_text(text, encoding="utf-8")
    (root / "vsa-hostname").write_text("vps-01\n", encoding="utf-8")
    if password is not None:
        (root / "vsa-loki-password").write_text(password, encoding="utf-8")
    program = root / "syslog-ng"
    program.write_text('#!/bin/sh\necho "$NODE|$LOKI_URL|$LOKI_USER|$LOKI_PASSWORD|$*"\n', encoding="utf-8")
    program.chmod(0o755)
    out, err = root / "stdout", root / "stderr"
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            ["/bin/sh", str(root / "start.sh")],
            env={"PATH": f"{root}:/usr/bin:/bin", **variables},
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        code = process.wait(timeout=30)
    # The look for missed logs outlives the syslog-ng of the test. In a container it ends with the container.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess([], code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("password", "variables", "handed"),
    [
        (None, {"LOKI_URL": "http://loki:3100"}, "vps-01|http://loki:3100||"),
        (None, {"LOKI_URL": "http://loki:3100", "NODE": "hub.example"}, "hub.example|http://loki:3100||"),
        ("pass word!\n", {"LOKI_URL": HUB, "LOKI_USER": "node-1"}, f"vps-01|{HUB}|node-1|pass word!"),
        ("no-end-of-line", {"LOKI_URL": HUB, "LOKI_USER": "node-1"}, f"vps-01|{HUB}|node-1|no-end-of-line"),
    ],
)
def test_what_syslog_ng_gets(tmp_path: Path, password: str | None, variables: dict[str, str], handed: str) -> None:
    done = start(tmp_path, password=password, **variables)
    assert done.returncode == 0, done.stderr
    said, _bar, argv = done.stdout.strip().rpartition("|")
    assert said == handed
    assert argv.startswith("-F --no-caps --stderr -f /etc/vsa-shipper/syslog-ng.conf")
    # A secret is in no argument.
    assert not password or password.strip() not in argv


@pytest.mark.parametrize(
    ("password", "variables", "words"),
    [
        (None, {}, "LOKI_URL is ''"),
        # A password never goes over a network in the clear.
        ("secret\n", {"LOKI_URL": "http://logs.example.com", "LOKI_USER": "node-1"}, "https://"),
        (None, {"LOKI_URL": 'https://x"; }; @include "/etc/passwd'}, "letters that no address has"),
        (None, {"LOKI_URL": HUB, "NODE": 'x","job":"nginx'}, "set NODE"),
        (None, {"LOKI_URL": HUB, "NODE": "a b"}, "set NODE"),
        ("", {"LOKI_URL": HUB, "LOKI_USER": "node-1"}, "the file of the password is empty"),
        ('a"b\n', {"LOKI_URL": HUB, "LOKI_USER": "node-1"}, "a quote, a backslash or a backtick"),
        ("a`b\n", {"LOKI_URL": HUB, "LOKI_USER": "node-1"}, "a quote, a backslash or a backtick"),
        ("a\\b\n", {"LOKI_URL": HUB, "LOKI_USER": "node-1"}, "a quote, a backslash or a backtick"),
        ("secret\n", {"LOKI_URL": HUB, "LOKI_USER": 'a"b'}, "a quote, a backslash or a backtick"),
    ],
)
def test_what_is_refused(tmp_path: Path, password: str | None, variables: dict[str, str], words: str) -> None:
    done = start(tmp_path, password=password, **variables)
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stdout == ""
    assert not password or password.strip() not in done.stderr
