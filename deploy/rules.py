"""Checks what goes along with a deployment, by the very code that reads it in the cloud: rules, authorities.

What is wrong then shows where somebody can mend it, and not as an error of every invocation. Must not know
how they are deployed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["ca_problem", "find_functions", "rules_problems"]

_FUNCTIONS = Path(__file__).parents[1] / "functions"
_SETTING = "IMC_RULES"
_PASSWORD = "passwordEnv"  # noqa: S105 - the key that names a variable


def rules_problems(content: bytes) -> list[str]:
    """What is wrong with rules: all of it, each problem with a JSON pointer.

    Passwords are not asked for: the rules only name their environment variables, which are the functions'.

    Args:
        content: the rules, JSON; of any size.
    """
    find_functions()
    from imagecache.base.environment import Environment  # noqa: PLC0415
    from imagecache.base.errors import InputError  # noqa: PLC0415
    from imagecache.base.json_input import MAX_BODY_BYTES, read_json  # noqa: PLC0415 - its folder is found only now
    from imagecache.config.rules_file import read_rules  # noqa: PLC0415

    try:
        document = read_json(content, limit=MAX_BODY_BYTES, what="document")
    except InputError as error:
        return [error.message]
    passwords = dict.fromkeys(_named_variables(document), "some password")
    env = Environment({**passwords, _SETTING: content.decode()})
    read_rules(env)
    return [problem.removeprefix(f"{_SETTING} ") for problem in env.problems]


def ca_problem(path: Path) -> str:
    """What is wrong with a file of certificate authorities; empty if nothing is."""
    find_functions()
    from imagecache.config.ca_file import ca_path  # noqa: PLC0415 - its folder is found only now

    try:
        ca_path(str(path.absolute()))
    except ValueError as error:
        return str(error)
    return ""


def find_functions() -> None:
    """Let the library of the functions be imported."""
    if str(_FUNCTIONS) not in sys.path:
        sys.path.append(str(_FUNCTIONS))


def _named_variables(node: Any) -> Iterator[str]:
    """The environment variables that a document names; it is not deep, and may be of any form."""
    if isinstance(node, Mapping):
        name = node.get(_PASSWORD)
        if isinstance(name, str):
            yield name
    members = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    for member in members:
        yield from _named_variables(member)
