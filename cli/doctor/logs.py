"""The log: whether its index has the keys that alerts, the dashboard and people search by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..services.account import Account
from ..services.errors import NotReadError
from .deployment import Deployment
from .findings import Finding, listed, ok, wrong

NAMES = ("log index",)


def check(account: Account, deployment: Deployment) -> Iterator[Finding]:
    """Judge the index."""
    project = str(deployment.wanted["LogProject"].properties["Name"])
    logstore = str(deployment.wanted["Logstore"].properties["LogstoreName"])
    try:
        made = account.call("sls", "GetIndex", project, logstore)
    except NotReadError as error:
        if not error.missing:
            raise
        made = {}
    yield index(deployment.wanted["LogIndex"].properties, made, deployment.update)


def index(wanted: Mapping[str, Any], made: Mapping[str, Any], update: str) -> Finding:
    """Whether each key of the template is indexed with its type."""
    present = made.get("keys") or {}
    problems = []
    for key in wanted["KeyIndices"]:
        found = present.get(key["Name"])
        if found is None or found.get("type") != key["Type"]:
            problems.append(key["Name"])
            continue
        inside = found.get("json_keys") or {}
        problems += [
            f"{key['Name']}.{each['Name']}"
            for each in key.get("JsonKeyIndices") or ()
            if (inside.get(each["Name"]) or {}).get("type") != each["Type"]
        ]
    if not problems:
        return ok("log index", "has all keys that are searched by")
    return wrong("log index", f"{len(problems)} keys are not indexed: {listed(problems)}", update)
