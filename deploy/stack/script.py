"""Makes the shell script that does something with a stack, and runs one.

The script is for the vendor's tool ``aliyun`` and any POSIX shell; what it does is in
``functions.sh``, and only its values and the order of its steps are made here. Sources: the tool's own source
(``--output`` prints a table; ``oss cp`` signs V1 unless told otherwise; ``NAME-FILE`` takes a value from a
file; ``--waiter`` waits for at most 600 s and does not end at a failed state, and is not used) and the
reference of ROS.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from local.template.document import Resource, load_template, parse_template, resource_names

from .action import SECRETS, Action, StackError
from .package import Package, object_name
from .parameters import ACCOUNT, TEMPLATE, stack_parameters

__all__ = ["run_script", "stack_script"]

_FUNCTIONS = Path(__file__).with_name("functions.sh")
_TIMEOUT_MINUTES = 20
_ROLES = {
    # Function Compute writes logs and connects event sources by the first; EventBridge invokes by the second.
    "AliyunServiceRoleForFC": "fc.aliyuncs.com",
    "AliyunServiceRoleForEventBridgeSendToFC": "sendevent-fc.eventbridge.aliyuncs.com",
}
_CONFIGURATIONS = {
    "ALIYUN::FC3::AsyncInvokeConfig": ("async-invoke-config", '"maxAsyncRetryAttempts"'),
    "ALIYUN::FC3::ConcurrencyConfig": ("concurrency", '"reservedConcurrency": *[1-9]'),
}
"""Resources that ROS replaces: the path of each at a function, and what the answer has if it is there."""

_PREFIX = "prefix-of-the-stack"
_OF_STACK = re.compile(r'"@(\w+)@"')
"""Stands for a number that is a parameter of the stack."""


def stack_script(action: Action, package: Package | None) -> str:
    """The script, which is checked whole: all that can be known to be wrong without a cloud is told here.

    Args:
        action: what to do with which stack.
        package: whose code the functions get; None to remove.

    Raises:
        StackError: a parameter is wrong; with a line for each problem.
    """
    what = f"{action.verb.capitalize()}: the stack {action.name} in {action.region}."
    values = {"REGION": action.region, "STACK": action.name, "BUCKET": action.bucket}
    numbers = {"TIMEOUT": _TIMEOUT_MINUTES, "MINUTES": 2 * _TIMEOUT_MINUTES}
    steps = ["check_account"]
    parts: list[str] = []
    if package is not None:
        template = object_name(hashlib.sha256(TEMPLATE.read_bytes()).hexdigest(), TEMPLATE)
        values["TEMPLATE"] = f"oss://{action.bucket}/{template}?RegionId={action.region}"
        values["REPLACE"] = " ".join(action.replace)
        if unknown := sorted(set(action.replace) - resource_names(TEMPLATE)):
            raise StackError(f"replace: the template has no resource {', '.join(unknown)}")
        parts = list(_parameters(action, stack_parameters(action, package)))
        resources = _resources(action)
        if action.verb == "update":
            parts += _keep_configurations(resources)
        if not any(one.properties.get("AsyncTask") for one in resources):
            steps.append(f"say '{action.region} has no task mode: some follow tasks are stored twice'")
        steps += _preparation(action, package, template)
    return "\n".join(
        [
            "#!/bin/sh",
            f"# {what} May be run again at any time.",
            "set -eu",
            *(f"{name}={shlex.quote(value)}" for name, value in values.items()),
            *(f"{name}={value}" for name, value in numbers.items()),
            *(f': "${{{SECRETS[name]}:?has to hold {name}}}"' for name in sorted(action.secrets)),
            "",
            _FUNCTIONS.read_text(encoding="utf-8"),
            *parts,
            "",
            *steps,
            f"{action.verb}_stack",
            "",
        ]
    )


def run_script(script: str) -> int:
    """Run a script with the shell; returns its exit status. An interruption reaches it too, and ends it."""
    process = subprocess.Popen(["/bin/sh", "-c", script])  # noqa: S603 - the script that was made here
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def _preparation(action: Action, package: Package, template: str) -> Iterator[str]:
    yield "check_bucket"
    if action.verb != "diff":
        for name, service in _ROLES.items():
            yield shlex.join(["need_role", name, service])
        yield shlex.join(["upload", str(package.path.resolve()), package.object_name])
    yield shlex.join(["upload", str(TEMPLATE), template])
    yield from (f'secret {name} "${SECRETS[name]}"' for name in sorted(action.secrets))
    yield ("ros ValidateTemplate --TemplateURL \"$TEMPLATE\" > /dev/null || fail 'the template is not valid'")


def _parameters(action: Action, given: Mapping[str, str]) -> Iterator[str]:
    """A function that calls a command with all parameters."""
    words = ['  "$@"']
    secret = dict.fromkeys(sorted(action.secrets))
    for number, (name, value) in enumerate({**given, **secret}.items(), start=1):
        option = f"--Parameters.{number}.ParameterKey {name} --Parameters.{number}.ParameterValue"
        if value is None:
            words.append(f'    {option}-FILE "$WORK/{name}"')
        else:
            # The tool takes a word that begins with - for an option.
            words.append(f"    {option}{'=' if value.startswith('-') else ' '}{shlex.quote(value)}")
    yield "with_parameters() {"
    yield " \\\n".join(words)
    yield "}"


def _resources(action: Action) -> list[Resource]:
    """All that a stack in this region can have, with marks for what only the stack knows."""
    secrets = dict.fromkeys(SECRETS, "a" * 16)
    code = {"CodeBucket": action.bucket, "CodeObject": "code", "NamePrefix": _PREFIX}
    return load_template(TEMPLATE, {**code, **secrets}, region=action.region, account_id=ACCOUNT)


def _keep_configurations(resources: Iterable[Resource]) -> Iterator[str]:
    """A function that looks after each configuration of a function that an update replaces."""
    document, _ = parse_template(TEMPLATE)
    yield "keep_configurations() {"
    for resource in resources:
        if resource.type in _CONFIGURATIONS:
            place, sign = _CONFIGURATIONS[resource.type]
            body = {name: value for name, value in resource.properties.items() if name != "FunctionName"}
            for name, written in document["Resources"][resource.logical_id]["Properties"].items():
                if name in body and isinstance(written, dict) and "Ref" in written:
                    body[name] = f"@{written['Ref']}@"
            path = f"{resource.properties['FunctionName']}/{place}"
            yield f"  keep_configuration {_word(path)} {_word(json.dumps(_lower(body)))} {shlex.quote(sign)}"
    yield "}"


def _lower(node: Any) -> Any:
    """Keys as the API of Function Compute has them."""
    if isinstance(node, dict):
        return {f"{key[0].lower()}{key[1:]}": _lower(value) for key, value in node.items()}
    return node


def _word(text: str) -> str:
    """A quoted word of the shell, with what only the stack knows left to it."""
    quoted = text.replace("'", "'\"'\"'").replace(_PREFIX, "'\"$PREFIX\"'").replace(ACCOUNT, "'\"$ACCOUNT\"'")
    return "'" + _OF_STACK.sub("'\"$(parameter \\1)\"'", quoted) + "'"
