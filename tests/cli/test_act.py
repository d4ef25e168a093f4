"""What a person has done to caches: shown, confirmed, made by the functions, watched; on the local cloud."""

from __future__ import annotations

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.act.on_manual import OnManual
from cli.problem import Problem
from cli.sources.account import local_account
from imagecache.base.credentials import Credentials
from local.permissions.credentials import Credential, CredentialStore
from tests.support.depth import every_value
from tests.support.eci import REGION
from tests.support.operator import API, HOLD, WEB, Act, account_environment
from tests.support.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
# Holding and releasing


def test_a_cache_is_held_and_released(act: Act) -> None:
    identifier = act.cache()
    said = act.one("hold", act.name, "--for", "2h", "--why", "release; 12", "--by", "ann")
    assert (said["hold_before"], said["result"]) == (None, "held")
    assert said["hold_after"] == act.hold(identifier)
    assert said["hold_after"].endswith("Z;by=ann;why=release, 12")
    assert act.push("v1.1.0") == [("ignored", "HELD")]
    assert act.one("release", act.name)["result"] == "released"
    assert act.hold(identifier) is None
    assert act.json("release", act.name)["caches"] == []


def test_what_others_wrote_into_a_hold_is_kept(act: Act) -> None:
    identifier = act.cache(tags={HOLD: "until=2026-01-01;ticket=7;why=old"})
    assert act.one("hold", act.name, "--freeze", "--by", "")["result"] == "held"
    assert act.hold(identifier) == "freeze;ticket=7"
    act.cloud.control.create_cache(
        region_id=REGION, image_cache_name="full", images=["nginx:1"], tags={HOLD: "x=" + "y" * 126}
    )
    said = act.json("hold", "full", "--freeze", exit_code=1)
    assert "may have 128" in said["caches"][0]["problem"]


def test_several_caches_are_held_at_once(act: Act) -> None:
    ids = [act.cache(name=f"-{number}") for number in range(3)]
    other = act.cache(name="-x", tags={"team": "shop"})
    said = act.json("hold", f"{act.name}-*", "--tag", "team")
    assert [each["image_cache_id"] for each in said["caches"]] == [other]
    said = act.json("hold", f"{act.name}-0", ids[1], ids[2], ids[1])
    assert [each["result"] for each in said["caches"]] == ["held"] * 3
    assert len(act.json("release", "--name", f"{act.name}-*")["caches"]) == 4
    assert all(act.hold(identifier) is None for identifier in (*ids, other))


@pytest.mark.deep
def test_a_busy_cache_is_held_and_looked_at_again(act: Act) -> None:
    """An update that began before may bring its own tags along when it ends."""
    identifier = act.cache()
    act.cloud.control.settings(tags_mode="replace", tags_applied="end", rebuild_seconds=5)
    assert act.push("v1.0.0") == [("refreshed", "TAG_REPUSHED")]
    said = act.one("hold", act.name)
    assert (said["status"], said["result"]) == ("Updating", "held")
    assert act.cloud.control.cache(identifier)["status"] == "Ready"
    assert act.hold(identifier) is not None


@pytest.mark.parametrize(("own", "ours"), [(19, True), (20, False)])
def test_the_hold_takes_the_place_of_our_memory_and_of_nothing_else(act: Act, own: int, ours: bool) -> None:
    tags = {f"key-{number}": "" for number in range(own)} | ({"imc-refresh": "x"} if ours else {})
    identifier = act.cache(tags=tags)
    said = act.json("hold", act.name, exit_code=0 if ours else 1)["caches"][0]
    found = act.cloud.control.cache(identifier)["tags"]
    assert (HOLD in found, "imc-refresh" in found, len(found)) == (ours, False, 20)
    assert (said["result"], bool(said["problem"])) == (("held", False) if ours else (None, True))


def test_ecis_refusal_of_a_tag_is_told(act: Act) -> None:
    act.cache()
    act.cloud.control.settings(tag_calls="forbid")
    said = act.json("hold", act.name, exit_code=1)
    assert "403 Forbidden" in said["caches"][0]["problem"]
    assert "eci:TagResources" in said["caches"][0]["problem"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--for", "2 hours"), "2 hours is not a time span"),
        (("--for", "0s"), "is not between 1s"),
        (("--for", "99999999999d"), "is not a time span"),
        (("--until", "2026-01-01"), "has no zone"),
        (("--until", "2000-01-01T00:00:00Z"), "is over"),
        (("--until", "2999-01-01T00:00:00Z", "--for", "1h"), "exclude each other"),
        (("--wait", "soon"), "soon is not a time span"),
        (("--json",), "--yes"),
    ],
)
def test_a_wrong_option_of_a_hold_is_told(act: Act, options: tuple[str, ...], told: str) -> None:
    identifier = act.cache()
    said = act("hold", act.name, *options)
    assert said.exit_code == 2
    assert told in said.stderr
    assert act.hold(identifier) is None


def test_what_is_shown_first_is_the_hold_that_is_set(act: Act) -> None:
    identifier = act.cache()
    said = act(
        "hold", act.name, "--until", "2999-01-01T00:00:00.5Z", "--why", "a;b\nc", "--by", "ann", "--yes"
    )
    assert said.exit_code == 0
    first = said.stdout.splitlines()[0]
    assert first == "1 image cache would be held until 2999-01-01T00:00:00+00:00 by ann: a,b c"
    assert act.hold(identifier) == "until=2999-01-01T00:00:00Z;by=ann;why=a,b c"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_what_is_done_and_cannot_be_told_is_no_nothing(act: Act) -> None:
    identifier = act.cache()
    command = [sys.executable, "-m", "cli", "hold", act.name, "--yes", "--json"]
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        said = subprocess.run(
            [*command, "--local", str(act.cloud.config.state.resolve())],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (said.returncode, said.stderr) == (
        1,
        "error: standard output cannot be written: No space left on device\n",
    )
    assert act.hold(identifier) is not None


# Asking


@every_value
@pytest.mark.parametrize("command", [("refresh",), ("hold",), ("rollback", "--to", "v0.9.0")])
@pytest.mark.parametrize("given", ["n\n", ""])
def test_who_does_not_agree_changes_nothing(act: Act, command: tuple[str, ...], given: str) -> None:
    identifier = act.cache()
    said = act(command[0], act.name, *command[1:], given=given)
    assert said.exit_code == 1
    assert "nothing was changed" in said.stderr
    assert act.name in said.stdout
    assert (act.hold(identifier), act.cloud.control.history(identifier)) == (None, [])


@pytest.mark.parametrize("command", [("refresh",), ("hold",), ("rollback", "--to", "v0.9.0")])
def test_a_dry_run_changes_nothing(act: Act, command: tuple[str, ...]) -> None:
    identifier = act.cache()
    said = act.json(command[0], act.name, *command[1:], "--dry-run")
    assert (said["dry_run"], len(said["caches"])) == (True, 1)
    assert (act.hold(identifier), act.cloud.control.history(identifier)) == (None, [])


@pytest.mark.parametrize("command", ["refresh", "hold", "release"])
def test_nothing_named_is_nothing_meant(act: Act, command: str) -> None:
    act.cache()
    said = act(command, "--yes")
    assert (said.exit_code, "no image cache is named" in said.stderr) == (2, True)
    said = act(command, "nobody-*", "--yes")
    assert (said.exit_code, "no image cache has a name" in said.stderr) == (2, True)
    said = act(command, "--name", "nobody-*", "--yes")
    assert (said.exit_code, "none of 1 image caches is selected" in said.stderr) == (2, True)


@pytest.mark.parametrize("command", ["refresh", "hold", "release", "rollback", "approve"])
def test_an_unknown_or_ambiguous_name_is_told(act: Act, command: str) -> None:
    act.cache()
    act.cache()
    more = {"rollback": ["--to", "v0.9.0"], "approve": [f"{WEB}:v1.1.0"]}.get(command, [])
    said = act(command, act.name, *more, "--yes")
    assert (said.exit_code, "2 image caches have the name" in said.stderr) == (2, True)
    said = act(command, act.name + "x", *more, "--yes")
    assert (said.exit_code, "Did you mean" in said.stderr) == (2, True)


# Refreshing


def test_a_refresh_is_watched_until_it_has_landed(act: Act) -> None:
    ids = [act.cache(name=f"-{number}") for number in range(5)]
    held = act.cache(name="-5", tags={HOLD: ""})
    said = act.json("refresh", "--name", f"{act.name}-*", exit_code=1)
    ends = {each["image_cache_id"]: each for each in said["caches"]}
    assert [ends[each]["ended"]["result"] for each in ids] == ["landed"] * 5
    assert (ends[held]["planned"]["reason"], ends[held]["ended"]) == ("HELD", None)
    assert [len(act.cloud.control.history(each)) for each in (*ids, held)] == [1] * 5 + [0]
    assert act.one("refresh", held, "--force")["ended"]["result"] == "landed"


def test_a_busy_cache_is_refreshed_later_and_watched_to_that_end(act: Act) -> None:
    identifier = act.cache()
    act.cloud.control.builds(identifier, rebuild_seconds=600)
    assert act.push("v1.0.0") == [("refreshed", "TAG_REPUSHED")]

    def end() -> None:
        wait_until(lambda: [each for each in act.cloud.outcomes() if _waits(each, identifier)])
        act.cloud.control.builds(identifier, rebuild_seconds=0.3)
        act.cloud.control.force(identifier, "Ready")

    thread = threading.Thread(target=end)
    thread.start()
    ran = act("refresh", identifier, "--yes", "--json", "--wait", "60s")
    thread.join()
    (said,) = json.loads(ran.stdout)["caches"]
    keys = ("time", "door", "result", "reason", "message", "task_id", "follow_task_id")
    told = [
        " ".join(str(each.get(key)) for key in keys)
        for each in act.cloud.outcomes()
        if each.get("image_cache_id") == identifier
    ]
    ended = (said["answered"]["result"], said["ended"]["result"])
    assert ended == ("deferred", "landed"), "\n".join(
        [*told, *map(str, act.cloud.control.history(identifier))]
    )
    assert len(act.cloud.control.history(identifier)) == 2


def _waits(outcome: dict[str, Any], identifier: str) -> bool:
    found = outcome.get("door"), outcome.get("result"), outcome.get("image_cache_id")
    return found == ("on_manual", "deferred", identifier)


def test_a_failing_refresh_is_told_with_ecis_word(act: Act) -> None:
    identifier = act.cache()
    act.cloud.control.builds(identifier, failing_builds=-1, failure_message="manifest unknown")
    said = act.json("refresh", identifier, exit_code=1)["caches"][0]
    assert said["ended"]["result"] == "failed"
    assert "manifest unknown" in said["ended"]["message"]


def test_who_does_not_wait_is_told_what_was_accepted(act: Act) -> None:
    identifier = act.cache()
    said = act("refresh", identifier, "--yes", "--no-wait")
    assert (said.exit_code, said.stderr) == (0, "")
    assert "refreshed" in said.stdout
    act.cloud.control.builds(identifier, rebuild_seconds=600)
    act.cloud.control.wait_for(identifier, "Ready")
    said = act.json("refresh", identifier, "--wait", "1s", exit_code=1)["caches"][0]
    assert (said["ended"]["result"], said["ended"]["status"]) == ("waiting", "Updating")


def test_a_cache_that_goes_while_it_is_watched_is_told(act: Act) -> None:
    identifier = act.cache()
    act.cloud.control.builds(identifier, rebuild_seconds=600)
    with _meanwhile(act, identifier, lambda: act.cloud.control.delete_cache(identifier)):
        said = act.json("refresh", identifier, exit_code=1)["caches"][0]
    assert said["ended"]["result"] == "gone"


def test_ctrl_c_ends_the_watching_and_not_the_work(act: Act) -> None:
    identifier = act.cache()
    act.cloud.control.builds(identifier, rebuild_seconds=600)
    with _meanwhile(act, identifier, lambda: signal.raise_signal(signal.SIGINT)):
        said = act("refresh", identifier, "--yes")
    assert said.exit_code == 130
    assert "you stopped watching; the work goes on" in said.stderr
    assert act.cloud.control.cache(identifier)["status"] == "Updating"


@contextmanager
def _meanwhile(act: Act, identifier: str, do: Callable[[], Any]) -> Iterator[None]:
    """Does something when an update of the cache was seen by whoever watches it."""

    def run() -> None:
        wait_until(lambda: act.cloud.control.history(identifier))
        looks = len(act.cloud.control.journal("DescribeImageCaches"))
        wait_until(lambda: len(act.cloud.control.journal("DescribeImageCaches")) > looks + 1)
        do()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_terminal_shows_progress_and_asks(act: Act) -> None:
    """Of 60 columns: rows become blocks, the line of progress is cut; in a pipe there is none."""
    identifier = act.cache()
    act.cloud.control.builds(identifier, rebuild_seconds=600)
    command = [sys.executable, "-m", "cli", "refresh", act.name, "--local", str(act.cloud.config.state)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}", "TERM": "xterm"}
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    shown = bytearray()

    def shows(text: bytes) -> bool:
        while select.select([ours], [], [], 0)[0]:
            shown.extend(os.read(ours, 4096))
        return text in shown

    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment
    ) as process:
        try:
            wait_until(lambda: shows(b"[y/N]"), shown.decode, 40)
            os.write(ours, b"y\n")
            wait_until(lambda: shows(b"0 of 1 done, 1 Updating"), shown.decode, 40)
            process.send_signal(signal.SIGINT)
            wait_until(lambda: shows(b"the work goes on"), shown.decode, 40)
            assert process.wait(20) == 130
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)
    lines = re.sub(rb"\x1b\[[0-9;]*[A-Za-z]", b"", shown).replace(b"\r", b"\n").decode().splitlines()
    assert [line for line in lines if line.startswith("0 of 1") and len(line) > 60] == []
    assert act.name in lines
    assert "  LISTED  1 image" in lines


# What cannot be asked


def test_a_function_that_is_not_there_is_told(act: Act) -> None:
    act.cache()
    said = act("refresh", act.name, "--yes", "--prefix", "nobody")
    assert said.exit_code == 2
    assert "there is no function nobody-on-manual" in said.stderr
    assert "--prefix" in said.stderr
    said = act("refresh", act.name, "--yes", "--prefix", "no/body")
    assert (said.exit_code, "is not what names of functions can begin with" in said.stderr) == (2, True)


def test_a_region_that_the_functions_do_not_look_after_is_told(act: Act) -> None:
    act.cloud.control.create_cache(region_id="cn-beijing", image_cache_name=act.name, images=["nginx:1"])
    said = act("refresh", act.name, "--yes")
    assert said.exit_code == 2
    assert "cn-beijing is not one of IMC_REGIONS" in said.stderr


@pytest.fixture
def own_key(act: Act, monkeypatch: pytest.MonkeyPatch) -> Credential:
    """A person's own key in the environment, and the local cloud in the place of an account."""
    with closing(CredentialStore(act.cloud.config.state / "cloud.db")) as store:
        key = store.issue()
    for name, value in account_environment(act.cloud, key).items():
        monkeypatch.setenv(name, value)
    return key


def test_an_account_is_asked_with_a_persons_key(act: Act, own_key: Credential) -> None:
    identifier = act.cache()
    said = act.ask.json("refresh", act.name, "--yes")
    assert said["caches"][0]["ended"]["result"] == "landed"
    assert len(act.cloud.control.history(identifier)) == 1


def test_an_expired_key_is_told(act: Act, own_key: Credential) -> None:
    identifier = act.cache()
    with closing(CredentialStore(act.cloud.config.state / "cloud.db")) as store:
        store.revoke(own_key.access_key_id)
    said = act.ask("refresh", act.name, "--yes")
    assert (said.exit_code, "InvalidAccessKeyId" in said.stderr) == (2, True)
    manual = OnManual(act.cloud.fc_url, "imc-refresh-on-manual", _credentials(own_key))
    with pytest.raises(Problem, match="does not take the credentials") as raised:
        manual.ask({"imageCacheId": identifier})
    assert own_key.access_key_secret not in str(raised.value.message)
    assert act.cloud.control.history(identifier) == []


@pytest.mark.deep
def test_a_key_that_expires_while_it_is_watched_ends_the_watching_alone(
    act: Act, own_key: Credential
) -> None:
    identifier = act.cache()
    act.cloud.control.builds(identifier, rebuild_seconds=600)

    def revoke() -> None:
        with closing(CredentialStore(act.cloud.config.state / "cloud.db")) as store:
            store.revoke(own_key.access_key_id)

    with _meanwhile(act, identifier, revoke):
        said = act.ask.json("refresh", act.name, "--yes", exit_code=1)
    assert said["caches"][0]["ended"]["result"] == "waiting"
    assert "ECI does not say how it stands" in said["caches"][0]["ended"]["message"]


def test_a_hold_is_set_though_eci_describes_what_was(act: Act) -> None:
    identifier = act.cache()
    act.cloud.control.settings(read_lag_seconds=0.5)
    with local_account(str(act.cloud.config.state), ()).eci() as eci:
        wait_until(lambda: eci.describe_image_cache(REGION, identifier))
    said = act.one("hold", act.name)
    assert (said["result"], said["hold_after"]) == ("held", act.hold(identifier))


def test_where_the_accounts_number_cannot_be_asked_it_is_told(
    act: Act, own_key: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    act.cache()
    monkeypatch.setenv("IMC_FC_ENDPOINT", "https://{account}.{region}.fc.aliyuncs.com")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    said = act.ask("refresh", act.name, "--yes")
    assert (said.exit_code, "STS at" in said.stderr) == (2, True)
    said = act.ask("refresh", act.name, "--yes", "--account", "42", "--stack-region", "cn-beijing")
    assert (said.exit_code, "at 42.cn-beijing.fc.aliyuncs.com did not answer" in said.stderr) == (2, True)


def test_where_function_compute_does_not_answer_it_is_told(
    act: Act, own_key: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    act.cache()
    monkeypatch.setenv("IMC_FC_ENDPOINT", "http://127.0.0.1:9")
    said = act.ask("refresh", act.name, "--yes")
    assert said.exit_code == 2
    assert "Function Compute at 127.0.0.1 did not answer" in said.stderr


def _credentials(key: Credential) -> Credentials:
    return Credentials(key.access_key_id, key.access_key_secret, key.security_token or "")


# Approving


def test_a_list_that_waits_is_let_in(act: Act) -> None:
    identifier = act.cache(f"{WEB}:v1.0.0", "redis:7", tags={"asks": ""})
    assert act.push("v1.1.0") == [("ignored", "APPROVAL_NEEDED")]
    said = act.one("approve", act.name)
    assert said["ended"]["result"] == "landed"
    assert act.images(identifier) == said["images_after"] == [f"{WEB}:v1.1.0", "redis:7"]
    again = act("approve", act.name, "--yes")
    assert again.exit_code == 2
    assert "beside a list that it has not any more" in again.stderr


def test_of_several_that_wait_a_person_names_one(act: Act) -> None:
    identifier = act.cache(tags={"asks": ""})
    act.push("v1.1.0")
    act.push("v1.2.0")
    said = act("approve", act.name, "--yes")
    assert said.exit_code == 2
    assert f"{WEB}:v1.1.0 and {WEB}:v1.2.0 wait for" in said.stderr
    assert act.one("approve", act.name, f"{WEB}:v1.1.0")["ended"]["result"] == "landed"
    assert act.images(identifier) == [f"{WEB}:v1.1.0"]


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (f"{WEB}:v2.0.0", "POLICY_HOLDS"),
        (f"{API}:v1.0.0", "NO_MATCH"),
        ("Not An Image", "INVALID_REFERENCE"),
        (f"{WEB}:v1.0.0", "TAG_REPUSHED"),
    ],
)
def test_what_waits_for_nobody_is_told(act: Act, image: str, told: str) -> None:
    identifier = act.cache(tags={"asks": ""})
    said = act("approve", act.name, image, "--yes")
    assert (said.exit_code, told in said.stderr) == (2, True)
    assert act.cloud.control.history(identifier) == []
    said = act("approve", act.name, "--yes")
    assert (said.exit_code, "none says that something waits" in said.stderr) == (2, True)


def test_a_held_cache_is_not_changed_by_an_approval(act: Act) -> None:
    identifier = act.cache(tags={"asks": ""})
    act.push("v1.1.0")
    act.json("hold", act.name)
    said = act.json("approve", act.name, exit_code=1)["caches"][0]
    assert (said["planned"]["reason"], said["answered"]) == ("HELD", None)
    assert act.images(identifier) == [f"{WEB}:v1.0.0"]
