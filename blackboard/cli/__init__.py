"""The command line: `blackboard VERB …`. stdout is data, stderr is messages.

Starting fast is a feature of it, so imports are lazy here on purpose, and nowhere else: this package and `overview` load
only click; a family of verbs is loaded when one of its verbs is used, and what a verb needs when it runs.
"""

from __future__ import annotations

from blackboard.cli.overview import cli

__all__ = ["cli", "main"]


def main() -> None:
    """Run the command line of this process; the end is always a SystemExit."""
    cli.main(prog_name="blackboard")
