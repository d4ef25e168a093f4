"""Tag policies: what each one understands, what it compares with what, and which of two tags is the newer."""

from __future__ import annotations

import itertools
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecache.policy.tag_pattern import check_pattern, key_of
from imagecache.policy.tag_policy import EXACT, Policy, newest_first
from imagecache.policy.version_range import read_range
from tests.support.depth import every_value
from tests.support.for_each import for_each

ANY_VERSION = ">=0.0.0-0"
"""A range that also takes every prerelease of 0.0.0; of other versions none."""

NUMERICAL, ALPHABETICAL = Policy("numerical"), Policy("alphabetical")
POLICIES = [
    EXACT,
    Policy("semver"),
    Policy("semver", 2, ">=1.0.0-0 <3"),
    Policy("semver", range="*", pattern="(?:b-)?(?P<key>v?[0-9.]+.*)"),
    NUMERICAL,
    Policy("numerical", pattern="build-(?P<key>[0-9]+)"),
    ALPHABETICAL,
    Policy("alphabetical", pattern="(?P<branch>main|dev)-(?P<key>[0-9]{4})?.*"),
    Policy("any"),
]

tag_texts = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
small = st.integers(0, 12).map(str)
versions = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "v"]),
    st.lists(small, min_size=1, max_size=3).map(".".join),
    st.sampled_from(
        ["", "-rc.1", "-rc.2", "-rc.10", "-beta", "-beta.1", "-1", "-2", "-alpine", "-rc.1-slim"]
    ),
)
numbers = st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,3})?", fullmatch=True)
tags = tag_texts | versions | numbers


def version_order(texts: list[str], range_text: str = "*") -> list[str]:
    """The versions that are understood, the oldest first, each variant for itself."""
    policy = Policy("semver", range=range_text)
    ranked = [(rank.variant, rank.key, text) for text in texts if (rank := policy.rank(text)) is not None]
    return [text for _, _, text in sorted(ranked)]


def understood(policy: Policy, text: str) -> bool:
    return policy.rank(text) is not None


def variant(text: str, policy: Policy = Policy("semver", range="*")) -> str:  # noqa: B008 - it is frozen
    rank = policy.rank(text)
    assert rank is not None
    return rank.variant


@for_each("text", ["latest", "1", "1.0.0", "v1.0.0"])
def test_exact_understands_none_and_is_what_holds_without_a_rule(text: str) -> None:
    assert not understood(EXACT, text)
    assert Policy("exact", 1) == EXACT


@for_each(
    ("kind", "ordered"),
    [("exact", False), ("semver", True), ("numerical", True), ("alphabetical", True), ("any", False)],
)
def test_which_policies_order_by_the_tag_itself(kind: str, ordered: bool) -> None:
    assert Policy(kind).ordered is ordered


@given(tags)
def test_any_understands_every_tag_and_knows_one_variant(text: str) -> None:
    assert Policy("any").rank(text) == ("", ())


@for_each(
    ("text", "expected"),
    [
        pytest.param("1", True, id="one number"),
        pytest.param("1.2", True, id="two numbers"),
        pytest.param("1.2.3", True, id="three numbers"),
        pytest.param("v1.2.3", True, id="with v"),
        pytest.param("v1", True, id="one number with v"),
        pytest.param("0.0.0", True, id="zeros"),
        pytest.param("20240102", True, id="a date in one number"),
        pytest.param("2024.1.2", True, id="a date without leading zeros"),
        pytest.param("9007199254740991.2.3", True, id="the largest number"),
        pytest.param("9007199254740992.2.3", False, id="a number beyond the largest"),
        pytest.param("1.2.3-alpine", True, id="variant"),
        pytest.param("1.2.3-alpine3.18", True, id="variant with a version of its own"),
        pytest.param("1.2.3-slim_x.y-Z", True, id="every character that a suffix may have"),
        pytest.param("1.2.3--alpine", True, id="a dash twice"),
        pytest.param("1.2.3-rc.1-alpine", False, id="a prerelease with a variant"),
        pytest.param("1.2.3-rc.1", False, id="prerelease, which the range does not ask for"),
        pytest.param("1.2.3-beta", False, id="prerelease of one word"),
        pytest.param("1.2.3-4", False, id="a number is a prerelease"),
        pytest.param("", False, id="nothing"),
        pytest.param("latest", False, id="word"),
        pytest.param("V1.2.3", False, id="capital V"),
        pytest.param("vv1.2.3", False, id="v twice"),
        pytest.param("v", False, id="v alone"),
        pytest.param("version-1.2.3", False, id="a word in front"),
        pytest.param("1.2.3.4", False, id="four numbers"),
        pytest.param("1.", False, id="a dot at the end"),
        pytest.param(".1", False, id="a dot in front"),
        pytest.param("1..2", False, id="a number is missing"),
        pytest.param("01.2.3", True, id="leading zero in the first number"),
        pytest.param("1.02.3", True, id="leading zero in the second number"),
        pytest.param("v1.2.003", True, id="leading zeros in the third number"),
        pytest.param("2024.01.02", True, id="a date with leading zeros"),
        pytest.param("24.04", True, id="year and month"),
        pytest.param("24.04-alpine", True, id="year and month of a variant"),
        pytest.param(
            "24.04-rc.01", False, id="leading zero in a prerelease, which the range does not ask for"
        ),
        pytest.param("000", True, id="zeros alone"),
        pytest.param("2024-01-02", False, id="a date with dashes"),
        pytest.param("1.2.3-", False, id="an empty suffix"),
        pytest.param("1.2.3-007", False, id="digits with leading zeros are a prerelease"),
        pytest.param("1.2.3_1", False, id="an underscore behind the numbers"),
        pytest.param("1.2.3alpine", False, id="no dash before the suffix"),
        pytest.param("1.2.3+build", False, id="build metadata, which no tag can have"),
        pytest.param("1.2.3\n", False, id="a newline at the end"),
        pytest.param("1.2.x", False, id="a letter for a number"),
        pytest.param("\u0661.2.3", False, id="a digit that is not ASCII"),
        pytest.param("-1", False, id="a negative number"),
    ],
)
def test_semver_understands(text: str, expected: bool) -> None:
    assert understood(Policy("semver", range="*"), text) is expected


@for_each(
    ("text", "expected"),
    [
        pytest.param("1.2.3", "3-", id="three numbers"),
        pytest.param("v1.2.3", "3-", id="v does not matter"),
        pytest.param("1.2", "2-", id="two numbers"),
        pytest.param("1", "1-", id="one number"),
        pytest.param("1.2.3-alpine", "3-alpine", id="suffix"),
        pytest.param("1.2.3-alpine3.18", "3-alpine3.18", id="the suffix's own version belongs to it"),
        pytest.param("1.2.3-Alpine", "3-Alpine", id="case matters"),
        pytest.param("1.2.3-jdk-slim", "3-jdk-slim", id="two words"),
        pytest.param("1.2.3-slim-rc.1", "3-slim-rc.1", id="what follows a variant belongs to it"),
        pytest.param("1.2.3-rcx", "3-rcx", id="begins like a prerelease, but is a word"),
        pytest.param("1.2.3-apache", "3-apache", id="begins with the letter a"),
        pytest.param("1.2.3-bullseye", "3-bullseye", id="begins with the letter b"),
        pytest.param("1.2.3-management", "3-management", id="begins with the letter m"),
        pytest.param("1.2.3-g0a1b2c3", "3-g0a1b2c3", id="a commit"),
        pytest.param("1.2.3-20240102T1015", "3-20240102T1015", id="digits and a letter"),
        pytest.param("1.2.3--alpine", "3--alpine", id="empty first part"),
        pytest.param("1.2.3-rc_1", "3-rc_1", id="an underscore makes it a word"),
    ],
)
def test_the_variant_is_the_number_of_numbers_and_the_first_part_that_is_no_prerelease(
    text: str, expected: str
) -> None:
    assert variant(text) == expected


@for_each(
    ("text", "expected"),
    [
        pytest.param("0.0.0-rc.1", "3-", id="prerelease only"),
        pytest.param("0.0.0-rc.1-alpine", "3-alpine", id="variant behind a prerelease"),
        pytest.param("0.0.0-1-alpine", "3-alpine", id="variant behind a number"),
        pytest.param("0.0.0-RC1", "3-", id="prerelease in capitals"),
        pytest.param("0.0.0-beta2.3x", "3-", id="word, number and more"),
        pytest.param("0.0.0-alpha-1-slim", "3-slim", id="prerelease of two parts"),
        pytest.param("0.0-dev.5", "2-", id="two numbers"),
        pytest.param("0-snapshot", "1-", id="one number"),
    ],
)
def test_a_prerelease_is_no_part_of_the_variant(text: str, expected: str) -> None:
    assert variant(text, Policy("semver", range=ANY_VERSION)) == expected


@for_each(
    "word",
    [
        *(
            "alpha",
            "beta",
            "rc",
            "pre",
            "preview",
            "dev",
            "snapshot",
            "canary",
            "nightly",
            "next",
            "ea",
            "cr",
        ),
        *("milestone", "m", "a", "b"),
    ],
)
def test_the_words_of_prereleases_are_no_variants(word: str) -> None:
    for number in ("", "1", ".1", "1.2", ".1.2", ".x"):
        assert variant(f"0.0.0-{word}{number}", Policy("semver", range=ANY_VERSION)) == "3-", number
        assert not understood(Policy("semver", range="*"), f"1.0.0-{word}{number}"), number


@for_each(
    ("range_text", "inside", "outside"),
    [
        pytest.param("*", ["0.0.1", "1", "99.0"], ["1.0.0-rc.1"], id="star"),
        pytest.param("x", ["0.0.1", "99.0"], ["1.0.0-rc.1"], id="x alone"),
        pytest.param(
            ">=1.0 <2",
            ["1.0.0", "1", "1.9.9", "v1.5", "1.2.0-alpine"],
            ["0.9.9", "2.0.0", "2.0.0-rc.1", "1.5.0-rc.1"],
            id="bounds",
        ),
        pytest.param(">1.2 <=1.4", ["1.3.0", "1.4.9"], ["1.2.9", "1.5.0"], id="open and closed bounds"),
        pytest.param("^1.2.3", ["1.2.3", "1.99.0"], ["1.2.2", "2.0.0"], id="caret"),
        pytest.param("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "0.2.2"], id="caret below one"),
        pytest.param("^0.0.3", ["0.0.3"], ["0.0.4"], id="caret below a tenth"),
        pytest.param("~1.2.3", ["1.2.3", "1.2.99"], ["1.3.0", "1.2.2"], id="tilde"),
        pytest.param("~1", ["1.0.0", "1.9.0"], ["2.0.0"], id="tilde over the first number"),
        pytest.param("1.x", ["1.0.0", "1.9.0"], ["2.0.0", "0.9.0"], id="x for the second number"),
        pytest.param("1.2.x", ["1.2.0", "1.2.9"], ["1.3.0"], id="x for the third number"),
        pytest.param("1.2.*", ["1.2.0", "1.2.9"], ["1.3.0"], id="star for the third number"),
        pytest.param("1.2", ["1.2.0", "1.2.9"], ["1.3.0"], id="numbers that are left out"),
        pytest.param("1.2.3", ["1.2.3", "v1.2.3"], ["1.2.4"], id="one version"),
        pytest.param("1.2 - 1.4", ["1.2.0", "1.4.9"], ["1.1.9", "1.5.0"], id="hyphen"),
        pytest.param(">= 1.2 < 2", ["1.2.0", "1.9.9"], ["1.1.9", "2.0.0"], id="blanks behind operators"),
        pytest.param("1.2.3 - 2.0.0", ["1.2.3", "2.0.0"], ["1.2.2", "2.0.1"], id="hyphen, whole versions"),
        pytest.param("1.x || 3.x", ["1.5.0", "3.0.0"], ["2.0.0", "4.0.0"], id="or"),
        pytest.param("1.x||>=3.1 <4", ["1.5.0", "3.1.0"], ["3.0.0", "4.0.0"], id="or without blanks"),
        pytest.param(
            ">=1.2.3-rc.1 <2",
            ["1.2.3-rc.1", "1.2.3-rc.2", "1.2.3", "1.3.0"],
            ["1.2.3-beta.1", "1.3.0-rc.1", "2.0.0-rc.1"],
            id="prereleases of the version that names one, as npm has it",
        ),
        pytest.param("<2", ["1.9.9"], ["2.0.0-rc.1", "2.0.0", "1.9.9-rc.1"], id="below, one number"),
        pytest.param("<2.0.0", ["1.9.9"], ["2.0.0-rc.1", "2.0.0-0"], id="below a release"),
        pytest.param("<2.0.0-0", ["1.9.9"], ["2.0.0-rc.1", "2.0.0-0"], id="below all prereleases"),
        pytest.param("<=1", ["1.0.0", "1.9.9"], ["2.0.0-rc.1", "2.0.0"], id="up to, one number"),
        pytest.param(
            "<2 || >=3.1", ["1.9.9", "3.1.0"], ["2.0.0-rc.1", "3.1.0-rc.1", "3.0.0"], id="below, or from"
        ),
        pytest.param(
            "<=2.0.0-rc.1",
            ["1.9.9", "2.0.0-rc.1", "2.0.0-beta"],
            ["2.0.0", "2.0.0-rc.2", "1.9.9-rc.1"],
            id="up to a prerelease",
        ),
        pytest.param(
            "~2.0.0-rc.1",
            ["2.0.0-rc.1", "2.0.0-rc.2", "2.0.0", "2.0.1"],
            ["2.0.0-beta", "2.0.1-rc.1", "2.1.0"],
            id="tilde of a prerelease",
        ),
        pytest.param("~>1.2", ["1.2.9"], ["1.3.0"], id="tilde with an arrow"),
        pytest.param("=v1.2", ["1.2.9"], ["1.3.0"], id="equals and v"),
        pytest.param("", ["0.0.1", "99.0"], ["1.0.0-rc.1"], id="empty"),
        pytest.param("<x", [], ["0.0.0", "1.0.0"], id="below anything"),
        pytest.param(">=24.04 <25", ["24.04", "24.4", "24.10"], ["24.03", "25.01"], id="zeros in a bound"),
        pytest.param(
            "2023.01.x", ["2023.01.1", "2023.1.09"], ["2022.12.1", "2023.02.1"], id="zeros before x"
        ),
        pytest.param("24.04 - 24.09", ["24.04", "24.9"], ["24.10", "24.03"], id="zeros beside a hyphen"),
        pytest.param("^0.04", ["0.4", "0.04.1"], ["0.05"], id="zeros behind a caret"),
        pytest.param("1.2.3*", ["1.2.3"], ["1.2.4"], id="a star that npm drops"),
        pytest.param("* || 2.0.0-rc.1", ["1.0.0"], ["2.0.0-rc.1"], id="any version has no prereleases"),
        pytest.param(
            ">=1.0.0-rc-2", ["1.0.0-rc-5", "1.0.0"], ["1.0.0-rc-10", "1.0.0-rc.3"], id="dash in a prerelease"
        ),
        pytest.param(
            "^2.0.0-0", ["2.0.0-alpha", "2.0.0-1", "2.1.0"], ["2.1.0-alpha", "1.9.0"], id="all prereleases"
        ),
    ],
)
def test_semver_understands_what_is_in_the_range(
    range_text: str, inside: list[str], outside: list[str]
) -> None:
    read_range(range_text)
    policy = Policy("semver", range=range_text)
    assert [text for text in [*inside, *outside] if understood(policy, text)] == inside


@for_each(
    "text",
    [
        *("latest", "^", ">", "1.2.3.4", ">=1,<2", "1.x-rc", ">=1.0.0-rc_1", "~>", "1 -2"),
        *("rc - 2", "1 - v^", " - ", "1 | 2", "(1)", ">1 - 2", "1.x.3", "=1.2.3 - 2", "1 || new"),
        *("1 - 2 3", "> = 1", ">==1.2.3", "1.2.3+", "99999999999999999", "<=9007199254740991"),
    ],
)
def test_what_is_no_range_is_a_value_error_and_nothing_else(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        read_range(text)
    assert type(raised.value) is ValueError


@for_each(
    ("text", "part"),
    [
        pytest.param(">=1 || 2.x <new", "'<new'", id="a word"),
        pytest.param("1 - 2.new", "'2.new'", id="a side of a hyphen"),
        pytest.param("1 ||3.x.1", "'3.x.1'", id="a number behind an open one"),
        pytest.param(
            ">=1 <99999999999999999", "99999999999999999 is larger", id="a number that is too large"
        ),
    ],
)
def test_the_error_of_a_range_says_which_part(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=re.escape(part)):
        read_range(text)


@given(
    st.lists(st.sampled_from([*"01x*- ^~<>=v.|+b", " - ", "||", "1.2.3", "-rc"]), max_size=12).map("".join)
)
def test_a_range_is_refused_or_can_be_used(text: str) -> None:
    try:
        read_range(text)
    except ValueError:
        return
    policy = Policy("semver", range=text)
    assert {understood(policy, tag) for tag in ("1", "1.2.3", "1.2.3-rc.1", "2.0.0-alpine")} <= {True, False}


@for_each(
    ("older", "newer", "range_text"),
    [
        pytest.param("1.9.0", "1.10.0", "*", id="numbers are no texts"),
        pytest.param("v1.9.0", "1.10.0", "*", id="v does not matter"),
        pytest.param("1.9", "1.10", "*", id="two numbers"),
        pytest.param("9", "10", "*", id="one number"),
        pytest.param("9" * 15, "1" + "0" * 15, "*", id="large numbers"),
        pytest.param("1.2.3-alpine", "1.2.4-alpine", "*", id="inside a variant"),
        pytest.param("2.0.0-rc.1", "2.0.0", ">=2.0.0-0", id="a release after its prerelease"),
        pytest.param("2.0.0-rc.2", "2.0.0-rc.10", ">=2.0.0-0", id="numbers of prereleases"),
        pytest.param("2.0.0-rc10", "2.0.0-rc2", ">=2.0.0-0", id="a word with a digit in it is a word"),
        pytest.param("2.0.0-beta.2", "2.0.0-rc.1", ">=2.0.0-0", id="words of prereleases"),
        pytest.param("2.0.0-9", "2.0.0-alpha", ">=2.0.0-0", id="numbers before words"),
        pytest.param("2.0.0-rc", "2.0.0-rc.1", ">=2.0.0-0", id="more identifiers"),
        pytest.param("2.0.0-rc.1-slim", "2.0.0-slim", ">=2.0.0-0", id="the release of a variant"),
        pytest.param("2022.12.1", "2023.01.1", "*", id="years, months and numbers"),
        pytest.param("24.04", "24.10", ">=24.04", id="years and months"),
        pytest.param("2024.09.30", "2024.10.01", "2024.x", id="days"),
        pytest.param("v24.9", "24.010", "*", id="more zeros and a v"),
        pytest.param("24.04-slim", "24.10-slim", "^24.04", id="years and months of a variant"),
        pytest.param("24.04-rc.09", "24.04-rc.10", ">=24.04.0-rc.01", id="zeros in a prerelease"),
    ],
)
def test_the_newer_version(older: str, newer: str, range_text: str) -> None:
    assert variant(older, Policy("semver", range=range_text)) == variant(
        newer, Policy("semver", range=range_text)
    )
    assert version_order([newer, older], range_text) == [older, newer]
    assert newest_first(Policy("semver", range=range_text), {older, newer}) == [newer, older]


@for_each(
    ("one", "other"),
    [
        ("1.27", "1.27.1"),
        ("1", "1.0"),
        ("1.2.3", "1.2.3-alpine"),
        ("1.2.3-slim", "1.2.3-alpine"),
        ("1.2.3-r4", "1.2.4"),
        ("1.2.3-r4", "1.2.3-r5"),
        ("24.04", "24.04.1"),
    ],
)
def test_tags_of_different_variants_are_not_compared(one: str, other: str) -> None:
    assert variant(one) != variant(other)


@for_each(
    ("policy", "equal"),
    [
        pytest.param(Policy("semver", range="*"), ["v1.0.0", "1.0.0"], id="v"),
        pytest.param(Policy("semver", range="*"), ["24.4", "24.04"], id="zeros of versions"),
        pytest.param(NUMERICAL, ["1.50", "1.5", "01.5"], id="zeros"),
        pytest.param(
            Policy("numerical", pattern="(?P<key>[0-9]+)-.*"), ["7-b", "7-a"], id="what is not the key"
        ),
    ],
)
def test_tags_with_one_key_are_ordered_by_their_text(policy: Policy, equal: list[str]) -> None:
    for order in itertools.permutations(equal):
        assert newest_first(policy, set(order)) == equal


@for_each(
    ("text", "expected"),
    [
        ("0", True),
        ("7", True),
        ("007", True),
        ("1.5", True),
        ("20240102", True),
        ("9" * 128, True),
        ("", False),
        ("-1", False),
        ("1.", False),
        (".5", False),
        ("1.2.3", False),
        ("1e3", False),
        ("1_000", False),
        ("0x1f", False),
        ("NaN", False),
        ("Infinity", False),
        ("v1", False),
        ("1 ", False),
        ("1\n", False),
        ("\u0661", False),
    ],
    ids=ascii,
)
def test_numerical_understands_whole_and_decimal_numbers(text: str, expected: bool) -> None:
    assert understood(NUMERICAL, text) is expected


@for_each(
    ("older", "newer"),
    [
        pytest.param("9", "10", id="no texts"),
        pytest.param("1.09", "1.1", id="decimals are fractions, not second numbers"),
        pytest.param("1.10", "1.9", id="a second number does not count up"),
        pytest.param("9007199254740992", "9007199254740993", id="beyond doubles"),
        pytest.param("9" * 127, "1" + "0" * 127, id="beyond the precision of decimal arithmetic"),
        pytest.param("0." + "9" * 60 + "1", "0." + "9" * 60 + "2", id="the last of many decimals"),
        pytest.param("0009", "10", id="leading zeros"),
    ],
)
def test_the_larger_number_is_newer(older: str, newer: str) -> None:
    assert newest_first(NUMERICAL, {older, newer}) == [newer, older]


@given(st.integers(0, 10**40), st.integers(0, 10**40))
def test_whole_numbers_are_compared_as_numbers(one: int, other: int) -> None:
    listed = newest_first(NUMERICAL, {str(one), str(other)})
    assert listed == sorted({str(one), str(other)}, key=int, reverse=True)


@for_each(
    ("older", "newer"),
    [
        pytest.param("a", "b", id="letters"),
        pytest.param("Z", "a", id="capitals first"),
        pytest.param("10", "9", id="digits are characters"),
        pytest.param("main", "main2", id="the longer one"),
        pytest.param("a-b", "a.b", id="dash before dot"),
        pytest.param("a.b", "a_b", id="dot before underscore"),
        pytest.param("2024-01-31", "2024-02-01", id="dates"),
    ],
)
def test_alphabetical_goes_by_code_points(older: str, newer: str) -> None:
    assert newest_first(ALPHABETICAL, {older, newer}) == [newer, older]


@given(st.sets(tags, min_size=1))
def test_alphabetical_understands_all_and_sorts_as_texts(texts: set[str]) -> None:
    assert newest_first(ALPHABETICAL, texts) == sorted(texts, reverse=True)


@for_each(
    ("kind", "pattern", "text", "key"),
    [
        pytest.param("alphabetical", "main-(?P<key>[0-9]{4})", "main-2024", "2024", id="key"),
        pytest.param("alphabetical", "main-(?P<key>[0-9]{4})", "main-2024-x", None, id="more behind"),
        pytest.param("alphabetical", "main-(?P<key>[0-9]{4})", "x-main-2024", None, id="more in front"),
        pytest.param("alphabetical", "main-(?P<key>[0-9]{4})", "main-2024\n", None, id="newline behind"),
        pytest.param("alphabetical", "a|b(?P<key>.)", "bc", "c", id="alternative that has the key"),
        pytest.param("alphabetical", "a|b(?P<key>.)", "a", None, id="alternative without the key"),
        pytest.param("alphabetical", "a|b(?P<key>.)", "ac", None, id="alternatives are whole tags, too"),
        pytest.param("alphabetical", "main(-(?P<key>.+))?", "main", None, id="group that takes no part"),
        pytest.param("alphabetical", "main(-(?P<key>.+))?", "main-7", "7", id="group that takes part"),
        pytest.param("alphabetical", "main-?(?P<key>.*)", "main", "", id="empty key"),
        pytest.param("alphabetical", "(?P<other>.)(?P<key>.)", "ab", "b", id="only the group key counts"),
        pytest.param("alphabetical", "(?i:MAIN)-(?P<key>.)", "main-a", "a", id="flags of the pattern"),
        pytest.param("alphabetical", None, "main-7", "main-7", id="without a pattern the whole tag"),
        pytest.param("numerical", "build-(?P<key>.+)", "build-7", 7, id="number in the key"),
        pytest.param("numerical", "build-(?P<key>.+)", "build-x", None, id="key that is no number"),
        pytest.param("numerical", "build-(?P<key>.*)", "build-", None, id="empty key is no number"),
        pytest.param("numerical", "build(-(?P<key>.+))?", "build", None, id="number that takes no part"),
        pytest.param("numerical", "build-(?P<key>.+)", "7", None, id="pattern does not match"),
    ],
)
def test_the_key_is_the_patterns_group(kind: str, pattern: str | None, text: str, key: Any) -> None:
    rank = Policy(kind, pattern=pattern).rank(text)
    assert rank == (None if key is None else ("", (key,)))


@every_value
@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param("(?:[a-z0-9]+-?)+_(?P<key>[0-9]+)", "a" * 128, id="optional separator"),
        pytest.param("(?:[a-z0-9]+-?)+_(?P<key>[0-9]+)", "a1-" * 42, id="separators that are there"),
        pytest.param("(?P<key>(?:a+)+)", "a" * 127 + "!", id="a repetition inside a repetition"),
        pytest.param("(?P<key>(?:a|a)*)b", "a" * 128, id="two equal alternatives"),
        pytest.param("(?P<key>(?:a|aa)+)b", "a" * 128, id="alternatives that share a beginning"),
        pytest.param("(?:.*)(?:.*)(?:.*)(?:.*)(?:.*)(?:.*)(?P<key>x)", "a" * 128, id="many stars"),
        pytest.param("(?P<key>(?:a?){100}a{100})", "a" * 99, id="many optional characters"),
        pytest.param("(?P<key>(?:(?:a*)*)*)b", "a" * 128, id="three stars, one in another"),
        pytest.param(r"(?P<key>(?:\w+\.?)*)-\d+", "v1." * 42, id="words and dots"),
    ],
)
@pytest.mark.parametrize("kind", ["semver", "numerical", "alphabetical"])
def test_no_pattern_that_is_taken_needs_long_for_a_tag(kind: str, pattern: str, text: str) -> None:
    check_pattern(pattern)
    started = time.perf_counter()
    assert not understood(Policy(kind, range="*", pattern=pattern), text)
    # Backtracking needs years for some of these.
    assert time.perf_counter() - started < 2


@given(
    st.lists(
        st.sampled_from(["a", "b", "1", "-", ".", "[ab]", "[^a]", r"\d", r"\w+", "a*", "(?:a|1)", "b??"])
    )
    .map("".join)
    .map("(?P<key>{})-?".format),
    st.text("ab1-", max_size=8),
)
def test_a_pattern_means_what_it_means_to_python(pattern: str, text: str) -> None:
    match = re.fullmatch(pattern, text)
    assert key_of(pattern, text) == (match["key"] if match else None)


WEB_PROD = Policy("semver", range=">=1 <2", pattern="web-(?P<key>.+)-prod")


@for_each(
    ("text", "expected"),
    [
        pytest.param("web-v1.2.3-prod", "3-", id="version"),
        pytest.param("web-1.2.3-alpine-prod", "3-alpine", id="version of a variant"),
        pytest.param("web-1.02-prod", "2-", id="two numbers, one with a zero"),
        pytest.param("web-v2.0.0-prod", None, id="outside the range"),
        pytest.param("web-v1.2.3-rc.1-prod", None, id="a prerelease that the range does not name"),
        pytest.param("web-latest-prod", None, id="key that is no version"),
        pytest.param("web-v1.2.3-test", None, id="pattern does not match"),
        pytest.param("v1.2.3", None, id="a version without what the pattern has around it"),
        pytest.param("web--prod", None, id="no key"),
    ],
)
def test_a_version_can_be_a_part_of_the_tag(text: str, expected: str | None) -> None:
    rank = WEB_PROD.rank(text)
    assert (rank.variant if rank else None) == expected


def test_versions_inside_tags_are_compared_as_versions() -> None:
    listed = {"web-v1.9.0-prod", "web-v1.10.0-prod", "web-v1.2.0-prod"}
    assert newest_first(WEB_PROD, listed) == ["web-v1.10.0-prod", "web-v1.9.0-prod", "web-v1.2.0-prod"]
    optional = Policy("semver", range="*", pattern="web(-(?P<key>.+))?")
    assert newest_first(optional, {"web", "web-1.0.0"}) == ["web-1.0.0"]


@pytest.mark.parametrize(
    "policy",
    [policy for policy in POLICIES if policy.ordered],
    ids=lambda policy: f"{policy.type}-{policy.pattern or policy.range}",
)
@given(st.lists(tags, min_size=2, max_size=6, unique=True))
def test_tags_of_a_variant_are_in_one_total_order(policy: Policy, texts: list[str]) -> None:
    ranks = {text: rank for text in texts if (rank := policy.rank(text)) is not None}
    variants: dict[str, list[str]] = {}
    for text, rank in ranks.items():
        variants.setdefault(rank.variant, []).append(text)

    for alike in variants.values():
        listed = newest_first(policy, set(alike))
        assert sorted(listed) == sorted(alike)
        for one, other in itertools.combinations(listed, 2):
            # Transitive and antisymmetric: each pair by itself has the order that it has among the others.
            assert newest_first(policy, {one, other}) == [one, other]
            # Total: of less, equal and greater exactly one.
            first, second = ranks[one].key, ranks[other].key
            assert (first < second, first == second, first > second).count(True) == 1
            assert first > second or (first == second and one > other)


@given(st.sets(versions, min_size=1))
def test_the_order_of_versions_is_that_of_their_numbers_within_a_variant(texts: set[str]) -> None:
    policy = Policy("semver", range="*")
    plain = {text for text in texts if re.fullmatch(r"v?[0-9]+\.[0-9]+\.[0-9]+", text)}
    listed = newest_first(policy, plain)
    assert listed == sorted(
        plain, key=lambda text: ([int(part) for part in text.lstrip("v").split(".")], text), reverse=True
    )


def test_newest_first_leaves_out_what_is_not_understood() -> None:
    assert newest_first(NUMERICAL, {"1", "x", "2"}) == ["2", "1"]
    assert newest_first(NUMERICAL, set()) == []


@pytest.mark.parametrize(
    "policy", POLICIES, ids=lambda policy: f"{policy.type}-{policy.pattern or policy.range}"
)
@given(tag_texts)
def test_every_tag_is_understood_or_not_and_none_is_an_error(policy: Policy, text: str) -> None:
    rank = policy.rank(text)
    assert (rank is None) is (newest_first(policy, {text}) == [])


@for_each(
    "text",
    [
        pytest.param("1.0.0-rc" + "1" * 110 + "_", id="digits of a prerelease"),
        pytest.param("1.0.0-rc" + ".1" * 58 + "_", id="numbers of a prerelease"),
        pytest.param("1.0.0-" + "1" * 110 + "_", id="digits"),
        pytest.param("1.0.0-" + "1." * 58 + "_", id="numbers"),
        pytest.param("1.0.0-" + "a-" * 58 + "_", id="parts"),
        pytest.param("1.0.0-a" + "1a." * 38 + "_", id="letters and digits"),
        pytest.param("1." * 63 + "_", id="components"),
        pytest.param("1" * 127 + "_", id="one number"),
    ],
)
def test_a_tag_that_nearly_is_a_version_costs_no_time(text: str) -> None:
    assert len(text) <= 128
    started = time.perf_counter()
    understood(Policy("semver", range="*"), text)
    understood(NUMERICAL, text)
    # Tried in every way there is, it would be years.
    assert time.perf_counter() - started < 5


@for_each(
    ("policy", "listed", "oldest_first"),
    [
        (
            Policy("semver"),
            ["1.4.9"],
            ["1.4.10", "1.4.12", "1.5.0", "1.5.7", "1.6.0", "2.0.0", "2.1.0", "3.0.0"],
        ),
        (Policy("semver"), ["v1.4", "1.4.0-alpine", "none"], ["v1.5", "v1.7", "v2.0"]),
        (Policy("numerical"), ["7", "9"], ["9.5", "10", "10.25", "12", "20"]),
    ],
)
def test_the_newer_a_tag_is_the_more_it_is_ahead(
    policy: Policy, listed: list[str], oldest_first: list[str]
) -> None:
    leads = [policy.lead(tag, listed) for tag in oldest_first]
    assert leads == sorted(set(leads))
    assert 0 < leads[0] < leads[-1] <= 1


@for_each(
    ("policy", "tag", "listed"),
    [
        (ALPHABETICAL, "b", ["a"]),
        (Policy("semver", range=">=1.2.0-rc.0"), "1.2.0-rc.2", ["1.2.0-rc.1"]),
        (Policy("semver", range=">=1.2.0 || >=1.3.0-rc.0"), "1.3.0-rc.2", ["1.2.0"]),
        (Policy("semver"), "1.0.301", ["1.0.100"]),
        (Policy("numerical"), "20261128101501", ["20261127101500", "1"]),
        (Policy("any"), "b", ["a"]),
        (Policy("semver"), "latest", ["1.0.0"]),
        (Policy("semver"), "1.0.0", ["latest", "1.0.0-alpine"]),
    ],
)
def test_where_tags_do_not_show_by_how_much_they_are_newer_none_is_ahead(
    policy: Policy, tag: str, listed: list[str]
) -> None:
    assert policy.lead(tag, listed) is None


@pytest.mark.parametrize("tag", ["1.0.0", "0.9.9", "1.0.0-rc.1"])
def test_a_tag_that_is_not_newer_is_not_ahead(tag: str) -> None:
    assert Policy("semver", range=">=0.9.0 || >=1.0.0-rc.0").lead(tag, ["1.0.0"]) == 0
