"""The words of an outcome: results and reason codes.

One table says for every reason code which results it can come with and what it means. The table in
``docs/reasons.md`` is held against it by a test, so codes are stable: add, never rename.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

__all__ = ["REASONS", "Explanation", "Reason", "Result"]


class Result(str, Enum):
    """What became of one decision."""

    REFRESHED = "refreshed"
    LANDED = "landed"
    UNCHANGED = "unchanged"
    DEFERRED = "deferred"
    PLANNED = "planned"
    IGNORED = "ignored"
    REJECTED = "rejected"
    FAILED = "failed"


class Reason(str, Enum):
    """Why it became so: stable codes to search and alert on."""

    TAG_REPUSHED = "TAG_REPUSHED"
    TAG_PROMOTED = "TAG_PROMOTED"
    REGISTRY_NEWER = "REGISTRY_NEWER"
    LIST_CHANGED = "LIST_CHANGED"
    REBUILD_REQUESTED = "REBUILD_REQUESTED"
    REFRESH_SCHEDULED = "REFRESH_SCHEDULED"
    SWEEP_REPAIR = "SWEEP_REPAIR"

    NO_NEED_UPDATE = "NO_NEED_UPDATE"
    LIST_UNCHANGED = "LIST_UNCHANGED"
    DRY_RUN_OPERATION = "DRY_RUN_OPERATION"
    COVERED = "COVERED"
    SAME_DIGEST = "SAME_DIGEST"
    LANDED = "LANDED"

    NO_MATCH = "NO_MATCH"
    POLICY_HOLDS = "POLICY_HOLDS"
    PINNED_BY_DIGEST = "PINNED_BY_DIGEST"
    NO_LONGER_LISTED = "NO_LONGER_LISTED"
    CACHE_GONE = "CACHE_GONE"
    FOLLOW_RUNNING = "FOLLOW_RUNNING"
    SWEEP_UNFINISHED = "SWEEP_UNFINISHED"
    SUPERSEDED = "SUPERSEDED"
    NOTHING_SELECTED = "NOTHING_SELECTED"
    NOTHING_TO_REPAIR = "NOTHING_TO_REPAIR"
    NO_EVENTS = "NO_EVENTS"
    NOT_A_PUSH = "NOT_A_PUSH"
    NOT_AN_IMAGE = "NOT_AN_IMAGE"
    NO_TAG = "NO_TAG"
    SIGNATURE_TAG = "SIGNATURE_TAG"
    BUILD_FAILED = "BUILD_FAILED"
    UNKNOWN_EVENT_TYPE = "UNKNOWN_EVENT_TYPE"

    NOT_JSON = "NOT_JSON"
    TOO_LARGE = "TOO_LARGE"
    TOO_DEEP = "TOO_DEEP"
    SCHEMA_VIOLATION = "SCHEMA_VIOLATION"
    INVALID_REFERENCE = "INVALID_REFERENCE"
    UNKNOWN_REGISTRY = "UNKNOWN_REGISTRY"
    REGISTRY_MISMATCH = "REGISTRY_MISMATCH"
    UNAUTHORIZED = "UNAUTHORIZED"
    NO_TOKEN_CONFIGURED = "NO_TOKEN_CONFIGURED"  # noqa: S105 - a reason code, not a secret
    UNKNOWN_SOURCE = "UNKNOWN_SOURCE"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    CACHE_NOT_FOUND = "CACHE_NOT_FOUND"
    AMBIGUOUS_NAME = "AMBIGUOUS_NAME"

    UPDATE_RUNNING = "UPDATE_RUNNING"
    UPDATE_FAILED = "UPDATE_FAILED"
    GAVE_UP = "GAVE_UP"
    HAND_OFF_FAILED = "HAND_OFF_FAILED"
    CACHE_BUSY = "CACHE_BUSY"
    COOLING_DOWN = "COOLING_DOWN"
    UPDATE_CAP = "UPDATE_CAP"
    REGISTRY_UNREADABLE = "REGISTRY_UNREADABLE"
    THROTTLED = "THROTTLED"
    SERVER_ERROR = "SERVER_ERROR"
    TIMED_OUT = "TIMED_OUT"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    UNREADABLE_ANSWER = "UNREADABLE_ANSWER"
    OUT_OF_TIME = "OUT_OF_TIME"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    OUT_OF_ADDRESSES = "OUT_OF_ADDRESSES"
    ACCOUNT_BLOCKED = "ACCOUNT_BLOCKED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    CONFIGURATION_REFUSED = "CONFIGURATION_REFUSED"
    NOT_FOUND = "NOT_FOUND"
    ECI_REFUSED = "ECI_REFUSED"
    INVALID_UPDATE_REQUEST = "INVALID_UPDATE_REQUEST"
    CREDENTIALS_MISSING = "CREDENTIALS_MISSING"
    SETTINGS_INVALID = "SETTINGS_INVALID"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class Explanation(NamedTuple):
    """The results a reason code can come with, and its meaning in one sentence."""

    results: frozenset[Result]
    meaning: str


def _update(meaning: str) -> Explanation:
    return Explanation(frozenset({Result.REFRESHED, Result.PLANNED}), meaning)


def _only(result: Result, meaning: str) -> Explanation:
    return Explanation(frozenset({result}), meaning)


def _ignored(meaning: str) -> Explanation:
    return _only(Result.IGNORED, meaning)


def _rejected(meaning: str) -> Explanation:
    return _only(Result.REJECTED, meaning)


def _failed(meaning: str) -> Explanation:
    return _only(Result.FAILED, meaning)


def _passing(meaning: str) -> Explanation:
    """A failure that passes: deferred where a follow function is configured."""
    return Explanation(frozenset({Result.FAILED, Result.DEFERRED}), meaning)


REASONS: dict[Reason, Explanation] = {
    Reason.TAG_REPUSHED: _update(
        "The cache lists exactly the tag that was pushed again; its full list was sent."
    ),
    Reason.TAG_PROMOTED: _update("A rule's policy let the pushed tag into the cache's list."),
    Reason.REGISTRY_NEWER: _update("The registry has newer images than the cache was built with."),
    Reason.LIST_CHANGED: _update("A manual request gave the cache a new image list."),
    Reason.REBUILD_REQUESTED: _update("A manual request asked for a rebuild of the cache's list as it is."),
    Reason.REFRESH_SCHEDULED: _update("A timer's refresh action selected the cache."),
    Reason.SWEEP_REPAIR: _update("The sweep found the cache in UpdateFailed and rebuilds its list."),
    Reason.NO_NEED_UPDATE: _only(
        Result.UNCHANGED,
        "ECI answered NoNeedUpdate: nothing was rebuilt. Worth a look after a push.",
    ),
    Reason.LIST_UNCHANGED: _only(
        Result.UNCHANGED,
        "The requested list is the one that the cache has; force rebuilds it all the same.",
    ),
    Reason.DRY_RUN_OPERATION: _only(
        Result.PLANNED, "ECI answered that the request was a dry run that passed."
    ),
    Reason.COVERED: _only(
        Result.UNCHANGED,
        "An update that began after the push, or was for this very change, already has it.",
    ),
    Reason.SAME_DIGEST: _only(
        Result.UNCHANGED, "The last update built the cache with the very digest that was pushed."
    ),
    Reason.LANDED: _only(Result.LANDED, "The cache was seen Ready after the update."),
    Reason.NO_MATCH: _ignored("No image cache lists the pushed repository."),
    Reason.POLICY_HOLDS: _ignored(
        "The cache lists another tag of the repository; its policy keeps that tag."
    ),
    Reason.PINNED_BY_DIGEST: _ignored(
        "The cache lists the repository by digest only; a push never moves a pin."
    ),
    Reason.NO_LONGER_LISTED: _ignored("When the cache was read again, the change no longer concerned it."),
    Reason.CACHE_GONE: _ignored("The cache was deleted, or is no longer visible to the function's role."),
    Reason.FOLLOW_RUNNING: _ignored("The sweep leaves the cache to the follow task of its last update."),
    Reason.SWEEP_UNFINISHED: _ignored(
        "The sweep had no time to ask registries about every cache; the next one begins with others."
    ),
    Reason.SUPERSEDED: _ignored("The cache has got another list since the requested one was asked for."),
    Reason.NOTHING_SELECTED: _ignored("The refresh's selector matches no image cache."),
    Reason.NOTHING_TO_REPAIR: _ignored("The sweep found no selected cache in UpdateFailed."),
    Reason.NO_EVENTS: _ignored("The delivery holds no event at all."),
    Reason.NOT_A_PUSH: _ignored("The event reports a pull, a delete or another action that adds no image."),
    Reason.NOT_AN_IMAGE: _ignored("What was pushed is a layer or an artifact, not an image manifest."),
    Reason.NO_TAG: _ignored(
        "A manifest was pushed without a tag, as the children of a multi-arch image are."
    ),
    Reason.SIGNATURE_TAG: _ignored("The tag holds a signature, an attestation or an SBOM, not an image."),
    Reason.BUILD_FAILED: _ignored("The event's status says that no image came of it."),
    Reason.UNKNOWN_EVENT_TYPE: _ignored(
        "The event's type or source is none that says that an image was pushed."
    ),
    Reason.NOT_JSON: _rejected("The document is no JSON in UTF-8."),
    Reason.TOO_LARGE: _rejected("The document is over the size limit and was not parsed."),
    Reason.TOO_DEEP: _rejected("The document is nested deeper than any real payload."),
    Reason.SCHEMA_VIOLATION: _rejected(
        "The document breaks a rule of its schema; the error says where and which."
    ),
    Reason.INVALID_REFERENCE: _rejected("A name, tag or digest is none by the OCI reference grammar."),
    Reason.UNKNOWN_REGISTRY: _rejected("The payload does not tell from which registry it comes."),
    Reason.REGISTRY_MISMATCH: _rejected("The registry parameter names another region than the payload."),
    Reason.UNAUTHORIZED: _rejected("The request's token or signature is missing or wrong."),
    Reason.NO_TOKEN_CONFIGURED: _rejected("No webhook token is configured, so every webhook is refused."),
    Reason.UNKNOWN_SOURCE: _rejected("The path names no known webhook source; the message lists them."),
    Reason.METHOD_NOT_ALLOWED: _rejected("The HTTP method is not POST."),
    Reason.CACHE_NOT_FOUND: _rejected("A manual request names an image cache that does not exist."),
    Reason.AMBIGUOUS_NAME: _rejected("Several image caches have the requested name; use the id."),
    Reason.UPDATE_RUNNING: _passing("The update that has the change still runs."),
    Reason.UPDATE_FAILED: _failed("The update ended in UpdateFailed, and so did all its repetitions."),
    Reason.GAVE_UP: _failed("The change was not done in the time that follow tasks are given."),
    Reason.HAND_OFF_FAILED: _failed(
        "ECI accepted the update, but the task that follows it could not be stored."
    ),
    Reason.CACHE_BUSY: _passing(
        "The cache is being created or updated; only Ready and UpdateFailed can be updated."
    ),
    Reason.COOLING_DOWN: _passing("The rule's cooldown since the cache's last update is not over."),
    Reason.UPDATE_CAP: _passing("The cap on updates per run or per hour is reached."),
    Reason.REGISTRY_UNREADABLE: _passing(
        "A registry that a rule asks had no good answer, so a repair by what it has was not made."
    ),
    Reason.THROTTLED: _passing("ECI throttled the call."),
    Reason.SERVER_ERROR: _passing("ECI answered with a 5xx or a code for a passing fault."),
    Reason.TIMED_OUT: _passing("ECI did not answer in time; the call may have taken effect."),
    Reason.CONNECTION_FAILED: _passing("The connection to ECI failed; the call may have taken effect."),
    Reason.UNREADABLE_ANSWER: _passing("ECI's answer could not be read; the call may have taken effect."),
    Reason.OUT_OF_TIME: _passing("The invocation's time was too short for another call."),
    Reason.QUOTA_EXCEEDED: _passing("A quota of the account is used up."),
    Reason.OUT_OF_STOCK: _passing("The zone has no capacity for the temporary instance."),
    Reason.OUT_OF_ADDRESSES: _passing("The vSwitch has no free IP address."),
    Reason.ACCOUNT_BLOCKED: _failed("The account is in arrears, restricted, or not verified."),
    Reason.PERMISSION_DENIED: _failed("The function's role or the account lacks a permission."),
    Reason.CONFIGURATION_REFUSED: _failed("ECI refuses the cache's or the update's configuration."),
    Reason.NOT_FOUND: _failed("ECI does not find a resource that the update names, though the cache exists."),
    Reason.ECI_REFUSED: _failed("ECI refused the call with a code that is not in the error table."),
    Reason.INVALID_UPDATE_REQUEST: _failed("The update would break a documented limit; it was not sent."),
    Reason.CREDENTIALS_MISSING: _failed("The function has no credentials: no role is attached."),
    Reason.SETTINGS_INVALID: _failed(
        "The function's environment variables are wrong; the message lists them all."
    ),
    Reason.INTERNAL_ERROR: _failed("A defect in this application; the log has the stack."),
}
