"""The command ``vsa``: its nouns, and how each call ends."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from vsa.ansible.failure import REPORT_IT
from vsa.command.flags import in_own_words
from vsa.command.options import Group
from vsa.core import EXIT_INTERNAL, EXIT_INTERRUPTED, EXIT_OK, EXIT_REFUSED, EXIT_USAGE, UsageError, VsaError
from vsa.verbs import audit, auth, bootstrap, cert, completion, site, stack, vhost

__all__ = ("cli", "main")

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(
    cls=Group,
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


for _command in (
    bootstrap.bootstrap_command,
    stack.group,
    site.group,
    auth.group,
    cert.group,
    vhost.group,
    audit.group,
    completion.completion_command,
):
    cli.add_command(_command)


def main(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code. A failure prints an error; only ``-vvv`` shows a traceback."""
    words = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character shows a question mark instead.
            stream.reconfigure(errors="replace")
    try:
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
        name = type(error).__name__
        return _fail(words, VsaError(f"{name}: {error}", state="", hint=REPORT_IT, exit_code=EXIT_INTERNAL))
    return code if isinstance(code, int) else EXIT_OK


def _of_click(error: click.UsageError) -> UsageError:
    """Return Click's usage error in our own shape."""
    path = error.ctx.command_path if error.ctx else "vsa"
    message = error.format_message().rstrip(".")
    if message.startswith("N"):
        message = message[0].lower() + message[1:]
    if isinstance(error, click.MissingParameter) and error.param is not None:
        given = error.param.opts[0] if isinstance(error.param, click.Option) else error.param.human_readable_name
        message = f"{given} is missing"
    return UsageError(message, hint=f"{path} --help")


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
    noun = next((cli.commands[word] for word in rest if word in cli.commands), None)
    if not isinstance(noun, click.Group):
        return None if noun is None else noun.name
    verb = next((word for word in rest if word in noun.commands), None)
    return f"{noun.name}.{verb}" if verb else None
