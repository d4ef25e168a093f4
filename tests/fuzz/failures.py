"""Cases as files, to be played again."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from .batch import Failure
from .cases import Case

__all__ = ["read_case", "written"]


def written(failure: Failure, seed: int, folder: Path) -> str:
    """Write a case to a new file; returns the command that plays it again."""
    case = failure.case
    name = f"{case.target}-{seed}-{failure.number}" if failure.number is not None else case.sample
    document = {
        "what": failure.what,
        "target": case.target,
        "body": base64.b64encode(case.body).decode("ascii"),
        "registry": case.registry,
        "query": case.query,
        "headers": case.headers,
        "known": case.known,
        "sample": case.sample,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.replace('/', '-').replace(' ', '-')}.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return f"python -m tests.fuzz --replay {path}"


def read_case(path: Path) -> Case:
    """Read a case from a file."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return Case(
        target=document["target"],
        body=base64.b64decode(document["body"]),
        registry=document["registry"],
        query=tuple((name, value) for name, value in document["query"]),
        headers=tuple((name, value) for name, value in document["headers"]),
        known=document["known"],
        sample=document["sample"],
    )
