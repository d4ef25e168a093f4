"""What each function of the deployment needs to be allowed, by its handler's module.

Three kinds of rights: for the calls that a function makes itself, which a test holds against the calls that
the functions really make on local servers; for reading registries, which is asked for by a condition; and for
what Function Compute does in the role's name. Must not know templates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "PLATFORM_DESTINATION",
    "PLATFORM_LOGS",
    "READS_REGISTRIES",
    "SEVERAL_REGIONS",
    "Right",
    "needed_actions",
    "needed_rights",
    "registry_rights",
]

READS_REGISTRIES = "ReadsRegistries"
"""The condition under which, and only then, functions may read registries in the account's name."""
SEVERAL_REGIONS = "RegionsAreGiven"
"""The condition under which functions look after the image caches of other regions than the stack's."""


@dataclass(frozen=True)
class Right:
    """One action on one kind of resource.

    Attributes:
        action: such as ``eci:UpdateImageCache``.
        resource: the resource's name, with ``{region}``, of the stack or of the image caches that are looked
            after, ``{account}`` and ``{prefix}``, what the names of the stack's resources begin with.
    """

    action: str
    resource: str

    def on(self, *, region: str, account: str, prefix: str) -> tuple[str, str]:
        """The action and the resource of one deployment."""
        return self.action, self.resource.format(region=region, account=account, prefix=prefix)


# Image caches of each region that is looked after (RAM actions of ECI, vendor page "RAM").
_ECI = (
    Right("eci:DescribeImageCaches", "acs:eci:{region}:{account}:imagecache/*"),
    Right("eci:UpdateImageCache", "acs:eci:{region}:{account}:imagecache/*"),
)
# What the look that finds a cache Ready learnt is written into a tag of the cache.
_REMEMBER = (Right("eci:TagResources", "acs:eci:{region}:{account}:imagecache/*"),)
# A follow task; with and without a version or alias behind the function's name.
_FOLLOW = (
    Right("fc:InvokeFunction", "acs:fc:{region}:{account}:functions/{prefix}-on-follow"),
    Right("fc:InvokeFunction", "acs:fc:{region}:{account}:functions/{prefix}-on-follow/*"),
)
_CALLS: Mapping[str, tuple[Right, ...]] = {
    **dict.fromkeys(("on_push", "on_webhook", "on_manual", "on_timer"), _ECI + _FOLLOW),
    "on_follow": _ECI + _REMEMBER + _FOLLOW,
}

# Reading registries: every function plans or applies, so a rule may have any of them do it. Container
# Registry is not among the local servers, which is why these are not held against calls.
# GetAuthorizationToken is granted for all resources or none (vendor page of this API; an older one names
# "repository/<instance>", which "*" takes in). What the login may read is what the role may pull (vendor page
# "RAM authentication rules"); instances may be in any region, as rules may name several.
_REGISTRIES: Mapping[str, tuple[Right, ...]] = dict.fromkeys(
    _CALLS,
    (
        Right("cr:GetAuthorizationToken", "*"),
        Right("cr:PullRepository", "acs:cr:*:{account}:repository/*"),
    ),
)

PLATFORM_LOGS = Right(
    "log:PostLogStoreLogs",
    "acs:log:{region}:{account}:project/{prefix}-{account}-{region}/logstore/functions",
)
"""Function Compute writes logs in the role's name (vendor page "Configure the logging feature")."""

PLATFORM_DESTINATION = Right(
    "mns:SendMessage", "acs:mns:{region}:{account}:/queues/{prefix}-failures/messages"
)
"""And what failed for good into the on-failure queue (vendor page "Result callback")."""


def needed_rights(module: str, *, has_destination: bool, reads_registries: bool) -> frozenset[Right]:
    """All that a function's role must allow, and nothing else may.

    Args:
        module: of the function's handler.
        has_destination: whether its failed events go into the queue.
        reads_registries: whether the condition ``READS_REGISTRIES`` holds.

    Raises:
        KeyError: no function has this handler.
    """
    platform = {PLATFORM_LOGS} | ({PLATFORM_DESTINATION} if has_destination else set())
    registries = registry_rights(module) if reads_registries else frozenset()
    return frozenset(_CALLS[module]) | platform | registries


def registry_rights(module: str) -> frozenset[Right]:
    """What a function needs beside to read registries in the account's name.

    Raises:
        KeyError: no function has this handler.
    """
    return frozenset(_REGISTRIES[module])


def needed_actions(module: str) -> frozenset[str]:
    """The actions of the calls that a function makes itself.

    Raises:
        KeyError: no function has this handler.
    """
    return frozenset(right.action for right in _CALLS[module])
