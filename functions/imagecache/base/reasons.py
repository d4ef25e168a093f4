"""The words of an outcome: results and reason codes.

Each reason says which results it can come with and what it means; ``make docs`` makes the table in
``docs/reasons.md`` from that. Codes are stable: add, never rename. Must not know what uses them.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum


class Result(str, Enum):
    """The result of one decision."""

    REFRESHED = "refreshed"
    LANDED = "landed"
    UNCHANGED = "unchanged"
    DEFERRED = "deferred"
    PLANNED = "planned"
    IGNORED = "ignored"
    REJECTED = "rejected"
    FAILED = "failed"


_Explained = tuple[str, frozenset[Result], str]


def _with(*results: Result) -> Callable[[str, str], _Explained]:
    """A function that makes a reason with these results from its code and its meaning."""
    return lambda code, meaning: (code, frozenset(results), meaning)


_update = _with(Result.REFRESHED, Result.PLANNED)
_landed = _with(Result.LANDED)
_unchanged = _with(Result.UNCHANGED)
_planned = _with(Result.PLANNED)
_ignored = _with(Result.IGNORED)
_rejected = _with(Result.REJECTED)
_failed = _with(Result.FAILED)
# A failure that passes by itself: deferred where a follow function is configured.
_passing = _with(Result.FAILED, Result.DEFERRED)


class Reason(str, Enum):
    """Why a decision has its result: stable codes to search and alert on."""

    _value_: str
    results: frozenset[Result]
    """The results that the code can come with."""
    meaning: str
    """One sentence for a reader of records."""

    # The defaults are for the lookup of a code, Reason("NO_MATCH"), which makes no member.
    def __new__(cls, code: str, results: frozenset[Result] = frozenset(), meaning: str = "") -> Reason:
        """A member; its text is its code."""
        reason = str.__new__(cls, code)
        reason._value_ = code
        reason.results = results
        reason.meaning = meaning
        return reason

    TAG_REPUSHED = _update("TAG_REPUSHED", "The cache lists the pushed tag itself; its full list was sent.")
    TAG_PROMOTED = _update("TAG_PROMOTED", "A rule's policy let the pushed tag into the cache's list.")
    PROMOTION_UNDONE = _with(Result.REFRESHED, Result.PLANNED, Result.LANDED)(
        "PROMOTION_UNDONE",
        "A promoted tag could not be built; the list before, which was Ready, is put back: see the message.",
    )
    REGISTRY_NEWER = _update("REGISTRY_NEWER", "The registry has newer images than the cache was built with.")
    LIST_CHANGED = _update("LIST_CHANGED", "A manual request gave the cache a new image list.")
    REBUILD_REQUESTED = _update("REBUILD_REQUESTED", "A manual request asked to rebuild the list as it is.")
    REFRESH_SCHEDULED = _update("REFRESH_SCHEDULED", "A timer's refresh action selected the cache.")
    SWEEP_REPAIR = _update("SWEEP_REPAIR", "The sweep found the cache in UpdateFailed and rebuilds its list.")

    NO_NEED_UPDATE = _with(Result.UNCHANGED, Result.FAILED)(
        "NO_NEED_UPDATE",
        "ECI answered NoNeedUpdate: nothing was rebuilt. A failure where the cache is in UpdateFailed.",
    )
    LIST_UNCHANGED = _unchanged("LIST_UNCHANGED", "The cache has that list already; force rebuilds anyway.")
    DRY_RUN_OPERATION = _planned("DRY_RUN_OPERATION", "ECI answered that the request passed as a dry run.")
    COVERED = _unchanged("COVERED", "An update that began after the push, or for this very change, has it.")
    SAME_DIGEST = _unchanged("SAME_DIGEST", "The last update built the cache with the pushed digest.")
    LANDED = _landed("LANDED", "The cache was seen Ready after the update.")

    NO_MATCH = _ignored("NO_MATCH", "No image cache lists the pushed repository.")
    POLICY_HOLDS = _ignored("POLICY_HOLDS", "Another tag of the repository is listed; its policy keeps it.")
    HELD = _ignored(
        "HELD", "A person holds the cache as it is: see the message, and `until` where that is known."
    )
    APPROVAL_NEEDED = _ignored(
        "APPROVAL_NEEDED",
        "The rule lets the tag in only when a person approves the new list, `images_after`.",
    )
    PINNED_BY_DIGEST = _ignored(
        "PINNED_BY_DIGEST", "The cache lists the repository by digest only; a push never moves a pin."
    )
    NO_LONGER_LISTED = _ignored(
        "NO_LONGER_LISTED", "When read again, the cache no longer matched the change."
    )
    CACHE_UNREADABLE = _ignored(
        "CACHE_UNREADABLE", "ECI described the cache in a form that cannot be read; the others are looked at."
    )
    CACHE_GONE = _ignored("CACHE_GONE", "The cache was deleted, or the function's role cannot see it.")
    FOLLOW_RUNNING = _ignored(
        "FOLLOW_RUNNING",
        "The cache is left to a follow task: that of its last update, or the one that another run stored.",
    )
    SWEEP_UNFINISHED = _ignored(
        "SWEEP_UNFINISHED",
        "The sweep had no time to ask registries about every cache; the next one begins with others.",
    )
    SUPERSEDED = _ignored("SUPERSEDED", "The cache got another list after this one was requested.")
    NOTHING_SELECTED = _ignored("NOTHING_SELECTED", "The refresh's selector matches no image cache.")
    NOTHING_TO_REPAIR = _ignored("NOTHING_TO_REPAIR", "The sweep found no selected cache in UpdateFailed.")
    PROBED = _ignored("PROBED", "An operator asked what the function can reach; no cache was touched.")
    NO_EVENTS = _ignored("NO_EVENTS", "The delivery has no event at all.")
    NOT_A_PUSH = _ignored("NOT_A_PUSH", "The event reports a pull, a deletion or the like: no new image.")
    NOT_AN_IMAGE = _ignored(
        "NOT_AN_IMAGE", "A layer, a chart or another artifact was pushed, or its manifest is gone."
    )
    NO_TAG = _ignored("NO_TAG", "A manifest was pushed without a tag, like those in a multi-arch image.")
    SIGNATURE_TAG = _ignored("SIGNATURE_TAG", "The tag holds a signature, an attestation or an SBOM.")
    BUILD_FAILED = _ignored("BUILD_FAILED", "The event's status says that the build made no image.")
    UNKNOWN_EVENT_TYPE = _ignored("UNKNOWN_EVENT_TYPE", "The event's type or source reports no image push.")

    NOT_JSON = _rejected("NOT_JSON", "The document is not valid JSON in UTF-8.")
    TOO_LARGE = _rejected("TOO_LARGE", "The document is over the size limit and was not parsed.")
    TOO_DEEP = _rejected("TOO_DEEP", "The document is nested deeper than any real payload.")
    SCHEMA_VIOLATION = _rejected(
        "SCHEMA_VIOLATION",
        "The document breaks a rule of its schema, or names a region outside IMC_REGIONS: see the error.",
    )
    INVALID_REFERENCE = _rejected("INVALID_REFERENCE", "A name, tag or digest breaks the OCI grammar.")
    UNKNOWN_REGISTRY = _rejected("UNKNOWN_REGISTRY", "The payload does not say which registry it comes from.")
    REGISTRY_NOT_NAMED = _rejected(
        "REGISTRY_NOT_NAMED", "The webhook's URL does not name the registry; the message says what to add."
    )
    REGISTRY_MISMATCH = _rejected(
        "REGISTRY_MISMATCH", "The source does not speak for the registry, or for that of another region."
    )
    UNAUTHORIZED = _rejected("UNAUTHORIZED", "The request's token or signature is missing or wrong.")
    NO_TOKEN_CONFIGURED = _rejected(
        "NO_TOKEN_CONFIGURED", "No webhook token is set: all webhooks are refused."
    )
    UNKNOWN_SOURCE = _rejected("UNKNOWN_SOURCE", "The path names no webhook source; the message lists them.")
    METHOD_NOT_ALLOWED = _rejected("METHOD_NOT_ALLOWED", "The HTTP method is not POST.")
    CACHE_NOT_FOUND = _rejected("CACHE_NOT_FOUND", "A manual request names a cache that does not exist.")
    LIST_DIFFERS = _rejected(
        "LIST_DIFFERS", "The cache's list is not, or no more, the one that the request has as ifImages."
    )
    AMBIGUOUS_NAME = _rejected("AMBIGUOUS_NAME", "Several image caches have the requested name; use the id.")

    UPDATE_RUNNING = _passing("UPDATE_RUNNING", "The update that has the change is still running.")
    UPDATE_FAILED = _failed(
        "UPDATE_FAILED", "The update ended in UpdateFailed, and so did all its repetitions."
    )
    CREATION_FAILED = _failed(
        "CREATION_FAILED", "The image cache could not be created; ECI takes no update of it."
    )
    GAVE_UP = _failed("GAVE_UP", "The change was not done before the follow-up deadline.")
    HAND_OFF_FAILED = _failed(
        "HAND_OFF_FAILED", "ECI accepted the update, but the task that follows it could not be stored."
    )
    CACHE_BUSY = _passing(
        "CACHE_BUSY", "The cache is being created or updated; only Ready and UpdateFailed can be updated."
    )
    COOLING_DOWN = _passing("COOLING_DOWN", "The rule's cooldown since the cache's last update is not over.")
    BACKING_OFF = _passing(
        "BACKING_OFF", "The cache's last updates failed; the next one waits for its place."
    )
    TOO_YOUNG = _with(Result.DEFERRED, Result.FAILED, Result.PLANNED)(
        "TOO_YOUNG", "The tag has not been pushed for as long as the rule asks; it comes at `until`."
    )
    ROLLING = _passing(
        "ROLLING",
        "The rule keeps caches ready: this one is rebuilt when others that are rebuilt are Ready again.",
    )
    ROLLOUT_STOPPED = _failed(
        "ROLLOUT_STOPPED",
        "A cache that the rule keeps ready with this one failed to be rebuilt, so this one stays as it is.",
    )
    UPDATE_NOT_SEEN = _passing(
        "UPDATE_NOT_SEEN", "The cache does not show the update that the task was to follow; a look makes it."
    )
    NOT_DUE = _passing("NOT_DUE", "The follow task ran before its time and was stored again.")
    UPDATE_CAP = _passing("UPDATE_CAP", "The cap on updates per run or per hour is reached.")
    REGISTRY_UNREADABLE = _passing(
        "REGISTRY_UNREADABLE",
        "A registry that a rule asks gave no usable answer, so a repair that depends on it was not made.",
    )
    THROTTLED = _passing("THROTTLED", "ECI throttled the call.")
    SERVER_ERROR = _passing("SERVER_ERROR", "ECI answered with a 5xx or a code for a passing fault.")
    TIMED_OUT = _passing("TIMED_OUT", "ECI did not answer in time; the call may have taken effect.")
    CONNECTION_FAILED = _passing(
        "CONNECTION_FAILED", "The connection failed; the call may have taken effect."
    )
    UNREADABLE_ANSWER = _passing(
        "UNREADABLE_ANSWER", "ECI's answer could not be read; the call may have taken effect."
    )
    OUT_OF_TIME = _passing("OUT_OF_TIME", "The invocation's time was too short for another call.")
    QUOTA_EXCEEDED = _passing("QUOTA_EXCEEDED", "A quota of the account is used up.")
    OUT_OF_STOCK = _passing("OUT_OF_STOCK", "The zone has no capacity for the temporary instance.")
    OUT_OF_ADDRESSES = _passing("OUT_OF_ADDRESSES", "The vSwitch has no free IP address.")
    ACCOUNT_BLOCKED = _failed("ACCOUNT_BLOCKED", "The account is in arrears, restricted, or not verified.")
    PERMISSION_DENIED = _failed("PERMISSION_DENIED", "The function's role or the account lacks a permission.")
    CONFIGURATION_REFUSED = _failed(
        "CONFIGURATION_REFUSED", "ECI refuses the cache's or update's configuration."
    )
    NOT_FOUND = _failed("NOT_FOUND", "ECI does not find a resource that the update names; the cache exists.")
    ECI_REFUSED = _failed("ECI_REFUSED", "ECI refused the call with a code that is not in the error table.")
    INVALID_UPDATE_REQUEST = _failed(
        "INVALID_UPDATE_REQUEST", "The update would break a documented limit; it was not sent."
    )
    CREDENTIALS_MISSING = _failed("CREDENTIALS_MISSING", "There are no credentials: no role is attached.")
    SETTINGS_INVALID = _failed("SETTINGS_INVALID", "Environment variables are wrong; the message lists all.")
    INTERNAL_ERROR = _failed("INTERNAL_ERROR", "A defect in this application; the log has the stack.")


class Explained(str, Enum):
    """Codes, each with a sentence that says what it means."""

    _value_: str
    meaning: str
    """One sentence for a reader of records."""

    def __new__(cls, code: str, meaning: str = "") -> Explained:
        """A member; its text is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member


class Hold(Explained):
    """Why a pushed tag is not let into a list that has its repository: ``held_because`` of a record."""

    EXACT_POLICY = (
        "exact_policy",
        "No rule matches, or its policy is exact: only the listed tags themselves are rebuilt.",
    )
    PATTERN_MISMATCH = "pattern_mismatch", "The rule's pattern does not match the pushed tag."
    NO_NUMBER = "no_number", "The pushed tag, or its key, is not a number."
    NO_VERSION = "no_version", "The pushed tag, or its key, is not a version."
    PRERELEASE = "prerelease", "The pushed version is a prerelease, and the range names none of that version."
    OUTSIDE_RANGE = "outside_range", "The pushed version is outside the rule's range."
    OTHER_VARIANT = (
        "other_variant",
        "The listed versions are of another variant: another suffix, or another count of numbers.",
    )
    LISTED_NOT_GOVERNED = (
        "listed_not_governed",
        "The listed tags have another rule, or the rule's policy does not understand them.",
    )
    OLDER = "older", "Newer tags have the places."
    PINNED_BY_DIGEST = "pinned_by_digest", "The repository is listed by digest only."
    TAKEN_BACK = (
        "taken_back",
        "The tag was let in, could not be built and was taken back; it is let in when it is pushed anew.",
    )
