"""Image caches and rules: what can never be refreshed, what fails, and what the functions do not see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from imagecache.base.errors import SettingsError
from imagecache.config.settings import Settings
from imagecache.model.image_cache import ImageCache
from imagecache.policy.list_entries import entries_of
from imagecache.policy.rules import Rules

from ..services.account import Account
from ..services.errors import FunctionFailedError, NotReadError
from .deployment import Deployment
from .findings import Finding, judged, listed, tried, unknown
from .functions import settings_of
from .probe import probe

NAMES = ("image caches", "unreachable caches", "caches that functions see", "registry instances")
FAILED = frozenset({"UpdateFailed", "Failed"})
_PAGE = 20
_MOST_PAGES = 100
_ALL = 1_000_000
"""Of a region that a function could not list, which another check tells."""


def image_caches(account: Account, region: str) -> tuple[ImageCache, ...]:
    """All image caches of a region, as the account sees them."""

    def read() -> tuple[ImageCache, ...]:
        found, token = [], None
        for _ in range(_MOST_PAGES):
            answer = account.call(
                "eci", "DescribeImageCaches", region=region, region_id=region, limit=_PAGE, next_token=token
            )
            found += [ImageCache.listed(region, each) for each in answer.get("ImageCaches") or ()]
            token = answer.get("NextToken")
            if not token:
                break
        return tuple(found)

    return account.once(f"caches of {region}", read)


def check(account: Account, deployment: Deployment) -> Iterator[Finding]:
    """Judge the image caches of all regions that are looked after."""
    try:
        settings = settings_of(deployment, "on_manual")
    except SettingsError:
        # Told by the check of the settings.
        settings = Settings((deployment.region,))

    def caches() -> list[ImageCache]:
        return [cache for region in settings.regions for cache in image_caches(account, region)]

    yield tried("image caches", lambda: failing(caches(), account.region))
    yield tried("unreachable caches", lambda: unreachable(caches(), settings.rules))
    yield tried("caches that functions see", lambda: seen(account, deployment, caches()))
    yield tried("registry instances", lambda: instances(account, settings.rules, deployment.region))


def failing(caches: Sequence[ImageCache], region: str) -> Finding:
    """Whether any cache is in a failed state."""
    problems = [
        f"{cache.name or cache.image_cache_id} is {cache.status}"
        + (f" ({cache.last_warning[:150]})" if cache.last_warning else "")
        for cache in caches
        if cache.status in FAILED
    ]
    remedy = f"ECI console ({region}), Image Cache: its events say why; a Failed one has to be made again."
    return judged("image caches", problems, remedy, f"none of {len(caches)} failed")


def unreachable(caches: Iterable[ImageCache], rules: Rules) -> Finding:
    """Whether any cache can never be refreshed by a push."""
    problems, pinned = [], []
    for cache in caches:
        name = cache.name or cache.image_cache_id
        if cache.unreadable:
            problems.append(f"{name} cannot be read: {cache.unreadable}")
            continue
        entries = entries_of(cache.images, rules)
        if not entries:
            problems.append(f"{name} lists no image reference")
        elif all(entry.pinned for entry in entries):
            governed = [
                rule.name
                for entry in entries
                if (rule := rules.rule_for(cache, entry.registry, entry.repository, entry.tag))
            ]
            if governed:
                problems.append(f"{name} is pinned by digest, though the rule {governed[0]} is for it")
            else:
                pinned.append(name)
    note = f"; pinned by digest, so left alone: {listed(pinned)}" if pinned else ""
    remedy = "List the image by its tag (`images` in a manual request), or take it out of the rule."
    return judged("unreachable caches", problems, remedy, f"a push can reach every cache{note}")


def seen(account: Account, deployment: Deployment, caches: Sequence[ImageCache]) -> Finding:
    """Whether the functions see the caches that the account has."""
    name = "caches that functions see"
    try:
        probed = account.once("probe", lambda: probe(account, deployment))
    except FunctionFailedError:
        return unknown(name, "the function failed when it was asked")
    return compare(caches, {"on-manual": probed.manual, "on-follow": probed.follow}, deployment.update)


def compare(caches: Iterable[ImageCache], probes: Mapping[str, Mapping[str, Any]], update: str) -> Finding:
    """A listing that is refused under a condition on tags is empty, and no error."""
    present: dict[str, int] = {}
    for cache in caches:
        present[cache.region_id] = present.get(cache.region_id, 0) + 1
    problems = [
        f"{function} sees {region['caches']} of {present[region['region_id']]} in {region['region_id']}"
        for function, found in probes.items()
        for region in found.get("regions") or ()
        if region.get("caches", _ALL) < present.get(region["region_id"], 0)
    ]
    remedy = f"RAM console, Roles: take the condition on tags off eci:DescribeImageCaches; or {update}"
    return judged("caches that functions see", problems, remedy, f"all {sum(present.values())}")


def instances(account: Account, rules: Rules, region: str) -> Finding:
    """Whether the registry instances that rules name are there, and running."""
    wanted = {
        (str(each["InstanceId"]), str(each.get("RegionId") or region))
        for rule in rules.rules
        for each in rule.update.get("AcrRegistryInfo", ())
    }
    problems = []
    for instance, place in sorted(wanted):
        try:
            status = account.call("cr", "GetInstance", region=place, instance_id=instance).get(
                "InstanceStatus"
            )
            if status != "RUNNING":
                problems.append(f"{instance} in {place} is {status}")
        except NotReadError as error:
            if not error.missing:
                raise
            problems.append(f"{instance} is not in {place}")
    good = f"{len(wanted)} are running" if wanted else "no rule names one"
    return judged(
        "registry instances", problems, "Correct acrRegistryInfo in the rules (docs/rules.md).", good
    )
