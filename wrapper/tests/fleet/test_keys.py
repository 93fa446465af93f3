"""Host keys: read, written and compared as OpenSSH does, and nothing else passes for one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from vsa.core import EXIT_UNREACHABLE, VsaError
from vsa.fleet import keys
from vsa.fleet.keys import HostKey, changed_key, recorded_keys, scanned_keys, uses_file, with_keys, without_keys

# Public keys that ssh-keygen made for this test; the private ones were thrown away.
BLOB = "AAAAC3NzaC1lZDI1NTE5AAAAIJQ8yYb1tDw1xKv5nJm3c2k5b0mE8o2u5H3r7z0u1k2M"
OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIKd1mP0n9o8i7u6y5t4r3e2w1q0p9o8i7u6y5t4r3e2w"
KEY, NEWER = HostKey("ssh-ed25519", BLOB), HostKey("ssh-ed25519", OTHER)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs the OpenSSH client")
def test_the_fingerprint_is_openssh_s(tmp_path: Path) -> None:
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    kind, blob = path.with_suffix(".pub").read_text().split()[:2]
    said = subprocess.run(["ssh-keygen", "-lf", path], check=True, capture_output=True, text=True).stdout
    assert HostKey(kind, blob).fingerprint == said.split()[1]


def test_a_host_has_its_own_lines() -> None:
    text = f"# ours\nvps-01 ssh-ed25519 {BLOB}\nvps-011 ssh-ed25519 {OTHER}\n@revoked vps-01 ssh-rsa AAAA\n\nbroken\n"
    assert recorded_keys(text, "vps-01") == (KEY,)
    assert recorded_keys(text, "vps") == ()
    assert without_keys(text, "vps-01") == text.replace(f"vps-01 ssh-ed25519 {BLOB}\n", "", 1)
    assert with_keys(text, "vps-01", [NEWER]) == without_keys(text, "vps-01") + f"vps-01 ssh-ed25519 {OTHER}\n"


def test_a_line_with_several_names_keeps_the_others() -> None:
    text = f"vps-01,203.0.113.7 ssh-ed25519 {BLOB}\n"
    assert without_keys(text, "vps-01") == f"203.0.113.7 ssh-ed25519 {BLOB}\n"


def test_a_file_without_a_final_newline_is_no_trap() -> None:
    made = with_keys(f"vps-01 ssh-ed25519 {BLOB}", "vps-02", [NEWER])
    assert made == f"vps-01 ssh-ed25519 {BLOB}\nvps-02 ssh-ed25519 {OTHER}\n"
    assert with_keys(made, "vps-02", [NEWER]) == made


@pytest.mark.parametrize(
    "line",
    [
        "203.0.113.9 ssh-ed25519 not-base64!",
        f"203.0.113.9 ssh-rsa {BLOB}",
        f"203.0.113.9 ssh-dss {BLOB}",
        f"203.0.113.9 ssh-ed25519-cert-v01@openssh.com {BLOB}",
        "203.0.113.9 ssh-ed25519",
        "# 203.0.113.9:22 SSH-2.0-OpenSSH_9.2p1",
        "203.0.113.9 ssh-ed25519 AAAA\x1b[2J",
    ],
)
def test_what_a_server_says_is_a_key_or_nothing(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    def said(words: list[str], **_options: object) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(words, 0, line.encode() + b"\n", b"")

    monkeypatch.setattr(keys.subprocess, "run", said)
    with pytest.raises(VsaError, match="no SSH server") as caught:
        scanned_keys("203.0.113.9", 22)
    assert caught.value.exit_code == EXIT_UNREACHABLE


def test_the_best_key_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    # The output of OpenSSH 9.2's ssh-keyscan; the keys are shortened to what the form asks for.
    rsa = "AAAAB3NzaC1yc2EAAAADAQABAAABgQC7" + "A" * 24
    output = (
        f"# 203.0.113.9:2222 SSH-2.0-OpenSSH_10.0p2 Debian-7\n[203.0.113.9]:2222 ssh-rsa {rsa}\n"
        f"[203.0.113.9]:2222 ssh-ed25519 {BLOB}\n"
    )
    asked: list[list[str]] = []

    def said(words: list[str], **_options: object) -> subprocess.CompletedProcess[bytes]:
        asked.append(words)
        return subprocess.CompletedProcess(words, 0, output.encode(), b"")

    monkeypatch.setattr(keys.subprocess, "run", said)
    assert scanned_keys("203.0.113.9", 2222) == (KEY, HostKey("ssh-rsa", rsa))
    assert asked[0][-2:] == ["--", "203.0.113.9"]


def test_nobody_answers() -> None:
    with pytest.raises(VsaError, match="no SSH server"):
        scanned_keys("127.0.0.1", 1)


# The words of OpenSSH 9.2's client, as Ansible hands them on.
CHANGED = {
    "message": "Host key verification failed.",
    "details": [
        "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @",
        "The fingerprint for the ED25519 key sent by the remote host is",
        f"{NEWER.fingerprint}.",
        "Offending ED25519 key in /fleet/known_hosts:1",
    ],
    "try": "connect by hand",
}


def test_a_changed_key_is_named_with_both_fingerprints(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text(f"vps-01 ssh-ed25519 {BLOB}\n")
    error = changed_key(CHANGED, host="vps-01", folder=tmp_path)
    assert error is not None
    assert (error["value"], error["expected"]) == (NEWER.fingerprint, KEY.fingerprint)
    assert error["try"].endswith(f"vsa vps add --id vps-01 --host-key {NEWER.fingerprint}")


def test_a_host_of_another_file_keeps_the_words_of_ssh(tmp_path: Path) -> None:
    assert changed_key(CHANGED, host="vps-01", folder=tmp_path) is None
    (tmp_path / "known_hosts").write_text(f"vps-02 ssh-ed25519 {BLOB}\n")
    assert changed_key(CHANGED, host="vps-01", folder=tmp_path) is None


def test_a_key_that_is_missing_in_the_file_leads_to_the_verb(tmp_path: Path) -> None:
    words = "No ED25519 host key is known for vps-01 and you have requested strict checking."
    error = changed_key(
        {"message": "Host key verification failed.", "details": [words]}, host="vps-01", folder=tmp_path
    )
    assert error is not None
    assert error["try"].startswith("vsa vps add --id vps-01")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(keys.SSH_ARGUMENTS, True), ("-o ProxyJump=bastion", False), (None, False), (3, False)],
)
def test_whether_a_host_uses_the_file(arguments: object, expected: bool) -> None:
    assert uses_file(arguments) is expected
