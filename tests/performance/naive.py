"""The yardstick: the function that people paste into a console today.

It validates with ``jsonschema.validate``, builds an SDK client for each call and scans every list of every
cache. It also matches by a bare substring and sends one image only, which is wrong, but costs less than
doing it right; the comparison is therefore in its favour.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

import jsonschema
from aliyunsdkcore.client import AcsClient
from aliyunsdkeci.request.v20180808.UpdateImageCacheRequest import UpdateImageCacheRequest

logging.getLogger("aliyunsdkcore").setLevel(logging.CRITICAL)


def handle(event: bytes, schema: dict[str, Any], caches: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What such a function does around its calls; the calls themselves are left out."""
    document = json.loads(event)
    jsonschema.validate(document, schema)
    data = document["data"]
    image = f"{data['RepoNamespaceName']}/{data['RepoName']}:{data['Tag']}"
    done = []
    for cache in caches:
        for listed in cache["Images"]:
            if image in listed:
                client = AcsClient("id", "secret", "cn-hangzhou")
                request = UpdateImageCacheRequest()
                request.set_ImageCacheId(cache["ImageCacheId"])
                request.set_Images([listed])
                done.append(
                    {"cache": cache["ImageCacheId"], "image": listed, "client": client.get_region_id()}
                )
    print(json.dumps({"event": document["id"], "updated": done}))
    return done
