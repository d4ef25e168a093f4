"""The id of a region: a part of the name of the host that a call goes to, so it must be nothing else."""

from __future__ import annotations

import re

import click

_REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")


def region_ids(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...]:
    """The callback of an option that takes the ids of regions."""
    for text in given:
        if not _REGION.fullmatch(text):
            raise click.BadParameter(f"{text!r} is no region; its id is such as cn-hangzhou.")
    return given


regions_option = click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="ID",
    callback=region_ids,
    help="Only this region; may be repeated.",
)


def region_id(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    """The callback of an option that takes the id of one region."""
    if given is not None:
        region_ids(context, parameter, (given,))
    return given
