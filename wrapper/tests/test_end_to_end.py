"""The command as operators and programs call it, over real playbooks on this machine."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

PROVISION = ("site", "provision", "-i", "one.yml", "--domain")
UUID7 = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def timeless(text: str) -> str:
    text = re.sub(UUID7, "<id>", text)
    return re.sub(r"\d+\.\d s", "<t>", text)


@pytest.mark.parametrize(
    ("label", "code", "status"),
    [
        ("ok", 0, "ok"),
        ("same", 0, "ok"),
        ("rescued", 0, "ok"),
        ("internal", 1, "internal_error"),
        ("crash", 1, "internal_error"),
        ("hollow", 1, "internal_error"),
        ("usage", 2, "usage_error"),
        ("refused", 3, "refused"),
        ("plainrefused", 3, "refused"),
        ("rolledback", 4, "failed"),
        ("plain", 4, "failed"),
        ("halfdone", 6, "not_put_back"),
    ],
)
def test_exit_codes_and_their_documents(vsa, label: str, code: int, status: str) -> None:
    done = vsa(*PROVISION, f"{label}.example.com", "--json")
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    host = document["hosts"]["vps-01"]
    assert (document["exit_code"], document["status"], host["status"]) == (code, status, status)
    assert (document["schema"], document["verb"]) == (1, "site.provision")
    assert re.fullmatch(UUID7, document["audit_id"])
    assert ("error" in host) == (code != 0)
    assert "Traceback" not in done.stderr


def test_a_change_is_steps_and_a_last_line(vsa) -> None:
    done = vsa(*PROVISION, "ok.example.com")
    assert timeless(done.stdout) == (
        "vps-01  ok.example.com\n"
        "  ✔ preflight    web-1:3000 answers\n"
        "  ✔ proxy        generation 41 → 42: 1 file added\n"
        "                 a note\n"
        "changed in <t> · audit <id> · undo: vsa vhost rollback --to 41\n"
    )
    assert done.stderr.startswith("starting on vps-01\n")
    assert "vps-01: Probe the host\n" in done.stderr


def test_no_change_says_so(vsa) -> None:
    assert timeless(vsa(*PROVISION, "same.example.com", "-q").stdout) == "unchanged in <t> · audit <id>\n"


def test_quiet_leaves_the_last_line_and_errors(vsa) -> None:
    done = vsa("-q", *PROVISION, "ok.example.com")
    assert timeless(done.stdout) == "changed in <t> · audit <id> · undo: vsa vhost rollback --to 41\n"
    assert done.stderr == ""
    assert vsa("-q", *PROVISION, "refused.example.com").stderr.startswith("✘ vps-01  refused.example.com: no running")


def test_check_and_diff(vsa) -> None:
    done = vsa(*PROVISION, "ok.example.com", "--check", "--diff")
    assert timeless(done.stdout).splitlines()[2:] == [
        "  ~ proxy        generation 41 → 42: 1 file added",
        "                 a note",
        "    --- a/site.conf",
        "    +++ b/site.conf",
        "    @@ -1 +1 @@",
        "    -old",
        "    +new",
        "would change · audit <id>",
    ]


def test_a_refusal_says_what_where_state_and_next(vsa) -> None:
    done = vsa(*PROVISION, "refused.example.com")
    assert done.stdout == ""
    assert timeless(done.stderr).splitlines()[-5:] == [
        "✘ vps-01  refused.example.com: no running container is named web-1",
        "  field      --container = web-1",
        "  there are  web-2, blog-app",
        "  nothing was changed · audit <id>",
        "  try        vsa site provision --domain shop.example.com --container web-2 --port 3000",
    ]


def test_a_fleet_has_a_block_per_host_and_a_summary(vsa) -> None:
    done = vsa("bootstrap", "-i", "gone.yml")
    assert done.returncode == 5
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        "vps-01",
        "  ✔ packages     Install the libraries",
        "  ✔ network      as it should be",
        "  ! settings     no email is set",
        "                 the authority cannot say what goes wrong",
    ]
    assert re.fullmatch(r"vps-01  changed +\d+\.\d", lines[6])
    # ssh's words; or Ansible's, where ssh was gone before Ansible had written to it.
    why = r"(ssh: connect to host 127\.0\.0\.1 port 1: Connection refused|Data could not be sent to remote host .*)"
    assert re.fullmatch(rf"vps-02  unreachable +\d+\.\d  {why}", lines[7])
    assert re.search(rf"✘ vps-02: {why}", done.stderr)


def test_fail_fast_starts_no_host_after_the_first_that_fails(vsa) -> None:
    done = vsa("bootstrap", "-i", "three.yml", "--fail-fast")
    assert done.returncode == 5
    blocks = [line for line in done.stdout.splitlines() if line.startswith("vps-")]
    assert blocks[0] == "vps-01", "the host before was changed"
    assert re.fullmatch(r"vps-03  refused +0\.0  not started, because vps-02 failed before", blocks[-1])
    assert "vps-03" not in blocks[:-1], "a block of the host that was not started"
    everything = vsa("bootstrap", "-i", "three.yml", "--json")
    assert json.loads(everything.stdout)["hosts"]["vps-03"]["status"] == "ok", (
        "without the option all hosts are started"
    )


def test_a_list_has_a_row_for_what_could_not_be_reached(vsa) -> None:
    done = vsa("site", "list", "-i", "gone.yml")
    assert done.returncode == 5
    assert done.stdout.splitlines()[-1] == (
        "vps-02  —  unreachable: ssh: connect to host 127.0.0.1 port 1: Connection refused"
    )


def test_this_machine_by_local(vsa) -> None:
    done = vsa("bootstrap", "--local", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["hosts"]) == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("vhost", "sync", "-i", "one.yml"), 1, "'no_such_keyword' is not a valid attribute for a Play"),
        (("vhost", "history", "-i", "one.yml"), 1, "could not be found"),
        (("vhost", "list", "-i", "one.yml"), 2, "no host matches"),
        (("site", "list", "-i", "none.yml"), 2, "the inventory has no hosts"),
        (("site", "list", "-i", "one.yml", "-l", "nobody"), 2, "no host of the inventory matches"),
        (("site", "list", "-i", "one.yml", "-l", "vps-[05:09]"), 2, "no hosts to target"),
        (("vhost", "rollback", "-y", "-i", "two.yml"), 2, "acts on one host"),
    ],
)
def test_what_ends_before_a_host_is_asked(vsa, words: tuple[str, ...], code: int, message: str) -> None:
    done = vsa(*words)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "variables", "message"),
    [
        (("audit", "list", "--target", os.fsdecode(b"\xff")), {}, "this is not text"),
        (("site", "list", "-i", os.fsdecode(b"\xff")), {}, "this is not text"),
        (("audit", "show", os.fsdecode(b"\xc3\x28aa")), {}, "this is not text"),
        (("site", "list", "-i", "x" * 256), {}, "there is no such inventory"),
        (("site", "list"), {"VSA_INVENTORY": "x" * 256}, "there is no such inventory"),
        (("site", "list", "-i", "none.yml"), {"ANSIBLE_CONFIG": "x" * 256}, "the inventory has no hosts"),
        (("audit", "list"), {"XDG_STATE_HOME": "/tmp/" + "x" * 256}, "no file can have this name"),
    ],
    ids=ascii,
)
def test_issue_14_item_13_a_word_that_no_file_and_no_text_can_be_is_a_usage_error(
    vsa, words: tuple[str, ...], variables: dict[str, str], message: str
) -> None:
    done = vsa(*words, "--json", **variables)
    assert (done.returncode, json.loads(done.stdout)["error"]["message"]) == (2, message)


def test_v_adds_ansibles_own_output(vsa) -> None:
    done = vsa(*PROVISION, "ok.example.com", "-v")
    assert "TASK [Probe the host]" in done.stderr
    assert "PLAY RECAP" in done.stderr
    assert "TASK [" not in done.stdout


def test_a_reader_that_stops_does_not_stop_the_change(workplace: Path, environment: dict[str, str]) -> None:
    words = f"{sys.executable} -m vsa site provision -i one.yml --domain ok.example.com --diff"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {words} | true"],
        cwd=workplace, env=environment, capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def on_a_terminal(words: list[str], *, columns: int, cwd: Path, env: dict[str, str]) -> tuple[str, int]:
    """Run a command on a terminal of that width; return what it drew and its exit code."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execve(sys.executable, [sys.executable, "-m", "vsa", *words], env)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    drawn = b""
    while select.select([fd], [], [], 60)[0]:
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        drawn += piece
    os.close(fd)
    return drawn.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_terminal_has_a_live_line_and_colour(workplace: Path, environment: dict[str, str]) -> None:
    drawn, code = on_a_terminal(
        [*PROVISION, "ok.example.com"], columns=100, cwd=workplace, env=environment | {"TERM": "xterm-256color"}
    )
    assert code == 0
    assert re.search(r"[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] vps-01  starting", drawn)
    assert "\x1b[32m✔\x1b[0m preflight" in drawn
    assert "starting on" not in drawn


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_a_plain_terminal_has_no_colour(
    workplace: Path, environment: dict[str, str], variables: dict[str, str]
) -> None:
    drawn, code = on_a_terminal([*PROVISION, "ok.example.com"], columns=100, cwd=workplace, env=environment | variables)
    assert code == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", drawn)
    assert "✔ preflight    web-1:3000 answers" in drawn


def test_sixty_columns_wrap_and_lose_nothing(workplace: Path, environment: dict[str, str]) -> None:
    drawn, code = on_a_terminal(
        [*PROVISION, "refused.example.com"], columns=60, cwd=workplace, env=environment | {"TERM": "dumb"}
    )
    assert code == 3
    lines = drawn.replace("\r", "").splitlines()
    assert max(len(line) for line in lines) <= 60
    assert "--container web-2 --port 3000" in " ".join(line.strip() for line in lines)


def test_names_are_completed_from_what_was_listed(vsa) -> None:
    assert vsa("site", "list", "-i", "one.yml", "-q").returncode == 0
    for words, current, expected in (
        ("vsa site show site-499", "3", "plain,site-4999.example.com"),
        ("vsa site pro", "2", "plain,provision"),
        ("vsa site list --limit vps", "4", "plain,vps-01"),
        ("vsa site provision --container web-499", "4", "plain,web-4999"),
    ):
        done = vsa(_VSA_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=current)
        assert expected in done.stdout.splitlines(), (words, done)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_of_each_shell(vsa, shell: str) -> None:
    done = vsa("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_VSA_COMPLETE" in done.stdout


def test_version_says_what_a_report_needs(vsa, collections: Path) -> None:
    done = vsa("--version")
    parts = [
        r"vsa \d+\.\d+\.\d+ \(ansible-core [\d.]+",
        r"ansible-runner [\d.]+",
        r"Python [\d.]+",
        rf"collection in {collections}\)\n",
    ]
    assert re.fullmatch(", ".join(parts), done.stdout)


def test_help_imports_nothing_heavy(environment: dict[str, str]) -> None:
    """What `vsa --help` may take is 0.25 s (the benchmark measures it); these are what would cost it."""
    code = (
        "import sys\nfrom vsa.cli import main\n"
        "for words in (['--help'], ['site', 'provision', '--help']):\n    main(words)\n"
        "heavy = ('rich', 'ansible', 'ansible_runner', 'jinja2', 'yaml', 'pexpect', 'asyncio', 'cryptography')\n"
        "print('HEAVY', [name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=30)
    assert done.stdout.splitlines()[-1] == "HEAVY []"
