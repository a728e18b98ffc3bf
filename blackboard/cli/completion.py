"""completion."""

from __future__ import annotations

import click

from blackboard.cli.options import Options
from blackboard.cli.verb import verb


@verb(
    example='eval "$(blackboard completion bash)"          # in ~/.bashrc\n'
    'eval "$(blackboard completion zsh)"           # in ~/.zshrc\n'
    "blackboard completion fish | source           # in ~/.config/fish/config.fish"
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), help="The shell.")
@click.pass_context
def completion(ctx: click.Context, options: Options, shell: str) -> None:
    """Print the completion script of a shell."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"click knows no completion for {shell}.")
    click.echo(found(ctx.find_root().command, {}, "blackboard", "_BLACKBOARD_COMPLETE").source())
