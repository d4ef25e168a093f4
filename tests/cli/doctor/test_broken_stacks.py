"""The doctor over the vendor's SDKs: a stack that is broken in one way is told so, with what mends it."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple
from zipfile import ZipFile

import pytest

from cli.doctor.facts import ALLOWED, allowed, facts
from cli.doctor.run import look, run
from cli.problem import Problem
from cli.services.account import Account
from imagecache.base.credentials import Credentials
from tests.support.account import ACCOUNT_ID, ENDPOINTS, REGION, RefusedError
from tests.support.for_each import for_each

PREFIX = "imc-refresh"
KEYS = Credentials("LTAI-MARK-key", "MARK-secret", "MARK-token")
PROBED = ("rights in use", "hand-off", "delay", "task ids", "registries", "clock")


class Broken(NamedTuple):
    """What is broken, and the line that is told of it.

    Attributes:
        breaks: breaks one thing of an account.
        check: the only check that is not ok.
        text: a part of its text.
        remedy: a part of its remedy.
        state: of the line.
        besides: checks that cannot be known then, or tell the same.
    """

    breaks: Callable[[Any], None]
    check: str
    text: str
    remedy: str
    state: str = "wrong"
    besides: tuple[str, ...] = ()


def world(**changes: Any) -> Callable[[Any], None]:
    return lambda doctor: doctor.account.world.update(changes)


def stack(**changes: Any) -> Callable[[Any], None]:
    return lambda doctor: doctor.account.world["stack"].update(changes)


def function(name: str, **changes: Any) -> Callable[[Any], None]:
    return lambda doctor: doctor.account.world["functions"][f"{PREFIX}-{name}"].update(changes)


def variable(name: str, variable_name: str, value: str) -> Callable[[Any], None]:
    def breaks(doctor: Any) -> None:
        found = doctor.account.world["functions"][f"{PREFIX}-{name}"]
        found["environmentVariables"][variable_name] = value

    return breaks


def trigger(name: str, **changes: Any) -> Callable[[Any], None]:
    def breaks(doctor: Any) -> None:
        row = doctor.account.world["triggers"][f"{PREFIX}-{name}"][0]
        row["triggerConfig"] = json.dumps({**json.loads(row["triggerConfig"]), **changes})

    return breaks


def role(name: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Any], None]:
    return lambda doctor: change(doctor.account.world["policies"][f"{PREFIX}-{REGION}-{name}"])


def without(action: str) -> Callable[[dict[str, Any]], None]:
    def change(policy: dict[str, Any]) -> None:
        for statement in policy["Statement"]:
            statement["Action"] = [each for each in statement["Action"] if each != action]

    return change


def conditional(policy: dict[str, Any]) -> None:
    statement = next(each for each in policy["Statement"] if "eci:DescribeImageCaches" in each["Action"])
    statement["Condition"] = {"StringEquals": {"eci:tag/team": ["shop"]}}


def probe(**changes: Any) -> Callable[[Any], None]:
    """Changes of what on-manual answers."""

    def breaks(doctor: Any) -> None:
        before = doctor.account.world["probe"]

        def answers(name: str) -> Any:
            return before(name, **(changes if name.endswith("on-manual") else {}))

        doctor.account.world["probe"] = answers

    return breaks


def hand_off(**changes: Any) -> dict[str, Any]:
    stored = {"task_id": "probe-1", "due": datetime.now(timezone.utc).isoformat(), "first": "now"}
    return {"hand_off": {**stored, "second": "before", "signature": "FC", **changes}}


def drop(part: str, key: str) -> Callable[[Any], None]:
    return lambda doctor: doctor.account.world[part].pop(key)


def fewer_keys(doctor: Any) -> None:
    del doctor.account.world["index"]["keys"]["message"]["json_keys"]["result"]


def cache(**changes: Any) -> Callable[[Any], None]:
    return lambda doctor: doctor.account.world["caches"][0].update(changes)


def webhook(status: int) -> Callable[[Any], None]:
    return lambda doctor: doctor.webhook.__setitem__(0, status)


LATER = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()
UPDATE = "imc-refresh deploy update --region cn-hangzhou --stack imc-refresh --bucket my-bucket"
RULES = '{"rules":[{"name":"pinned","images":{"repositories":["library/nginx"]},"policy":{"type":"any"}}]}'
INSTANCE = '{"rules":[{"update":{"acrRegistryInfo":[{"instanceId":"cri-gone"}]}}]}'


def rules(text: str) -> Callable[[Any], None]:
    """Deploys rules."""

    def breaks(doctor: Any) -> None:
        rows = doctor.account.world["stack"]["Parameters"]
        rows[:] = [row for row in rows if row["ParameterKey"] != "Rules"]
        rows.append({"ParameterKey": "Rules", "ParameterValue": text})
        for each in doctor.account.world["functions"].values():
            each["environmentVariables"]["IMC_RULES"] = text

    return breaks


def both(*each: Callable[[Any], None]) -> Callable[[Any], None]:
    return lambda doctor: [breaks(doctor) for breaks in each] and None


BROKEN: dict[str, Broken] = {
    "a failed update": Broken(
        stack(Status="ROLLBACK_FAILED", StatusReason="Quota of roles"), "stack", "Quota of roles", UPDATE
    ),
    "an update that runs": Broken(
        stack(Status="UPDATE_IN_PROGRESS"), "stack", "UPDATE_IN_PROGRESS", "when it has ended", "not known"
    ),
    "a resource that was changed beside": Broken(
        both(
            stack(StackDriftStatus="DRIFTED"),
            world(drifts=[{"LogicalResourceId": "OnPush", "ResourceDriftStatus": "MODIFIED"}]),
        ),
        "drift",
        "OnPush was modified",
        "ROS console",
    ),
    "drift that was never looked for": Broken(
        stack(StackDriftStatus="NOT_CHECKED"), "drift", "never", "aliyun ros DetectStackDrift", "not known"
    ),
    "a resource that is not there": Broken(drop("resources", "Dashboard"), "resources", "Dashboard", UPDATE),
    "a function that was deleted": Broken(
        drop("functions", f"{PREFIX}-on-timer"),
        "functions",
        "imc-refresh-on-timer is missing",
        UPDATE,
    ),
    "a function that is not active": Broken(
        function("on-push", state="Failed", stateReason="no image"), "functions", "no image", UPDATE
    ),
    "another runtime": Broken(function("on-push", runtime="python3.9"), "functions", "python3.9", UPDATE),
    "other code in one function": Broken(
        function("on-push", codeChecksum="1"), "code", "do not all run the same code", UPDATE
    ),
    "code of another checkout": Broken(
        lambda doctor: (doctor.packages / "imc-refresh-python3.12.zip").write_bytes(b"newer"),
        "code",
        "is not the package of this checkout",
        "make package",
    ),
    "a variable that was changed": Broken(
        variable("on-follow", "IMC_FOLLOW_REBUILDS", "7"), "variables", "IMC_FOLLOW_REBUILDS", UPDATE
    ),
    "a variable that is wrong": Broken(
        variable("on-follow", "IMC_FOLLOW_REBUILDS", "many"),
        "settings",
        "IMC_FOLLOW_REBUILDS",
        "ROS console",
        besides=("variables",),
    ),
    "a role without a right": Broken(
        role("on-push", without("fc:InvokeFunction")),
        "roles",
        "imc-refresh-cn-hangzhou-on-push does not allow fc:InvokeFunction",
        "RAM console",
    ),
    "a role that nobody may take": Broken(
        lambda doctor: doctor.account.world["roles"][f"{PREFIX}-{REGION}-on-push"].clear(),
        "roles",
        "Function Compute may not take",
        "RAM console",
    ),
    "a listing under a condition on tags": Broken(
        both(role("on-manual", conditional), probe(regions=[{"region_id": REGION, "caches": 0}])),
        "caches that functions see",
        "on-manual sees 0 of 1",
        "condition on tags",
        besides=("roles",),
    ),
    "no service-linked role": Broken(
        drop("roles", "AliyunServiceRoleForEventBridgeSendToFC"),
        "service-linked roles",
        "AliyunServiceRoleForEventBridgeSendToFC",
        "aliyun resourcemanager CreateServiceLinkedRole",
    ),
    "a trigger that is off": Broken(
        trigger("on-timer", enable=False), "triggers", "enable is off", "Function Compute console"
    ),
    "a rule that is off": Broken(
        lambda doctor: doctor.account.world["rules"][0].update(Status="DISABLE"),
        "event rule",
        "the rule pushes of the bus default is off",
        "EventBridge console",
    ),
    "a rule with a target of another form": Broken(
        lambda doctor: doctor.account.world["rules"][0].update(Targets=[{"Endpoint": "fc-0123"}]),
        "event rule",
        "whether pushes, which take events of acs.cr, lead to imc-refresh-on-push",
        "EventBridge console",
        "not known",
    ),
    "no rule": Broken(world(rules=[]), "event rule", "no rule of the bus default", UPDATE),
    "no event ever": Broken(world(pushes=0), "events", "no event of acs.cr", "Push an image", "not known"),
    "events that do not arrive": Broken(
        world(pushes=0, traced=[{"EventId": "e-1"}]), "events", "none in on_push", "Event tracing"
    ),
    "a webhook that wants a signature": Broken(webhook(403), "webhook", "wants a signature", "anonymous"),
    "a webhook that fails": Broken(webhook(500), "webhook", "answers 500", "on-webhook, Logs"),
    "a hand-off that is refused": Broken(
        probe(hand_off={"error": "403 with FC: the function's role needs fc:InvokeFunction of on-follow"}),
        "hand-off",
        "needs fc:InvokeFunction",
        UPDATE,
        besides=("delay", "task ids"),
    ),
    "task mode that is off": Broken(
        both(world(task_mode=None), probe(**hand_off(second="now"))),
        "task ids",
        "task mode is off",
        "task mode on",
    ),
    "ECI out of reach": Broken(
        probe(regions=[{"region_id": REGION, "reason": "CONNECTION_FAILED", "error": "no route"}]),
        "rights in use",
        "on-manual cannot list cn-hangzhou: CONNECTION_FAILED",
        "EciEndpoint",
    ),
    "a role that may not update": Broken(
        probe(update={"reason": "PERMISSION_DENIED", "code": "NoPermission", "error": "no"}),
        "rights in use",
        "may not update image caches: NoPermission",
        "RAM console",
    ),
    "a registry with a wrong password": Broken(
        probe(registries=[{"registry": "r.example.com", "repository": "a", "error": "401"}]),
        "registries",
        "r.example.com/a: 401",
        "imageRegistryCredential",
    ),
    "a clock that is wrong": Broken(probe(clock=LATER), "clock", "differ by", "timedatectl"),
    "a function that fails": Broken(
        lambda doctor: doctor.account.world.update(probe=lambda _name: {"errorType": "ImportModuleError"}),
        "functions answer",
        "ImportModuleError",
        "Log service console",
        besides=(*PROBED, "caches that functions see"),
    ),
    "an index without a key": Broken(fewer_keys, "log index", "message.result", UPDATE),
    "no index": Broken(world(index=None), "log index", "9 keys are not indexed", UPDATE),
    "an alarm without data": Broken(
        lambda doctor: doctor.account.world["metrics"].pop(("acs_mns_new", "ActiveMessages")),
        "alarms",
        "acs_mns_new ActiveMessages has no data",
        "AlarmActionPolicy",
    ),
    "events that failed for good": Broken(
        world(queue={"ActiveMessages": 3}), "on-failure queue", "3 events", "docs/deploy.md"
    ),
    "a cache that fails": Broken(cache(Status="UpdateFailed"), "image caches", "web is", "ECI console"),
    "a pinned cache that a rule is for": Broken(
        both(rules(RULES), cache(Images=["nginx@sha256:" + "0" * 64])),
        "unreachable caches",
        "web is pinned by digest, though the rule pinned is for it",
        "by its tag",
    ),
    "an instance that is gone": Broken(rules(INSTANCE), "registry instances", "cri-gone", "acrRegistryInfo"),
    "a right of the operator that is missing": Broken(
        lambda doctor: doctor.account.refused.update(GetQueueAttributes=RefusedError(403, "NoPermission")),
        "on-failure queue",
        "refused GetQueueAttributes (NoPermission)",
        "mns:GetQueueAttributes",
        "not known",
    ),
}


def test_of_a_healthy_stack_every_line_is_ok(doctor: Any) -> None:
    found = doctor.findings()
    assert [(each.check, each.text, each.remedy) for each in found if each.state.value != "ok"] == []
    assert found[0].text == f"{ACCOUNT_ID} in {REGION}"


# The quick run has one of each group of checks, and what is told apart from it; the full run has all.
QUICK = (
    "a failed update",
    "a function that was deleted",
    "code of another checkout",
    "a variable that is wrong",
    "a listing under a condition on tags",
    "task mode that is off",
    "an index without a key",
    "an alarm without data",
    "a pinned cache that a rule is for",
    "a right of the operator that is missing",
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.deep) for name in BROKEN]
)
def test_a_stack_that_is_broken_in_one_way_is_told_so_and_nothing_else_is(doctor: Any, name: str) -> None:
    broken = BROKEN[name]
    broken.breaks(doctor)
    found = {each.check: each for each in doctor.findings() if each.state.value != "ok"}
    line = found.pop(broken.check)
    assert (line.state.value, broken.text in line.text, broken.remedy in line.remedy) == (
        broken.state,
        True,
        True,
    ), line
    assert set(found) == set(broken.besides), list(found.values())


def test_a_role_that_is_narrowed_to_some_caches_is_not_wrong(doctor: Any) -> None:
    for name in ("on-manual", "on-follow"):
        for statement in doctor.account.world["policies"][f"{PREFIX}-{REGION}-{name}"]["Statement"]:
            if "eci:UpdateImageCache" in statement["Action"]:
                statement["Resource"] = [f"acs:eci:{REGION}:{ACCOUNT_ID}:imagecache/imc-1"]
    probe(update={"reason": "PERMISSION_DENIED", "code": "NoPermission", "error": "no"})(doctor)
    found = {each.check: each for each in doctor.findings()}
    assert found["rights in use"].text == "the functions may list image caches, and update some"
    assert "on fewer resources" in found["roles"].text
    assert {each.state.value for each in found.values()} == {"ok"}


def test_a_delay_that_is_ignored_and_a_task_that_is_not_seen(doctor: Any) -> None:
    doctor.account.world["records"] = lambda probe_id: [
        {"door": "on_follow", "event_id": probe_id, "probe": {"early_seconds": 3.9}}
    ]
    (line,) = (each for each in doctor.findings() if each.check == "delay")
    assert (line.state.value, line.text) == (
        "ok",
        "is ignored here (3.9 s early): follow tasks wait inside their invocation",
    )


def test_the_state_of_the_task_tells_what_the_log_does_not_have_yet(doctor: Any) -> None:
    world, later = doctor.account.world, time.time() + 60
    world.update(records=lambda _probe_id: [], task={"status": "Succeeded", "startedTime": int(later * 1000)})
    (line,) = (each for each in doctor.findings() if each.check == "delay")
    assert (line.state.value, line.text) == ("ok", "is honoured")


@pytest.mark.deep
def test_what_does_not_end_in_time_is_not_known_and_the_rest_is(doctor: Any) -> None:
    held = threading.Event()
    doctor.account.world["probe"] = lambda _name: held.wait(20)
    account, deployment = doctor.look()
    try:
        found = {each.check: each for each in run(account, deployment, time.monotonic() + 4)}
    finally:
        held.set()
    late = {name for name, each in found.items() if each.state.value != "ok"}
    assert late == {"functions answer", *PROBED, "caches that functions see", "registry instances"}
    assert found["delay"].text == "it did not end in time"


def test_a_service_that_hangs_ends_the_look_in_time(doctor: Any) -> None:
    held = threading.Event()
    doctor.account.slow["ListStackResources"] = held
    account = Account(KEYS, REGION, ENDPOINTS, until=time.monotonic() + 1.5)
    began = time.monotonic()
    try:
        with pytest.raises(Problem, match=r"at ros\.localhost was not reached: no answer"):
            look(account, PREFIX)
    finally:
        held.set()
    assert time.monotonic() - began < 5
    with pytest.raises(Problem, match="was not asked: the time was over"):
        look(Account(KEYS, REGION, ENDPOINTS, until=time.monotonic()), PREFIX)


def test_no_line_shows_a_secret(doctor: Any) -> None:
    token = doctor.account.world["functions"][f"{PREFIX}-on-webhook"]["environmentVariables"][
        "IMC_WEBHOOK_TOKENS"
    ]
    doctor.account.world["stack"].update(Status="UPDATE_FAILED", StatusReason=f"{token} and MARK-secret")
    text = " ".join(f"{each.text} {each.remedy}" for each in doctor.findings())
    assert "(hidden) and (hidden)" in text
    assert token not in text


EVENT = {
    "id": "45ef4dewdwe1-7c35-447a-bd93-fab****",
    "source": "acs.cr",
    "time": "2026-03-02T02:15:30Z",
    "type": "cr:Artifact:PushCompleted",
    "aliyunaccountid": "1234567890123456",
    "data": {
        "InstanceId": "cri-secret",
        "Tags": ["v1"],
        "Count": 1,
        "cri-1234": None,
        "More": {"Deep": True},
    },
}


def test_facts_are_yes_or_no_numbers_words_and_the_form_of_an_event(doctor: Any) -> None:
    doctor.account.world.update(
        traced=[
            {"EventId": "e-1", "EventSource": "acs.cr", "EventType": "cr:Artifact:PushCompleted"},
            {"EventId": "e-2", "EventSource": "acs.cr", "EventType": "cr:my-own"},
        ],
        event=EVENT,
    )
    found = facts(*doctor.look())
    assert found == {
        "signature": "FC",
        "delay": "honoured",
        "second_task_of_one_id": "before",
        "task_mode": True,
        "update_of_no_cache": "InvalidParameter.NotFound",
        "log_search_finds_a_record": True,
        "functions_see_all_caches": True,
        "image_caches": 1,
        "failed_image_caches": 0,
        "failed_image_caches_with_memory": 0,
        "variables_without_a_value": True,
        "numbers_as_digits": True,
        "statistics": {
            "acs_fc FunctionFunctionErrors": ["Average", "Value"],
            "acs_mns_new ActiveMessages": ["Average", "Value"],
            "acs_smq NumberOfMessagesVisible": [],
        },
        "event_types": ["cr:Artifact:PushCompleted", "other"],
        "push_completed": {
            **dict.fromkeys(("id", "source", "time", "type", "aliyunaccountid"), "string"),
            "data": {"InstanceId": "string", "Tags": "array", "Count": "number", "(other)": "null",
                     "More": {"Deep": "boolean"}},
        },
    }  # fmt: skip


@for_each("value", ["imc-bp1abc", "10.0.0.1", 5.5, {"a": "cri-1"}, ["acs.cr"], None, "LTAI0"])
def test_nothing_but_what_the_list_allows_is_a_fact(value: Any) -> None:
    found = dict.fromkeys([*ALLOWED, "anything"], value)
    assert allowed(found) == {}


def test_a_version_before_that_knows_no_probe_leaves_its_checks_unknown(doctor: Any) -> None:
    refusal = {"statusCode": 400, "outcomes": [{"result": "rejected", "reason": "SCHEMA_VIOLATION"}]}
    doctor.account.world["probe"] = lambda _name: refusal
    found = {each.check: each for each in doctor.findings() if each.state.value != "ok"}
    assert set(found) == {"functions answer", *PROBED, "caches that functions see"}
    assert {each.state.value for each in found.values()} == {"not known"}
    assert "Update the stack to this checkout" in found["hand-off"].remedy


def test_rules_in_the_package_are_read_from_the_one_that_is_here(doctor: Any) -> None:
    package = doctor.packages / "imc-refresh-python3.12.zip"
    with ZipFile(package, "w") as archive:
        archive.writestr("rules.json", RULES)
    name = hashlib.sha256(package.read_bytes()).hexdigest()[:16]
    rows = {row["ParameterKey"]: row for row in doctor.account.world["stack"]["Parameters"]}
    rows["CodeObject"]["ParameterValue"] = f"imc-refresh/{name}/x.zip"
    doctor.account.world["stack"]["Parameters"].append(
        {"ParameterKey": "RulesFile", "ParameterValue": "rules.json"}
    )
    for each in doctor.account.world["functions"].values():
        each["environmentVariables"]["IMC_RULES_FILE"] = "rules.json"
    cache(Images=["nginx@sha256:" + "0" * 64])(doctor)
    found = {each.check: each for each in doctor.findings() if each.state.value != "ok"}
    assert "the rule pinned is for it" in found.pop("unreachable caches").text
    assert found == {}


def test_an_answer_of_an_odd_form_costs_its_own_checks(doctor: Any) -> None:
    doctor.account.world["triggers"] = {
        f"{PREFIX}-on-timer": [{"triggerName": "sweep", "triggerConfig": "{"}]
    }
    found = {each.check: each for each in doctor.findings() if each.state.value == "not known"}
    assert set(found) == {"triggers"}
    assert "could not be read" in found["triggers"].text
