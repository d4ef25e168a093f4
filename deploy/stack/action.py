"""What is to be done with which stack. Must not know how it is done."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ACTIONS", "SECRETS", "Action", "StackError"]

ACTIONS = {
    "create": "create a stack; one that was begun is completed",
    "diff": "show what an update would change, and change nothing",
    "update": "show what changes, and change it",
    "remove": "remove a stack, with the logs and the on-failure queue in it",
}
"""What can be done, with a sentence for each."""

SECRETS = {"WebhookTokens": "WEBHOOK_TOKENS", "RegistryPassword": "REGISTRY_PASSWORD"}
"""Parameters whose values are in no script and no command line: the environment variable that has each."""

_FORMS = (
    # ROS: CreateStack; OSS: naming conventions of buckets.
    (
        "name",
        re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}"),
        "letters, digits, - and _, a letter or digit first",
    ),
    ("region", re.compile(r"[a-z]{2,}(-[a-z0-9]+)+"), "a region's id, such as cn-hangzhou,"),
    ("bucket", re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]|"), "3 to 63 small letters, digits and -"),
)


class StackError(ValueError):
    """Raised when a script cannot be made; the text says what is wrong, a line for each problem."""


@dataclass(frozen=True)
class Action:
    """What is to be done with which stack.

    Attributes:
        verb: one of ``ACTIONS``.
        name: the stack's.
        region: its region, such as ``cn-hangzhou``.
        bucket: the OSS bucket, in that region; empty to remove.
        parameters: of the template, beside those that follow from the rest.
        secrets: values of those of ``SECRETS`` that are given, by the parameter's name.
        replace: logical ids of resources that may be replaced, with all that is in them.

    Raises:
        StackError: a name is of no form that the cloud takes.
    """

    verb: str
    name: str
    region: str
    bucket: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    replace: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.verb not in ACTIONS:
            raise StackError(f"one of {', '.join(ACTIONS)} is expected, {self.verb!r} found")
        problems = [
            f"{what}: {expected} expected, {value!r} found"
            for what, form, expected in _FORMS
            if not form.fullmatch(value := getattr(self, what))
        ]
        if not self.bucket and self.verb != "remove":
            problems.append("bucket: is needed, an OSS bucket in that region, for package and template")
        if problems:
            raise StackError("\n".join(problems))
