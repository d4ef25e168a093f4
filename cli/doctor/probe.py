"""What the functions themselves can reach: a probe is sent to on-manual and on-follow, and they answer.

on-manual lists image caches, reads registries, and stores a probe in on-follow, twice under one id. That task
is all that a run of the doctor changes; it touches no cache (schema ``probe-message``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

from ..services.account import Account
from ..services.errors import FunctionFailedError, NotReadError
from .deployment import Deployment
from .findings import Finding, judged, listed, ok, unknown, wrong
from .roles import judgements
from .triggers import log_lines

NAMES = ("functions answer", "rights in use", "hand-off", "delay", "task ids", "registries", "clock")
WAIT_SECONDS = 14.0
_POLL_SECONDS = 0.5
_EARLY_SECONDS = 1.0
_CLOCK_SECONDS = 5.0
NEVER = datetime.min.replace(tzinfo=timezone.utc)
_DENIED = ("PERMISSION_DENIED", "CREDENTIALS_MISSING")


@dataclass
class Probed:
    """What came back.

    Attributes:
        manual: what on-manual found.
        follow: what on-follow found.
        ran: what the stored task found, None if it was not seen.
        sent: when the question was sent and when the answer came, by the clock of this machine.
    """

    manual: Mapping[str, Any]
    follow: Mapping[str, Any] = field(default_factory=dict)
    ran: Mapping[str, Any] | None = None
    sent: tuple[datetime, datetime] = (NEVER, NEVER)


def probe(account: Account, deployment: Deployment) -> Probed:
    """Ask both functions, and wait for the stored task.

    Raises:
        NotReadError: they do not answer.
    """
    probe_id = f"doctor-{uuid4().hex[:16]}"
    began = datetime.now(timezone.utc)
    manual = _invoke(
        account,
        deployment.function_name("on_manual"),
        {
            "id": probe_id,
            "checks": ["image_caches", "registries", "hand_off"],
            "delaySeconds": deployment.probe_delay_seconds,
        },
    )
    sent = (began, datetime.now(timezone.utc))
    follow = _invoke(
        account, deployment.function_name("on_follow"), {"id": f"{probe_id}-f", "checks": ["image_caches"]}
    )
    stored = manual.get("hand_off") or {}
    ran = _wait(account, deployment, probe_id, stored["due"]) if "signature" in stored else None
    return Probed(manual, follow, ran, sent)


def _invoke(account: Account, function: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
    payload = json.dumps({"probe": question}).encode()
    answer = account.call("fc", "InvokeFunction", function, body=payload)
    text = answer["body"].read() if hasattr(answer["body"], "read") else answer["body"]
    document = json.loads(text or b"null")
    failed = {name.lower(): value for name, value in answer["headers"].items()}.get("x-fc-error-type")
    if failed or not isinstance(document, dict) or "outcomes" not in document:
        kind = (document or {}).get("errorType") if isinstance(document, dict) else None
        raise FunctionFailedError(f"{function} failed when it was asked ({kind or failed or 'no outcome'})")
    record = document["outcomes"][-1]
    if "probe" not in record:
        why = record.get("reason")
        remedy = "Update the stack to this checkout, whose functions answer probes."
        if why in {"SETTINGS_INVALID", "CREDENTIALS_MISSING"}:
            raise FunctionFailedError(f"{function} answered {why}: {record.get('message')}")
        raise NotReadError(f"{function} does not know probes ({why})", remedy)
    found: Mapping[str, Any] = record["probe"]
    return found


def _wait(account: Account, deployment: Deployment, probe_id: str, due: str) -> Mapping[str, Any] | None:
    """What the stored task found, by the task's state or the log, whichever tells first."""
    until = time.monotonic() + WAIT_SECONDS
    function = deployment.function_name("on_follow")
    query = f'message.reason: PROBED and message.event_id: "{probe_id}" and message.door: on_follow'
    last: NotReadError | None = None
    while time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
        try:
            for record in log_lines(account, deployment, query, 600):
                if record.get("event_id") == probe_id and "early_seconds" in record.get("probe", {}):
                    return {**record["probe"], "logged": True}
        except NotReadError as error:
            last = error
        try:
            task = account.call("fc", "GetAsyncTask", function, f"probe-{probe_id}")
            if task.get("startedTime"):
                started = datetime.fromtimestamp(task["startedTime"] / 1000, timezone.utc)
                early = (datetime.fromisoformat(due) - started).total_seconds()
                return {"due": due, "early_seconds": early}
        except NotReadError as error:
            last = last or error
    return None if last is None or last.missing else {"unread": str(last), "remedy": last.remedy}


def check(account: Account, deployment: Deployment) -> Iterator[Finding]:
    """Judge what the functions answer."""
    try:
        probed = account.once("probe", lambda: probe(account, deployment))
    except FunctionFailedError as error:
        log = f"Log service console ({account.region}), the stack's project: the last record says why."
        yield wrong("functions answer", str(error), log)
        yield from (unknown(name, "the function failed when it was asked") for name in NAMES[1:])
        return
    yield ok("functions answer", "on-manual and on-follow answer a probe")
    yield rights(probed, deployment.update, narrowed=_narrowed(account, deployment))
    yield hand_off(probed.manual, deployment.update)
    yield delay(probed)
    mode = task_mode(account, deployment) if has_task_mode(deployment) else False
    yield task_ids(probed.manual, deployment.update, wanted=has_task_mode(deployment), task_mode=mode)
    yield registries(probed.manual)
    yield clock(probed)


def task_mode(account: Account, deployment: Deployment) -> bool | None:
    """Whether ids are to deduplicate; None if that is not known."""
    try:
        answer = account.call("fc", "GetAsyncInvokeConfig", deployment.function_name("on_follow"))
    except NotReadError as error:
        return False if error.missing else None
    return bool(answer.get("asyncTask"))


def has_task_mode(deployment: Deployment) -> bool:
    """Whether the template asks for task mode, which not every region has."""
    return any(
        bool(config.properties.get("AsyncTask"))
        for config in deployment.of_type("ALIYUN::FC3::AsyncInvokeConfig")
    )


def _narrowed(account: Account, deployment: Deployment) -> bool:
    """Whether a role may update some image caches only, so that the refusal of another one says nothing."""
    try:
        _, notes = judgements(account, deployment)
    except NotReadError:
        return False
    return any(note.endswith("eci:UpdateImageCache") for note in notes)


def rights(probed: Probed, update: str, *, narrowed: bool) -> Finding:
    """Whether the roles may list and update image caches, by what ECI answers the functions."""
    problems = []
    for name, found in (("on-manual", probed.manual), ("on-follow", probed.follow)):
        for region in found.get("regions") or ():
            if "error" in region:
                why = region.get("code") or region.get("reason")
                problems.append(f"{name} cannot list {region['region_id']}: {why}")
        if (found.get("update") or {}).get("reason") in _DENIED and not narrowed:
            problems.append(f"{name} may not update image caches: {found['update'].get('code')}")
    mend = f"RAM console, Roles: put the policy of the template back; or {update}."
    network = "Function Compute console, the function's network, and the parameter EciEndpoint"
    good = "list image caches, and update some" if narrowed else "list and update image caches"
    remedy = f"{mend} A connection that fails: {network}"
    return judged("rights in use", problems, remedy, f"the functions may {good}")


def hand_off(manual: Mapping[str, Any], update: str) -> Finding:
    """Whether a follow task was stored, and with which signature."""
    stored = manual.get("hand_off") or {}
    if "signature" not in stored:
        return wrong("hand-off", f"no follow task is stored: {stored.get('error', 'no answer')}", update)
    return ok("hand-off", f"a follow task is stored, signed with {stored['signature']}")


def delay(probed: Probed) -> Finding:
    """Whether the stored task ran at its time."""
    if "signature" not in (probed.manual.get("hand_off") or {}):
        return unknown("delay", "no task was stored")
    if probed.ran is None:
        log = "The record PROBED of on-follow in the log service says it later."
        return unknown("delay", f"the stored task was not seen to run in {WAIT_SECONDS:.0f} s", log)
    if "unread" in probed.ran:
        return unknown("delay", str(probed.ran["unread"]), str(probed.ran["remedy"]))
    early = float(probed.ran["early_seconds"])
    if early > _EARLY_SECONDS:
        return ok(
            "delay", f"is ignored here ({early:.1f} s early): follow tasks wait inside their invocation"
        )
    return ok("delay", "is honoured")


def task_ids(manual: Mapping[str, Any], update: str, *, wanted: bool, task_mode: bool | None) -> Finding:
    """Whether a second task of one id was refused.

    Args:
        manual: what on-manual found.
        update: the command that updates the stack.
        wanted: whether the template asks for task mode.
        task_mode: whether on-follow is in it; None if that is not known.
    """
    second = (manual.get("hand_off") or {}).get("second")
    if second is None:
        return unknown("task ids", "no task was stored")
    if second != "now":
        how = "" if second == "before" else ", with a code that is not documented"
        return ok("task ids", f"a second task of one id is refused{how}")
    if not wanted:
        return ok("task ids", "this region has no task mode: a burst may store a task for each of its pushes")
    if task_mode:
        return wrong("task ids", "on-follow is in task mode, and a second task of one id was stored", update)
    if task_mode is None:
        return unknown("task ids", "a second one was stored", "It needs the right fc:GetAsyncInvokeConfig.")
    console = "Function Compute console, on-follow, Asynchronous invocation: turn task mode on"
    return wrong(
        "task ids", "task mode is off: each push may store a task of its own", f"{console}; or {update}"
    )


def registries(manual: Mapping[str, Any]) -> Finding:
    """Whether the registries that rules read answer with their accounts."""
    asked = manual.get("registries") or ()
    problems = [
        f"{each['registry']}/{each['repository']}: {each['error']}" for each in asked if "error" in each
    ]
    remedy = "Look at the rule's account (imageRegistryCredential, acrRegistryInfo, ReadRegistries)."
    names = listed(each["registry"] for each in asked)
    good = f"the functions read {names}" if asked else "no rule reads a registry of a listed image"
    return judged("registries", problems, remedy, good)


def clock(probed: Probed) -> Finding:
    """Whether the clocks of this machine and of the functions agree."""
    began, ended = probed.sent
    theirs = datetime.fromisoformat(probed.manual["clock"])
    off = max((began - theirs).total_seconds(), (theirs - ended).total_seconds(), 0.0)
    if off > _CLOCK_SECONDS:
        return wrong("clock", f"this machine and the functions differ by {off:.0f} s",
                     "Set the clock of this machine (`timedatectl set-ntp true`).")  # fmt: skip
    return ok("clock", "this machine and the functions agree")
