"""``imc-refresh doctor``."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path

import click

from ..output import json_option, print_json, print_table, write
from ..services.account import Account
from ..services.credentials import find_credentials, profile_option
from ..services.region import region_id
from ..services.services import SERVICES
from .deployment import ROOT
from .findings import Finding, State, exit_code
from .run import SECONDS, look, run

_HOST = re.compile(r"(https://)?[a-z0-9.:-]+|http://([a-z0-9-]+\.)*(localhost|127\.0\.0\.1)(:[0-9]+)?")


def _endpoints(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    found = {}
    for value in values:
        service, _, url = value.partition("=")
        if service not in SERVICES or not _HOST.fullmatch(url):
            names = ", ".join(SERVICES)
            raise click.BadParameter(f"SERVICE=HOST is expected, with https, SERVICE one of {names}")
        found[service] = url
    return found


_HELP = """Ask the account about a stack: a line a check, and what mends it. It changes nothing but that it
stores a probe.

\b
imc-refresh doctor --region cn-hangzhou
imc-refresh doctor --region cn-hangzhou --stack staging --json
imc-refresh doctor --region cn-hangzhou --facts
"""


@click.command(help=_HELP)
@click.option(
    "--region",
    envvar="ALIBABA_CLOUD_REGION_ID",
    show_envvar=True,
    required=True,
    metavar="ID",
    callback=region_id,
    help="Of the stack, such as cn-hangzhou.",
)
@click.option("--stack", "stack_name", default="imc-refresh", show_default=True, help="Its name.")
@profile_option
@click.option(
    "--facts", "only_facts", is_flag=True, help="Print what the account teaches, without any name or id."
)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    callback=_endpoints,
    metavar="SERVICE=HOST",
    help="Another address of a service, as inside a VPC.",
)
@click.option(
    "--packages",
    type=click.Path(path_type=Path),
    default=ROOT / "dist",
    help="The folder of this checkout's packages; dist.",
)
@json_option
@click.pass_context
def command(  # noqa: PLR0913 - an argument for each option
    context: click.Context,
    *,
    region: str,
    stack_name: str,
    profile: str,
    only_facts: bool,
    endpoints: dict[str, str],
    packages: Path,
    as_json: bool,
) -> None:
    """Find out what is wrong with a stack, and say what mends it."""
    # With this variable the SDKs log each request, with what signs it.
    os.environ.pop("DEBUG", None)
    until = time.monotonic() + SECONDS
    account = Account(find_credentials(profile), region, endpoints, until=until)
    deployment = replace(look(account, stack_name), packages=packages)
    if only_facts:
        from .facts import facts  # noqa: PLC0415 - only with the option

        print_json(facts(account, deployment))
        return
    findings = run(account, deployment, until)
    if as_json:
        print_json({"exit_code": exit_code(findings), "checks": [finding.document() for finding in findings]})
    else:
        _show(findings)
    context.exit(exit_code(findings))


def _show(findings: list[Finding]) -> None:
    rows = []
    for finding in findings:
        rows.append((finding.state.value, finding.check, finding.text))
        if finding.remedy:
            rows.append(("", "", f"-> {finding.remedy}"))
    print_table(("", "check", "what was found"), rows)
    counts = {state: sum(finding.state is state for finding in findings) for state in State}
    write(", ".join(f"{count} {state.value}" for state, count in counts.items()))
