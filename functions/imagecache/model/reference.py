"""Image references by the OCI distribution grammar, with Docker Hub's defaults.

Grammar: the reference package of the distribution project; limits: tags 128, repository path 255
characters. Must not know which hosts are one registry: see ``registry_identity``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from ..base.errors import InputError
from ..base.reasons import Reason

DOCKER_HUB = "docker.io"
DEFAULT_TAG = "latest"

_DOCKER_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io"})
_MAX_REFERENCE = 1024
_MAX_REPOSITORY = 255
_MAX_HOST = 255

_HOST = re.compile(
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
    r"|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?",
    re.ASCII,
)
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,512}", re.ASCII)
_REGISTERED_DIGEST = {
    "sha256": re.compile(r"[a-f0-9]{64}", re.ASCII),
    "sha384": re.compile(r"[a-f0-9]{96}", re.ASCII),
    "sha512": re.compile(r"[a-f0-9]{128}", re.ASCII),
}
_BARE_ID = re.compile(r"[a-f0-9]{64}", re.ASCII)


class ImageRef(NamedTuple):
    """One image reference, taken apart.

    Attributes:
        host: the registry's host as written, in lower case, with its port if any.
        repository: the repository path, never with the host.
        tag: the tag as written, or None.
        digest: ``algorithm:hex``, or None.
    """

    host: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def effective_tag(self) -> str:
        """The tag that is pulled: ``latest`` where none is written."""
        return self.tag or DEFAULT_TAG

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.repository}{tag}{digest}"


def check_host(host: str) -> str:
    """The host in lower case; raises ``InputError`` if it is not a host with an optional port."""
    if len(host) > _MAX_HOST or not _HOST.fullmatch(host):
        raise _invalid("registry host", "is not a host name with an optional port", host)
    return host.lower()


def check_repository(repository: str) -> str:
    """The path; raises ``InputError`` if it is not a lower-case path of at most 255 characters."""
    if len(repository) > _MAX_REPOSITORY or not _REPOSITORY.fullmatch(repository):
        raise _invalid("repository", "is not a repository path of at most 255 characters", repository)
    return repository


def check_tag(tag: str) -> str:
    """The tag; raises ``InputError`` if it is not a valid one."""
    if not _TAG.fullmatch(tag):
        raise _invalid("tag", "is not a tag of at most 128 word characters, dots and dashes", tag)
    return tag


def check_digest(digest: str) -> str:
    """The digest; raises ``InputError`` if it is not valid, or has the wrong length for its algorithm."""
    algorithm, _, encoded = digest.partition(":")
    registered = _REGISTERED_DIGEST.get(algorithm)
    if not _DIGEST.fullmatch(digest) or (registered and not registered.fullmatch(encoded)):
        raise _invalid("digest", "is not a valid digest", digest)
    return digest


@lru_cache(maxsize=32768)
def parse_reference(text: str) -> ImageRef:
    """Parse ``[host/]path[:tag][@digest]``.

    Without a host (see ``is_host``) the reference is Docker Hub's, where a path of one component is in
    ``library/``.

    Raises:
        InputError: ``INVALID_REFERENCE`` with the part and the rule that it breaks.
    """
    if not text or len(text) > _MAX_REFERENCE:
        raise _invalid("reference", "is empty or has more than 1024 characters", text)
    rest, at, digest = text.partition("@")
    first, slash, path = rest.partition("/")
    if slash and is_host(first):
        host, rest = check_host(first), path
    else:
        host = DOCKER_HUB
    repository, colon, tag = rest.partition(":")
    if host in _DOCKER_HUB_NAMES:
        host = DOCKER_HUB
        if "/" not in repository:
            if _BARE_ID.fullmatch(repository):
                raise _invalid("reference", "is a bare image id, which names no repository", text)
            repository = f"library/{repository}"
    reference = ImageRef(
        host=host,
        repository=check_repository(repository),
        tag=check_tag(tag) if colon else None,
        digest=check_digest(digest) if at else None,
    )
    if len(str(reference)) > _MAX_REFERENCE:
        raise _invalid("reference", "has more than 1024 characters with the defaults written out", text)
    return reference


def is_host(component: str) -> bool:
    """Whether the first component of a path is a host: it has a dot or a colon, or is ``localhost``."""
    return "." in component or ":" in component or component == "localhost"


def _invalid(where: str, rule: str, found: str) -> InputError:
    shown = ascii(found[:80]) + ("..." if len(found) > 80 else "")  # noqa: PLR2004 - what fits a log line
    return InputError(
        Reason.INVALID_REFERENCE, f"{where} {shown} {rule}", where=where, rule=rule, found=shown
    )
