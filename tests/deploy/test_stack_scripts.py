"""The scripts, run to the letter by a real shell: against a stand-in for the vendor's tool that keeps state.

It is slow, can fail at each step, and takes, prints and refuses what the real one does. Time is virtual.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.stack import Action, Package, stack_script
from tests.support.aliyun_apis import EndedError
from tests.support.aliyun_tool import Tool, kill
from tests.support.depth import sampled

ROOT = Path(__file__).parents[2]
TEMPLATE = (ROOT / "template.yml").read_text(encoding="utf-8")
TOKENS = "harbor=0123456789abcdef"
ROLES = ["AliyunServiceRoleForEventBridgeSendToFC", "AliyunServiceRoleForFC"]
ALWAYS = 1000


class Operator:
    """Somebody who makes scripts and runs them."""

    def __init__(self, tool: Tool, folder: Path) -> None:
        self.tool = tool
        self._zip = folder / "imc-refresh-python3.12.zip"
        self._zip.write_bytes(b"code")

    @property
    def package(self) -> Package:
        return Package(self._zip, "python3.12", hashlib.sha256(b"code").hexdigest())

    def there(self, template: str = TEMPLATE, **parameters: str) -> None:
        """A stack that was created a while ago."""
        own = {"Runtime": "python3.12", "CodeBucket": "my-bucket", "CodeObject": self.package.object_name}
        self.tool.account.roles.update(ROLES)
        self.tool.service.create("imc-refresh", template, {**own, **parameters})
        self.tool.service.sleep(1000)

    def script(self, verb: str, *, bucket: str = "my-bucket", secret: bool = False, **more: object) -> str:
        secrets = {"WebhookTokens": TOKENS} if secret else {}
        action = Action(
            verb,
            "imc-refresh",
            "cn-hangzhou",
            bucket="" if verb == "remove" else bucket,
            secrets=secrets,
            **more,  # type: ignore[arg-type]  # by name
        )
        return stack_script(action, None if verb == "remove" else self.package)

    def run(self, verb: str, **more: object) -> subprocess.CompletedProcess[str]:
        self.tool.calls.clear()
        self.tool.slept.clear()
        return self.tool.run(self.script(verb, **more), ROOT, WEBHOOK_TOKENS=TOKENS)  # type: ignore[arg-type]

    def done(self, verb: str, **more: object) -> str:
        ran = self.run(verb, **more)
        assert (ran.returncode, ran.stderr) == (0, ""), ran
        return ran.stdout

    def failed(self, verb: str, **more: object) -> str:
        ran = self.run(verb, **more)
        assert ran.returncode == 1, ran
        return ran.stderr


@pytest.fixture
def operator(tool: Tool, tmp_path: Path) -> Operator:
    return Operator(tool, tmp_path)


def names(calls: list[list[str]]) -> list[str]:
    """What was called, each in its first place."""
    return list(dict.fromkeys(" ".join(call[:2]) for call in calls))


def stack_status(tool: Tool) -> list[str]:
    return [stack.status for stack in tool.service.stacks]


def test_create_in_a_fresh_account(tool: Tool, operator: Operator) -> None:
    told = operator.done("create", secret=True)
    assert names(tool.calls) == [
        "sts GetCallerIdentity",
        "oss stat",
        "ram GetRole",
        "resourcemanager CreateServiceLinkedRole",
        "oss cp",
        "ros ValidateTemplate",
        "ros ListStacks",
        "ros CreateStack",
        "ros GetStack",
    ]
    assert told.splitlines() == [
        "Account 1234567890123456, region cn-hangzhou, stack imc-refresh",
        "Made the service-linked role AliyunServiceRoleForFC",
        "Made the service-linked role AliyunServiceRoleForEventBridgeSendToFC",
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
        "ManualUrl: https://manual.example",
    ]
    assert sorted(tool.account.roles) == ROLES
    (stack,) = tool.service.stacks
    assert stack.template == TEMPLATE
    assert stack.parameters["WebhookTokens"] == TOKENS
    code = f"oss://my-bucket/{stack.parameters['CodeObject']}"
    assert tool.account.objects[code] == b"code"
    assert not [word for call in tool.calls for word in call if TOKENS in word]
    assert not [call for call in tool.calls if "--waiter" in call]
    # Nothing of a script stays on the machine.
    assert not list((Path(tool.environment()["TMPDIR"])).glob("tmp.*"))


def test_create_that_fails_tells_what_failed_and_again_goes_on(tool: Tool, operator: Operator) -> None:
    tool.service.failing["OnPush"] = reason = "the quota is used up"
    told = operator.failed("create")
    assert told.splitlines()[:4] == [
        f"error: the stack is CREATE_ROLLBACK_COMPLETE: Resource CREATE failed: resources.OnPush: {reason}",
        f"  OnPush: CREATE_FAILED: {reason}",
        "Resources of the stack now:",
        "  none",
    ]
    assert "the service-linked role AliyunServiceRoleForFC\n" in told
    assert "The same command again goes on from there." in told
    tool.service.failing.clear()
    assert "was never complete" in operator.done("create")
    assert stack_status(tool) == ["DELETE_COMPLETE", "CREATE_COMPLETE"]


@pytest.mark.deep
def test_create_of_what_is_there_changes_nothing(tool: Tool, operator: Operator) -> None:
    operator.there()
    assert "The stack is there already, as it should be." in operator.done("create")
    ran = operator.run("create", parameters={"LogDays": "7"})
    assert ran.returncode == 1
    assert "Modify Logstore (ALIYUN::SLS::Logstore)" in ran.stdout
    assert not tool.named("CreateStack", "ExecuteChangeSet", "DeleteStack")
    assert tool.service.change_sets == []


@pytest.mark.parametrize("no_change", sampled(["refused", "empty", "failed"], 2))
def test_update_without_a_change(tool: Tool, operator: Operator, no_change: str) -> None:
    tool.service.switches.no_change = no_change
    operator.there()
    assert "Nothing changes." in operator.done("update")
    assert not tool.named("ExecuteChangeSet")
    assert (stack_status(tool), tool.service.change_sets) == (["CREATE_COMPLETE"], [])


def test_update_of_rules_keeps_other_parameters(tool: Tool, operator: Operator) -> None:
    operator.there(LogDays="7", WebhookTokens=TOKENS)
    rules = """{"rules":[{"name":"$HOME 'x'","policy":{"type":"semver","range":">=1 <2"}}]}"""
    shown = operator.done("diff", parameters={"Rules": rules})
    assert (stack_status(tool), tool.service.change_sets) == (["CREATE_COMPLETE"], [])
    told = operator.done("update", parameters={"Rules": rules})
    change = "  Modify OnPush (ALIYUN::FC3::Function)\n"
    assert change in shown
    assert change in told
    assert "UPDATE_IN_PROGRESS\nUPDATE_COMPLETE\n" in told
    (stack,) = tool.service.stacks
    kept = {"Rules": rules, "LogDays": "7", "WebhookTokens": TOKENS}
    assert {name: stack.parameters[name] for name in kept} == kept


def test_an_empty_value_and_one_that_begins_like_an_option_are_passed(tool: Tool, operator: Operator) -> None:
    operator.there(AlarmContactGroup="on call")
    operator.done("update", parameters={"AlarmContactGroup": "", "RefreshPayload": "-1"})
    (stack,) = tool.service.stacks
    assert (stack.parameters["RefreshPayload"], stack.parameters["AlarmContactGroup"]) == ("-1", "")


@pytest.mark.parametrize("deletes_last", sampled([True, False], 2))
def test_update_of_what_is_replaced_leaves_it_there(
    tool: Tool, operator: Operator, *, deletes_last: bool
) -> None:
    before = TEMPLATE.replace("MaxAsyncRetryAttempts: 8", "MaxAsyncRetryAttempts: 7")
    operator.there(before, NamePrefix="imc-one", FollowInstances="9")
    tool.service.switches.deletes_last = deletes_last
    told = operator.done("update", parameters={"FollowInstances": "30"})
    assert "  Modify OnFollowAsync (ALIYUN::FC3::AsyncInvokeConfig), replaced\n" in told
    assert ("Put back functions/imc-one-on-follow/async-invoke-config" in told) == deletes_last
    follow = tool.service.configurations["imc-one-on-follow/async-invoke-config"]
    assert follow == {
        "asyncTask": True,
        "maxAsyncRetryAttempts": 8,
        "maxAsyncEventAgeInSeconds": 86400,
        "destinationConfig": {
            "onFailure": {
                "destination": "acs:mns:cn-hangzhou:1234567890123456:/queues/imc-one-failures/messages"
            }
        },
    }
    assert tool.service.configurations["imc-one-on-follow/concurrency"] == {"reservedConcurrency": 30}
    # And nothing is put back where nothing is missing.
    assert "Put back" not in operator.done("update")


@pytest.mark.deep
def test_a_replacement_that_loses_something_is_refused(tool: Tool, operator: Operator) -> None:
    operator.there()
    before = dict(tool.service.stacks[0].parameters)
    told = operator.failed("update", parameters={"NamePrefix": "imc-other"})
    assert "would be replaced, with all that is in it: FailureQueue LogProject" in told
    assert tool.service.stacks[0].parameters == before
    assert tool.service.change_sets == []
    everything = tuple(tool.service.stacks[0].resources)
    operator.done("update", parameters={"NamePrefix": "imc-other"}, replace=everything)
    assert tool.service.stacks[0].parameters["NamePrefix"] == "imc-other"


@pytest.mark.deep
def test_update_that_fails_is_told_and_again_goes_on(tool: Tool, operator: Operator) -> None:
    operator.there()
    tool.service.failing["OnTimer"] = "no such runtime"
    told = operator.failed("update", parameters={"LogLevel": "DEBUG"})
    assert "error: the stack is ROLLBACK_COMPLETE: Resource UPDATE failed: resources.OnTimer: no such" in told
    assert "  OnTimer: UPDATE_FAILED: no such runtime\n" in told
    assert "  OnTimer CREATE_COMPLETE\n" in told
    tool.service.failing.clear()
    operator.done("update", parameters={"LogLevel": "DEBUG"})
    assert stack_status(tool) == ["UPDATE_COMPLETE"]


@pytest.mark.deep
def test_update_of_no_stack_and_of_one_that_was_never_complete(tool: Tool, operator: Operator) -> None:
    assert "there is no stack imc-refresh in cn-hangzhou: `create` makes it" in operator.failed("update")
    tool.service.failing["OnPush"] = "no"
    operator.failed("create")
    assert "was never complete (CREATE_ROLLBACK_COMPLETE" in operator.failed("update")


@pytest.mark.parametrize("forgets", sampled([True, False], 2))
def test_remove(tool: Tool, operator: Operator, *, forgets: bool) -> None:
    tool.service.switches.forgets = forgets
    operator.there()
    assert "The stack is removed." in operator.done("remove")
    assert (stack_status(tool), tool.service.functions) == (["DELETE_COMPLETE"], set())
    assert "There is no stack imc-refresh in cn-hangzhou." in operator.done("remove")


def test_remove_that_fails_tells_what_is_left_and_again_goes_on(tool: Tool, operator: Operator) -> None:
    operator.there()
    tool.service.failing["delete LogProject"] = "the project is in use"
    told = operator.failed("remove")
    assert "error: the stack is DELETE_FAILED: " in told
    assert (
        "  LogProject: DELETE_FAILED: the project is in use\nResources of the stack now:\n  LogProject"
        in told
    )
    assert "`remove` goes on with it" in operator.failed("create")
    tool.service.failing.clear()
    operator.done("remove")
    assert stack_status(tool) == ["DELETE_COMPLETE"]


QUICK = {"resourcemanager CreateServiceLinkedRole", "oss cp", "ros CreateStack"}
STEPS = [
    # (what is called, how its refusal is told)
    ("sts GetCallerIdentity", "who is asking is not known to the cloud"),
    ("oss stat", "the bucket my-bucket is not one in cn-hangzhou that can be looked at"),
    (
        "resourcemanager CreateServiceLinkedRole",
        "the service-linked role AliyunServiceRoleForFC is not there",
    ),
    ("oss cp", "was not uploaded"),
    ("ros ValidateTemplate", "the template is not valid"),
    ("ros ListStacks", "the stacks of cn-hangzhou could not be listed"),
    ("ros CreateStack", "no stack was made"),
    ("ros GetStack", "the stack could not be looked at for a minute"),
]


@pytest.mark.parametrize(
    ("call", "told"),
    [pytest.param(*step, id=step[0], marks=[] if step[0] in QUICK else [pytest.mark.deep]) for step in STEPS],
)
def test_each_step_that_is_refused_is_told_and_again_goes_on(
    tool: Tool, operator: Operator, call: str, told: str
) -> None:
    tool.account.refused[call] = ("Forbidden.RAM", ALWAYS)
    said = operator.failed("create")
    assert "Forbidden.RAM" in said
    assert f"error: {told}" in said or f"{told} (right: " in said
    assert names(tool.calls)[-1] == call
    tool.account.refused.clear()
    tool.service.sleep(1000)
    operator.done("create")
    assert stack_status(tool) == ["CREATE_COMPLETE"]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param("ram GetRole", marks=pytest.mark.deep),
        pytest.param("oss cp", marks=pytest.mark.deep),
        "ros CreateStack",
        "ros GetStack",
    ],
)
def test_killed_half_way_and_again(tool: Tool, operator: Operator, call: str) -> None:
    def end(_number: int, words: list[str], process: int) -> None:
        if words[:2] == call.split():
            kill(process)

    tool.account.before = end
    assert operator.run("create", secret=True).returncode == -9
    tool.account.before = lambda _number, _words, _process: None
    operator.done("create", secret=True)
    assert stack_status(tool) == ["CREATE_COMPLETE"]
    assert tool.service.stacks[0].parameters["WebhookTokens"] == TOKENS


@pytest.mark.parametrize(
    "call", [pytest.param("ros GetChangeSet", marks=pytest.mark.deep), "ros ExecuteChangeSet", "fc GET"]
)
def test_an_update_that_is_killed_half_way_and_again(tool: Tool, operator: Operator, call: str) -> None:
    operator.there()

    def end(_number: int, words: list[str], process: int) -> None:
        if words[:2] == call.split():
            kill(process)

    tool.account.before = end
    changed = {"FollowInstances": "7", "LogLevel": "DEBUG"}
    assert operator.run("update", parameters=changed).returncode == -9
    tool.account.before = lambda _number, _words, _process: None
    operator.done("update", parameters=changed)
    assert (stack_status(tool), tool.service.change_sets) == (["UPDATE_COMPLETE"], [])
    assert tool.service.configurations["imc-refresh-on-follow/concurrency"] == {"reservedConcurrency": 7}


@pytest.mark.deep
def test_a_stack_that_never_ends_is_waited_for_no_longer_than_it_may_take(
    tool: Tool, operator: Operator
) -> None:
    operator.there()
    stack = tool.service.stacks[0]
    stack.status = "UPDATE_IN_PROGRESS"
    assert "error: the stack is still UPDATE_IN_PROGRESS after 40 minutes" in operator.failed("update")
    assert sum(tool.slept) == 2400
    stack.status = "REVIEW_IN_PROGRESS"
    assert "run or delete that in the console first" in operator.failed("update")


def test_some_looks_that_fail_do_not_end_the_wait(tool: Tool, operator: Operator) -> None:
    tool.account.refused["ros GetStack"] = ("Throttling.User", 5)
    operator.done("create")


def test_a_bucket_of_another_region_is_refused_before_anything_is_made(
    tool: Tool, operator: Operator
) -> None:
    assert "must be addressed using the specified endpoint" in operator.failed("create", bucket="far-bucket")
    assert (tool.account.objects, tool.account.roles, tool.service.stacks) == ({}, set(), [])


def test_a_script_without_its_secret_stops_before_it_calls_anything(tool: Tool, operator: Operator) -> None:
    ran = tool.run(operator.script("create", secret=True), ROOT)
    assert ran.returncode != 0
    assert "WEBHOOK_TOKENS: has to hold WebhookTokens" in ran.stderr
    assert tool.calls == []


def test_a_machine_without_the_vendors_tool_is_told_so(operator: Operator, tmp_path: Path) -> None:
    for name in ("mktemp", "rm"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    script = operator.script("create")
    ran = subprocess.run(
        ["/bin/sh", "-c", script], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    expected = "error: the vendor's command line tool, aliyun, is not on this machine\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", expected)


def test_on_request_the_script_is_run(tool: Tool, operator: Operator) -> None:
    operator.there()
    command = [sys.executable, "-m", "deploy", "remove", "--run", "--region", "cn-hangzhou"]
    environment = {**os.environ, **tool.environment()}
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "The stack is removed." in ran.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("oss cp template.yml oss://my-bucket/a --region cn-hangzhou", "signature V1"),
        ("oss cp template.yml oss://my-bucket/a --sign-version v4", "please enter the region"),
        ("ros CreateStack --RegionId cn-hangzhou", "required parameters not assigned: --StackName"),
        ("ros GetStack --StackId x", "required parameters not assigned: --RegionId"),
        ("ros GetStack --RegionId cn-hangzhou --StackId x --Wait 5", "'--Wait' is not a valid parameter"),
        ("ros GetStack --RegionId cn-hangzhou --StackId -x", "not support flag form -x"),
        ("ros GetStack --RegionId cn-hangzhou --StackId x --StackId y", "--StackId duplicated"),
    ],
)
def test_the_stand_in_refuses_what_the_tool_refuses(tool: Tool, words: str, told: str) -> None:
    with pytest.raises(EndedError, match=told):
        tool.called(words.split(), ROOT)
