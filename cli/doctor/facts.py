"""``doctor --facts``: what an account teaches about what nobody knows, through an allow list.

No id, name, host, key or message gets through: a value is a yes or no, a number, one of a few words, or a
code of the vendor's API; of an event the names of its keys and their JSON types alone. So it can be pasted
into a report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from imagecache.planning.update_memory import MEMORY_TAG

from ..services.account import Account
from ..services.errors import FunctionFailedError, NotReadError
from .alarms import datapoints
from .caches import image_caches
from .deployment import Deployment
from .findings import ODD
from .functions import settings_of
from .probe import Probed, probe, task_mode
from .triggers import BUS, traced

_CODE = re.compile(r"[A-Z][A-Za-z]*(\.[A-Z][A-Za-z]*)*")
_KEY = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
_TYPES: Mapping[type, str] = {str: "string", bool: "boolean", int: "number", float: "number", list: "array"}
_STATISTICS = frozenset({"Average", "Count", "Maximum", "Minimum", "Sum", "Value"})
EVENT_TYPES = frozenset({"cr:Artifact:PushCompleted", "cr:Artifact:BuildCompleted", "cr:Chart:PushCompleted"})
METRICS = (
    ("acs_fc", "FunctionFunctionErrors"),
    ("acs_mns_new", "ActiveMessages"),
    ("acs_smq", "NumberOfMessagesVisible"),
)
_DEEPEST = 4
_SHAPES = (*_TYPES.values(), "null", "object")


def _words(*words: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in words


def _yes_or_no(value: Any) -> bool:
    return isinstance(value, bool)


def _number(value: Any) -> bool:
    return type(value) is int


def _code(value: Any) -> bool:
    return isinstance(value, str) and bool(_CODE.fullmatch(value))


def _statistics(value: Any) -> bool:
    known = {f"{space} {metric}" for space, metric in METRICS}
    return isinstance(value, dict) and all(
        key in known and isinstance(each, list) and _STATISTICS.issuperset(each)
        for key, each in value.items()
    )


def _event_types(value: Any) -> bool:
    return isinstance(value, list) and all(each in EVENT_TYPES or each == "other" for each in value)


def _shape(value: Any) -> bool:
    if isinstance(value, dict):
        return all((_KEY.fullmatch(key) or key == "(other)") and _shape(each) for key, each in value.items())
    return value in _SHAPES


ALLOWED: Mapping[str, Callable[[Any], bool]] = {
    "signature": _words("FC", "ACS3-HMAC-SHA256"),
    "delay": _words("honoured", "ignored", "not seen"),
    "second_task_of_one_id": _words("now", "before", "refused"),
    "task_mode": _yes_or_no,
    "update_of_no_cache": _code,
    "log_search_finds_a_record": _yes_or_no,
    "functions_see_all_caches": _yes_or_no,
    "image_caches": _number,
    "failed_image_caches": _number,
    "failed_image_caches_with_memory": _number,
    "variables_without_a_value": _yes_or_no,
    "numbers_as_digits": _yes_or_no,
    "statistics": _statistics,
    "event_types": _event_types,
    "push_completed": lambda value: isinstance(value, dict) and _shape(value),
}
"""What may be printed, and what each value has to be."""


def facts(account: Account, deployment: Deployment) -> dict[str, Any]:
    """All facts that could be found out; one that could not is left out."""
    found: dict[str, Any] = {}
    for read in (_of_probe, _of_caches, _of_variables, _of_metrics, _of_events):
        try:
            found.update(read(account, deployment))
        except (NotReadError, FunctionFailedError, *ODD):
            continue
    return allowed(found)


def allowed(found: Mapping[str, Any]) -> dict[str, Any]:
    """The part of it that the list allows."""
    return {name: found[name] for name, fits in ALLOWED.items() if name in found and fits(found[name])}


def _probed(account: Account, deployment: Deployment) -> Probed:
    return account.once("probe", lambda: probe(account, deployment))


def _of_probe(account: Account, deployment: Deployment) -> Iterator[tuple[str, Any]]:
    probed = _probed(account, deployment)
    stored = probed.manual.get("hand_off") or {}
    yield "signature", stored.get("signature")
    yield "second_task_of_one_id", stored.get("second")
    yield "update_of_no_cache", (probed.manual.get("update") or {}).get("code")
    early = None if probed.ran is None else probed.ran.get("early_seconds")
    yield "delay", "not seen" if early is None else "ignored" if early > 1 else "honoured"
    yield "log_search_finds_a_record", bool(probed.ran and probed.ran.get("logged"))
    yield "task_mode", task_mode(account, deployment)


def _of_caches(account: Account, deployment: Deployment) -> Iterator[tuple[str, Any]]:
    regions = settings_of(deployment, "on_manual").regions
    caches = [cache for region in regions for cache in image_caches(account, region)]
    failed = [cache for cache in caches if cache.status == "UpdateFailed"]
    yield "image_caches", len(caches)
    yield "failed_image_caches", len(failed)
    with_memory = [cache for cache in failed if any(key == MEMORY_TAG for key, _ in cache.tags)]
    yield "failed_image_caches_with_memory", len(with_memory)
    seen = sum(region["caches"] for region in _probed(account, deployment).manual["regions"])
    yield "functions_see_all_caches", seen >= len(caches)


def _of_variables(_account: Account, deployment: Deployment) -> Iterator[tuple[str, Any]]:
    variables = deployment.environment("on_manual")
    yield "variables_without_a_value", "" in variables.values()
    yield "numbers_as_digits", variables["IMC_FOLLOW_BASE_SECONDS"].isdecimal()


def _of_metrics(account: Account, deployment: Deployment) -> Iterator[tuple[str, Any]]:
    function = {"region": account.region, "functionName": deployment.function_name("on_manual")}
    queue = {"region": account.region, "queue": deployment.wanted["FailureQueue"].properties["QueueName"]}
    found = {}
    for space, metric in METRICS:
        points = datapoints(account, space, metric, json.dumps(function if space == "acs_fc" else queue))
        found[f"{space} {metric}"] = sorted(_STATISTICS.intersection(*points) if points else ())
    yield "statistics", found


def _of_events(account: Account, _deployment: Deployment) -> Iterator[tuple[str, Any]]:
    events = traced(account)
    types = {str(event.get("EventType")) for event in events}
    yield "event_types", sorted({kind if kind in EVENT_TYPES else "other" for kind in types})
    for event in events:
        if event.get("EventType") == "cr:Artifact:PushCompleted":
            answer = account.call(
                "eventbridge",
                "QueryEvent",
                event_bus_name=BUS,
                event_id=event["EventId"],
                event_source=event["EventSource"],
            )
            yield "push_completed", shape(answer["Data"])
            return


def shape(value: Any, depth: int = 0) -> Any:
    """Names of keys and JSON types; a name that is not plain letters is not shown."""
    if isinstance(value, Mapping) and depth < _DEEPEST:
        return {
            key if isinstance(key, str) and _KEY.fullmatch(key) else "(other)": shape(each, depth + 1)
            for key, each in value.items()
        }
    return "object" if isinstance(value, Mapping) else _TYPES.get(type(value), "null")
