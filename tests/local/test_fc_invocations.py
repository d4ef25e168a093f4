"""Invocations: processes, their context and environment, their errors, limits and output."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.base.loopback import LOOPBACK
from local.cloud.cloud import Cloud, CloudConfig
from local.fc.control import FcControl, FcControlError

HANDLERS = '''
import json, logging, os, subprocess, sys, time

print("imported")
CALLS = 0


def result(event, context):
    return eval(event)


def calls(event, context):
    global CALLS
    CALLS += 1
    return {"calls": CALLS, "pid": os.getpid()}


def surroundings(event, context):
    members = {name: getattr(context, name) for name in ("request_id", "region", "account_id")}
    credentials = getattr(context, "credentials", None)
    return {
        **members,
        "function": vars(context.function),
        "credentials": credentials and vars(credentials),
        "logger": hasattr(context, "logger"),
        "environment": dict(os.environ),
        "path": sys.path,
        "folder": os.getcwd(),
        "event_type": type(event).__name__,
    }


def fails(event, context):
    def inner():
        raise ValueError("wrong " + event.decode())

    inner()


def ends(event, context):
    os._exit(int(event))


def leaves(event, context):
    sys.exit(3)


def sleeps(event, context):
    print("begin", flush=True)
    time.sleep(float(event))
    return "slept"


def waits(event, context):
    """Wait for a file, so that a test decides how long a request lasts."""
    print("waiting", flush=True)
    while not os.path.exists(event.decode()):
        time.sleep(0.01)
    return "found"


def speaks(event, context):
    print("one")
    print("two", file=sys.stderr)
    logging.getLogger("some").warning("three")
    logging.getLogger("some").debug("unseen")
    sys.stdout.write("four, without an end")


def shouts(event, context):
    sys.stdout.write("x" * int(event) + "\\n")


def starts_a_program(event, context):
    return str(subprocess.Popen(["sleep", "600"]).pid)


def closes_stdout(event, context):
    os.close(1)
    return "closed"
'''
SLOW = {"sleeps": 1}


def template(folder: Path, handlers: list[str], runtime: str = "python3.12") -> Path:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["fc.aliyuncs.com"]}}
    role = {"AssumeRolePolicyDocument": {"Version": "1", "Statement": [trust]}}
    resources: dict[str, Any] = {"Role": {"Type": "ALIYUN::RAM::Role", "Properties": role}}
    for name in handlers:
        module, _, function = name.rpartition(".")
        resources[function.title().replace("_", "")] = {
            "Type": "ALIYUN::FC3::Function",
            "Properties": {
                "FunctionName": function,
                "Handler": f"{module or 'handlers'}.{function}",
                "Runtime": runtime,
                "Timeout": SLOW.get(function, 30),
                "MemorySize": 256,
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "EnvironmentVariables": {"OWN": "yes"},
            },
        }
    path = folder / "template.yml"
    path.write_text(
        json.dumps({"ROSTemplateFormatVersion": "2015-09-01", "Resources": resources}), encoding="utf-8"
    )
    return path


ALL = [line.split("(")[0].removeprefix("def ") for line in HANDLERS.splitlines() if line.startswith("def ")]


def config(folder: Path, **options: Any) -> CloudConfig:
    code = folder / "code"
    code.mkdir()
    (code / "handlers.py").write_text(HANDLERS, encoding="utf-8")
    (code / "broken.py").write_text("import no_such_module\n", encoding="utf-8")
    handlers = [*ALL, "broken.handler", "handlers.absent"]
    runtime = options.pop("runtime", "python3.12")
    return CloudConfig(folder / "state", template(folder, handlers, runtime), code, **options)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with Cloud(config(tmp_path_factory.mktemp("fc"), environment={"ADDED": "too"})) as running:
        yield running


def invoke_json(cloud: Cloud, function: str, payload: bytes = b"") -> Any:
    answer = cloud.invoke(function, payload)
    assert answer.error_type is None, answer.payload
    return json.loads(answer.payload)


@pytest.mark.parametrize(
    ("expression", "payload"),
    [
        pytest.param("b'\\x00\\xff'", b"\x00\xff", id="bytes"),
        pytest.param("'text é'", "text é".encode(), id="text"),
        pytest.param("{'a': [1, None]}", b'{"a": [1, null]}', id="json"),
        pytest.param("None", b"null", id="none"),
    ],
)
def test_a_result_is_bytes_or_text_as_it_is_and_json_else(
    cloud: Cloud, expression: str, payload: bytes
) -> None:
    answer = cloud.invoke("result", expression.encode())
    assert (answer.error_type, answer.payload) == (None, payload)


def test_a_large_event_and_a_large_result_pass(cloud: Cloud) -> None:
    assert len(cloud.invoke("result", b"b'x' * 20_000_000").payload) == 20_000_000
    assert cloud.invoke("result", b"len('" + b"y" * 20_000_000 + b"')").payload == b"20000000"


def test_a_result_that_is_no_json_is_the_functions_error(cloud: Cloud) -> None:
    answer = cloud.invoke("result", b"{1, 2}")
    assert answer.error_type == "UnhandledInvocationError"
    assert json.loads(answer.payload)["errorType"] == "TypeError"


def test_a_warm_instance_is_used_again(cloud: Cloud) -> None:
    first, second = invoke_json(cloud, "calls"), invoke_json(cloud, "calls")
    assert second == {"calls": first["calls"] + 1, "pid": first["pid"]}


def test_a_fresh_process_for_each_invocation(tmp_path: Path) -> None:
    with Cloud(config(tmp_path, fresh_process=True)) as cloud:
        first, second = invoke_json(cloud, "calls"), invoke_json(cloud, "calls")
    assert first["calls"] == second["calls"] == 1
    assert first["pid"] != second["pid"]


def test_the_handler_is_imported_at_the_first_invocation(tmp_path: Path) -> None:
    with Cloud(config(tmp_path)) as cloud:
        assert cloud.fc.logs() == []
        answers = [cloud.invoke("calls", b"") for _ in range(2)]
        imported = [line["request_id"] for line in cloud.fc.logs() if line["line"] == "imported"]
    assert imported == [answers[0].request_id]


def test_the_context_of_python_3_12(cloud: Cloud) -> None:
    answer = cloud.invoke("surroundings", b"")
    context = json.loads(answer.payload)
    assert context["request_id"] == answer.request_id
    assert (context["region"], context["account_id"]) == ("cn-hangzhou", "1234567890123456")
    assert context["function"] == {
        "name": "surroundings",
        "handler": "handlers.surroundings",
        "memory": 256,
        "timeout": 30,
        "version_id": "",
        "qualifier": "LATEST",
    }
    assert (context["credentials"], context["logger"]) == (None, True)
    assert context["event_type"] == "bytes"


def test_the_context_of_python_3_10_has_credentials_and_no_logger(tmp_path: Path) -> None:
    with Cloud(config(tmp_path, runtime="python3.10")) as cloud:
        context = invoke_json(cloud, "surroundings")
    assert set(context["function"]) == {"name", "handler", "memory", "timeout"}
    assert not context["logger"]
    assert context["credentials"] == {
        "access_key_id": context["environment"]["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        "access_key_secret": context["environment"]["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        "security_token": context["environment"]["ALIBABA_CLOUD_SECURITY_TOKEN"],
    }


def test_the_environment_is_the_platforms_and_the_functions_and_nothing_inherited(cloud: Cloud) -> None:
    environment = invoke_json(cloud, "surroundings")["environment"]
    inherited = {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ"}
    assert set(environment) - inherited == {
        "OWN",
        "ADDED",
        "IMC_ECI_ENDPOINT",
        "IMC_FC_ENDPOINT",
        "FC_REGION",
        "FC_ACCOUNT_ID",
        "FC_FUNCTION_NAME",
        "FC_INSTANCE_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
    }
    assert environment["IMC_ECI_ENDPOINT"] == cloud.eci_url
    assert (environment["OWN"], environment["ADDED"]) == ("yes", "too")
    assert environment["FC_FUNCTION_NAME"] == "surroundings"


def test_only_the_code_and_the_installed_packages_can_be_imported(cloud: Cloud) -> None:
    surroundings = invoke_json(cloud, "surroundings")
    code = str(cloud.config.code.resolve())
    assert surroundings["folder"] == surroundings["path"][0] == code
    root = str(Path(__file__).parents[2])
    assert [folder for folder in surroundings["path"][1:] if folder in {"", root, f"{root}/local/fc"}] == []


def test_the_code_folder_stays_as_it_is(cloud: Cloud) -> None:
    invoke_json(cloud, "calls")
    assert sorted(path.name for path in cloud.config.code.iterdir()) == ["broken.py", "handlers.py"]


def test_an_exception_is_told_with_its_type_and_stack(cloud: Cloud) -> None:
    answer = cloud.invoke("fails", b"input")
    error = json.loads(answer.payload)
    file = f'File "{cloud.config.code.resolve()}/handlers.py"'
    assert answer.error_type == "UnhandledInvocationError"
    assert (error["errorMessage"], error["errorType"]) == ("wrong input", "ValueError")
    assert [(frame[0], frame[2], frame[3]) for frame in error["stackTrace"]] == [
        (file, "in fails", "inner()"),
        (file, "in inner", 'raise ValueError("wrong " + event.decode())'),
    ]


@pytest.mark.parametrize(
    ("function", "error_type"), [("handler", "ModuleNotFoundError"), ("absent", "AttributeError")]
)
def test_a_handler_that_cannot_be_found_is_an_error(cloud: Cloud, function: str, error_type: str) -> None:
    answer = cloud.invoke(function, b"")
    assert answer.error_type == "UnhandledInvocationError"
    assert json.loads(answer.payload)["errorType"] == error_type


@pytest.mark.parametrize(
    ("function", "payload", "end"),
    [("ends", b"7", "exit status 7"), ("leaves", b"", "exit status 3")],
    ids=["crash", "sys-exit"],
)
def test_a_process_that_ends_is_told_and_replaced(
    cloud: Cloud, function: str, payload: bytes, end: str
) -> None:
    for _ in range(2):
        answer = cloud.invoke(function, payload)
        error = json.loads(answer.payload)
        assert answer.error_type == error["errorType"] == "ProcessExit"
        assert answer.request_id in error["errorMessage"]
        assert end in error["errorMessage"]


def test_a_function_that_takes_too_long_is_killed_and_replaced(cloud: Cloud) -> None:
    answer = cloud.invoke("sleeps", b"60")
    error = json.loads(answer.payload)
    assert answer.error_type == error["errorType"] == "FunctionTimeout"
    assert error["errorMessage"].endswith("timed out after 1 seconds")
    assert [line["line"] for line in cloud.fc.logs(request_id=answer.request_id)] == ["imported", "begin"]
    assert cloud.invoke("sleeps", b"0").payload == b"slept"


def test_concurrent_requests_get_instances_of_their_own(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with Cloud(config(tmp_path, max_instances=2)) as cloud, ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(cloud.invoke, "waits", str(flag).encode()) for _ in range(2)]
        wait_for_lines(cloud, "waiting", 2)
        with pytest.raises(FcControlError, match=r"429.*ResourceThrottled"):
            cloud.invoke("waits", b"/")
        flag.touch()
        assert [one.result().payload for one in waiting] == [b"found", b"found"]
        assert cloud.invoke("waits", b"/").payload == b"found"


def test_a_bound_of_the_template_holds_where_it_is_the_lower_one(tmp_path: Path) -> None:
    given = config(tmp_path)
    document = json.loads(given.template.read_text(encoding="utf-8"))
    bound = {"FunctionName": "waits", "ReservedConcurrency": 1}
    document["Resources"]["Bound"] = {"Type": "ALIYUN::FC3::ConcurrencyConfig", "Properties": bound}
    given.template.write_text(json.dumps(document), encoding="utf-8")
    flag = tmp_path / "flag"
    with Cloud(given) as cloud, ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(cloud.invoke, "waits", str(flag).encode())
        wait_for_lines(cloud, "waiting", 1)
        with pytest.raises(FcControlError, match=r"429.*ResourceThrottled"):
            cloud.invoke("waits", b"/")
        flag.touch()
        assert waiting.result().payload == b"found"


def wait_for_lines(cloud: Cloud, text: str, count: int) -> None:
    done = threading.Event()
    for _ in range(1000):
        if sum(line["line"] == text for line in cloud.fc.logs()) >= count:
            return
        done.wait(0.01)
    pytest.fail(f"{text!r} was not printed {count} times")


def test_lines_are_kept_by_stream_and_invocation(cloud: Cloud) -> None:
    first, second = cloud.invoke("speaks", b""), cloud.invoke("speaks", b"")
    lines = cloud.fc.logs(request_id=second.request_id)
    texts = {(line["function"], line["stream"], line["line"]) for line in lines}
    (logged,) = [line["line"] for line in lines if line["line"].endswith("three")]
    assert texts == {
        ("speaks", "stdout", "one"),
        ("speaks", "stderr", "two"),
        ("speaks", "stdout", logged),
        ("speaks", "stdout", "four, without an end"),
    }
    assert f"Z {second.request_id} [WARNING] three" in logged
    assert first.request_id != second.request_id


def test_logs_can_be_read_from_a_number_on(cloud: Cloud) -> None:
    answer = cloud.invoke("speaks", b"")
    numbers = [line["number"] for line in cloud.fc.logs(request_id=answer.request_id)]
    later = numbers[2:]
    assert later
    assert [line["number"] for line in cloud.fc.logs(after=numbers[1])][: len(later)] == later


def test_a_very_long_line_is_kept_in_pieces(cloud: Cloud) -> None:
    answer = cloud.invoke("shouts", b"3000000")
    lines = [line["line"] for line in cloud.fc.logs(request_id=answer.request_id)]
    assert "".join(line for line in lines if line != "imported") == "x" * 3_000_000


def test_a_function_may_close_its_stdout(cloud: Cloud) -> None:
    assert cloud.invoke("closes_stdout", b"").payload == b"closed"


def test_nothing_is_left_of_a_function_that_started_a_program(tmp_path: Path) -> None:
    with Cloud(config(tmp_path)) as cloud:
        pid = int(cloud.invoke("starts_a_program", b"").payload)
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        wait_for_end(pid)


def wait_for_end(pid: int) -> None:
    """Ends with ProcessLookupError as soon as there is no such process."""
    pause = threading.Event()
    for _ in range(500):
        os.kill(pid, 0)
        if "Z (zombie)" in Path(f"/proc/{pid}/status").read_text(encoding="ascii"):
            raise ProcessLookupError
        pause.wait(0.01)


def test_a_rotated_key_reaches_a_warm_instance_and_the_old_one_is_revoked(tmp_path: Path) -> None:
    with Cloud(config(tmp_path)) as cloud:
        before = invoke_json(cloud, "surroundings")["environment"]
        key_ids = cloud.fc.rotate_role_keys()
        after = invoke_json(cloud, "surroundings")["environment"]
    assert after["FC_INSTANCE_ID"] == before["FC_INSTANCE_ID"]
    assert after["ALIBABA_CLOUD_ACCESS_KEY_ID"] == key_ids["surroundings"]
    assert before["ALIBABA_CLOUD_ACCESS_KEY_ID"] not in key_ids.values()
    for name in ("ACCESS_KEY_SECRET", "SECURITY_TOKEN"):
        assert after[f"ALIBABA_CLOUD_{name}"] != before[f"ALIBABA_CLOUD_{name}"]


@pytest.mark.parametrize(("lifetime_seconds", "keys"), [(3600.0, 1), (0.001, 2)], ids=["long", "short"])
def test_a_key_near_its_end_is_renewed(tmp_path: Path, lifetime_seconds: float, keys: int) -> None:
    with Cloud(config(tmp_path, key_lifetime_seconds=lifetime_seconds)) as cloud:
        used = {
            invoke_json(cloud, "surroundings")["environment"]["ALIBABA_CLOUD_ACCESS_KEY_ID"] for _ in range(2)
        }
    assert len(used) == keys


def test_an_unknown_function_is_told(cloud: Cloud) -> None:
    with pytest.raises(FcControlError, match=r"404.*FunctionNotFound.*there is no function 'nobody'"):
        cloud.fc.invoke("nobody", b"")
    with pytest.raises(LookupError, match="there is no function 'nobody'"):
        cloud.invoke("nobody", b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_local/logs?after=x", 400),
        ("POST", "/_local/timers/nothing/fire", 404),
        ("GET", "/_local/nothing", 404),
        ("DELETE", "/_local/logs", 405),
    ],
)
def test_the_administration_refuses_what_it_does_not_know(
    cloud: Cloud, method: str, path: str, status: int
) -> None:
    assert httpx.request(method, cloud.fc_url + path, **LOOPBACK).status_code == status


def test_the_administration_refuses_pages_of_a_browser(cloud: Cloud) -> None:
    answer = httpx.post(
        f"{cloud.fc_url}/_local/role-key/rotate", headers={"origin": "http://x.example"}, **LOOPBACK
    )
    assert answer.status_code == 403


def test_the_administration_lists_the_functions(cloud: Cloud) -> None:
    listed = httpx.get(f"{cloud.fc_url}/_local/functions", **LOOPBACK).json()
    assert {"name": "calls", "handler": "handlers.calls", "runtime": "python3.12"} in listed


def test_a_control_without_a_key_may_only_look(cloud: Cloud) -> None:
    control = FcControl(cloud.fc_url)
    try:
        assert isinstance(control.logs(), list)
        with pytest.raises(FcControlError, match=r"403.*AccessDenied"):
            control.invoke("calls", b"")
    finally:
        control.close()


def test_each_function_has_a_key_of_its_own(cloud: Cloud) -> None:
    names = ("surroundings", "result")
    expression = b"__import__('os').environ['ALIBABA_CLOUD_ACCESS_KEY_ID']"
    keys = {
        invoke_json(cloud, names[0])["environment"]["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        cloud.invoke(names[1], expression).payload.decode(),
    }
    assert len(keys) == 2


def test_the_peak_memory_of_a_function_grows_with_what_it_holds(cloud: Cloud) -> None:
    cloud.invoke("calls", b"")
    cloud.invoke("result", f"str(len(b'x' * {64 << 20}))".encode())
    peaks = cloud.peak_memory()
    assert peaks["result"] > peaks["calls"] + 48


@pytest.mark.deep
def test_the_peak_memory_of_a_function_is_not_that_of_the_server(tmp_path: Path) -> None:
    ballast = b"x" * (200 << 20)
    with Cloud(config(tmp_path)) as cloud:
        cloud.invoke("calls", b"")
        assert 1 < cloud.peak_memory()["calls"] < len(ballast) >> 21
