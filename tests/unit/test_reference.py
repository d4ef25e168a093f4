"""Image references: what the grammar takes, what it refuses, and that reading one twice changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagecache.base.errors import InputError
from imagecache.base.reasons import Reason
from imagecache.model.reference import (
    DEFAULT_TAG,
    DOCKER_HUB,
    ImageRef,
    check_digest,
    check_host,
    check_repository,
    check_tag,
    parse_reference,
)
from tests.support.for_each import for_each

SHA256 = "sha256:" + "0123456789abcdef" * 4
SHA512 = "sha512:" + "0123456789abcdef" * 8

labels = st.from_regex(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?", fullmatch=True)
domains = st.lists(labels, min_size=2, max_size=4).map(".".join)
ports = st.integers(min_value=0, max_value=65535).map(str)
hosts = st.one_of(
    st.sampled_from(["localhost", "[::1]", "[2001:db8::1]:5000", "127.0.0.1:5000"]),
    domains,
    st.builds("{}:{}".format, labels | domains, ports),
)
components = st.from_regex(r"[a-z0-9]{1,6}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}", fullmatch=True)
repositories = st.lists(components, min_size=1, max_size=4).map("/".join)
tags = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", fullmatch=True)
digests = st.one_of(
    st.builds("sha256:{}".format, st.text("0123456789abcdef", min_size=64, max_size=64)),
    st.builds("sha512:{}".format, st.text("0123456789abcdef", min_size=128, max_size=128)),
    st.builds("other+b64.v1:{}".format, st.text("0123456789abcdefABCDEF", min_size=32, max_size=99)),
)


def written(host: str | None, repository: str, tag: str | None, digest: str | None) -> str:
    return (
        (f"{host}/" if host else "")
        + repository
        + (f":{tag}" if tag is not None else "")
        + (f"@{digest}" if digest is not None else "")
    )


def read_or_refused(text: str) -> ImageRef | InputError:
    try:
        return parse_reference(text)
    except InputError as error:
        return error


def no_host_first(repository: str) -> bool:
    first, slash, _ = repository.partition("/")
    return not slash or ("." not in first and first != "localhost")


references = st.one_of(
    st.builds(written, hosts, repositories, st.none() | tags, st.none() | digests),
    st.builds(written, st.none(), repositories.filter(no_host_first), st.none() | tags, st.none() | digests),
)


@given(hosts, repositories, st.none() | tags, st.none() | digests)
def test_a_reference_is_read_into_the_parts_it_was_written_from(
    host: str, repository: str, tag: str | None, digest: str | None
) -> None:
    assert parse_reference(written(host, repository, tag, digest)) == ImageRef(
        host.lower(), repository, tag, digest
    )


@given(repositories.filter(no_host_first), st.none() | tags, st.none() | digests)
@example("nginx", None, None)
def test_a_path_without_a_host_is_docker_hubs(repository: str, tag: str | None, digest: str | None) -> None:
    path = repository if "/" in repository else f"library/{repository}"
    assert parse_reference(written(None, repository, tag, digest)) == ImageRef(DOCKER_HUB, path, tag, digest)


@given(references)
@example("localhost/web")
@example("nginx")
@example("[::1]:5000/web:v1")
def test_reading_a_reference_again_changes_nothing(text: str) -> None:
    reference = parse_reference(text)
    assert parse_reference(str(reference)) == reference


@given(st.text(max_size=60) | st.text("a0./:@-_[]~", max_size=30) | references.map(lambda text: text + "\n"))
def test_any_text_is_read_or_refused_with_a_printable_reason(text: str) -> None:
    read = read_or_refused(text)
    if isinstance(read, InputError):
        assert read.reason is Reason.INVALID_REFERENCE
        assert read.message.isascii()
        assert read.message.isprintable()
    else:
        assert parse_reference(str(read)) == read
        assert "\n" not in text


@for_each(
    "text",
    [
        "nginx",
        "library/nginx",
        "docker.io/nginx",
        "docker.io/library/nginx",
        "index.docker.io/nginx",
        "index.docker.io/library/nginx",
        "Index.Docker.IO/library/nginx",
    ],
)
def test_every_form_of_a_docker_hub_name_is_one_reference(text: str) -> None:
    assert parse_reference(text) == ImageRef(DOCKER_HUB, "library/nginx")


@for_each(
    ("text", "expected"),
    [
        pytest.param("nginx:1.27", ImageRef(DOCKER_HUB, "library/nginx", "1.27"), id="tag on a short name"),
        pytest.param(
            "shop/web", ImageRef(DOCKER_HUB, "shop/web"), id="two components are no host and a path"
        ),
        pytest.param(
            "docker.io/shop/web", ImageRef(DOCKER_HUB, "shop/web"), id="library is for one component"
        ),
        pytest.param("localhost/web", ImageRef("localhost", "web"), id="localhost is a host"),
        pytest.param("web:5000/api", ImageRef("web:5000", "api"), id="a port makes a host"),
        pytest.param("web:5000", ImageRef(DOCKER_HUB, "library/web", "5000"), id="without a path, a tag"),
        pytest.param("R.Example.COM/web", ImageRef("r.example.com", "web"), id="a host has no case"),
        pytest.param("r.example.com/web:V1", ImageRef("r.example.com", "web", "V1"), id="a tag has"),
        pytest.param("[2001:DB8::1]:5000/web", ImageRef("[2001:db8::1]:5000", "web"), id="IPv6 with a port"),
        pytest.param(
            f"r.example.com/a/b__c/d-e.f:v1@{SHA256}",
            ImageRef("r.example.com", "a/b__c/d-e.f", "v1", SHA256),
            id="all parts",
        ),
        pytest.param(
            f"r.example.com/web@{SHA512}", ImageRef("r.example.com", "web", None, SHA512), id="sha512"
        ),
        pytest.param(
            "r.example.com/web:" + "t" * 128, ImageRef("r.example.com", "web", "t" * 128), id="tag 128"
        ),
        pytest.param("r.example.com/" + "p" * 255, ImageRef("r.example.com", "p" * 255), id="path 255"),
        pytest.param("f" * 63, ImageRef(DOCKER_HUB, "library/" + "f" * 63), id="63 hexadecimal characters"),
        pytest.param(f"r.example.com/{'f' * 64}", ImageRef("r.example.com", "f" * 64), id="64 under a host"),
    ],
)
def test_a_reference_is_taken_apart(text: str, expected: ImageRef) -> None:
    assert parse_reference(text) == expected


@for_each(
    ("text", "where"),
    [
        pytest.param("", "reference", id="nothing"),
        pytest.param("a" * 1025, "reference", id="over 1024 characters"),
        pytest.param("f" * 64, "reference", id="bare image id"),
        pytest.param("docker.io/" + "f" * 64, "reference", id="bare image id under a host"),
        pytest.param("nginx:" + "t" * 129, "tag", id="tag of 129 characters"),
        pytest.param("nginx:" + "t" * 300, "tag", id="tag of 300 characters"),
        pytest.param("nginx:", "tag", id="empty tag"),
        pytest.param("nginx:-v1", "tag", id="tag begins with a dash"),
        pytest.param("nginx:.v1", "tag", id="tag begins with a dot"),
        pytest.param("nginx:v1:v2", "tag", id="two tags"),
        pytest.param("nginx:v1/x", "registry host", id="slash in the tag of a short name"),
        pytest.param("r.example.com/web:v1/x", "tag", id="slash in a tag"),
        pytest.param("nginx:v 1", "tag", id="space in a tag"),
        pytest.param("nginx:v1\n", "tag", id="newline at the end of a tag"),
        pytest.param("nginx:v\x001", "tag", id="NUL in a tag"),
        pytest.param("nginx:v\x1b[31m", "tag", id="escape sequence in a tag"),
        pytest.param("nginx:v\u0661", "tag", id="Arabic digit in a tag"),
        pytest.param("nginx\n", "repository", id="newline at the end of a path"),
        pytest.param("ngin\x00x", "repository", id="NUL in a path"),
        pytest.param("ngin\u0661", "repository", id="Arabic digit in a path"),
        pytest.param("ngin\uff58", "repository", id="full-width letter in a path"),
        pytest.param("Nginx", "repository", id="upper case in a short name"),
        pytest.param("r.example.com/Shop/web", "repository", id="upper case in a path"),
        pytest.param("r.example.com/shop/", "repository", id="trailing slash"),
        pytest.param("r.example.com/", "repository", id="host alone with a slash"),
        pytest.param("r.example.com//web", "repository", id="empty component"),
        pytest.param("/web", "repository", id="leading slash"),
        pytest.param("r.example.com/.web", "repository", id="component begins with a dot"),
        pytest.param("r.example.com/web-", "repository", id="component ends with a dash"),
        pytest.param("r.example.com/a..b", "repository", id="two dots"),
        pytest.param("r.example.com/a___b", "repository", id="three underscores"),
        pytest.param("r.example.com/../web", "repository", id="parent folder"),
        pytest.param("r.example.com/" + "p" * 256, "repository", id="path of 256 characters"),
        pytest.param("p" * 248, "repository", id="path of 256 characters with library"),
        pytest.param("https://r.example.com/web", "registry host", id="scheme"),
        pytest.param("user:pw@r.example.com/web", "digest", id="user and password"),
        pytest.param("r_x.example.com/web", "registry host", id="underscore in a host"),
        pytest.param("-r.example.com/web", "registry host", id="host begins with a dash"),
        pytest.param("r..example.com/web", "registry host", id="empty label in a host"),
        pytest.param("r.example.com.\n/web", "registry host", id="newline in a host"),
        pytest.param("r.example.com:port/web", "registry host", id="port is no number"),
        pytest.param("r.example.com:\u0661/web", "registry host", id="Arabic digit in a port"),
        pytest.param("r.ex\u0430mple.com/web", "registry host", id="Cyrillic letter in a host"),
        pytest.param("h" * 256 + ".example/web", "registry host", id="host over 255 characters"),
        pytest.param("nginx@", "digest", id="empty digest"),
        pytest.param("nginx@sha256", "digest", id="digest without a value"),
        pytest.param("nginx@sha256:" + "a" * 63, "digest", id="short digest"),
        pytest.param("nginx@sha256:" + "a" * 65, "digest", id="long digest"),
        pytest.param("nginx@sha256:" + "A" * 64, "digest", id="upper-case digest"),
        pytest.param("nginx@sha256:" + "g" * 64, "digest", id="digest that is not hexadecimal"),
        pytest.param("nginx@sha384:" + "a" * 64, "digest", id="length of another algorithm"),
        pytest.param("nginx@other:" + "a" * 31, "digest", id="31 characters of any algorithm"),
        pytest.param(f"nginx@{SHA256}\n", "digest", id="newline after a digest"),
        pytest.param(f"nginx@{SHA256}:v1", "digest", id="tag after the digest"),
        pytest.param(f"nginx@{SHA256}@{SHA256}", "digest", id="two digests"),
    ],
)
def test_what_is_no_reference_is_refused_where_it_breaks(text: str, where: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_reference(text)
    assert refused.value.reason is Reason.INVALID_REFERENCE
    assert refused.value.where == where


def test_a_refusal_shows_no_more_than_80_characters_of_what_was_found() -> None:
    with pytest.raises(InputError) as refused:
        parse_reference("nginx:" + "t" * 300)
    assert refused.value.found == f"'{'t' * 80}'..."
    assert refused.value.rule in refused.value.message


@for_each(
    ("check", "valid"),
    [
        pytest.param(check_host, "r.example.com:5000", id="host"),
        pytest.param(check_repository, "shop/web", id="repository"),
        pytest.param(check_tag, "v1.0_rc-1", id="tag"),
        pytest.param(check_digest, SHA256, id="digest"),
    ],
)
def test_each_part_has_its_own_check(check: Callable[[str], str], valid: str) -> None:
    assert check(valid) == valid
    for invalid in (f"{valid}\n", f" {valid}", "", f"{valid}/"):
        with pytest.raises(InputError):
            check(invalid)


def test_a_reference_without_a_tag_means_latest() -> None:
    assert parse_reference("nginx").tag is None
    assert parse_reference("nginx").effective_tag == DEFAULT_TAG
    assert parse_reference("nginx:v1").effective_tag == "v1"


def test_a_reference_that_is_too_long_with_its_defaults_is_refused() -> None:
    text = f"web:{'t' * 128}@a:{'0' * 512}"
    assert isinstance(read_or_refused(text), ImageRef)
    long_digest = f"web@{'a' * 890}:{'0' * 120}"
    assert len(long_digest) < 1024
    assert isinstance(read_or_refused(long_digest), InputError)
