"""How times, policies and rules are written for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone

from imagecache.base.reasons import Hold, Reason
from imagecache.model.image_cache import ImageCache
from imagecache.policy.rules import RepositoryGlob, Rule
from imagecache.policy.tag_policy import EXACT, Policy

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def policy_text(rule: Rule | None) -> str:
    """The policy of an entry's rule; ``exact`` where there is none."""
    policy = rule.policy if rule else EXACT
    parts = [policy.type]
    if policy.type == "semver":
        parts.append(policy.range or "*")
    if policy.pattern:
        parts.append(f"key of {policy.pattern}")
    text = " ".join(parts)
    return text if policy.keep == 1 else f"{text}, keep {policy.keep}"


def what_policy_takes(policy: Policy) -> str:
    """Which pushed tags a policy lets in, as the end of a sentence that begins with them."""
    key = f"whose key in {policy.pattern} is " if policy.pattern else "that is "
    kinds = {
        "semver": f"a pushed tag {key}a version in {policy.range or '*'}",
        "numerical": f"a pushed tag {key}a number",
        "alphabetical": f"a pushed tag whose key in {policy.pattern} is there"
        if policy.pattern
        else "every pushed tag",
        "any": "every pushed tag",
    }
    return kinds[policy.type]


def repository_text(glob: RepositoryGlob) -> str:
    """A glob over repositories as it is read."""
    return f"{glob.host}/{glob.path}" if glob.host else glob.path


def moment_text(moment: datetime | None) -> str:
    """A time to the second, in UTC; empty if there is none."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ") if moment else ""


def duration_text(duration: timedelta | float | None) -> str:
    """A time span in its two largest units; empty if there is none."""
    if duration is None:
        return ""
    seconds = round(duration.total_seconds() if isinstance(duration, timedelta) else duration)
    parts: list[str] = []
    for unit, size in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"


def names_of(texts: Iterable[str], *, last: str = "or") -> str:
    """A list in words: ``a, b or c``."""
    parts = list(texts)
    return " ".join(
        filter(None, [", ".join(parts[:-1]), last if len(parts) > 1 else "", parts[-1] if parts else ""])
    )


def cache_text(cache: ImageCache) -> str:
    """A cache by its name and id."""
    return f"{cache.name} ({cache.image_cache_id})" if cache.name else cache.image_cache_id


def legend(codes: Iterable[str]) -> Sequence[str]:
    """What codes of records mean, a line for each, once."""
    meanings = {reason.value: reason.meaning for reason in Reason} | {
        hold.value: hold.meaning for hold in Hold
    }
    return [f"{code}: {meanings[code]}" for code in dict.fromkeys(codes) if code in meanings]
