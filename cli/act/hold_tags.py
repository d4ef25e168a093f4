"""The tag of a hold, set on caches and taken away, by ECI's TagResources and UntagResources.

Both work in whatever state a cache is. An update that was on its way may bring the tags along that it read
before, so what was set is looked at again.
"""

from __future__ import annotations

import time
from functools import partial

from imagecache.base.errors import EciError, InputError
from imagecache.clients.eci import SdkGateway
from imagecache.model.image_cache import ImageCache, text_of
from imagecache.planning.update_memory import HOLD_TAG

from ..problem import Problem
from ..wording import cache_text
from .hold_value import room_for_hold

_PAUSES = (0.0, 1.0, 3.0)
"""Seconds before each try: what ECI describes may be a little old."""


def held_by(cache: ImageCache) -> str | None:
    """The value of a cache's tag; None where it has none."""
    return dict(cache.tags).get(HOLD_TAG)


def room_problem(cache: ImageCache) -> str:
    """Why a hold cannot be set; empty where it can."""
    try:
        room_for_hold(cache)
    except InputError as error:
        return error.message
    return ""


class HoldTags:
    """Sets and takes away the tag.

    Args:
        eci: the calls to ECI.
    """

    def __init__(self, eci: SdkGateway) -> None:
        self._eci = eci

    def set(self, cache: ImageCache, value: str) -> ImageCache:
        """Set it; where a cache has 20 tags it takes the place of one of ours.

        Args:
            cache: which one; its tags are read anew.
            value: of the tag.

        Returns:
            The cache as described with it.

        Raises:
            Problem: when it could not be set.
        """
        for pause in _PAUSES:
            now = self.read(cache)
            if held_by(now) == value:
                return now
            time.sleep(pause)
            try:
                for key in room_for_hold(now):
                    self._untag(cache, key)
                self._eci.tag_image_cache(cache.region_id, cache.image_cache_id, HOLD_TAG, value)
            except InputError as error:
                raise Problem(error.message) from None
            except EciError as error:
                raise Problem(f"{cache_text(cache)} could not be held: {error.message}", _RIGHTS) from None
        found = self.read(cache)
        if held_by(found) != value:
            raise Problem(f"{cache_text(cache)} has not the hold that was set: another one sets it too")
        return found

    def clear(self, cache: ImageCache) -> None:
        """Take it away; nothing happens where it is not there.

        Raises:
            Problem: when that failed.
        """
        try:
            self._untag(cache, HOLD_TAG)
        except EciError as error:
            raise Problem(f"{cache_text(cache)} could not be released: {error.message}", _RIGHTS) from None

    def put_back(self, cache: ImageCache, ours: str, before: str | None) -> str:
        """Undo what ``set`` did, unless somebody has set another hold meanwhile.

        Returns:
            What is to be told where the cache is not as before; else nothing.
        """
        try:
            now = held_by(self.read(cache))
            if now == before:
                return ""
            if now != ours:
                return "somebody else has changed its hold meanwhile, and it stays as it is"
            if before is None:
                self.clear(cache)
            else:
                self.set(cache, before)
        except Problem as problem:
            return f"it is held now, as the hold could not be taken back: {problem.message}"
        return ""

    def read(self, cache: ImageCache) -> ImageCache:
        """The cache as it is now.

        Raises:
            Problem: when ECI does not say.
        """
        try:
            found = self._eci.describe_image_cache(cache.region_id, cache.image_cache_id)
        except EciError as error:
            raise Problem(f"{cache_text(cache)} could not be read: {error.message}") from None
        if found is None:
            raise Problem(f"{cache_text(cache)} is not there any more")
        return found

    def _untag(self, cache: ImageCache, key: str) -> None:
        from aliyunsdkcore.request import RpcRequest  # noqa: PLC0415 - the vendor's SDK

        parameters = {
            "RegionId": cache.region_id,
            "ResourceType": "ImageCache",
            "ResourceId.1": cache.image_cache_id,
            "TagKey.1": key,
        }
        request = partial(RpcRequest, "Eci", "2018-08-08", "UntagResources", "eci")
        self._eci.perform(request, parameters, lambda answer: text_of(answer["RequestId"]))


_RIGHTS = "It needs the rights eci:TagResources and eci:UntagResources."
