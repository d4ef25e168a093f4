"""Checks all parameters of a stack before anything is called, by the code that reads them in the cloud.

The template is resolved with them, and the variables that each function would have are read as the function
reads them. Must not know scripts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.rules import find_functions
from local.template.document import Resource, TemplateError, load_template

from .action import SECRETS, Action, StackError
from .package import Package

__all__ = ["ACCOUNT", "TEMPLATE", "stack_parameters"]

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yml"
ACCOUNT = "0000000000000000"
"""Stands for the account, which only the cloud knows."""

_FUNCTION = "ALIYUN::FC3::Function"
_FILES = ("IMC_RULES_FILE", "IMC_CA_FILE")
"""Name files of the package, which were checked when it was built, or of a layer."""
_EXPECTED = {
    "Parameters.WebhookTokens": "tokens of at least 16 printable ASCII characters without blanks each, "
    "comma separated, at most 800 characters in all",
    "Parameters.RegistryPassword": "at most 256 printable ASCII characters",
}
"""The forms of the secret ones, whose values are never told."""


def stack_parameters(action: Action, package: Package) -> dict[str, str]:
    """All parameters that are not left as they are, without the secret ones.

    Args:
        action: a creation or an update. At an update a parameter that is not given counts with its default.
        package: whose code the functions get.

    Raises:
        StackError: with a line for each problem.
    """
    own = {"Runtime": package.runtime, "CodeBucket": action.bucket, "CodeObject": package.object_name}
    along = {"RulesFile": package.rules, "CaFile": package.ca_file}
    own.update((name, value) for name, value in along.items() if value)
    given = {**own, **action.parameters}
    problems = [
        f"{name}: is {value} by the package and the bucket; leave it out"
        for name, value in own.items()
        if given[name] != value
    ]
    problems += [
        f"{name}: is secret; put the value into the environment variable {variable}"
        for name, variable in SECRETS.items()
        if name in given
    ]
    if given.get("Rules") and given.get("RulesFile"):
        problems.append("Rules: do not count beside the rules in the package; leave one of them out")
    problems = problems or _problems(action, {**given, **action.secrets})
    if problems:
        raise StackError("\n".join(dict.fromkeys(problems)))
    return given


def _problems(action: Action, given: Mapping[str, str]) -> list[str]:
    try:
        resources = load_template(TEMPLATE, given, region=action.region, account_id=ACCOUNT)
    except TemplateError as error:
        # The path of a secret one is told, its value never is.
        secret = error.path in _EXPECTED and error.path.partition(".")[2] in action.secrets
        return [f"{error.path}: {_EXPECTED[error.path]} expected" if secret else str(error)]
    functions = [resource for resource in resources if resource.type == _FUNCTION]
    return [problem for function in functions for problem in _of_function(action, function)]


def _of_function(action: Action, function: Resource) -> list[str]:
    find_functions()
    from imagecache.base.errors import SettingsError  # noqa: PLC0415 - its folder is found only now
    from imagecache.config.rules_file import read_rules  # noqa: PLC0415
    from imagecache.config.settings import read_settings  # noqa: PLC0415

    variables: dict[str, Any] = function.properties.get("EnvironmentVariables", {})
    given = {name: str(value) for name, value in variables.items() if name not in _FILES}
    if action.verb != "create" and not given.get(password := SECRETS["RegistryPassword"]):
        given[password] = "kept"
    try:
        read_settings({**given, "FC_REGION": action.region, "FC_ACCOUNT_ID": ACCOUNT}, read_rules)
    except SettingsError as error:
        note = " (what is not given counts with its default here: give what belongs together)"
        return [f"{problem}{'' if action.verb == 'create' else note}" for problem in error.problems]
    return []
