"""``imc-refresh records`` and ``trace``: records from whatever a log service gave, and mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.outcomes import read_records

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
RECORD = {
    "time": "2026-03-02T12:00:00.000Z",
    "door": "on_push",
    "request_id": "r-1",
    "result": "ignored",
    "reason": "NO_MATCH",
    "message": "none lists it",
    "change_id": "c-1",
    "event_id": "e-1",
    "image": "docker.io/library/nginx:1",
}
LINE = json.dumps(RECORD)


@pytest.fixture
def sample(examples: Path) -> str:
    return str(examples / "records.jsonl")


def test_the_sample_is_what_the_functions_write(sample: str) -> None:
    assert len(read_records(Path(sample).read_text(encoding="utf-8"))) == 15


@pytest.mark.parametrize(
    "content",
    [
        LINE,
        f"START RequestId: r-1\n2026-03-02T12:00:00Z r-1 [INFO] {LINE}\nnot {{ one\n{{}}\nEND",
        json.dumps({"__time__": 1, "functionName": "f", "message": LINE}),
        json.dumps([{"content": f"12:00 {LINE}"}], indent=1),
        json.dumps({"outcomes": [RECORD]}),
        f"[{LINE}]",
        json.dumps([RECORD], indent=2),
        json.dumps({"meta": {"count": 1}, "data": [{"message": LINE}]}),
        json.dumps({"__time__": 1, "message": RECORD}),
        f'__time__,functionName,message\r\n1,f,"{LINE.replace(chr(34), chr(34) * 2)}"\r\n2,f,END\r\n',
        LINE.encode("utf-16"),
        b"\xff\n" + LINE.encode(),
    ],
    ids=[
        "a line",
        "between others",
        "a log service's",
        "a list of those",
        "an answer",
        "a list",
        "on several lines",
        "an answer of GetLogs",
        "an object in a message",
        "CSV",
        "UTF-16",
        "other bytes",
    ],
)
def test_records_are_found_in_each_form(ask: Any, content: Any) -> None:
    assert ask.json("records", "--records", ask.file(content))["records"] == [RECORD]


def test_what_the_command_says_as_json_is_read_again(ask: Any, sample: str) -> None:
    said = ask.json("records", "--records", sample)
    assert ask.json("records", "--records", ask.file(said)) == said


def test_records_may_come_through_a_pipe(ask: Any) -> None:
    assert json.loads(ask("records", "--records", "-", "--json", given=LINE).stdout)["records"] == [RECORD]


def test_records_stand_in_the_order_of_their_time(ask: Any) -> None:
    later = {**RECORD, "time": "2026-03-02T20:00:01+08:00", "request_id": "r-2"}
    saved = ask.file(f"{json.dumps(later)}\n{LINE}")
    found = ask.json("records", "--records", saved)["records"]
    assert [each["request_id"] for each in found] == ["r-1", "r-2"]
    for options, wanted in (
        (("--since", "2026-03-02T12:00:01"), [later]),
        (("--until", "2026-03-02T12:00:01Z"), [RECORD]),
        (("--since", "2026-03-02T12:00:00Z", "--until", "2026-03-02T20:00:02+08:00"), [RECORD, later]),
    ):
        assert ask.json("records", "--records", saved, *options)["records"] == wanted


def test_a_time_without_a_record_is_said_with_the_times_that_have_some(ask: Any) -> None:
    said = ask("records", "--records", ask.file(LINE), "--since", "2026-03-03T00:00:00Z", "--json")
    assert (said.exit_code, json.loads(said.stdout)["records"]) == (0, [])
    assert "are from 2026-03-02 12:00:00Z to 2026-03-02 12:00:00Z" in said.stderr


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ((), 15),
        (("--result", "landed"), 3),
        (("--reason", "TAG_PROMOTED"), 2),
        (("--image", "**/web:v1.3.0"), 5),
        (("--image", "*/web:v1.3.0"), 0),
        (("--cache", "web-alpine"), 2),
        (("--cache", "imc-bp101example", "--result", "deferred"), 2),
        (("--cache", "web-*"), 9),
        (("--image", "prod/web:v1.3.0"), 5),
        (("--image", f"{HOST.replace('-registry', '-registry-vpc')}/prod/tools"), 1),
        (("--event", "event-tools", "--event", "event-build"), 6),
        (("--request", "r-3", "--door", "on_push", "--source", "acs.cr"), 1),
        (("--rule", "no such rule"), 0),
    ],
)
def test_filters_narrow_the_table(ask: Any, sample: str, options: tuple[str, ...], count: int) -> None:
    shown = ask("records", "--records", sample, *options).stdout
    assert f" in {count} record{'' if count == 1 else 's'}: " in shown.splitlines()[0]
    assert len(ask.json("records", "--records", sample, *options)["records"]) == count


def test_a_person_reads_a_record_a_line(ask: Any, sample: str) -> None:
    shown = ask("records", "--records", sample, "--cache", "web-alpine").stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0] == "2 decisions in 2 records: 2 ignored"
    assert lines[1] == "TIME RESULT REASON IMAGE CACHE RULE TRIES MESSAGE"
    assert lines[2].startswith(
        f"2026-11-26 09:30:07Z ignored POLICY_HOLDS other_variant {HOST}/prod/web:v1.3.0 web-alpine web rel"
    )


def test_attempts_at_one_decision_are_one_line(ask: Any) -> None:
    failed = {**RECORD, "result": "failed", "reason": "CACHE_BUSY", "image_cache_id": "imc-1"}
    later = {**failed, "time": "2026-03-02T12:00:09Z", "result": "deferred"}
    saved = ask.file("\n".join(json.dumps(each) for each in (failed, failed, later, RECORD)))
    lines = [" ".join(line.split()) for line in ask("records", "--records", saved).stdout.splitlines()]
    assert lines[0] == "2 decisions in 4 records: 1 ignored, 1 deferred"
    assert lines[-1] == (
        "2026-03-02 12:00:09Z deferred CACHE_BUSY docker.io/library/nginx:1 imc-1 3 none lists it"
    )


def test_the_life_of_a_push_is_told_a_line_each(ask: Any, sample: str) -> None:
    shown = ask("trace", "event-release", "--records", sample).stdout
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert lines[0] == f"A push of {HOST}/prod/web:v1.4.0 (acs.cr event-release)"
    told = [line for line in lines if " web-batch " in line or "received" in line]
    assert [line.split(" ", 2)[2].partition(":")[0] for line in told] == [
        "0 s received by on_push, request r-2",
        "0 s web-batch deferred CACHE_BUSY",
        "36 s web-batch deferred CACHE_BUSY",
        "1 min 39 s web-batch updated TAG_PROMOTED",
        "3 min 33 s web-batch landed LANDED",
    ]
    assert told[-1].endswith("stale for 3 min 19 s")
    assert "until 2026-11-26 09:31:03Z" in told[1]
    assert any("web building UPDATE_RUNNING" in line for line in lines)


@pytest.mark.parametrize(
    ("subject", "events"),
    [
        ("event-build", ["event-build"]),
        (f"{HOST}/prod/web:v1.4.0", ["event-release"]),
        ("acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com/prod/web", ["event-build", "event-release"]),
        ("web", ["event-build", "event-release"]),
        ("imc-bp104example", ["event-build", "event-release"]),
        ("r-3", ["event-tools"]),
    ],
    ids=["an event", "an image", "a repository", "a cache", "a cache's id", "an invocation"],
)
def test_a_push_is_found_by_each_of_its_names(ask: Any, sample: str, subject: str, events: list[str]) -> None:
    assert [life["event_id"] for life in ask.json("trace", subject, "--records", sample)["lives"]] == events


def test_a_cache_is_told_of_alone(ask: Any, sample: str) -> None:
    for life in ask.json("trace", "web-batch", "--records", sample)["lives"]:
        assert {record["image_cache_name"] for record in life["records"]} == {"web-batch"}


def test_an_id_that_is_also_the_name_of_a_cache_is_both(ask: Any) -> None:
    named = {
        **RECORD,
        "event_id": "e-2",
        "change_id": "c-2",
        "image_cache_id": "imc-1",
        "image_cache_name": "e-1",
    }
    said = ask.json("trace", "e-1", "--records", ask.file(f"{LINE}\n{json.dumps(named)}"))["lives"]
    assert [(life["event_id"], len(life["records"])) for life in said] == [("e-1", 1), ("e-2", 1)]


def test_an_image_that_is_also_the_name_of_a_cache_is_both(ask: Any) -> None:
    of_image = {**RECORD, "image_cache_id": "imc-9", "image_cache_name": "other"}
    of_cache = {
        **RECORD,
        "image": "docker.io/library/redis:7",
        "event_id": "e-2",
        "change_id": "c-2",
        "image_cache_id": "imc-1",
        "image_cache_name": "nginx",
    }
    saved = ask.file(f"{json.dumps(of_image)}\n{json.dumps(of_cache)}")
    said = ask.json("trace", "nginx", "--records", saved)["lives"]
    assert [(life["event_id"], len(life["records"])) for life in said] == [("e-1", 1), ("e-2", 1)]


def test_an_update_that_ended_badly_is_told_by_the_exit_code(ask: Any) -> None:
    failed = {**RECORD, "result": "failed", "reason": "PERMISSION_DENIED", "fate": "on_failure_queue"}
    said = ask("trace", "e-1", "--records", ask.file("\n".join([json.dumps(failed)] * 3)))
    assert said.exit_code == 1
    assert said.stdout.rstrip().endswith("none lists it; it goes to the on-failure queue; 3 attempts")


def test_several_lives_are_told_one_after_the_other(ask: Any, sample: str) -> None:
    shown = ask("trace", f"{HOST}/prod/web", "--records", sample).stdout
    assert shown.count("A push of ") == 2


def test_a_request_without_an_image_is_told_too(ask: Any) -> None:
    request = {key: value for key, value in RECORD.items() if key not in {"image", "message"}}
    saved = ask.file(json.dumps({**request, "source": "manual"}))
    assert ask("trace", "c-1", "--records", saved).stdout.splitlines()[0] == "A request (manual e-1)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("records", "--records", "nowhere"), "nowhere cannot be read"),
        (("records", "--records", "x", "--local"), "exclude each other"),
        (("records", "--records", "x", "--since", "yesterday"), "yesterday is not a time such as"),
        (("records", "--records", "x", "--since", "99999999999d"), "is not a time such as"),
        (("records", "--records", "x", "--since", "1h", "--until", "2h"), "is not after --since"),
        (("records", "--records", "x", "--reason", "BUSY"), "BUSY is no reason"),
        (("records", "--records", "x", "--result", "fine"), "'fine' is not one of"),
        (("trace", "No Image", "--local", "nowhere"), "nothing is served from nowhere"),
    ],
)
def test_what_cannot_be_read_is_a_mistake_that_is_told(ask: Any, arguments: Any, message: str) -> None:
    said = ask(*arguments)
    assert said.exit_code == 2
    assert message in said.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no record"),
        ("{}\n[1]\n{\n", "has no record"),
        (json.dumps({**RECORD, "time": "noon"}), "has no record"),
        (json.dumps({**RECORD, "time": 7}), "has no record"),
        ("[", "has no record"),
        (json.dumps({**RECORD, "time": "9999-12-31T23:59:59-01:00"}), "has no record"),
    ],
    ids=["empty", "other lines", "no time", "a number for a time", "cut off", "another age"],
)
def test_a_file_without_records_is_a_mistake_that_is_told(ask: Any, content: str, message: str) -> None:
    said = ask("records", "--records", ask.file(content))
    assert said.exit_code == 2
    assert message in said.stderr


def test_what_no_record_tells_of_is_a_mistake_with_what_was_read(ask: Any, sample: str) -> None:
    said = ask("trace", "no-such-event", "--records", sample)
    assert said.exit_code == 2
    assert (
        "none of 15 records, written from 2026-11-26 09:30:07Z to 2026-11-26 09:34:00Z, tells of no-such"
    ) in said.stderr
    assert "tells of No Image" in ask("trace", "No Image", "--records", sample).stderr
    said = ask("trace", "event-build", "--records", sample, "--since", "2099-01-01T00:00:00Z")
    assert "there is no record from 2099-01-01 00:00:00Z, so none tells of event-build" in said.stderr
    assert "Did you mean event-build" in ask("trace", "event-biuld", "--records", sample).stderr
