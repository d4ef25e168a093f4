"""The functions: what they are, the code that they run, their variables and settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from imagecache.base.errors import SettingsError
from imagecache.config.rules_file import read_rules
from imagecache.config.settings import Settings, read_settings
from local.template.document import Resource

from ..services.account import Account
from ..services.errors import NotReadError
from .deployment import FUNCTION, HIDDEN, Deployment
from .findings import Finding, judged, listed, ok, unknown, wrong

NAMES = ("functions", "code", "variables", "settings")
MOST_VARIABLE_BYTES = 4096
"""Of the variables of one function, names and values (vendor page "Environment variables")."""
_HASH_CHARACTERS = 16
_COMPARED = {"Runtime": "runtime", "Handler": "handler", "Timeout": "timeout", "MemorySize": "memorySize"}


def read_functions(account: Account, wanted: Mapping[str, Resource]) -> dict[str, Any]:
    """What each function is, or why that is not known."""

    def read(resource: Resource) -> Any:
        try:
            return account.call("fc", "GetFunction", resource.properties["FunctionName"])
        except NotReadError as error:
            return error

    named = {logical_id: each for logical_id, each in wanted.items() if each.type == FUNCTION}
    with ThreadPoolExecutor(len(named)) as pool:
        return dict(zip(named, pool.map(read, named.values()), strict=True))


def check(_account: Account, deployment: Deployment) -> Iterator[Finding]:
    """Judge the functions."""
    yield functions(deployment)
    yield code(deployment)
    yield variables(deployment)
    yield settings(deployment)


def _there(deployment: Deployment) -> dict[str, Mapping[str, Any]]:
    """The functions that could be read, by their names in the template; raises where none could."""
    found = {name: each for name, each in deployment.functions.items() if not isinstance(each, NotReadError)}
    if not found:
        raise next(each for each in deployment.functions.values() if isinstance(each, NotReadError))
    return found


def functions(deployment: Deployment) -> Finding:
    """Whether each is there, works, and is as the template has it."""
    problems: list[str] = []
    unread: list[str] = []
    for logical_id, found in deployment.functions.items():
        wanted = deployment.wanted[logical_id].properties
        name = wanted["FunctionName"]
        if isinstance(found, NotReadError):
            (problems if found.missing else unread).append(
                f"{name} is missing" if found.missing else str(found)
            )
            continue
        if found.get("state") in {"Failed", "Inactive"} or found.get("lastUpdateStatus") == "Failed":
            why = found.get("stateReason") or found.get("lastUpdateStatusReason") or "no reason is given"
            problems.append(f"{name} is not active: {why}")
        for ours, theirs in _COMPARED.items():
            if ours in wanted and str(found.get(theirs)) != str(wanted[ours]):
                problems.append(f"{name} has {theirs} {found.get(theirs)}, the template {wanted[ours]}")
    if unread and not problems:
        return unknown("functions", listed(dict.fromkeys(unread)), "It needs the right fc:GetFunction.")
    good = f"{len(deployment.functions)} functions are as the template has them"
    return judged("functions", problems, deployment.update, good)


def code(deployment: Deployment) -> Finding:
    """Whether all run one code, and that of this checkout's package."""
    sums = {found.get("codeChecksum") for found in _there(deployment).values()}
    if len(sums) > 1:
        return wrong("code", "the functions do not all run the same code", deployment.update)
    deployed = deployment.parameters.get("CodeObject", "")
    runtime = next(str(each.properties["Runtime"]) for each in deployment.of_type(FUNCTION))
    package = deployment.packages / f"imc-refresh-{runtime}.zip"
    try:
        digest = hashlib.sha256(package.read_bytes()).hexdigest()
    except OSError:
        why = f"there is no package of this checkout to compare {deployed} with"
        return unknown("code", why, f"`make package RUNTIME={runtime}` builds it.")
    if digest[:_HASH_CHARACTERS] in deployed:
        return ok("code", f"{deployed} is the package of this checkout")
    return wrong("code", f"{deployed} is not the package of this checkout ({digest[:_HASH_CHARACTERS]})",
                 deployment.update)  # fmt: skip


def variables(deployment: Deployment) -> Finding:
    """Whether the variables are those of the template, and fit; only their names are shown."""
    problems = []
    for logical_id, found in _there(deployment).items():
        name = deployment.wanted[logical_id].properties["FunctionName"]
        wanted = deployment.wanted[logical_id].properties.get("EnvironmentVariables") or {}
        present = found.get("environmentVariables") or {}
        for variable, value in wanted.items():
            given = str(present.get(variable, ""))
            if HIDDEN not in str(value) and given != str(value):
                problems.append(f"{name}: {variable} is not what the stack's parameters say")
        problems += [
            f"{name}: {variable} is not in the template"
            for variable in present
            if variable.startswith("IMC_") and variable not in wanted
        ]
        size = sum(len(key.encode()) + len(str(value).encode()) for key, value in present.items())
        if size > MOST_VARIABLE_BYTES:
            problems.append(f"{name}: its variables have {size} bytes, of {MOST_VARIABLE_BYTES}")
    return judged("variables", problems, deployment.update, "as the stack's parameters say")


def settings_of(deployment: Deployment, module: str) -> Settings:
    """The settings that a function reads from its variables; with rules of its package, if that is here.

    Raises:
        SettingsError: they are wrong.
        NotReadError: the variables are not known.
    """
    environment = deployment.environment(module)
    environment = {"FC_REGION": deployment.region, "FC_ACCOUNT_ID": deployment.account_id, **environment}
    environment.pop("IMC_CA_FILE", None)
    name = environment.pop("IMC_RULES_FILE", "")
    if name:
        environment["IMC_RULES"] = _file_of_package(deployment, name)
    return read_settings(environment, read_rules)


def _file_of_package(deployment: Deployment, name: str) -> str:
    """A file of the package, if the one of this checkout is what is deployed; else empty."""
    for path in deployment.packages.glob("*.zip"):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest()[:_HASH_CHARACTERS] in deployment.parameters.get(
            "CodeObject", ""
        ):
            with ZipFile(BytesIO(content)) as archive:
                return archive.read(name).decode() if name in archive.namelist() else ""
    return ""


def settings(deployment: Deployment) -> Finding:
    """Whether each function takes its settings; what is wrong is named without the value."""
    problems: dict[str, None] = {}
    for logical_id in _there(deployment):
        module = str(deployment.wanted[logical_id].properties["Handler"]).partition(".")[0]
        try:
            settings_of(deployment, module)
        except SettingsError as error:
            problems.update(dict.fromkeys(str(error).splitlines()))
    remedy = "Change the parameter in the ROS console (stack, Update), or with `imc-refresh deploy update`."
    return judged("settings", problems, remedy, "each function takes them")
