"""The command ``vsa``: its nouns, and how each call ends."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

import click

from vsa.command.flags import in_own_words
from vsa.command.options import Group
from vsa.core import EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_OK, EXIT_REFUSED, EXIT_USAGE, UsageError, VsaError

__all__ = ("SHORT_FORMS", "cli", "main")

SHORT_FORMS = {"status": ("host", "status"), "ping": ("host", "ping")}
"""Verbs that are typed so often that their noun may be left out."""

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


# The nouns in the order of --help, each with the name of its command in the file of the noun.
_NOUNS = {
    "bootstrap": "bootstrap_command",
    "vps": "group",
    "host": "group",
    "stack": "group",
    "site": "group",
    "auth": "group",
    "cert": "group",
    "vhost": "group",
    "agent": "group",
    "audit": "group",
    "init": "init_command",
    "completion": "completion_command",
    "help": "help_command",
}


class _Nouns(MutableMapping[str, click.Command]):
    """The commands of the nouns. A file of verbs is imported when somebody asks for its noun: a verb needs one."""

    def __init__(self) -> None:
        self._made: dict[str, click.Command | None] = dict.fromkeys(_NOUNS)

    def __getitem__(self, noun: str) -> click.Command:
        made = self._made[noun]
        if made is None:
            made = getattr(importlib.import_module(f"vsa.verbs.{noun}"), _NOUNS[noun])
            self._made[noun] = made
        return made

    def __setitem__(self, noun: str, command: click.Command) -> None:
        self._made[noun] = command

    def __delitem__(self, noun: str) -> None:
        del self._made[noun]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


class _Vsa(Group):
    """The command ``vsa``, which knows the short forms besides its nouns."""

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self.commands = _Nouns()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a noun, or of a verb without its noun."""
        found = super().get_command(ctx, cmd_name)
        if found is not None or cmd_name not in SHORT_FORMS:
            return found
        noun, verb = SHORT_FORMS[cmd_name]
        group = self.commands[noun]
        return group.commands[verb] if isinstance(group, click.Group) else None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the short forms, then the nouns."""
        return [*SHORT_FORMS, *super().list_commands(ctx)]


@click.group(
    cls=_Vsa,
    context_settings=_CONTEXT,
    no_args_is_help=True,
    examples=(
        "vsa site provision --domain shop.example.com --container web-1 --port 3000",
        "vsa site list -i inventories/production",
        "vsa bootstrap --limit vps-01",
    ),
)
def cli() -> None:
    """Run many tenants' sites on a small fleet of VPSes.

    The options below stand before or after the verb.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code. A failure prints an error; only ``-vvv`` shows a traceback."""
    words = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character shows a question mark instead.
            stream.reconfigure(errors="replace")
    try:
        _refuse_bytes(words)
        code = cli.main(args=words, prog_name="vsa", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        if "--json" in words:
            return _fail(words, UsageError("a verb is missing", hint=f"{error.ctx.command_path} --help"))
        click.echo(error.ctx.get_help())
        return EXIT_USAGE
    except click.UsageError as error:
        return _fail(words, _of_click(error))
    except click.ClickException as error:
        return _fail(words, UsageError(error.format_message()))
    except VsaError as error:
        return _fail(words, error)
    except click.Abort as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # Click raises Abort for Ctrl-C, and for the answer no
            return _fail(words, VsaError("interrupted", exit_code=EXIT_INTERRUPTED))
        return _fail(words, VsaError("not confirmed", exit_code=EXIT_REFUSED))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:
        if "-vvv" in words:
            raise
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            # Only what the caller chose is that long: XDG_STATE_HOME, say.
            return _fail(words, UsageError("no file can have this name", field="path", value=str(error.filename)))
        from vsa.ansible.failure import REPORT_IT

        name = type(error).__name__
        return _fail(words, VsaError(f"{name}: {error}", state="", hint=REPORT_IT, exit_code=EXIT_INTERNAL))
    return code if isinstance(code, int) else EXIT_OK


def _refuse_bytes(words: list[str]) -> None:
    """Raise UsageError if a word of the command line is not text in the encoding of this machine.

    Python hands such bytes over as surrogates, which no file, no index and no terminal takes.
    """
    for word in words:
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UsageError("this is not text", field="argument", value=word, expected="UTF-8")


def _of_click(error: click.UsageError) -> UsageError:
    """Return Click's usage error in our own shape."""
    path = error.ctx.command_path if error.ctx else "vsa"
    message = error.format_message().rstrip(".")
    if message.startswith("N"):
        message = message[0].lower() + message[1:]
    if isinstance(error, click.MissingParameter) and error.param is not None:
        given = error.param.opts[0] if isinstance(error.param, click.Option) else error.param.human_readable_name
        message = f"{given} is missing"
    expected = None
    if isinstance(error, click.NoSuchOption) and error.option_name == "--upstream":
        # The short name at Ansible's door, which everybody types here once.
        expected = "--container NAME --port NUMBER"
    return UsageError(message, expected=expected, hint=f"{path} --help")


def _fail(words: list[str], error: VsaError) -> int:
    """Print an error that ended the call before any host was asked, and return its exit code."""
    from vsa.output.blocks import error as block
    from vsa.output.document import failure_document
    from vsa.output.screen import Screen

    result: dict[str, Any] = error.as_result()
    found = in_own_words(result["vsa_error"], root=cli)
    screen = Screen(json="--json" in words)
    if screen.json:
        screen.document(failure_document(found, verb=_verb(words), exit_code=error.exit_code))
    screen.error(block(found, host=None, subject=None, audit_id=None))
    return error.exit_code


def _verb(words: list[str]) -> str | None:
    """Return the verb that the words name, as documents have it (``site.provision``)."""
    rest = iter(words)
    first = next((word for word in rest if word in cli.commands or word in SHORT_FORMS), None)
    if first in SHORT_FORMS:
        return ".".join(SHORT_FORMS[first])
    noun = cli.commands.get(first or "")
    if not isinstance(noun, click.Group):
        return None if noun is None else noun.name
    verb = next((word for word in rest if word in noun.commands), None)
    return f"{noun.name}.{verb}" if verb else None
