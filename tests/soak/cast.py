"""Who plays: the images that are pushed, and the image caches that list them, from a seeded generator.

What concerns a cache is known here by construction, not by reading references: the story cannot make the same
mistake as the code that it checks.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "EVENT_BUS",
    "MOST_TAGS",
    "OWN_HOST",
    "REGIONS",
    "WEBHOOK",
    "Image",
    "Listed",
    "make_cache",
    "make_images",
    "season",
]

REGIONS = ("cn-hangzhou", "cn-beijing")
WEBHOOK = "distribution"
OWN_HOST = "hub.example.com"
"""The registry whose webhook it is."""
EVENT_BUS = "acs.cr"
SHARE_PUSHED = 0.8
SHARE_UNINVOLVED = 0.1
SHARE_WITH_TRAP = 0.3
SHARE_WITHOUT_MEMORY = 0.06
MOST_LISTED = 6
MOST_TAGS = 20
SEASON = 0.15
"""How much of all images is pushed at a time."""


@dataclass(frozen=True)
class Image:
    """An image that is pushed, or could be.

    Attributes:
        source: whose events tell its pushes.
        hosts: the names of its registry, the public one first.
        repository: its path.
        tag: its tag.
        instance: what its registry's events call the registry.
        region_id: of the registry, where it has one.
    """

    source: str
    hosts: tuple[str, ...]
    repository: str
    tag: str
    instance: str = ""
    region_id: str = ""

    @property
    def name(self) -> str:
        """One name for all forms."""
        return f"{self.hosts[0]}/{self.repository}:{self.tag}"


@dataclass(frozen=True)
class Listed:
    """An image cache as it is created.

    Attributes:
        name: its name.
        region_id: its region.
        images: its list, as written.
        concerned_by: the names of the images of which a push concerns it.
        tags: its ECI tags.
    """

    name: str
    region_id: str
    images: tuple[str, ...]
    concerned_by: frozenset[str]
    tags: tuple[tuple[str, str], ...]


def make_images(rng: random.Random, count: int) -> tuple[list[Image], list[Image]]:
    """Images that are pushed, and images that never are.

    Args:
        rng: makes all choices.
        count: of both together.
    """
    images = [_image(rng, number) for number in range(count)]
    pushed = int(count * SHARE_PUSHED)
    return images[:pushed], images[pushed:]


def _image(rng: random.Random, number: int) -> Image:
    region_id = rng.choice(REGIONS)
    repository = f"team{number % 7}/{rng.choice(('web', 'api', 'job', 'edge-proxy'))}-{number}"
    tag = rng.choice(("latest", "v1", "1.25.3-alpine", "stable"))
    kind = rng.choice(("enterprise", "personal", "own"))
    if kind == "own":
        return Image(WEBHOOK, (OWN_HOST, f"{OWN_HOST}:443", "HUB.example.com"), repository, tag)
    if kind == "personal":
        instance = f"crpi-{'ab' if region_id == REGIONS[0] else 'cd'}12"
        domain = f"{region_id}.personal.cr.aliyuncs.com"
        hosts = (f"{instance}.{domain}", f"{instance}-vpc.{domain}")
    else:
        instance = rng.choice(("acme", "blue"))
        domain = f"{region_id}.cr.aliyuncs.com"
        hosts = (f"{instance}-registry.{domain}", f"{instance}-registry-vpc.{domain}")
    return Image(EVENT_BUS, hosts, repository, tag, instance, region_id)


def make_cache(rng: random.Random, number: int, pushed: Sequence[Image], quiet: Sequence[Image]) -> Listed:
    """An image cache.

    Args:
        rng: makes all choices.
        number: of the cache.
        pushed: images that are pushed.
        quiet: images that never are.
    """
    uninvolved = rng.random() < SHARE_UNINVOLVED
    pool = quiet if uninvolved else [*season(pushed, rng.random()), *rng.sample(quiet, 1)]
    chosen = rng.sample(pool, min(rng.randint(1, MOST_LISTED), len(pool)))
    entries = [_written(rng, image) for image in chosen]
    if uninvolved or rng.random() < SHARE_WITH_TRAP:
        # Of an image that this cache does not list otherwise: a push of it must not touch the cache.
        trap = rng.choice([image for image in pushed if image not in chosen])
        entries.insert(rng.randint(0, len(entries)), _trap(rng, trap))
    full = rng.random() < SHARE_WITHOUT_MEMORY
    tags = tuple((f"k{tag}", f"v{tag}") for tag in range(MOST_TAGS if full else rng.randint(0, 3)))
    return Listed(
        name=f"cache-{number}",
        region_id=REGIONS[number % len(REGIONS)],
        images=tuple(entries),
        concerned_by=frozenset(image.name for image in chosen),
        tags=tags,
    )


def season(pushed: Sequence[Image], when: float) -> Sequence[Image]:
    """The images that are pushed about that time, as a share of the story.

    Every image has its season, and a cache lists images of one season: so each cache goes quiet while the
    weather is still bad, and what is lost then is not mended by a push that happens to come later.
    """
    width = max(1, round(len(pushed) * SEASON))
    first = round(when * (len(pushed) - width))
    return pushed[first : first + width]


def _written(rng: random.Random, image: Image) -> str:
    """One of the forms in which a cache can list an image."""
    tag = "" if image.tag == "latest" and rng.random() < 1 / 2 else f":{image.tag}"
    return f"{rng.choice(image.hosts)}/{image.repository}{tag}"


def _trap(rng: random.Random, image: Image) -> str:
    """An entry that looks as if a push of the image concerned it."""
    host = rng.choice(image.hosts)
    pinned = f"@sha256:{hashlib.sha256(image.name.encode()).hexdigest()}"
    return rng.choice(
        (
            f"{host}/{image.repository}:{image.tag}-rc1",
            f"{host}/{image.repository}{pinned}",
            f"{host}/{image.repository}:{image.tag}{pinned}",
            f"mirror.{image.hosts[0]}/{image.repository}:{image.tag}",
            f"{host}/x/{image.repository}:{image.tag}",
        )
    )
