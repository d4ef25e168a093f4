"""The registry reader against a real registry, with images that skopeo pushed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imagecache.base.errors import RegistryError
from imagecache.clients.oci_registry import OciReader, RegistryConnections
from imagecache.clients.registry_reader import Account
from local.registry.docker_registry import LocalRegistry, missing_tools
from tests.password_registry import PASSWORD, USER, PasswordRegistry

pytestmark = pytest.mark.skipif(
    bool(missing_tools()), reason=f"not installed: {', '.join(missing_tools())} (Debian packages)"
)

REPOSITORY, OTHER = "prod/web", "prod/worker"
TAGS = ("v1.0.0", "v1.1.0", "latest")
ACCOUNT = Account(USER, PASSWORD)

NewReader = Callable[..., OciReader]


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(name="digests", scope="module")
def _digests(folder: Path) -> dict[str, str]:
    """What was pushed: tag -> digest, of the tags of one repository. The storage outlives the registry."""
    with LocalRegistry(folder, {}) as registry:
        registry.push(OTHER, "v9", content="another repository")
        return {tag: registry.push(REPOSITORY, tag, content=tag) for tag in TAGS}


@pytest.fixture(name="registry")
def _registry(folder: Path, digests: dict[str, str]) -> Iterator[LocalRegistry]:
    with LocalRegistry(folder, {}) as running:
        yield running


@pytest.fixture(name="new_reader")
def _new_reader() -> Iterator[NewReader]:
    connections = RegistryConnections()

    def make(account: Account | None = None, **options: Any) -> OciReader:
        return OciReader(lambda _registry: account, lambda: 30.0, connections, **options)

    yield make
    connections.session.close()


def inspected(host: str, tag: str) -> Any:
    """What skopeo reads of an image."""
    image = f"docker://{host}/{REPOSITORY}:{tag}"
    ran = subprocess.run(
        ["skopeo", "inspect", "--tls-verify=false", image], capture_output=True, check=True, timeout=60
    )
    return json.loads(ran.stdout)


def test_tags_are_those_that_were_pushed(registry: LocalRegistry, new_reader: NewReader) -> None:
    assert new_reader().tags(registry.host, REPOSITORY) == set(TAGS)
    assert set(inspected(registry.host, "latest")["RepoTags"]) == set(TAGS)


@pytest.mark.parametrize("page_size", [1, 2, 3, 4])
def test_a_registry_that_has_no_pages_is_read_whole_whatever_page_is_asked_for(
    registry: LocalRegistry, new_reader: NewReader, page_size: int
) -> None:
    # This version of the registry answers all tags at once, so real pages are the other module's.
    assert new_reader(page_size=page_size).tags(registry.host, REPOSITORY) == set(TAGS)


def test_a_digest_is_the_one_that_was_pushed_and_that_skopeo_reads(
    registry: LocalRegistry, new_reader: NewReader, digests: dict[str, str]
) -> None:
    reader = new_reader()
    read = {tag: reader.digest(registry.host, REPOSITORY, tag) for tag in TAGS}
    assert read == digests
    assert read == {tag: inspected(registry.host, tag)["Digest"] for tag in TAGS}
    assert len(set(read.values())) == len(TAGS)


def test_a_digest_is_that_of_the_last_push(tmp_path: Path, new_reader: NewReader) -> None:
    reader = new_reader()
    with LocalRegistry(tmp_path, {}) as own:
        first = own.push(REPOSITORY, "v1", content="first")
        assert reader.digest(own.host, REPOSITORY, "v1") == first
        second = own.push(REPOSITORY, "v1", content="second")
        assert reader.digest(own.host, REPOSITORY, "v1") == second != first


@pytest.mark.parametrize(
    ("repository", "tag"), [(REPOSITORY, "v2"), ("prod/none", "v1")], ids=["no tag", "no repository"]
)
def test_what_was_not_pushed_has_no_digest(
    registry: LocalRegistry, new_reader: NewReader, repository: str, tag: str
) -> None:
    assert new_reader().digest(registry.host, repository, tag) is None


def test_a_repository_that_was_not_pushed_has_no_tags(registry: LocalRegistry, new_reader: NewReader) -> None:
    assert new_reader().tags(registry.host, "prod/none") == frozenset()


def test_a_registry_that_has_started_again_is_read_over_new_connections(
    folder: Path, digests: dict[str, str], new_reader: NewReader
) -> None:
    reader = new_reader()
    registry = LocalRegistry(folder, {})
    for _ in range(2):
        with registry:
            assert reader.digest(registry.host, REPOSITORY, "latest") == digests["latest"]
    with pytest.raises(RegistryError, match="the connection failed"):
        reader.digest(registry.host, REPOSITORY, "latest")


def test_a_registry_with_passwords_is_read_with_the_right_one(
    folder: Path, digests: dict[str, str], new_reader: NewReader
) -> None:
    with PasswordRegistry(folder) as registry:
        reader = new_reader(ACCOUNT)
        assert reader.tags(registry.host, REPOSITORY) == set(TAGS)
        assert reader.digest(registry.host, REPOSITORY, "v1.0.0") == digests["v1.0.0"]
        assert reader.digest(registry.host, REPOSITORY, "v2") is None


@pytest.mark.parametrize(
    "account",
    [None, Account("robot", "MARK-wrong"), Account("nobody", "MARK-password")],
    ids=["none", "wrong", "of nobody"],
)
def test_a_registry_with_passwords_is_not_read_without_the_right_one(
    folder: Path, digests: dict[str, str], new_reader: NewReader, account: Account | None
) -> None:
    with PasswordRegistry(folder) as registry:
        reader = new_reader(account)
        for call in (
            lambda: reader.tags(registry.host, REPOSITORY),
            lambda: reader.digest(registry.host, REPOSITORY, "v2"),
        ):
            with pytest.raises(RegistryError, match=r"access refused \(401\)") as raised:
                call()
            assert "MARK" not in str(raised.value)
