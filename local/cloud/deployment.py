"""Reads a configuration into what is deployed: the template's functions, and the code that they run.

Must not know how anything is served.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base.state_folder import webhook_token
from ..fc.specs import Deployment, read_deployment
from ..template.document import load_template, parameter_names
from .config import CloudConfig
from .package_code import CodeError, deletable, is_package, python_version, unpacked

__all__ = ["code_folder", "read_template", "runtime_note"]


def read_template(config: CloudConfig) -> tuple[str, Deployment]:
    """The webhook's tokens, comma separated, and what the template deploys.

    Raises:
        TemplateError: the template or its parameters are wrong.
        OSError: the template, or the state folder, cannot be read.
    """
    usual = {
        "CodeBucket": "local-bucket",
        "CodeObject": "functions.zip",
        "Regions": config.region,
        "WebhookTokens": webhook_token(config.state),
    }
    known = parameter_names(config.template)
    given = {name: value for name, value in usual.items() if name in known} | dict(config.parameters)
    resources = load_template(config.template, given, region=config.region, account_id=config.account_id)
    return given.get("WebhookTokens", ""), read_deployment(resources)


@contextmanager
def code_folder(config: CloudConfig, deployment: Deployment) -> Iterator[Path]:
    """The folder of the code, for the length of the block: a package is unpacked, and read-only meanwhile.

    Raises:
        CodeError: the code is not there or cannot be used, or the interpreter is of another version.
        OSError: a file cannot be read or written.
    """
    if not is_package(config.code):
        if not config.code.is_dir():
            raise CodeError(f"{config.code} is neither a folder nor a package (.zip)")
        yield config.code.resolve()
        return
    note = runtime_note(config, deployment)
    if note is not None:
        raise CodeError(note)
    folder = unpacked(config.code, config.state.resolve())
    try:
        yield folder
    finally:
        # A folder that nobody may write to cannot be deleted by its owner.
        deletable(folder)


def runtime_note(config: CloudConfig, deployment: Deployment) -> str | None:
    """A note about an interpreter that is not of the functions' runtime; None if it is.

    Raises:
        CodeError: it is not a Python interpreter.
    """
    found = python_version(config.interpreter)
    for spec in deployment.functions:
        if spec.runtime != found:
            return f"{spec.name} is for {spec.runtime}, and {config.interpreter} is {found}"
    return None
