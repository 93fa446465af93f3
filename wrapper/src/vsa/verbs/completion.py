"""``vsa completion``: the script that makes a shell complete verbs, options and names."""

from __future__ import annotations

import click

from vsa.command.options import Verb

__all__ = ("completion_command",)


@click.command(
    "completion",
    cls=Verb,
    examples=(
        'eval "$(vsa completion bash)"          in ~/.bashrc',
        "vsa completion fish > ~/.config/fish/completions/vsa.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion_command(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:  # pragma: no cover (Click knows all three)
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(context.find_root().command, {}, "vsa", "_VSA_COMPLETE").source())
