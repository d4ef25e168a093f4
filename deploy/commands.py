"""Prints the vendor's commands that create, update or remove a stack, with the right parameters.

Nothing is called: what is printed can be read, changed and pasted. The commands are those of the vendor's
command line tool ``aliyun`` (pages "Use Alibaba Cloud CLI to manage ROS" and "ossutil cp"). The template goes
through OSS too, as it is too long for a URL. Both objects are named by their content: the functions get a new
package only when its name changes, and an older stack keeps what it was made from.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.command_line.arguments import assignment
from local.template.document import TemplateError, load_template

from .rules import rules_problems

__all__ = ["CommandsError", "Package", "Stack", "commands", "read_package", "removal", "run"]

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yml"
TIMEOUT_MINUTES = 20
SECRETS = {
    "WebhookTokens": ("--webhook", "WEBHOOK_TOKENS"),
    "RegistryPassword": ("--registry-password", "REGISTRY_PASSWORD"),
}
"""Parameters whose values no command shows: the option that asks for each, the shell's variable with it."""
_NO_ACCOUNT = "0000000000000000"
_HASH_CHARACTERS = 16
_STACK_ID_OF_ANSWER = """| sed -n 's/.*"StackId": *"\\([^"]*\\)".*/\\1/p' | head -n 1"""
_STACK_ID_IS_THERE = ': "${STACK_ID:?the answer told none}"'


class CommandsError(ValueError):
    """Raised when commands cannot be told; the text says what is wrong."""


@dataclass(frozen=True)
class Package:
    """A built package.

    Attributes:
        path: the zip.
        runtime: what it was built for.
        sha256: of its bytes, in hexadecimal.
        rules: the name of the rules in it; None when there are none.
        ca_file: the name of the certificate authorities in it; None when there are none.
    """

    path: Path
    runtime: str
    sha256: str
    rules: str | None = None
    ca_file: str | None = None


@dataclass(frozen=True)
class Stack:
    """What is to be deployed where.

    Attributes:
        name: the stack's.
        region: its region, such as ``cn-hangzhou``.
        bucket: the OSS bucket, in that region.
        parameters: of the template, beside those that follow from the rest.
        secrets: those of ``SECRETS`` that are given by the shell.
    """

    name: str
    region: str
    bucket: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()


def read_package(path: Path) -> Package:
    """Read a package and the manifest beside it.

    Raises:
        CommandsError: one of them is missing, or they do not belong together.
    """
    manifest_path = path.with_suffix(".json")
    try:
        content = path.read_bytes()
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        runtime, sha256 = manifest["runtime"], manifest["sha256"]
        rules, ca_file = manifest.get("rules"), manifest.get("caFile")
    except OSError as error:
        raise CommandsError(f"{error.filename}: {error.strerror}; `make package` builds it") from None
    except (ValueError, KeyError, TypeError):
        problem = "is no manifest of a package; `make package` writes it"
        raise CommandsError(f"{manifest_path}: {problem}") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CommandsError(f"{path}: is not what {manifest_path.name} describes; build it again")
    return Package(path, runtime, sha256, rules, ca_file)


def commands(action: str, stack: Stack, package_path: Path) -> Iterator[str]:
    """The lines of a shell script.

    Args:
        action: ``create`` or ``update``.
        stack: what is deployed where.
        package_path: the zip, with its manifest beside it.

    Raises:
        CommandsError: a parameter or the package is wrong.
    """
    if not stack.bucket:
        raise CommandsError("--bucket is needed: an OSS bucket in that region for the package")
    package = read_package(package_path)
    region = ["--RegionId", stack.region]
    template_hash = hashlib.sha256(TEMPLATE.read_bytes()).hexdigest()[:_HASH_CHARACTERS]
    code = f"imc-refresh/{package.sha256[:_HASH_CHARACTERS]}/{package.path.name}"
    template = f"imc-refresh/{template_hash}/template.yml"
    parameters = _parameters(stack, package, code)
    yield from (f': "${{{SECRETS[name][1]}:?put {name} into it}}"' for name in sorted(stack.secrets))
    for source, target in ((package.path, code), (TEMPLATE, template)):
        where = f"oss://{stack.bucket}/{target}"
        yield _line(["aliyun", "oss", "cp", _shown(source), where, "--region", stack.region, "--force"])
    url = ["--TemplateURL", f"oss://{stack.bucket}/{template}?RegionId={stack.region}"]
    yield _line(["aliyun", "ros", "ValidateTemplate", *region, *url])
    create = ["aliyun", "ros", "CreateStack", *region, "--StackName", stack.name]
    # What is not given keeps its value, secrets among it.
    update = ["aliyun", "ros", "UpdateStack", *region, "--UsePreviousParameters", "true", "--StackId"]
    lines = [
        f"STACK_ID=$({_line(create)}" if action == "create" else f'{_line(update)} "$STACK_ID"',
        _line([*url, "--TimeoutInMinutes", str(TIMEOUT_MINUTES)]),
        *(_parameter(number, name, value) for number, (name, value) in enumerate(parameters, start=1)),
    ]
    if action == "create":
        lines.append(f"{_STACK_ID_OF_ANSWER})")
    else:
        yield from _find(stack)
    yield " \\\n  ".join(lines)
    if action == "create":
        yield _STACK_ID_IS_THERE
    waiter = ["--waiter", "expr=Status", f"to={action.upper()}_COMPLETE", f"timeout={TIMEOUT_MINUTES * 60}"]
    yield f'{_line(["aliyun", "ros", "GetStack", *region, "--StackId"])} "$STACK_ID" {_line(waiter)}'


def removal(stack: Stack) -> Iterator[str]:
    """The lines of a shell script that removes a stack, with the logs and the on-failure queue in it."""
    yield from _find(stack)
    yield f'{_line(["aliyun", "ros", "DeleteStack", "--RegionId", stack.region, "--StackId"])} "$STACK_ID"'


def _find(stack: Stack) -> Iterator[str]:
    listing = ["aliyun", "ros", "ListStacks", "--RegionId", stack.region, "--StackName.1", stack.name]
    yield f"STACK_ID=$({_line(listing)} {_STACK_ID_OF_ANSWER})"
    yield _STACK_ID_IS_THERE


def _parameters(stack: Stack, package: Package, code: str) -> list[tuple[str, str]]:
    """All parameters that are not left at their default, checked, with their values as a shell takes them."""
    own = {"Runtime": package.runtime, "CodeBucket": stack.bucket, "CodeObject": code}
    along = {"RulesFile": package.rules, "CaFile": package.ca_file}
    own.update((name, value) for name, value in along.items() if value)
    for name, value in own.items():
        if stack.parameters.get(name, value) != value:
            raise CommandsError(f"{name} is {value} by the package and the bucket; leave it out")
    for name, (option, variable) in SECRETS.items():
        if name in stack.parameters:
            raise CommandsError(f"{name}: is secret; use {option}, and put the value into {variable}")
    given = {**own, **stack.parameters}
    try:
        load_template(TEMPLATE, given, region=stack.region, account_id=_NO_ACCOUNT)
    except TemplateError as error:
        raise CommandsError(str(error)) from None
    if given.get("Rules"):
        if given.get("RulesFile"):
            raise CommandsError("Rules: do not count beside the rules in the package; leave one of them out")
        if problems := rules_problems(given["Rules"].encode()):
            raise CommandsError("\n".join(f"Rules: {problem}" for problem in problems))
    secrets = [(name, f'"${SECRETS[name][1]}"') for name in sorted(stack.secrets)]
    return [*((name, shlex.quote(value)) for name, value in given.items()), *secrets]


def _parameter(number: int, name: str, shown: str) -> str:
    prefix = f"--Parameters.{number}"
    return f"{prefix}.ParameterKey {name} {prefix}.ParameterValue {shown}"


def _line(words: Sequence[str]) -> str:
    return shlex.join(words)


def _shown(path: Path) -> str:
    """The path as seen from the folder that the command is run in, if it is inside."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def run(arguments: Sequence[str]) -> int:
    """Run ``python -m deploy commands``; returns the exit status."""
    options = _parser().parse_args(arguments)
    secrets = frozenset(options.secrets)
    stack = Stack(options.stack, options.region, options.bucket, dict(options.parameters), secrets)
    try:
        lines = (
            removal(stack) if options.action == "remove" else commands(options.action, stack, options.package)
        )
        print("\n".join(lines))
    except CommandsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy commands",
        description="Print the vendor's commands for a stack. Nothing is called.",
    )
    parser.add_argument("action", choices=("create", "update", "remove"))
    parser.add_argument("--region", required=True, help="such as cn-hangzhou")
    parser.add_argument("--bucket", default="", help="an OSS bucket there (not needed to remove)")
    parser.add_argument("--stack", default="imc-refresh", metavar="NAME", help="(%(default)s)")
    parser.add_argument(
        "--package",
        type=Path,
        default=Path("dist/imc-refresh-python3.12.zip"),
        metavar="FILE",
        help="what `make package` built (%(default)s)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        type=assignment,
        dest="parameters",
        metavar="NAME=VALUE",
        help="a parameter of the template",
    )
    for name, (option, variable) in SECRETS.items():
        parser.add_argument(
            option,
            action="append_const",
            const=name,
            default=[],
            dest="secrets",
            help=f"with {name}, whose value is in the environment variable {variable}",
        )
    return parser
