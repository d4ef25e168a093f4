"""Settings: every rule, all problems at once, and no token in any of them."""

from __future__ import annotations

import re
import traceback
from typing import Any

import pytest
import requests.certs
from hypothesis import given
from hypothesis import strategies as st

from imagecache.base.environment import Environment, is_loopback
from imagecache.base.errors import SettingsError
from imagecache.config.setting_table import SETTINGS, Setting
from imagecache.config.settings import FollowSettings, Settings, read_settings
from imagecache.config.webhook_tokens import TOKENS, WebhookToken
from imagecache.policy.rules import Rule, Rules
from tests.support.for_each import for_each

TOKEN = "Tr0ub4dor-and-3-more"
OTHER_TOKEN = "another-token-of-20c"


def problems_of(**environ: str) -> list[str]:
    """The problems of an environment that is right but for what is given."""
    with pytest.raises(SettingsError) as refused:
        read_settings({"FC_REGION": "cn-hangzhou", **environ})
    return refused.value.problems


def test_the_region_of_the_function_is_enough() -> None:
    assert read_settings({"FC_REGION": "cn-hangzhou", "PATH": "/bin"}) == Settings(
        regions=("cn-hangzhou",),
        eci_endpoint="https://eci.{region}.aliyuncs.com",
        webhook_tokens=(),
        follow=FollowSettings(
            function="",
            endpoint="https://.cn-hangzhou.fc.aliyuncs.com",
            base_seconds=30,
            max_seconds=900,
            backoff_seconds=300,
            give_up_seconds=21600,
            rebuilds=3,
        ),
        clock_skew_seconds=2,
        concurrency=8,
        dry_run=False,
        log_level="INFO",
    )


def test_every_setting_is_read() -> None:
    authorities = requests.certs.where()
    environ = {
        "IMC_CA_FILE": authorities,
        "IMC_REGIONS": "cn-hangzhou, cn-shanghai",
        "IMC_ECI_ENDPOINT": "https://eci-vpc.{region}.aliyuncs.com/",
        "IMC_WEBHOOK_TOKENS": f"{TOKEN},{OTHER_TOKEN}",
        "IMC_FOLLOW_FUNCTION": "imc-follow",
        "IMC_FC_ENDPOINT": "https://{account}.{region}-internal.fc.aliyuncs.com/",
        "IMC_FOLLOW_BASE_SECONDS": "60",
        "IMC_FOLLOW_MAX_SECONDS": "600",
        "IMC_FOLLOW_BACKOFF_SECONDS": "120",
        "IMC_FOLLOW_GIVE_UP_SECONDS": "7200",
        "IMC_FOLLOW_REBUILDS": "5",
        "IMC_CLOCK_SKEW_SECONDS": "10",
        "IMC_RULES": "the rules",
        "IMC_RULES_FILE": "",
        "IMC_REGISTRY_SECONDS": "20",
        "IMC_CR_ENDPOINT": "https://cr-vpc.{region}.aliyuncs.com/",
        "IMC_MAX_UPDATES_PER_RUN": "7",
        "IMC_MAX_UPDATES_PER_HOUR": "70",
        "IMC_CONCURRENCY": "4",
        "IMC_ANSWER_SECONDS": "1.25",
        "IMC_DRY_RUN": "true",
        "IMC_LOG_LEVEL": "debug",
    }
    rules = Rules((Rule("web"),))
    assert set(environ) == {setting.name for setting in SETTINGS}
    platform = {"FC_ACCOUNT_ID": "1234567890123456", "FC_REGION": "cn-beijing"}
    given: list[str] = []

    def read_rules(env: Environment) -> Rules:
        given.append(env.text("IMC_RULES"))
        return rules

    assert read_settings({**platform, **environ}, read_rules) == Settings(
        cr_endpoint="https://cr-vpc.{region}.aliyuncs.com",
        rules=rules,
        registry_seconds=20,
        ca_file=authorities,
        most_per_run=7,
        most_per_hour=70,
        regions=("cn-hangzhou", "cn-shanghai"),
        eci_endpoint="https://eci-vpc.{region}.aliyuncs.com",
        webhook_tokens=(WebhookToken(TOKEN), WebhookToken(OTHER_TOKEN)),
        follow=FollowSettings(
            function="imc-follow",
            endpoint="https://1234567890123456.cn-beijing-internal.fc.aliyuncs.com",
            base_seconds=60,
            max_seconds=600,
            backoff_seconds=120,
            give_up_seconds=7200,
            rebuilds=5,
        ),
        clock_skew_seconds=10,
        answer_seconds=1.25,
        concurrency=4,
        dry_run=True,
        log_level="DEBUG",
    )
    assert given == ["the rules"]


@for_each(
    ("environ", "regions"),
    [
        pytest.param({"IMC_REGIONS": "cn-shanghai"}, ("cn-shanghai",), id="wins over the function's"),
        pytest.param({"IMC_REGIONS": ""}, ("cn-hangzhou",), id="empty"),
        pytest.param({"IMC_REGIONS": " , "}, ("cn-hangzhou",), id="blanks and commas"),
        pytest.param({"IMC_REGIONS": "b,a,b"}, ("b", "a"), id="in order, each once"),
    ],
)
def test_regions_are_listed(environ: dict[str, str], regions: tuple[str, ...]) -> None:
    assert read_settings({"FC_REGION": "cn-hangzhou", **environ}).regions == regions


@for_each(
    "regions",
    [
        "CN-Hangzhou",
        "cn_hangzhou",
        "cn-",
        "-cn",
        "cn--a",
        "cn/../x",
        "evil.example?",
        "cn hangzhou",
        "\u0663",
    ],
)
def test_what_is_no_region_is_a_problem(regions: str) -> None:
    (problem,) = problems_of(IMC_REGIONS=f"cn-hangzhou,{regions}")
    assert problem == f"IMC_REGIONS has {regions!a}, but must be region ids, comma separated"


def test_a_region_must_come_from_somewhere() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({})
    assert refused.value.problems == ["IMC_REGIONS is not set and FC_REGION gives no default"]


@for_each(
    "endpoint",
    [
        "https://eci.{region}.aliyuncs.com",
        "https://eci.cn-hangzhou.aliyuncs.com",
        "https://eci.example.com:8443",
        "HTTPS://eci.example.com",
        "https://127.0.0.1:8443",
        "http://127.0.0.1:8080",
        "http://127.0.0.2:8080",
        "http://[::1]:8080",
        "http://localhost:8080",
        "http://LOCALHOST",
    ],
)
def test_an_endpoint_is_taken(endpoint: str) -> None:
    assert read_settings({"FC_REGION": "cn-hangzhou", "IMC_ECI_ENDPOINT": endpoint}).eci_endpoint == endpoint


@for_each(
    ("endpoint", "told"),
    [
        pytest.param(
            "http://eci.{region}.aliyuncs.com",
            "is plain http, which is accepted only for loopback addresses",
            id="http",
        ),
        pytest.param(
            "http://127.0.0.1.evil.example",
            "is plain http, which is accepted only for loopback addresses",
            id="host begins with loopback",
        ),
        pytest.param(
            "http://localhost.evil.example",
            "is plain http, which is accepted only for loopback addresses",
            id="host begins with localhost",
        ),
        pytest.param(
            "http://evil-localhost",
            "is plain http, which is accepted only for loopback addresses",
            id="host ends in localhost",
        ),
        pytest.param(
            "http://0.0.0.0:8080",
            "is plain http, which is accepted only for loopback addresses",
            id="any address",
        ),
        pytest.param(
            "http://128.0.0.1:8080",
            "is plain http, which is accepted only for loopback addresses",
            id="beside loopback",
        ),
        pytest.param(
            "http://192.168.0.1",
            "is plain http, which is accepted only for loopback addresses",
            id="private network",
        ),
        pytest.param(
            "http://127.1",
            "is plain http, which is accepted only for loopback addresses",
            id="short form of loopback",
        ),
        pytest.param(
            "http://2130706433",
            "is plain http, which is accepted only for loopback addresses",
            id="loopback as a number",
        ),
        pytest.param(
            "http://127.0.0.{region}",
            "is plain http, which is accepted only for loopback addresses",
            id="region in an address",
        ),
        pytest.param(
            "http://[::2]:8080",
            "is plain http, which is accepted only for loopback addresses",
            id="IPv6 beside loopback",
        ),
        pytest.param(
            "http://127.0.0.1\n.evil.example",
            "is plain http, which is accepted only for loopback addresses",
            id="newline after loopback",
        ),
        pytest.param(
            "https://user:hunter2pw@eci.example.com",
            "has more than a scheme, a host and a port",
            id="user and password",
        ),
        pytest.param(
            "http://127.0.0.1@evil.example",
            "has more than a scheme, a host and a port",
            id="loopback as a user",
        ),
        pytest.param(
            "https://@eci.example.com", "has more than a scheme, a host and a port", id="empty user"
        ),
        pytest.param("https://eci.example.com/path", "has more than a scheme, a host and a port", id="path"),
        pytest.param("https://eci.example.com?x=1", "has more than a scheme, a host and a port", id="query"),
        pytest.param("https://eci.example.com#x", "has more than a scheme, a host and a port", id="fragment"),
        pytest.param(
            "https://eci.{zone}.example.com",
            "is not an http or https URL with a host",
            id="another placeholder",
        ),
        pytest.param("eci.example.com", "is not an http or https URL with a host", id="no scheme"),
        pytest.param("eci.example.com:443", "is not an http or https URL with a host", id="host and port"),
        pytest.param("ftp://eci.example.com", "is not an http or https URL with a host", id="ftp"),
        pytest.param("https://", "is not an http or https URL with a host", id="no host"),
        pytest.param("https://:443", "is not an http or https URL with a host", id="port alone"),
        pytest.param("https://eci.example.com:0", "is not an http or https URL with a host", id="port 0"),
        pytest.param("https://eci.example.com:99999", "is not a URL", id="port too large"),
        pytest.param("https://eci.example.com:port", "is not a URL", id="port is no number"),
        pytest.param("https://localhost:{region}", "is not a URL", id="region as a port"),
        pytest.param("https://[::1", "is not a URL", id="open bracket"),
    ],
)
def test_an_endpoint_is_refused_without_repeating_it(endpoint: str, told: str) -> None:
    (problem,) = problems_of(IMC_ECI_ENDPOINT=endpoint)
    assert problem == (
        f"IMC_ECI_ENDPOINT {told}, but must be `https://HOST[:PORT]`, or `http://` with a loopback address; "
        "`HOST` may hold `{region}`"
    )


@for_each(
    ("hostname", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.255.254", True),
        ("::1", True),
        ("", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound to it
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.localdomain", False),
        ("127.0.0.1.evil.example", False),
    ],
)
def test_loopback_is_this_machine_alone(hostname: str, expected: bool) -> None:
    assert is_loopback(hostname) is expected


@for_each(
    ("value", "tokens"),
    [
        pytest.param("", (), id="none"),
        pytest.param(" , ,", (), id="commas alone are no token"),
        pytest.param("a" * 16, ("a" * 16,), id="16 characters"),
        pytest.param(f" {TOKEN} ,, {OTHER_TOKEN} ", (TOKEN, OTHER_TOKEN), id="blanks around"),
        pytest.param(f"{TOKEN},{TOKEN}", (TOKEN,), id="twice the same"),
        pytest.param("!\"#$%&'()*+-./:;<=>?@[]^_`{|}~", ("!\"#$%&'()*+-./:;<=>?@[]^_`{|}~",), id="signs"),
    ],
)
def test_tokens_are_listed(value: str, tokens: tuple[str, ...]) -> None:
    read = read_settings({"FC_REGION": "r", "IMC_WEBHOOK_TOKENS": value}).webhook_tokens
    assert read == tuple(WebhookToken(token) for token in tokens)


@for_each(
    ("token", "told"),
    [
        pytest.param("hunter2-hunter2", "token 2 has 15 characters", id="short"),
        pytest.param("hunter2 hunter2 hunter2", "token 2 has a character that is not allowed", id="space"),
        pytest.param("hunter2\thunter2-hunter2", "token 2 has a character that is not allowed", id="tab"),
        pytest.param("hunter2-hunter2-\xfc", "token 2 has a character that is not allowed", id="umlaut"),
        pytest.param("hunter2-hunter2-\x00", "token 2 has a character that is not allowed", id="NUL"),
    ],
)
def test_a_wrong_token_is_told_by_its_number_and_never_shown(token: str, told: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"FC_REGION": "r", "IMC_WEBHOOK_TOKENS": f"{TOKEN},{token}"})
    assert refused.value.problems == [f"IMC_WEBHOOK_TOKENS is wrong: {told}, but must be {TOKENS.says}"]
    shown = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    assert "hunter2" not in shown
    assert TOKEN not in shown


@given(st.lists(st.text("\xa7\xb6\u03b6", min_size=1, max_size=20), min_size=1, max_size=4))
def test_no_problem_has_a_character_of_a_token(tokens: list[str]) -> None:
    problems = problems_of(IMC_WEBHOOK_TOKENS=",".join(tokens))
    assert problems
    assert "".join(problems).isascii()


def test_the_text_form_of_settings_shows_no_token() -> None:
    settings = read_settings({"FC_REGION": "r", "IMC_WEBHOOK_TOKENS": TOKEN})
    assert settings.webhook_tokens == (WebhookToken(TOKEN),)
    assert TOKEN not in f"{settings!r} {settings}"


@for_each(
    ("value", "expected"),
    [
        ("true", True),
        ("TRUE", True),
        (" true ", True),
        ("1", True),
        ("false", False),
        ("False", False),
        ("0", False),
        ("", False),
    ],
)
def test_a_flag_is_read(value: str, expected: bool) -> None:
    assert read_settings({"FC_REGION": "r", "IMC_DRY_RUN": value}).dry_run is expected


@for_each("value", ["yes", "on", "2", "truee", "t\u0433ue"])
def test_any_other_flag_is_a_problem_lest_a_dry_run_be_a_real_one(value: str) -> None:
    assert problems_of(IMC_DRY_RUN=value) == [f"IMC_DRY_RUN is {value!a}, but must be true or false"]


@for_each(("value", "seconds"), [("", 2), ("0", 0), ("2", 2), (" 10 ", 10), ("0010", 10), ("3600", 3600)])
def test_the_margin_for_clock_skew_is_read(value: str, seconds: int) -> None:
    settings = read_settings({"FC_REGION": "r", "IMC_CLOCK_SKEW_SECONDS": value})
    assert settings.clock_skew_seconds == seconds


@for_each(("value", "seconds"), [("", 2.5), ("0", 0.0), ("0.125", 0.125), (" 3 ", 3.0), ("600", 600.0)])
def test_when_to_answer_may_have_a_fraction(value: str, seconds: float) -> None:
    assert read_settings({"FC_REGION": "r", "IMC_ANSWER_SECONDS": value}).answer_seconds == seconds


@for_each("value", ["-1", "601", "600.001", "1.", ".5", "1.0000", "1e2", "nan", "inf", "\u0661"])
def test_what_is_no_number_in_the_range_is_a_problem(value: str) -> None:
    assert problems_of(IMC_ANSWER_SECONDS=value) == [
        f"IMC_ANSWER_SECONDS is {value!a}, but must be a number from 0 to 600"
    ]


NUMBERS = {
    setting.name: (bounds[0], bounds[-1])
    for setting in SETTINGS
    if (bounds := setting.form.bounds) is not None and "whole" in setting.form.says
}


@for_each(
    "value",
    [
        "-1",
        "+1",
        "1.0",
        "1e2",
        "1_0",
        "0x10",
        "1 0",
        "ten",
        "\u0661\u0660",
        "1000000",
        "9" * 10,
        "9" * 5000,
    ],
    ids=lambda value: ascii(value)[1:21],
)
def test_what_is_no_whole_number_in_the_range_is_a_problem_that_tells_the_range(value: str) -> None:
    told = {name: problems_of(**{name: value}) for name in NUMBERS}
    assert told == {
        name: [f"{name} is {value[:80]!a}, but must be a whole number from {smallest} to {largest}"]
        for name, (smallest, largest) in NUMBERS.items()
    }


@for_each(("name", "bounds"), NUMBERS.items(), ids=NUMBERS)
def test_a_range_ends_where_it_says(name: str, bounds: tuple[int, int]) -> None:
    # The longest delay goes with the first, which may not be more.
    others = {"FC_REGION": "r", "IMC_FOLLOW_BASE_SECONDS": "1", "IMC_FOLLOW_MAX_SECONDS": "3599"}
    smallest, largest = bounds
    assert read_settings({**others, name: str(smallest)}) != read_settings({**others, name: str(largest)})
    for outside in (smallest - 1, largest + 1):
        (problem,) = problems_of(**{**others, name: str(outside)})
        assert problem.endswith(f"from {smallest} to {largest}")


@for_each(
    ("base", "longest", "problems"),
    [
        ("900", "900", []),
        ("901", "900", ["IMC_FOLLOW_BASE_SECONDS is more than IMC_FOLLOW_MAX_SECONDS"]),
        ("901", "", ["IMC_FOLLOW_BASE_SECONDS is more than IMC_FOLLOW_MAX_SECONDS"]),
        ("", "29", ["IMC_FOLLOW_BASE_SECONDS is more than IMC_FOLLOW_MAX_SECONDS"]),
        ("", "30", []),
    ],
    ids=["equal", "more", "more than the default", "default is more", "default is equal"],
)
def test_the_first_delay_is_at_most_the_longest(base: str, longest: str, problems: list[str]) -> None:
    environ = {"FC_REGION": "r", "IMC_FOLLOW_BASE_SECONDS": base, "IMC_FOLLOW_MAX_SECONDS": longest}
    try:
        read_settings(environ)
    except SettingsError as refused:
        told = refused.problems
    else:
        told = []
    assert told == problems


@pytest.mark.parametrize("value", ["verbose", "CRITICAL", "10"])
def test_any_other_log_level_is_a_problem(value: str) -> None:
    assert problems_of(IMC_LOG_LEVEL=value) == [
        f"IMC_LOG_LEVEL is {value!a}, but must be one of DEBUG, INFO, WARNING, ERROR"
    ]


@for_each("name", ["IMC_DRYRUN", "IMC_", "IMC_dry_run", "IMC_WEBHOOK_TOKEN"])
def test_an_unknown_name_is_a_problem_and_its_value_is_not_shown(name: str) -> None:
    (problem,) = problems_of(**{name: TOKEN})
    assert problem.startswith(f"{name} is not a setting; known are ")
    assert all(setting.name in problem for setting in SETTINGS)
    assert TOKEN not in problem


def test_names_of_others_are_left_alone() -> None:
    assert read_settings({"FC_REGION": "r", "imc_x": "1", "XIMC_Y": "1", "IMCZ": "1"}).regions == ("r",)


def test_all_problems_are_told_at_once() -> None:
    environ = {
        "IMC_REGIONS": "A,B",
        "IMC_ECI_ENDPOINT": "http://eci.example.com",
        "IMC_WEBHOOK_TOKENS": "short,\xe4",
        "IMC_FOLLOW_FUNCTION": "no name",
        "IMC_FC_ENDPOINT": "http://fc.example.com",
        "IMC_FOLLOW_BASE_SECONDS": "0",
        "IMC_FOLLOW_MAX_SECONDS": "0",
        "IMC_FOLLOW_GIVE_UP_SECONDS": "0",
        "IMC_FOLLOW_REBUILDS": "-1",
        "IMC_CLOCK_SKEW_SECONDS": "-1",
        "IMC_DRY_RUN": "maybe",
        "IMC_LOG_LEVEL": "loud",
        "IMC_TYPO": "1",
        "IMC_OTHER_TYPO": "1",
    }
    with pytest.raises(SettingsError) as refused:
        read_settings(environ)
    problems = refused.value.problems
    assert sorted(problem.partition(" ")[0] for problem in problems) == sorted(environ)
    assert str(refused.value) == "; ".join(problems)


def test_every_wrong_item_of_a_list_is_named() -> None:
    problems = problems_of(IMC_REGIONS="A,cn-hangzhou,B", IMC_WEBHOOK_TOKENS=f"short,{TOKEN},\xe4")
    assert [problem.partition(", but must be ")[0] for problem in problems] == [
        "IMC_REGIONS has 'A', 'B'",
        "IMC_WEBHOOK_TOKENS is wrong: token 1 has 5 characters, token 3 has 1 characters",
    ]


@for_each("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_default_has_the_form_of_its_setting(setting: Setting[Any]) -> None:
    assert setting.default_value == setting.read(Environment({setting.name: setting.default}))


@for_each("setting", SETTINGS, ids=lambda setting: setting.name)
def test_a_setting_has_a_form_and_a_meaning_in_plain_sentences(setting: Setting[Any]) -> None:
    assert re.fullmatch(r"[^|\n]*[^|\n.]", setting.form.says)
    assert re.fullmatch(r"[A-Z`][^|\n]*\.", setting.meaning)
