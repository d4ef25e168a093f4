"""``imc-refresh plan``: each cache in its place, from whatever a person saved, and answers to mistakes."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOST = "registry.cn-hangzhou.aliyuncs.com"
VPC = "registry-vpc.cn-hangzhou.aliyuncs.com"
WEB = f"{HOST}/shop/web"


@pytest.fixture
def sample(examples: Path) -> tuple[str, ...]:
    return ("--caches", str(examples / "caches.json"), "--rules", str(examples / "rules.json"))


def test_the_sample_has_a_cache_for_each_answer(ask: Any, sample: tuple[str, ...]) -> None:
    said = ask.json("plan", f"{WEB}:v1.4.0", *sample)
    assert (said["image"], said["caches_seen"], said["notes"]) == (f"{WEB}:v1.4.0", 9, [])
    decided = {each["image_cache_name"]: (each["result"], each["reason"]) for each in said["decisions"]}
    assert decided == {
        "web": ("refreshed", "TAG_PROMOTED"),
        "web-canary": ("refreshed", "TAG_REPUSHED"),
        "web-batch": ("deferred", "CACHE_BUSY"),
        "web-alpine": ("ignored", "POLICY_HOLDS"),
        "web-pinned": ("ignored", "PINNED_BY_DIGEST"),
        "frozen-q1": ("ignored", "POLICY_HOLDS"),
    }
    assert {each["image_cache_name"]: each["because"] for each in said["near"]} == {
        "web-alpine": "other_variant",
        "web-pinned": "pinned_by_digest",
        "frozen-q1": "another_rule_first",
        "partner": "other_registry",
        "web-north": "other_region",
    }
    (promoted,) = [each for each in said["decisions"] if each["reason"] == "TAG_PROMOTED"]
    assert (promoted["rule"], promoted["policy"]) == ("web releases", "semver >=1.0 <2")
    assert (
        promoted["request"]["Image"]
        == promoted["images_after"]
        == [f"{VPC}/shop/web:v1.4.0", f"{VPC}/shop/sidecar:v0.9.1"]
    )
    assert promoted["images_before"] == [f"{VPC}/shop/web:v1.3.2", f"{VPC}/shop/sidecar:v0.9.1"]


def test_a_pipe_gets_whole_lines_and_no_colours(ask: Any, sample: tuple[str, ...]) -> None:
    said = ask("plan", f"{WEB}:v1.4.0", *sample)
    assert said.exit_code == 0
    assert "\x1b" not in said.stdout
    rows = {line.split("  ")[0]: line for line in said.stdout.splitlines()}
    assert f"{VPC}/shop/web:v1.3.2  {VPC}/shop/web:v1.4.0" in rows["web"]
    assert rows["web"].endswith("TAG_PROMOTED")
    assert "of another region than" in rows["web-north"]
    assert "NEAR: caches that almost match" in rows
    assert said.stdout.index("NEAR") > said.stdout.index("TAG_PROMOTED")


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (
            60,
            [
                "  WHY NOT  registry.cn-beijing.aliyuncs.com is the",
                "           of another region than",
            ],
        ),
        (
            200,
            [
                "registry.cn-beijing.aliyuncs.com is the registry of",
                "another region than registry.cn-hangzhou",
            ],
        ),
    ],
    ids=["narrow", "wide"],
)
def test_a_terminal_gets_each_reference_whole(
    columns: int, lines: list[str], sample: tuple[str, ...]
) -> None:
    shown = _on_terminal(columns, "plan", f"{WEB}:v1.4.0", *sample).splitlines()
    for image in (f"{VPC}/shop/web:v1.3.2", f"{VPC}/shop/web:v1.4.0"):
        assert any(image in line for line in shown)
    assert ("  WOULD BE  refreshed" in shown) is (columns == 60)
    assert all(any(expected in line for line in shown) for expected in lines)


def test_without_rules_only_the_pushed_tag_is_rebuilt(ask: Any, examples: Path) -> None:
    said = ask.json("plan", f"{WEB}:v1.4.0", "--caches", str(examples / "caches.json"))
    assert [each["image_cache_name"] for each in said["decisions"] if each["result"] == "refreshed"] == [
        "web-canary"
    ]
    assert {each["policy"] for each in said["decisions"]} == {"exact"}


def test_an_image_that_nothing_lists_is_answered_too(ask: Any, sample: tuple[str, ...]) -> None:
    said = ask("plan", "quay.io/team/other:1", *sample)
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout == (
        "A push of quay.io/team/other:1, 9 image caches in cn-hangzhou, cn-beijing: none lists it\n"
    )


def test_what_waits_for_a_person_is_shown_with_the_list_that_it_would_get(ask: Any, cache: Any) -> None:
    policy = {"type": "semver", "range": "*"}
    rules = ask.rules(
        {"name": "asks", "caches": {"names": ["asking"]}, "policy": policy, "approval": True},
        {"name": "takes", "policy": policy},
    )
    hold = {"imc-refresh-hold": "until=2099-01-01T00:00:00Z;by=ann;why=release 12"}
    saved = ask.caches(cache("asking", f"{WEB}:v1"), cache("held", f"{WEB}:v1", tags=hold))
    shown = ask("plan", f"{WEB}:v2", "--caches", saved, "--rules", rules).stdout
    rows = {line.split()[0]: " ".join(line.split()) for line in shown.splitlines() if line}
    assert rows["asking"] == f"asking ignored {WEB}:v1 {WEB}:v2 asks semver * APPROVAL_NEEDED"
    assert rows["held"].endswith(f"{WEB}:v2 takes semver * HELD until 2099-01-01 00:00:00Z")
    assert "NEAR" not in shown


def test_only_one_region_is_looked_at_where_one_is_named(ask: Any, sample: tuple[str, ...]) -> None:
    said = ask.json("plan", f"{WEB}:v1.4.0", "--region", "cn-beijing", *sample)
    assert (said["regions"], said["caches_seen"], said["decisions"]) == (["cn-beijing"], 1, [])


def _forms(cache: dict[str, Any], page: dict[str, Any]) -> dict[str, bytes]:
    text = json.dumps(page)
    second = json.dumps({**page, "ImageCaches": [{**cache, "ImageCacheId": "imc-2"}]})
    return {
        "a page": text.encode(),
        "a list of pages": f"[{text}, {second}]".encode(),
        "pages one after the other": f"{text}\n{second}\n".encode(),
        "what the modern SDK gives": json.dumps({"statusCode": 200, "body": page}).encode(),
        "a cache": json.dumps(cache).encode(),
        "a list of caches": json.dumps([cache]).encode(),
        "with the mark of a shell of Windows": text.encode("utf-8-sig"),
        "in UTF-16 as another shell writes": text.encode("utf-16"),
    }


@pytest.mark.parametrize("form", _forms({}, {}))
def test_a_saved_answer_is_read_in_each_form(ask: Any, cache: Any, answer: Any, form: str) -> None:
    one = cache("one", f"{VPC}/shop/web:v1")
    saved = ask.file(_forms(one, answer(one))[form])
    said = ask.json("plan", f"{WEB}:v1", "--caches", saved)
    expected = ["imc-one", "imc-2"] if "pages" in form else ["imc-one"]
    assert [each["image_cache_id"] for each in said["decisions"]] == expected


def test_a_saved_answer_may_come_through_a_pipe(ask: Any, examples: Path) -> None:
    content = (examples / "caches.json").read_bytes()
    said = ask("plan", f"{WEB}:v1.4.0", "--caches", "-", "--json", given=content)
    assert len(json.loads(said.stdout)["decisions"]) == 6


def test_a_region_that_is_named_is_that_of_caches_that_name_none(ask: Any, cache: Any) -> None:
    saved = ask.caches({key: value for key, value in cache("one", "nginx").items() if key != "RegionId"})
    said = ask.json("plan", "nginx", "--caches", saved, "--region", "cn-shanghai")
    assert [each["region_id"] for each in said["decisions"]] == ["cn-shanghai"]


def test_missing_pages_and_regions_are_said(ask: Any, cache: Any, answer: Any) -> None:
    saved = ask.file(answer(cache("one", "nginx"), total=57))
    said = ask(
        "plan", "nginx", "--caches", saved, "--json", "--region", "cn-hangzhou", "--region", "cn-beijing"
    )
    notes = json.loads(said.stdout)["notes"]
    assert notes == [
        f"{saved} has 1 of 57 image caches of cn-hangzhou: pages are missing",
        f"{saved} has no image cache of cn-beijing",
    ]
    assert said.stderr.splitlines() == [f"note: {note}" for note in notes]


def test_a_cache_that_cannot_be_read_costs_itself_alone(ask: Any, cache: Any) -> None:
    odd = {**cache("odd", "nginx"), "Status": "Melting"}
    said = ask("plan", "nginx", "--json", "--caches", ask.caches(odd, cache("good", "nginx")))
    document = json.loads(said.stdout)
    assert [each["image_cache_name"] for each in document["decisions"]] == ["good"]
    assert [each["image_cache_id"] for each in document["unreadable"]] == ["imc-odd"]
    assert "imc-odd in cn-hangzhou is left out: ValueError: the status Melting is not known" in said.stderr


def test_caches_of_one_name_are_told_apart(ask: Any, cache: Any) -> None:
    twins = [cache("web", "nginx", ImageCacheId=f"imc-{number}") for number in (1, 2)]
    said = ask("plan", "nginx", "--caches", ask.caches(*twins))
    assert "web (imc-1)" in said.stdout
    assert "web (imc-2)" in said.stdout


def test_a_name_cannot_steer_the_terminal(ask: Any, cache: Any) -> None:
    said = ask("plan", "nginx", "--caches", ask.caches(cache("\x1b[2Jweb\x07", "nginx")))
    assert "\\x1b[2Jweb\\x07" in said.stdout
    assert "\x1b" not in said.stdout


def test_a_name_that_the_output_cannot_encode_is_shown_all_the_same(cache: Any, ask: Any) -> None:
    saved = ask.caches(cache("\u4f60\ud800\u202e", "nginx"))
    program = [sys.executable, "-m", "cli", "plan", "nginx", "--caches", saved]
    done = subprocess.run(
        program,
        env=_environment(PYTHONIOENCODING="ascii"),
        capture_output=True,
        check=True,
        timeout=60,
        cwd=ROOT,
    )
    assert b"\\u4f60\\ud800\\u202e  refreshed" in done.stdout


def test_passwords_need_not_be_known_and_are_not_shown(ask: Any, cache: Any) -> None:
    account = {"server": "registry.example.com", "userName": "puller", "passwordEnv": "REGISTRY_PASSWORD"}
    rules = ask.rules({"update": {"imageRegistryCredential": [account]}})
    said = ask.json("plan", "nginx", "--caches", ask.caches(cache("web", "nginx")), "--rules", rules)
    (decision,) = said["decisions"]
    (sent,) = decision["request"]["ImageRegistryCredential"]
    assert sent == {"Server": "registry.example.com", "UserName": "puller", "Password": "***"}


def test_a_rule_that_reads_the_registry_is_planned_without_it_and_that_is_said(ask: Any, cache: Any) -> None:
    rules = ask.rules({"name": "all", "policy": {"type": "semver", "range": "*"}, "registry": "read"})
    said = ask("plan", "nginx:1.2", "--caches", ask.caches(cache("web", "nginx:1.1")), "--rules", rules)
    assert "TAG_PROMOTED" in said.stdout
    assert said.stderr == (
        "note: rule all reads the registry: what else it has there may change the list further\n"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"{", "is not JSON: Expecting property name"),
        (b'{"ImageCaches": []} x', "is not JSON: Expecting value"),
        (b"[" * 100_000, "is not JSON: it is nested too deep"),
        (b"\xff\xfe\x00", "is not text in UTF-8"),
        (b"\x80", "is not text in UTF-8"),
        (b"7", "has something else where a page of image caches is expected"),
        (b'{"rules": []}', "has an object with rules where a page of image caches is expected"),
        (b'{"Code": "NoPermission", "Message": "no"}', "has an error of ECI instead of caches: NoPermission"),
        (b'{"ImageCaches": ["x"]}', "cache 1 of page 1 does not say its region"),
        (b'{"ImageCaches": [{"ImageCacheId": "imc-1"}]}', "cache 1 of page 1 does not say its region"),
        (b'{"ImageCaches": [' + b"9" * 5000 + b"]}", "is not JSON: a number is too long"),
        (b'{"ImageCaches": [], "TotalCount": NaN}', "is not JSON"),
        (b'{"ImageCaches": [], "TotalCount": 1e999}', "is not JSON"),
    ],
    ids=range(15),
)
def test_a_file_of_something_else_is_a_mistake_that_is_told(ask: Any, content: bytes, message: str) -> None:
    said = ask("plan", "nginx", "--json", "--caches", ask.file(content))
    assert said.exit_code == 2
    assert message in said.stderr
    assert said.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("shop/Web:v1", "is not a repository path"),
        ("", "is empty"),
        ("web:v1:2", "is not a tag"),
        (f"web@sha256:{'a' * 64}", "is named by its digest only"),
        ("web:v1@sha256:12", "is not a valid digest"),
        (f"{'a' * 300}.example.com/web", "is not a host name"),
    ],
    ids=["capitals", "empty", "two tags", "digest only", "short digest", "long host"],
)
def test_a_wrong_image_is_a_mistake_that_is_told(ask: Any, examples: Path, image: str, message: str) -> None:
    said = ask("plan", image, "--caches", str(examples / "caches.json"))
    assert said.exit_code == 2
    assert message in said.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--caches", "nowhere.json"), "nowhere.json cannot be read: No such file or directory"),
        (("--caches", "/"), "/ cannot be read: Is a directory"),
        (("--caches", "x", "--local"), "--caches and --local exclude each other"),
        (("--local", "nowhere"), "nothing is served from nowhere"),
        ((), "no region is named"),
        (("--caches", "x", "--at", "noon"), "noon is not a time such as"),
        (("--caches", "x", "--at", "2026-03-02T12:00:00"), "has no zone"),
        (("--caches", "x", "--rules", "nowhere.json"), "nowhere.json cannot be read"),
    ],
)
def test_wrong_options_are_a_mistake_that_is_told(ask: Any, options: tuple[str, ...], message: str) -> None:
    said = ask("plan", "nginx", *options)
    assert said.exit_code == 2
    assert message in said.stderr


def test_wrong_rules_are_a_mistake_with_their_place(ask: Any, examples: Path) -> None:
    rules = ask.rules({"nmae": "web"}, {"policy": {"type": "semver"}})
    said = ask("plan", "nginx", "--caches", str(examples / "caches.json"), "--rules", rules)
    assert said.exit_code == 2
    assert (
        f"error: {rules} at /rules/0: breaks rule 'no unknown keys', found keys nmae (and 1 more)"
        in said.stderr
    )
    assert f"imc-refresh rules test {rules}" in said.stderr


def test_a_file_is_planned_without_an_sdk(sample: tuple[str, ...]) -> None:
    script = (
        "import sys; from cli.app import app; app(sys.argv[1:], standalone_mode=False); "
        "print(*sorted({'aliyunsdkcore', 'fc2', 'requests', 'httpx', 'rich', 'local'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "plan", f"{WEB}:v1.4.0", *sample],
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == ""


def _on_terminal(columns: int, *arguments: str) -> str:
    """What the command shows on a terminal of a width."""
    ours, theirs = pty.openpty()
    program = [sys.executable, "-m", "cli", *arguments]
    environment = _environment(COLUMNS=str(columns), TERM="xterm", NO_COLOR="1")
    with subprocess.Popen(
        program, stdout=theirs, stdin=theirs, stderr=theirs, env=environment, cwd=ROOT
    ) as running:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:
            pass  # the system's way to say that the other side is closed
        assert running.wait(60) == 0
    os.close(ours)
    return shown.decode()


def _environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}", **variables}
