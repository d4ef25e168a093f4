"""The settings of follow tasks: their defaults, their ranges, and what Function Compute's address needs."""

from __future__ import annotations

import pytest

from imagecache.base.errors import SettingsError
from imagecache.config.settings import FollowSettings, read_settings
from tests.support.for_each import for_each

PLATFORM = {"FC_REGION": "cn-hangzhou", "FC_ACCOUNT_ID": "1234567890123456"}
ENABLED = {**PLATFORM, "IMC_FOLLOW_FUNCTION": "on-follow"}


def follow(**environ: str) -> FollowSettings:
    return read_settings({**ENABLED, **environ}).follow


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        read_settings(environ)
    return raised.value.problems


def test_defaults() -> None:
    assert follow() == FollowSettings(
        function="on-follow",
        endpoint="https://1234567890123456.cn-hangzhou.fc.aliyuncs.com",
        base_seconds=30,
        max_seconds=900,
        backoff_seconds=300,
        give_up_seconds=21600,
        rebuilds=3,
    )


def test_without_a_function_the_platform_need_not_say_where_it_is() -> None:
    settings = read_settings({"IMC_REGIONS": "cn-hangzhou"})
    assert settings.follow.function == ""


def test_all_can_be_set() -> None:
    assert follow(
        IMC_FC_ENDPOINT="http://127.0.0.1:9000/",
        IMC_FOLLOW_BASE_SECONDS=" 1 ",
        IMC_FOLLOW_MAX_SECONDS="3599",
        IMC_FOLLOW_BACKOFF_SECONDS="60",
        IMC_FOLLOW_GIVE_UP_SECONDS="604800",
        IMC_FOLLOW_REBUILDS="0",
    ) == FollowSettings("on-follow", "http://127.0.0.1:9000", 1, 3599, 60, 604800, 0)


@for_each(
    ("name", "value"),
    [
        ("IMC_FOLLOW_BASE_SECONDS", "0"),
        ("IMC_FOLLOW_BASE_SECONDS", "3600"),
        ("IMC_FOLLOW_BASE_SECONDS", "1.5"),
        ("IMC_FOLLOW_BASE_SECONDS", "-1"),
        ("IMC_FOLLOW_BASE_SECONDS", "\u0663\u0660"),
        ("IMC_FOLLOW_MAX_SECONDS", "0"),
        ("IMC_FOLLOW_MAX_SECONDS", "3600"),
        ("IMC_FOLLOW_MAX_SECONDS", "29"),
        ("IMC_FOLLOW_GIVE_UP_SECONDS", "59"),
        ("IMC_FOLLOW_GIVE_UP_SECONDS", "604801"),
        ("IMC_FOLLOW_REBUILDS", "101"),
        ("IMC_FOLLOW_REBUILDS", "three"),
        ("IMC_FOLLOW_FUNCTION", "1follow"),
        ("IMC_FOLLOW_FUNCTION", "on follow"),
        ("IMC_FOLLOW_FUNCTION", "on/follow"),
        ("IMC_FOLLOW_FUNCTION", "../on-follow"),
        ("IMC_FOLLOW_FUNCTION", "f" * 129),
        ("IMC_FC_ENDPOINT", "http://fc.example"),
        ("IMC_FC_ENDPOINT", "http://127.0.0.1.evil.example"),
        ("IMC_FC_ENDPOINT", "ftp://127.0.0.1"),
        ("IMC_FC_ENDPOINT", "https://user:word@fc.example"),
        ("IMC_FC_ENDPOINT", "https://fc.example/path"),
        ("IMC_FC_ENDPOINT", "https://fc.example?a=b"),
        ("IMC_FC_ENDPOINT", "https://{acount}.fc.example"),
        ("IMC_FC_ENDPOINT", "https://fc.example:99999"),
        ("IMC_FC_ENDPOINT", "fc.example"),
        ("IMC_FOLLOW_SECONDS", "30"),
    ],
)
def test_a_wrong_value_is_a_problem_that_names_its_variable(name: str, value: str) -> None:
    (problem,) = problems({**ENABLED, name: value})
    assert name in problem


@pytest.mark.parametrize("absent", ["FC_ACCOUNT_ID", "FC_REGION"])
def test_the_default_endpoint_needs_what_the_platform_sets(absent: str) -> None:
    environ = {**ENABLED, "IMC_REGIONS": "cn-hangzhou"}
    del environ[absent]
    (problem,) = problems(environ)
    assert "IMC_FC_ENDPOINT needs" in problem


def test_an_endpoint_of_ones_own_does_not_need_it() -> None:
    environ = {
        "IMC_REGIONS": "cn-hangzhou",
        "IMC_FOLLOW_FUNCTION": "f",
        "IMC_FC_ENDPOINT": "https://fc.example",
    }
    assert read_settings(environ).follow.endpoint == "https://fc.example"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "[::1]"])
def test_plain_http_is_taken_for_loopback(host: str) -> None:
    assert follow(IMC_FC_ENDPOINT=f"http://{host}:1").endpoint == f"http://{host}:1"


def test_all_problems_are_told_at_once() -> None:
    told = problems(
        {
            **ENABLED,
            "IMC_FOLLOW_FUNCTION": "?",
            "IMC_FC_ENDPOINT": "?",
            "IMC_FOLLOW_GIVE_UP_SECONDS": "?",
            "IMC_FOLLOW_REBUILDS": "?",
        }
    )
    assert len(told) == 4
