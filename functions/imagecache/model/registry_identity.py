"""Which host names are one registry.

A registry of the vendor answers under a public, a VPC and sometimes an internal name; an image cache may list
any of them, while an event names another or none. So matching compares identities: the public name, in lower
case, without the default port. A host that is not known as another name of a registry is a registry of its
own, so that a look-alike never counts as the real one.

Host forms: vendor documentation of Container Registry (shared, personal and enterprise editions).
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..base.errors import InputError
from .reference import DOCKER_HUB, ImageRef, check_host, parse_reference

_REGION = r"(?P<region>[a-z]{2,}(?:-[a-z0-9]+)+)"
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_SHARED = re.compile(rf"registry(?:-vpc|-internal)?\.{_REGION}\.aliyuncs\.com")
_PERSONAL = re.compile(rf"(?P<instance>crpi-[a-z0-9]+)(?:-vpc)?\.{_REGION}\.personal\.cr\.aliyuncs\.com")
_ENTERPRISE = re.compile(rf"(?P<instance>{_LABEL})-registry(?:-vpc)?\.{_REGION}\.cr\.aliyuncs\.com")
_DOCKER_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
_HTTPS_PORT = ":443"


def shared_host(region_id: str) -> str:
    """The public host of the shared registry of a region."""
    return f"registry.{region_id}.aliyuncs.com"


def personal_host(instance_id: str, region_id: str) -> str:
    """The public host of a personal edition instance (``crpi-...``)."""
    return f"{instance_id}.{region_id}.personal.cr.aliyuncs.com"


def enterprise_host(instance_name: str, region_id: str) -> str:
    """The public host of an enterprise edition instance, by its name."""
    return f"{instance_name}-registry.{region_id}.cr.aliyuncs.com"


@lru_cache(maxsize=4096)
def registry_identity(host: str) -> str:
    """The identity of the registry that answers under a host name.

    Args:
        host: a host with an optional port, as an image reference has it.

    Returns:
        The registry's public host name: the same for all hosts of one registry, and for no other.

    Raises:
        InputError: when it is not a valid host.
    """
    host = check_host(host).removesuffix(_HTTPS_PORT)
    if host in _DOCKER_HUB_NAMES:
        return DOCKER_HUB
    if shared := _SHARED.fullmatch(host):
        return shared_host(shared["region"])
    if personal := _PERSONAL.fullmatch(host):
        return personal_host(personal["instance"], personal["region"])
    if enterprise := _ENTERPRISE.fullmatch(host):
        return enterprise_host(enterprise["instance"], enterprise["region"])
    return host


@lru_cache(maxsize=32768)
def parse_entry(text: str) -> tuple[str, ImageRef] | None:
    """Registry identity and reference of an entry of an image list.

    An entry that is not a valid reference (ECI accepted it once, so it stays listed) is None.
    """
    try:
        reference = parse_reference(text)
        return registry_identity(reference.host), reference
    except InputError:
        return None


def registry_region(identity: str) -> str | None:
    """The region of a vendor registry, or None if the name does not show it (custom domains, others)."""
    for form in (_SHARED, _PERSONAL, _ENTERPRISE):
        if match := form.fullmatch(identity):
            return match["region"]
    return None
