"""Globs: anchored, with one star inside a path component and two across them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imagecache.model.globs import glob_matches
from tests.support.for_each import for_each

plain_texts = st.text(st.characters(exclude_characters="*?", exclude_categories=[]), max_size=20)


def matches_by_definition(pattern: str, text: str) -> bool:
    """The definition of a glob, written as slowly as it is said."""
    if not pattern:
        return not text
    if pattern.startswith("**"):
        rest = pattern.lstrip("*")
        return any(matches_by_definition(rest, text[start:]) for start in range(len(text) + 1))
    if pattern.startswith("*"):
        component = len(text.partition("/")[0])
        return any(matches_by_definition(pattern[1:], text[start:]) for start in range(component + 1))
    fits = bool(text) and (text[0] != "/" if pattern[0] == "?" else text[0] == pattern[0])
    return fits and matches_by_definition(pattern[1:], text[1:])


@for_each(
    ("pattern", "text", "expected"),
    [
        ("web", "web", True),
        ("web", "web2", False),
        ("web", "my-web", False),
        ("web", "WEB", False),
        ("web", "web\n", False),
        ("web-*", "web-", True),
        ("web-*", "web-blue", True),
        ("web-*", "web-blue/green", False),
        ("web-**", "web-blue/green", True),
        ("*", "", True),
        ("*", "a/b", False),
        ("**", "", True),
        ("**", "a/b/c", True),
        ("**", "a\nb", True),
        ("***", "a/b", True),
        ("prod*", "prod/a/b", False),
        ("prod/*", "prod/a", True),
        ("prod/*", "prod/a/b", False),
        ("prod/**", "prod/a/b", True),
        ("prod/**", "prod", False),
        ("*/web", "a/web", True),
        ("*/web", "a/b/web", False),
        ("**/web", "a/b/web", True),
        ("web-?", "web-1", True),
        ("web-?", "web-", False),
        ("web-?", "web-10", False),
        ("web?api", "web/api", False),
        ("a.c", "abc", False),
        ("[ab]", "a", False),
        ("[ab]", "[ab]", True),
        ("a|b", "a", False),
        ("(a)+", "aa", False),
        ("a\\d", "a1", False),
        ("^a$", "a", False),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_a_glob_matches_the_whole_text_or_not(pattern: str, text: str, expected: bool) -> None:
    assert glob_matches(pattern, text) is expected


@given(st.text("ab/*?.", max_size=8), st.text("ab/.", max_size=8))
def test_a_glob_matches_what_its_definition_says(pattern: str, text: str) -> None:
    assert glob_matches(pattern, text) is matches_by_definition(pattern, text)


@given(plain_texts, plain_texts)
def test_a_glob_without_wildcards_matches_itself_alone(pattern: str, text: str) -> None:
    assert glob_matches(pattern, pattern)
    assert glob_matches(pattern, text) is (pattern == text)


@given(plain_texts, plain_texts, plain_texts)
def test_a_star_stands_for_anything_but_a_slash(prefix: str, middle: str, suffix: str) -> None:
    text = prefix + middle + suffix
    assert glob_matches(f"{prefix}**{suffix}", text)
    if "/" not in middle:
        assert glob_matches(f"{prefix}*{suffix}", text)
    if len(middle) == 1:
        assert glob_matches(f"{prefix}?{suffix}", text) is (middle != "/")


@given(st.text(r"a1d.^$+{}[]|()\-", max_size=6), st.text("a1d-", max_size=6))
def test_the_characters_of_regular_expressions_mean_themselves(pattern: str, text: str) -> None:
    assert glob_matches(pattern, text) is (pattern == text)
