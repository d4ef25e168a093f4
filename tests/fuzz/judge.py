"""Whether an answer is right: a valid one, and no update that the document does not ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from imagecache.base.reasons import Reason, Result

from .cases import SIGNED_BY, TOKEN, Case
from .fleet import FleetCache, Image, fleet
from .outcome_schema import is_valid_outcome
from .reading import bus_images, parsed, webhook_images
from .run import Answer
from .samples import BUS, PUSHED, is_refused

__all__ = ["complaints", "concerned", "named_images", "sample_complaints"]

_LONGEST_LINE = 32 * 1024
_RESULTS = {"refreshed", "ignored", "rejected"}
"""What a case can end as: its caches are Ready, remember nothing, and ECI accepts all."""
_STATUSES = {200, 400, 413}
_LARGEST_BODY = 1024 * 1024


def complaints(case: Case, answer: Answer) -> list[str]:
    """Everything that is wrong with an answer, the kind of mistake first."""
    if answer.escaped:
        return [f"EXCEPTION {answer.escaped}"]
    found = [*_invalid(answer), *_shown(answer)]
    if not case.known:
        return found + list(_let_in(case, answer))
    if case.target not in BUS and answer.status not in _STATUSES:
        found.append(f"STATUS {answer.status} is none that a payload can cause")
    return [*found, *_unjustified(case, answer)]


def sample_complaints(case: Case, answer: Answer) -> list[str]:
    """What is wrong with the answer to a sample: a push must rebuild exactly the caches that list it."""
    images = named_images(case)
    known = PUSHED.get(case.sample)
    found = [] if known is None or images == set(known) else [f"READING of {case.sample}: {sorted(images)}"]
    refused = is_refused(case.sample)
    wanted = set() if refused else {one.image_cache_id for one in concerned(images)}
    if set(answer.updates) != wanted:
        found.append(f"SAMPLE {case.sample} updated {sorted(answer.updates)} instead of {sorted(wanted)}")
    if refused and not any(outcome["result"] == "rejected" for outcome in answer.outcomes):
        found.append(f"SAMPLE {case.sample} is not refused")
    return found


def named_images(case: Case) -> frozenset[Image]:
    """What the case's document plainly names as pushed."""
    document = parsed(case.body)
    if case.target in BUS:
        return bus_images(document)
    return webhook_images(case.target, document, case.registry, dict(case.query).get("layout"))


def _invalid(answer: Answer) -> Iterator[str]:
    if not answer.outcomes:
        yield "NO OUTCOME at all"
    for outcome in answer.outcomes:
        if not is_valid_outcome(outcome):
            yield f"INVALID outcome {json.dumps(outcome)[:1000]}"
        elif not _is_known(outcome):
            yield f"PAIR {outcome['result']} {outcome['reason']}: {outcome['message'][:300]}"
    lines = answer.lines.splitlines()
    if len(lines) != len(answer.outcomes) or any(len(line) > _LONGEST_LINE for line in lines):
        longest = max(map(len, lines), default=0)
        yield f"LINES {len(lines)} for {len(answer.outcomes)} outcomes, of at most {longest} bytes"


def _is_known(outcome: Mapping[str, Any]) -> bool:
    result, reason = outcome["result"], outcome["reason"]
    if reason not in Reason.__members__ or result not in _RESULTS:
        return False
    return Result(result) in Reason(reason).results


def _shown(answer: Answer) -> Iterator[str]:
    if TOKEN in answer.lines:
        yield "SECRET the token is in a record"


def _let_in(case: Case, answer: Answer) -> Iterator[str]:
    told = [(outcome["result"], outcome["reason"]) for outcome in answer.outcomes]
    expected = ("UNAUTHORIZED", 401)
    signs = {header for header, _ in SIGNED_BY.get(case.target, ())} & {name for name, _ in case.headers}
    if (signs or case.target == "github") and len(case.body) > _LARGEST_BODY:
        # A signature is the body's, so the size has to be looked at first.
        expected = ("TOO_LARGE", 413)
    if told != [("rejected", expected[0])] or answer.status != expected[1] or answer.calls:
        yield f"STRANGER answered {answer.status}, {told[:5]}, {answer.calls} calls"


def _unjustified(case: Case, answer: Answer) -> Iterator[str]:
    named = named_images(case)
    caches = _by_id()
    for image_cache_id, images in answer.updates.items():
        cache_ = caches[image_cache_id]
        if not cache_.images & named:
            listed = cache_.entries[0].text
            yield f"UNJUSTIFIED update of {image_cache_id}: {listed}; named: {sorted(named)[:5]}"
        if images != [entry.text for entry in cache_.entries]:
            yield f"LIST of {image_cache_id} became {images}"
    records = [outcome for outcome in answer.outcomes if outcome["result"] == "refreshed"]
    if {outcome["image_cache_id"] for outcome in records} != set(answer.updates):
        yield "RECORD of an update without one, or the other way round"
    for outcome in records:
        if not any("{}/{}:{}".format(*image) == outcome["image"] for image in named):
            yield f"UNJUSTIFIED record of {outcome['image']}; named: {sorted(named)[:5]}"
    yield from _lost(answer, named)


def _lost(answer: Answer, named: frozenset[Image]) -> Iterator[str]:
    """What is named and not done, where nothing of the document is refused."""
    wanted = {one.image_cache_id for one in concerned(named)}
    refused = any(outcome["result"] == "rejected" for outcome in answer.outcomes)
    missing = wanted - set(answer.updates)
    if missing and not refused:
        yield f"LOST {sorted(missing)[:5]}; named: {sorted(named)[:5]}"


def concerned(named: frozenset[Image]) -> list[FleetCache]:
    """The caches of the fleet that list any of the images."""
    index = _by_image()
    return list({one.image_cache_id: one for image in named for one in index.get(image, ())}.values())


@cache
def _by_image() -> Mapping[Image, list[FleetCache]]:
    index: dict[Image, list[FleetCache]] = {}
    for one in fleet():
        for image in one.images:
            index.setdefault(image, []).append(one)
    return index


@cache
def _by_id() -> Mapping[str, FleetCache]:
    return {one.image_cache_id: one for one in fleet()}
