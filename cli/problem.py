"""What ends a command without an answer, as one line for a person, and what the exit codes mean."""

from __future__ import annotations

from typing import IO, Any

import click

ANSWERED = 0
WRONG = 1
NOT_ANSWERED = 2

EXIT_CODES = "0 answered, nothing is wrong; 1 answered, something is wrong; 2 could not be answered."


class Problem(click.ClickException):
    """Raised where a question cannot be answered: a file, a credential, a network, an unknown name.

    Args:
        message: one sentence that says what was found and where. No secret.
        remedy: what to do about it, where that is known.
    """

    exit_code = NOT_ANSWERED

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it to standard error: standard output is for answers alone."""
        click.echo(f"error: {self.message}", file=file, err=file is None)
        if self.remedy:
            click.echo(f"  {self.remedy}", file=file, err=file is None)
