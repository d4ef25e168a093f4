"""The oracle's reading: which images a document plainly says were pushed.

Where each source has its facts, and which action, type or media type counts as a push of an image, in the
strictest plain words and with none of the library's: an update for anything that is not named here is not
justified. Names are compared with those of the fleet, so no grammar is needed: what is not exactly a listed
name is another one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from .fleet import Image, known_registry, region_of

__all__ = ["SOURCES", "bus_images", "parsed", "webhook_images"]

_IMAGES = {
    f"application/vnd.{kind}+json"
    for kind in (
        "docker.distribution.manifest.v1",
        "docker.distribution.manifest.v2",
        "docker.distribution.manifest.list.v2",
        "oci.image.manifest.v1",
        "oci.image.index.v1",
    )
} | {
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.oci.image.config.v1+json",
}
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_SCHEME = re.compile(r"https?://", re.IGNORECASE | re.ASCII)
_NOTHING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NO_HOST = frozenset("?#@\\")
_OWNERS = {
    ".aliyuncs.com": "acr",
    ".docker.io": "dockerhub",
    ".docker.com": "dockerhub",
    ".ghcr.io": "github",
    ".pkg.github.com": "github",
    ".quay.io": "quay",
}
"""Registries that have a source of their own, by the end of their names."""
_ON_ITS_WORD = {"acr", "dockerhub", "gitea", "harbor"}
"""Sources of which a payload alone names a registry that is nobody's own; two of them never name one."""
_ATTACHED = re.compile(r"sha256-.*|.*\.(sig|att|sbom)", re.DOTALL)

_MANIFEST_FILES = {"manifest.json", "list.manifest.json"}
_LAYOUTS = {"", "host", "path"}


class Url(NamedTuple):
    """What the URL of a webhook says: the registry's host, and where its repository key is, or nothing."""

    host: str = ""
    layout: str = ""


Read = Callable[[Mapping[str, Any], Url], Iterator[Image]]


def parsed(data: bytes) -> Any:
    """The document in bytes of JSON, or None where there is none."""
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


def webhook_images(
    source: str, document: Any, registry: str | None = None, layout: str | None = None
) -> frozenset[Image]:
    """The images that a payload of a webhook names as pushed.

    Args:
        source: the source in the webhook's path.
        document: the payload.
        registry: the ``registry`` parameter as sent, None where there is none.
        layout: the same of the other parameter.
    """
    url = Url(unquote(registry) if registry else "", unquote(layout) if layout else "")
    if source in {"artifactory", "nexus"} and url.layout not in _LAYOUTS:
        return frozenset()
    members = document if isinstance(document, dict) else {}
    return frozenset(
        image
        for image in SOURCES[source](members, url)
        if not _ATTACHED.fullmatch(image[2]) and _speaks_for(source, image[0], named=bool(url.host))
    )


def bus_images(document: Any) -> frozenset[Image]:
    """The images that a delivery of EventBridge names as pushed: one event, or an array of them."""
    events = document if isinstance(document, list) else [document]
    return frozenset(image for event in events if isinstance(event, dict) for image in _event_images(event))


def _speaks_for(source: str, host: str, *, named: bool) -> bool:
    """Whether a source may push to a registry: it is its own, or nobody's own and named in the URL."""
    name = f".{_lower(host).split(':')[0]}"
    owners = {owner for domain, owner in _OWNERS.items() if name.endswith(domain)}
    owners |= {"azure"} if ".azurecr." in name[1:] else set()
    if source == "native" or source in owners:
        return True
    return not owners and (named or source in _ON_ITS_WORD)


def _event_images(event: Mapping[str, Any]) -> frozenset[Image]:
    source, kind = _text(event, "source"), _text(event, "type")
    if source == "acs.cr":
        return frozenset(image for image in _vendor(event) if not _ATTACHED.fullmatch(image[2]))
    if kind == "eventbridge:Events:HTTPEvent":
        request = _object(event, "data")
        query = _object(request, "queryString")
        path = _text(request, "path").removesuffix("/")
        by_path = path.removeprefix("/webhooks/") if path.startswith("/webhooks/") else ""
        asked = _text(query, "source")
        named = asked if asked in SOURCES else by_path
        return _carried(named, request.get("body"), query, event)
    if kind.startswith("imc-refresh:"):
        return _carried(kind.removeprefix("imc-refresh:"), event.get("data"), event)
    if source.startswith("imc-refresh.") and source.removeprefix("imc-refresh.") in SOURCES:
        return _carried(source.removeprefix("imc-refresh."), event.get("data"), event)
    return webhook_images("harbor", event) if kind == "harbor.artifact.pushed" else frozenset()


def _carried(source: str, payload: Any, *says: Mapping[str, Any]) -> frozenset[Image]:
    if source not in SOURCES:
        return frozenset()
    registry, layout = (
        next(filter(None, (_text(one, key) for one in says)), "") for key in ("registry", "layout")
    )
    document = parsed(payload.encode("utf-8", "replace")) if isinstance(payload, str) else payload
    return webhook_images(source, document, registry, layout)


def _vendor(event: Mapping[str, Any]) -> Iterator[Image]:
    data = _object(event, "data")
    built = event.get("type") == "cr:Artifact:BuildCompleted"
    status = data.get("BuildStatus") if built else _plain(data, "BuildStatus") or "SUCCESS"
    pushed = built or event.get("type") == "cr:Artifact:PushCompleted"
    if not pushed or not isinstance(status, str) or _lower(status) != "success":
        return
    region = _region(data, "RegionId") or _region(event, "aliyunregionid")
    instance_id, name = _text(data, "InstanceId"), _text(data, "InstanceName")
    host = f"{name}-registry.{region}.cr.aliyuncs.com"
    if instance_id.startswith("crpi-"):
        # Not an instance's id with something behind it, which would be another name of its host.
        host = f"{instance_id}.{region}.personal.cr.aliyuncs.com" if instance_id.count("-") == 1 else ""
    repository = f"{_text(data, 'RepoNamespaceName')}/{_text(data, 'RepoName')}"
    yield known_registry(host), repository, _text(data, "Tag")


def _acr(document: Mapping[str, Any], url: Url) -> Iterator[Image]:
    repository = _object(document, "repository")
    region = _region(repository, "region")
    registry = known_registry(url.host or f"registry.{region}.aliyuncs.com")
    if not region or region_of(registry) in {None, region}:
        yield registry, _text(repository, "repo_full_name"), _text(_object(document, "push_data"), "tag")


def _manifest(event: Mapping[str, Any], host: str) -> Iterator[Image]:
    """One event of the distribution registry; Azure's form is the same."""
    target = _object(event, "target")
    listed = target.get("references")
    among = {_stated(one, "mediaType") for one in listed} - {""} if isinstance(listed, list) else set()
    image = (
        not _other(target, "mediaType")
        and not _other(target, "artifactType")
        and (not among or among & _IMAGES)
    )
    if event.get("action") == "push" and image:
        yield known_registry(host), _text(target, "repository"), _text(target, "tag")


def _artifactory(document: Mapping[str, Any], url: Url) -> Iterator[Image]:
    data = _object(document, "data")
    kind = _word(data, "image_type")
    if (document.get("domain"), document.get("event_type")) != ("docker", "pushed") or kind not in {
        "",
        "docker",
        "oci",
    }:
        return
    parts = _text(data, "path").removeprefix("/").split("/")
    in_path = parts[-2] if len(parts) > 1 and parts[-1] in _MANIFEST_FILES else ""
    tag = _plain(data, "tag") or in_path
    if parts[-2:-1] == [tag] and (parts[-1] in _MANIFEST_FILES or parts[-1] != tag):
        image = parts[:-2]
    else:
        image = parts[:-1] if parts[-1] == tag else []
    key = _plain(data, "repo_key")
    if image and tag and (key or url.layout == "host"):
        where = image if url.layout == "host" else [key, *image]
        yield known_registry(url.host), "/".join(where), tag


def _nexus(document: Mapping[str, Any], url: Url) -> Iterator[Image]:
    component = _object(document, "component")
    created = _text(document, "action") in {"CREATED", "UPDATED"}
    key, name = _plain(document, "repositoryName"), _text(component, "name")
    if created and (_plain(component, "format") or "docker") == "docker" and (key or url.layout != "path"):
        repository = f"{key}/{name}" if url.layout == "path" else name
        yield known_registry(url.host), repository, _text(component, "version")


def _gitea(document: Mapping[str, Any], url: Url) -> Iterator[Image]:
    package = _object(document, "package")
    account = _object(package, "owner")
    told, path = _address(_plain(package, "html_url", 1024)) or ("", "")
    before, found, _ = path.partition("/-/packages/")
    owners = (_plain(account, "login"), _plain(account, "username"), before.split("/")[-1] if found else "")
    owner = next(filter(None, owners), "")
    if document.get("action") == "created" and _lower(_plain(package, "type") or "container") == "container":
        repository = f"{_lower(owner)}/{_text(package, 'name')}"
        yield known_registry(url.host or told), repository, _text(package, "version")


def _azure(document: Mapping[str, Any], url: Url) -> Iterator[Image]:
    return _manifest(document, url.host or _plain(_object(document, "request"), "host"))


def _distribution(document: Mapping[str, Any], url: Url) -> Iterator[Image]:
    events = document.get("events")
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict):
            yield from _manifest(event, url.host)


def _dockerhub(document: Mapping[str, Any], url: Url) -> Iterator[Image]:
    name = _text(_object(document, "repository"), "repo_name")
    repository = name if "/" in name else f"library/{name}"
    if _other(_object(document, "push_data"), "media_type"):
        return
    yield known_registry(url.host or "docker.io"), repository, _text(_object(document, "push_data"), "tag")


def _github(document: Mapping[str, Any], url: Url) -> Iterator[Image]:
    package = _object(document, "package") or _object(document, "registry_package")
    version = _object(package, "package_version")
    metadata = _object(version, "container_metadata")
    manifest = _object(metadata, "manifest")
    if _other(manifest, "media_type") or _other(_object(manifest, "config"), "media_type"):
        return
    tag = _plain(_object(metadata, "tag"), "name")
    written = _plain(version, "package_url", 1024)
    if not tag or tag.startswith("sha256:"):
        tag = (_address(written) or ("", written))[1].split("@")[0].partition(":")[2]
    kind = _lower(_plain(package, "package_type") or "container")
    if _text(document, "action") in {"published", "updated"} and kind in {"container", "docker"}:
        owners = (
            _plain(package, "namespace"),
            *(
                _plain(account, "login")
                for account in (
                    _object(package, "owner"),
                    _object(_object(document, "repository"), "owner"),
                    _object(document, "organization"),
                )
            ),
        )
        owner, name = next(filter(None, owners), ""), _plain(package, "name")
        # A path in the older registry is longer than that, and its address alone says it.
        told, path = "ghcr.io", f"{owner}/{name}" if owner and name and kind == "container" else ""
        if address := _address(written):
            told, path = address[0], address[1].split("@")[0].split(":")[0]
        yield known_registry(url.host or told), _lower(path), tag


def _harbor(document: Mapping[str, Any], url: Url) -> Iterator[Image]:
    members = {"PUSH_ARTIFACT": "event_data", "pushImage": "event_data", "harbor.artifact.pushed": "data"}
    data = _object(document, members.get(_text(document, "type"), ""))
    repository, resources = _text(_object(data, "repository"), "repo_full_name"), data.get("resources")
    for resource in resources if isinstance(resources, list) else []:
        told = _address(_plain(resource, "resource_url", 1024))
        if _word(resource, "type") not in {"", "image"} or any(
            _other(resource, key) for key in ("mediaType", "media_type", "type")
        ):
            continue
        yield known_registry(url.host or (told[0] if told else "")), repository, _text(resource, "tag")


def _native(document: Mapping[str, Any], _: Url) -> Iterator[Image]:
    name, pinned, digest = _text(document, "image").partition("@")
    host, path = _address(name) or ("docker.io", name)
    repository, colon, tag = path.partition(":")
    # Not under its third name, where the registry itself is asked for exactly that path.
    if _lower(host) in {"docker.io", "index.docker.io"} and "/" not in repository:
        repository = f"library/{repository}"
    # An image's name is no URL.
    if (
        _other(document, "mediaType")
        or _SCHEME.match(name)
        or (pinned and not (colon and digest))
        or (colon and not tag)
    ):
        return
    yield known_registry(host), repository, tag or "latest"


def _quay(document: Mapping[str, Any], url: Url) -> Iterator[Image]:
    address = _address(_plain(document, "docker_url", 1024))
    told = url.host or (address[0] if address else "")
    tags = document.get("updated_tags")
    for tag in tags if isinstance(tags, list) else []:
        if isinstance(tag, str):
            yield known_registry(told), _text(document, "repository"), tag


def _object(members: Any, key: str) -> Mapping[str, Any]:
    value = members.get(key) if isinstance(members, dict) else None
    return value if isinstance(value, dict) else {}


def _text(members: Any, key: str) -> str:
    value = members.get(key) if isinstance(members, dict) else None
    return value if isinstance(value, str) else ""


def _plain(members: Any, key: str, longest: int = 256) -> str:
    """A text that says something: one line, not too long, of characters that are some."""
    text = _text(members, key)
    return "" if len(text) > longest or _NOTHING.search(text) else text


def _stated(members: Any, key: str) -> str:
    """A media type in lower case, without parameters; empty where there is something else."""
    bare = _lower(_plain(members, key).partition(";")[0].strip())
    return bare if _TYPE.fullmatch(bare) else ""


def _other(members: Any, key: str) -> bool:
    """Whether a media type is stated that is not an image's."""
    return bool(_stated(members, key)) and _stated(members, key) not in _IMAGES


def _word(members: Any, key: str) -> str:
    """A word in lower case; empty where there is something else."""
    text = _plain(members, key, 64)
    return _lower(text) if re.fullmatch("[A-Za-z][A-Za-z0-9._-]*", text) else ""


def _region(members: Any, key: str) -> str:
    text = _text(members, key)
    return text if re.fullmatch("[a-z0-9-]{1,64}", text) and "--" not in f"-{text}-" else ""


def _address(text: str) -> tuple[str, str] | None:
    """Host and path of an address, as a URL or an image reference has them; None where it has no host.

    A host with what no host has in it is none that anyone has heard of: it is given as empty.
    """
    scheme = _SCHEME.match(text)
    host, slash, path = text[scheme.end() if scheme else 0 :].partition("/")
    if not slash or not host or not (scheme or "." in host or ":" in host or host == "localhost"):
        return None
    return ("" if _NO_HOST & set(host) else host), path


def _lower(text: str) -> str:
    """In lower case by ASCII: a letter that only turns into one of these is another letter."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


SOURCES: Mapping[str, Read] = {
    "acr": _acr,
    "artifactory": _artifactory,
    "azure": _azure,
    "distribution": _distribution,
    "dockerhub": _dockerhub,
    "gitea": _gitea,
    "github": _github,
    "harbor": _harbor,
    "native": _native,
    "nexus": _nexus,
    "quay": _quay,
}
"""How the payload of each source is read: document and what the URL says -> images."""
