"""What payload formats share: the push that a payload reports, or the notice that there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...base.errors import InputError
from ...base.json_input import fingerprint, shown
from ...base.reasons import Reason, Result
from ...base.timestamps import parse_moment, parse_time
from ...model.change import Notice, PushEvent
from ...model.reference import check_repository, check_tag, is_host
from ...model.registry_identity import registry_identity
from ...model.webhook_sources import WEBHOOK_SOURCES, Layout
from .authority import Delivery, other_host, registry_host
from .optional_facts import artifact_among, optional_digest, optional_text, other_artifact

_ATTACHED = re.compile(r"sha256-.*|.*\.(?:sig|att|sbom)", re.DOTALL)
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_DIGESTS = ("sha256:", "sha384:", "sha512:")
_REGISTRY = "registry"
_LONGEST_TIME, _LONGEST_ADDRESS = 64, 1024


def image_push(  # noqa: PLR0913 - the facts of one push, all by name
    delivery: Delivery,
    *,
    source: str,
    event_id: str,
    host: str,
    repository: str,
    tag: str,
    digest: Any = None,
    pushed_at: Any = None,
    payload_host: str | None = None,
) -> PushEvent | Notice:
    """The push that a payload reports, checked by the reference grammar.

    A digest in the place of a tag, and a tag as signing tools write it (``sha256-...``, ``*.sig``, ``*.att``,
    ``*.sbom``), is a notice.

    Args:
        delivery: how the payload came.
        source: the payload format.
        event_id: its id of the push.
        host: of the registry that counts.
        repository: the repository path.
        tag: the tag.
        digest: the manifest's, as the payload has it; what is not a digest counts as missing.
        pushed_at: when it was pushed, as the payload has it; what is not a time counts as missing.
        payload_host: the host in the payload, which counts for nothing. It is recorded where it is another.

    Raises:
        InputError: when host, repository or tag is invalid, or the sender may not speak for the registry.
    """
    time = optional_text(pushed_at, longest=_LONGEST_TIME)
    registry = registry_identity(host)
    delivery.authority.check(source, registry, where=_REGISTRY)
    repository = check_repository(repository)
    if is_digest(tag):
        return untagged(source, event_id, repository)
    stated = parse_time(time, arrived=delivery.arrived)
    push = PushEvent(
        source=source,
        event_id=event_id,
        registry=registry,
        repository=repository,
        tag=check_tag(tag),
        digest=optional_digest(digest),
        # A push without a time counts as made when it arrived, or when its carrier was made.
        pushed_at=stated.latest if stated else delivery.no_later_than or delivery.arrived,
        dated=stated is not None and stated.certain,
        stated="" if stated is None else time,
        payload_host=other_host(delivery.authority, registry, payload_host),
    )
    if _ATTACHED.fullmatch(tag):
        notice = f"tag {tag} holds a signature, an attestation or an SBOM"
        return ignored(source, event_id, Reason.SIGNATURE_TAG, notice, image=push.image)
    return push


def manifest_push(
    event: Mapping[str, Any], delivery: Delivery, *, source: str, host: tuple[str, str], where: str
) -> PushEvent | Notice:
    """The push of an event with ``action``, ``target`` and ``timestamp``, as the OCI registry writes it.

    Args:
        event: the event.
        delivery: how it came.
        source: the payload format.
        host: the registry's host in the event, empty if missing, and the keys that should have it.
        where: a JSON pointer to the event.

    Raises:
        InputError: when no registry is named, or a name is invalid.
    """
    event_id, action = optional_text(event.get("id")), event["action"]
    if action != "push":
        return ignored(source, event_id, Reason.NOT_A_PUSH, f"action {action} adds no image")
    target = event["target"]
    event_id = event_id or push_id(delivery, event.get("timestamp"), event)
    stated = other_artifact(target.get("mediaType"), target.get("artifactType"))
    if artifact := stated or artifact_among(target.get("references")):
        return not_an_image(source, event_id, artifact)
    if not target.get("tag"):
        return untagged(source, event_id, target["repository"])
    stated_host, needed = host
    return image_push(
        delivery,
        source=source,
        event_id=event_id,
        host=registry_host(delivery, source, stated_host, needed=needed, where=where),
        repository=target["repository"],
        tag=target["tag"],
        digest=target.get("digest"),
        pushed_at=event.get("timestamp"),
        payload_host=stated_host,
    )


def split_host(address: Any) -> tuple[str, str]:
    """Take the host off ``host/path...``, as registries write addresses of images.

    A first component is a host if it follows ``https://`` or ``http://``, or by the rule of image references.

    Args:
        address: as the payload has it; what is no text counts as missing.

    Returns:
        The host, empty if there is none, and the rest.
    """
    reference = optional_text(address, longest=_LONGEST_ADDRESS)
    # Only at the start: a scheme further on must not put another host in the place of the first.
    scheme = _SCHEME.match(reference)
    written = reference[scheme.end() :] if scheme else reference
    first, slash, path = written.partition("/")
    if slash and (scheme or is_host(first)):
        return first, path
    return "", written


def keyed_path(delivery: Delivery, source: str, key: Any, path: str, *, where: str) -> str:
    """The path of an image in a registry that has several repositories, each with a key.

    Args:
        delivery: how the payload came.
        source: the payload format.
        key: the repository's, as the payload has it. It is not needed where the host's name has it.
        path: the image's in its repository.
        where: a JSON pointer to the key.

    Raises:
        InputError: when the key is needed and is no text.
    """
    if (delivery.layout or WEBHOOK_SOURCES[source].layout) is Layout.HOST:
        return path
    if name := optional_text(key):
        return f"{name}/{path}"
    raise not_a_text(where, key)


def untagged(source: str, event_id: str, repository: str) -> Notice:
    """The notice for a manifest that was pushed by its digest alone."""
    return ignored(source, event_id, Reason.NO_TAG, f"a manifest of {repository} was pushed without a tag")


def is_digest(tag: str) -> bool:
    """Whether what a payload has as the tag is a digest: a manifest that was pushed without one."""
    return tag.startswith(_DIGESTS)


def lower_case(name: str) -> str:
    """In lower case if all is ASCII: the Kelvin sign, for one, would become a plain k."""
    return name.lower() if name.isascii() else name


def push_id(delivery: Delivery, pushed_at: Any, *facts: Any) -> str:
    """The id of a push whose payload has none: a fingerprint of what identifies it.

    Without a time, two pushes of a tag look the same, even by digest, as a digest may come back. Then each
    delivery counts as a push of its own.

    Args:
        delivery: how the payload came.
        pushed_at: the push's time as the payload has it; what is not a time counts as missing.
        facts: JSON documents that are equal for two deliveries of one push.
    """
    time = optional_text(pushed_at, longest=_LONGEST_TIME)
    dated = parse_moment(time, arrived=delivery.arrived) is not None
    return fingerprint([*facts, pushed_at, None if dated else delivery.delivery_id])


def not_a_text(where: str, found: Any) -> InputError:
    """The refusal of a name that is no text, where the schema lets other things pass.

    Args:
        where: a JSON pointer to it.
        found: what is there.
    """
    rule = 'type: "string"'
    problem = f"at {where}: breaks rule '{rule}'"
    return InputError(Reason.SCHEMA_VIOLATION, problem, where=where, rule=rule, found=shown(found))


def not_an_image(source: str, event_id: str, artifact: str) -> Notice:
    """The notice for a push of a chart, or of another artifact that is no image."""
    return ignored(source, event_id, Reason.NOT_AN_IMAGE, f"{artifact} is not the type of an image")


def ignored(source: str, event_id: str, reason: Reason, message: str, *, image: str = "") -> Notice:
    """The notice for an event that is readable and asks for nothing."""
    return Notice(Result.IGNORED, reason, message, source=source, event_id=event_id, image=image)
