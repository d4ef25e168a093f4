"""``imc-refresh records``: what the functions recorded, as a table."""

from __future__ import annotations

from collections.abc import Mapping

import click

from imagecache.model.globs import glob_matches

from ..output import json_option, print_json, print_table, print_text
from ..sources.record_lines import Record, RecordSource, moment_of, reads_records
from ..wording import moment_text

_EXAMPLES = """\b
Examples:
  imc-refresh records --records records.jsonl --since 24h --result failed
  imc-refresh records --local --image '**/shop/web:*' --json"""


@click.command("records", epilog=_EXAMPLES)
@reads_records
@click.option("--result", metavar="RESULT", help="Only this result, such as failed.")
@click.option("--reason", metavar="CODE", help="Only this reason, such as POLICY_HOLDS.")
@click.option("--image", metavar="GLOB", help="Only pushes of such an image; ** crosses slashes.")
@click.option("--cache", metavar="NAME", help="Only this cache, by its id or name.")
@click.option("--rule", metavar="NAME", help="Only what this rule decided.")
@json_option
def command(source: RecordSource, *, as_json: bool, **filters: str | None) -> None:
    """Show what the functions recorded: one line for each decision, the oldest first."""
    found = [record for record in source.read() if _wanted(record, filters)]
    if as_json:
        print_json(found)
        return
    print_text(f"{len(found)} record{'' if len(found) == 1 else 's'}")
    print_table(
        ("TIME", "RESULT", "REASON", "IMAGE", "CACHE", "RULE", "MESSAGE"),
        [
            (
                moment_text(moment_of(record)),
                record["result"],
                " ".join(record[key] for key in ("reason", "held_because") if key in record),
                record.get("image", ""),
                record.get("image_cache_name") or record.get("image_cache_id", ""),
                record.get("rule", ""),
                record.get("message", ""),
            )
            for record in found
        ],
    )


def _wanted(record: Record, filters: Mapping[str, str | None]) -> bool:
    wanted = {name: text for name, text in filters.items() if text is not None}
    cache, image = wanted.pop("cache", None), wanted.pop("image", None)
    return (
        all(record.get(name) == text for name, text in wanted.items())
        and (cache is None or cache in {record.get("image_cache_id"), record.get("image_cache_name")})
        and (image is None or glob_matches(image, record.get("image", "")))
    )
