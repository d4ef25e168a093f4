"""Checks functions against the code: their handlers, their environment, and what the platform makes of sizes.

Must not know roles or triggers.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeGuard

from deploy.rules import find_functions

from .document import Document, Resource
from .problems import Problem
from .values import View, is_known, parameter_examples

__all__ = ["check_functions"]

_FUNCTION = "ALIYUN::FC3::Function"
_RUNTIMES = frozenset({"python3.12", "python3.10"})
_RESERVED = ("FC_", "ALIBABA_CLOUD_")
_PREFIX = "IMC_"
_PARAMETERS = ["event", "context"]
_CPU_STEP, _MEMORY_STEP_MB, _MB_PER_GB = Decimal("0.05"), 64, 1024
_LEAST_GB_PER_CPU, _MOST_GB_PER_CPU = 1, 4
_DISKS_MB = (512, 10240)
_NOT_DEPLOYED = {
    "IMC_FC_ENDPOINT": "the default is the right one in every region",
}
"""Settings that no function of the template has to be given, with the reason."""


def check_functions(document: Document, view: View, root: Path) -> Iterator[Problem]:
    """Check all functions.

    Args:
        document: the template.
        view: one reading of it.
        root: the project's top folder, whose folder ``functions`` has the handlers.
    """
    functions = document.of_type(_FUNCTION)
    settings = _settings()
    given: set[str] = set()
    for function in functions:
        path = f"{function.path}.Properties"
        properties = view.properties(function)
        yield from _handler(f"{path}.Handler", properties.get("Handler"), root / "functions")
        yield from _runtime(f"{path}.Runtime", function, document)
        yield from _sizes(path, properties)
        environment = properties.get("EnvironmentVariables", {})
        given |= set(environment)
        for name in environment:
            yield from _variable(f"{path}.EnvironmentVariables.{name}", str(name), settings)
    for name in sorted(settings - given - set(_NOT_DEPLOYED)) if functions else []:
        yield Problem("Resources", f"no function is given the setting {name}")


def _settings() -> frozenset[str]:
    """The names of the settings, from the one module that reads them."""
    find_functions()
    from imagecache.config.setting_table import SETTINGS  # noqa: PLC0415 - its folder is found only now

    return frozenset(setting.name for setting in SETTINGS)


def _handler(path: str, handler: Any, folder: Path) -> Iterator[Problem]:
    if not isinstance(handler, str):
        return
    module, dot, name = handler.rpartition(".")
    file = folder / f"{module}.py"
    if not dot or not module.isidentifier() or not file.is_file():
        yield Problem(path, f"{handler}: there is no functions/{module or handler}.py")
        return
    try:
        body = ast.parse(file.read_text(encoding="utf-8")).body
    except (SyntaxError, UnicodeDecodeError) as error:
        yield Problem(path, f"functions/{module}.py cannot be read: {error}")
        return
    found = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == name]
    if not found:
        yield Problem(path, f"functions/{module}.py has no function {name}")
        return
    arguments = found[-1].args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    if names != _PARAMETERS or arguments.vararg or arguments.kwarg or arguments.kwonlyargs:
        yield Problem(path, f"{handler} takes ({', '.join(names)}), and (event, context) is expected")


def _runtime(path: str, function: Resource, document: Document) -> Iterator[Problem]:
    node = function.properties.get("Runtime")
    values = [node]
    if isinstance(node, dict) and "Ref" in node:
        values = parameter_examples(document.parameters.get(str(node["Ref"]), {}))
    for value in values:
        if value not in _RUNTIMES:
            yield Problem(path, f"one of {', '.join(sorted(_RUNTIMES))} is expected, {value!r} found")


def _sizes(path: str, properties: dict[str, Any]) -> Iterator[Problem]:
    """The vendor's page "Instance types": steps of memory and CPU, and their ratio."""
    cpu, memory, disk = (properties.get(name) for name in ("Cpu", "MemorySize", "DiskSize"))
    if _is_number(cpu) and Decimal(str(cpu)) % _CPU_STEP:
        yield Problem(f"{path}.Cpu", f"a multiple of {_CPU_STEP} is expected, {cpu} found")
    if _is_number(memory) and memory % _MEMORY_STEP_MB:
        yield Problem(f"{path}.MemorySize", f"a multiple of {_MEMORY_STEP_MB} is expected, {memory} found")
    if _is_number(cpu) and _is_number(memory) and cpu > 0:
        ratio = memory / _MB_PER_GB / cpu
        if not _LEAST_GB_PER_CPU <= ratio <= _MOST_GB_PER_CPU:
            expected = f"{_LEAST_GB_PER_CPU} to {_MOST_GB_PER_CPU} GB of memory for each CPU are expected"
            yield Problem(f"{path}.Cpu", f"{expected}, {ratio:.3g} found")
    if _is_number(disk) and disk not in _DISKS_MB:
        yield Problem(
            f"{path}.DiskSize", f"one of {', '.join(map(str, _DISKS_MB))} is expected, {disk} found"
        )


def _variable(path: str, name: str, settings: frozenset[str]) -> Iterator[Problem]:
    if name.startswith(_RESERVED):
        yield Problem(path, "the platform keeps this name for itself")
    elif name.startswith(_PREFIX) and name not in settings:
        yield Problem(path, f"there is no such setting; known are {', '.join(sorted(settings))}")


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and is_known(value)
