"""``vsa help``: a verb's help by another way, and the tables that belong to no verb."""

from __future__ import annotations

import click

from vsa.command.options import Verb
from vsa.core import EXIT_OK, UsageError

__all__ = ("help_command",)


@click.command("help", cls=Verb, examples=("vsa help exit-codes", "vsa help site provision"))
@click.argument("words", nargs=-1, metavar="[TOPIC | NOUN [VERB]]")
@click.pass_context
def help_command(context: click.Context, words: tuple[str, ...]) -> int:
    """Explain a verb, the exit codes (exit-codes) or the environment (environment)."""
    from vsa.topics import TOPICS

    if len(words) == 1 and words[0] in TOPICS:
        title, rows = TOPICS[words[0]]
        width = max(len(name) for name in rows)
        click.echo("\n".join([title, *(f"  {name:{width}}  {meaning}" for name, meaning in rows.items())]))
        return EXIT_OK
    click.echo(_help_of(context.find_root(), words))
    return EXIT_OK


def _help_of(root: click.Context, words: tuple[str, ...]) -> str:
    """Return the help of a command. UsageError with the topics if there is none of this name."""
    from vsa.topics import TOPICS

    found = root
    for word in words:
        group = found.command
        command = group.get_command(found, word) if isinstance(group, click.Group) else None
        if command is None:
            known = group.list_commands(found) if isinstance(group, click.Group) else []
            raise UsageError("there is no such topic", field="TOPIC", value=word, there_are=[*TOPICS, *known])
        found = click.Context(command, info_name=word, parent=found)
    return found.get_help()
