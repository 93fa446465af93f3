"""The options that every verb takes, before or after the verb, and the types that check typed values."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from vsa.core import UsageError, checked, setting, site_fields

__all__ = (
    "CA_HELP",
    "Checked",
    "Form",
    "GlobalOptions",
    "Group",
    "HostPattern",
    "Setting",
    "StackName",
    "Variable",
    "Verb",
    "WholeNumber",
    "domain_option",
    "global_options",
    "option",
)

_GLOBAL_OPTIONS = "vsa.global_options"
_READ_STDIN = "vsa.read_stdin"
_PATTERN = r"[!&]?[A-Za-z0-9_.*?-]{1,255}(?:\[[0-9a-z:]+\])?"
_LIMIT = re.compile(rf"(?!-){_PATTERN}(?:[,:]{_PATTERN})*")
CA_HELP = "letsencrypt, staging, selfsigned, or the https URL of an ACME directory"


class GlobalOptions(dict[str, Any]):
    """The global options of a command line, from before and after the verb. A later one wins, ``-v`` adds up."""

    def note(self, name: str, value: Any) -> None:
        """Add the value of one option."""
        if name == "verbosity":
            self[name] = self.get(name, 0) + value
        elif value not in (None, False):
            self[name] = value


def global_options(context: click.Context) -> GlobalOptions:
    """Return the global options of the whole command line."""
    found: GlobalOptions = context.meta.setdefault(_GLOBAL_OPTIONS, GlobalOptions())
    return found


class Checked(click.ParamType[Any]):
    """A value that a form of the core checks and normalises. ``complete`` is the kind of names for completion."""

    def __init__(self, form: str, metavar: str, *, complete: str | None = None) -> None:
        self.name = metavar
        self._form = form
        self._complete = complete

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the normal form, or raise the core's usage error with this option's name."""
        del ctx
        return checked(self._form, value, field=_typed(param)) if isinstance(value, str) else value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the known names that begin so."""
        del ctx, param
        return complete_names(self._complete, incomplete) if self._complete else []


class HostPattern(click.ParamType[Any]):
    """A pattern of hosts for ``--limit``. A file (``@FILE``) is refused."""

    name = "HOST"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the pattern, or raise a usage error."""
        del ctx
        if not _LIMIT.fullmatch(value):
            raise UsageError(
                "this is not a pattern of hosts",
                field=_typed(param),
                value=value,
                expected="vps-01, a group, or a list with commas",
            )
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the known hosts that begin so."""
        del ctx, param
        return complete_names("hosts", incomplete)


class Form(click.ParamType[str]):
    """A word that matches a pattern. Any other word is a usage error."""

    def __init__(self, name: str, form: re.Pattern[str], expected: str) -> None:
        self.name = name
        self._form = form
        self._expected = expected

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word."""
        del ctx
        if not self._form.fullmatch(value):
            raise UsageError("this is not of its form", field=_typed(param), value=value, expected=self._expected)
        return str(value)


class WholeNumber(click.ParamType[Any]):
    """A whole number within bounds, in plain digits."""

    name = "NUMBER"

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or raise a usage error."""
        del ctx
        if isinstance(value, int):
            return value
        if not re.fullmatch(r"0|[1-9][0-9]{0,9}", value, re.ASCII) or not self._least <= int(value) <= self._most:
            expected = f"a whole number from {self._least} to {self._most}"
            raise UsageError("this is not a number here", field=_typed(param), value=value, expected=expected)
        return int(value)


class Setting(click.ParamType[Any]):
    """``FIELD=VALUE`` for a manifest. The result is the pair of the field and its value in normal form."""

    name = "FIELD=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the pair, or raise a usage error that names the field."""
        del ctx
        return setting(value, field=_typed(param)) if isinstance(value, str) else value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the fields that begin so."""
        del ctx, param
        return [CompletionItem(f"{name}=") for name in site_fields() if name.startswith(incomplete)]


class Variable(click.ParamType[Any]):
    """``NAME=VALUE`` of a stack's environment file. ``NAME=-`` reads the value from standard input.

    The result is the name, the value, and whether the value was typed. A secret that was typed is refused by its name.
    """

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the parts, or raise an error that names the variable and does not show its value."""
        if not isinstance(value, str):
            return value
        field = _typed(param)
        name, equals, text = value.partition("=")
        if not equals:
            raise UsageError("this sets no variable", field=field, expected=self.name)
        name = checked("variable", name, field=field)
        # To empty a variable tells nobody a secret.
        typed = text not in ("-", "")
        if text == "-":
            text = self._read_stdin(name, field, ctx)
        text = checked("env_value", text, field=f"{field} {name}")
        if typed:
            self._refuse_secret(name, field)
        return name, text, typed

    @staticmethod
    def _read_stdin(name: str, field: str, ctx: click.Context | None) -> str:
        """Return the standard input. UsageError if another variable has it: the second one would be emptied."""
        meta = {} if ctx is None else ctx.meta
        if _READ_STDIN in meta:
            raise UsageError(
                "standard input has one value",
                field=f"{field} {name}",
                value="-",
                expected=f"one variable from it, and {meta[_READ_STDIN]} has it: set the others by another command",
            )
        meta[_READ_STDIN] = name
        return sys.stdin.read().removesuffix("\n")

    @staticmethod
    def _refuse_secret(name: str, field: str) -> None:
        # Imported here: these names bring all that reads a stack, and every command loads this file.
        from vsa.core import is_secret_name, typed_secret

        if is_secret_name(name):
            raise typed_secret(name, field=field)


class StackName(click.ParamType[Any]):
    """The name of a stack, or of one of its services."""

    name = "NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name, or raise a usage error."""
        del ctx
        return checked("stack_name", value, field=_typed(param))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the known stacks that begin so."""
        del ctx, param
        return complete_names("stacks", incomplete)


class _Option(click.Option):
    """An option that stands under a heading in the help."""

    def __init__(self, *args: Any, heading: str = "Options", everywhere: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heading = heading
        self.everywhere = everywhere


def option(*names: str, heading: str = "Options", **kwargs: Any) -> Callable[[Any], Any]:
    """Return a decorator that adds an option under a heading of the verb's help.

    An option that is not typed is None, a switch too.
    """
    if kwargs.get("is_flag"):
        kwargs.setdefault("default", None)
    return click.option(*names, cls=_Option, heading=heading, **kwargs)


def domain_option(without: str | None = None, *, heading: str = "Options") -> Callable[[Any], Any]:
    """Return a decorator that adds ``--domain``, which completes the known sites.

    The option is required, unless ``without`` is given: its help text, for a verb that also works without a domain.
    """
    words = without or "The site's domain."
    kind = Checked("domain", "NAME", complete="domains")
    return option("--domain", type=kind, required=without is None, heading=heading, help=words)


def complete_names(kind: str, incomplete: str) -> list[CompletionItem]:
    """Return the names of a kind that begin so, from the cache."""
    from vsa.command.names import known  # imported here, because only a shell needs it

    return [CompletionItem(name) for name in known(kind) if name.startswith(incomplete)]


class _Common(click.Command):
    """A command with the global options, whose help has headings and fits one screen."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params += _global_options()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the verb under their headings, the global options in short, and the examples."""
        headings: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None and isinstance(param, _Option) and (ctx.parent is None or not param.everywhere):
                headings.setdefault(param.heading, []).append(record)
        for heading, records in headings.items():
            with formatter.section(heading):
                formatter.write_dl(records)
        if ctx.parent is not None:
            with formatter.section("Everywhere"):
                names = "-i FILE  -l HOST  --local  --check  --diff  --fail-fast  --json  -q  -v  -y  --help"
                formatter.write_text(f"{names}  (vsa --help explains)")
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")


class Verb(_Common):
    """The command of a verb."""


class Group(_Common, click.Group):
    """The group of a noun, or ``vsa`` itself."""

    command_class = Verb

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of their declaration, not of the alphabet."""
        del ctx
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs first, because most readers look for a verb."""
        self.format_commands(ctx, formatter)
        super().format_options(ctx, formatter)


Group.group_class = Group


def _typed(param: click.Parameter | None) -> str:
    """Return a parameter's name as the operator writes it."""
    if param is None:
        return "value"
    return param.opts[0] if isinstance(param, click.Option) else (param.metavar or param.human_readable_name)


def _note(context: click.Context, param: click.Parameter, value: Any) -> Any:
    global_options(context).note(str(param.name), value)
    return value


def _print_version(context: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from vsa.version import describe  # imported here, because only --version needs it

        click.echo(describe())
        context.exit()


def _global_options() -> list[click.Parameter]:
    """Return new global options. Each command has its own, and all of them add to one :class:`GlobalOptions`."""
    common: dict[str, Any] = {"expose_value": False, "callback": _note, "everywhere": True}
    flag: dict[str, Any] = {**common, "is_flag": True, "default": None}
    hosts, way, output = "Which hosts", "In which way", "Output"
    path = click.Path(path_type=str)
    return [
        _Option(
            ["-i", "--inventory"], type=path, metavar="FILE", heading=hosts, **common,
            help="The hosts; else VSA_INVENTORY, else this machine if it has /etc/vsa/vsa.yml, else ansible.cfg's.",
        ),
        _Option(["-l", "--limit"], type=HostPattern(), heading=hosts, help="Only these hosts or groups.", **common),
        _Option(["--local"], heading=hosts, help="This machine itself, without SSH.", **flag),
        _Option(["--check"], heading=way, help="Say what would change, and change nothing.", **flag),
        _Option(["--diff"], heading=way, help="Show what changes in files.", **flag),
        _Option(
            ["--fail-fast"], heading=way, help="One host after another, and end at the first that fails.", **flag
        ),
        _Option(["-K", "--ask-become-pass"], heading=hosts, help="Ask for the sudo password of the hosts.", **flag),
        _Option(["-y", "--yes"], heading=way, help="Do not ask before something is destroyed.", **flag),
        _Option(["--json"], heading=output, help="One JSON document on stdout.", **flag),
        _Option(["-q", "--quiet"], heading=output, help="Only the last line and errors.", **flag),
        _Option(
            ["-v", "--verbose", "verbosity"], count=True, heading=output, **common,
            help="Ansible's own output too; -vv and -vvv say more.",
        ),
        _Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version, everywhere=True,
            heading=output, help="The versions of vsa, Ansible and Python.",
        ),
    ]  # fmt: skip
