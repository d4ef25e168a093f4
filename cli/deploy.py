"""``imc-refresh deploy``: the same as ``python -m deploy``, whose options it passes on."""

from __future__ import annotations

import click

from deploy.__main__ import main

_HELP = """Create, compare, update or remove a stack, build its package, check its template.

Without --run a command of a stack prints the vendor's commands and calls nothing.

\b
imc-refresh deploy package
imc-refresh deploy create --region cn-hangzhou --bucket my-bucket
imc-refresh deploy update --region cn-hangzhou --bucket my-bucket --run
imc-refresh deploy create --help
"""


@click.command(help=_HELP, context_settings={"allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND [OPTION ...]")
@click.pass_context
def command(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Pass all on."""
    context.exit(main(arguments))
