"""Many cases in one process, and the figures that they add up to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .cases import Case, make_case, sample_case
from .judge import complaints, sample_complaints
from .run import Answer, play
from .samples import samples

__all__ = ["Batch", "Failure", "Tally", "play_batch"]

_MOST_KEPT = 50


@dataclass(frozen=True)
class Batch:
    """Cases to play: from ``start`` to before ``stop``; where both are None, the samples as they are."""

    seed: int
    target: str
    start: int | None
    stop: int | None


@dataclass(frozen=True)
class Failure:
    """A case that was answered wrongly, and what is wrong."""

    case: Case
    what: str
    number: int | None


@dataclass
class Tally:
    """How cases ended.

    Attributes:
        cases: all of them.
        strangers: those whose sender showed no right proof.
        rejected: those of which every outcome is rejected.
        ignored: those that led to no update, and were not rejected as a whole.
        pushes: those that led to updates.
        updates: how many updates these made.
        justified: how many of the updates the document asks for.
        wrong: those that were answered wrongly.
        failures: the first of them.
    """

    cases: int = 0
    strangers: int = 0
    rejected: int = 0
    ignored: int = 0
    pushes: int = 0
    updates: int = 0
    justified: int = 0
    wrong: int = 0
    failures: list[Failure] = field(default_factory=list)

    @staticmethod
    def header() -> str:
        """The names of the columns."""
        names = ("strangers", "rejected", "ignored", "pushes", "updates", "justified", "wrong", "cases/s")
        return f"{'source':<14}{'cases':>9}" + "".join(f"{name:>11}" for name in names)

    def row(self, name: str, seconds: float) -> str:
        """The figures in one line."""
        ends = (self.strangers, self.rejected, self.ignored, self.pushes)
        figures = (*ends, self.updates, self.justified, self.wrong, round(self.cases / max(seconds, 0.001)))
        return f"{name:<14}{self.cases:>9}" + "".join(f"{figure:>11}" for figure in figures)

    def add(self, other: Tally) -> None:
        """Add the figures of other cases."""
        self.cases += other.cases
        self.strangers += other.strangers
        self.rejected += other.rejected
        self.ignored += other.ignored
        self.pushes += other.pushes
        self.updates += other.updates
        self.justified += other.justified
        self.wrong += other.wrong
        self.failures += other.failures[: max(0, _MOST_KEPT - len(self.failures))]

    def count(self, case: Case, answer: Answer, wrong: list[str], number: int | None) -> None:
        """Count one case."""
        self.cases += 1
        if not case.known:
            self.strangers += 1
        elif answer.updates:
            self.pushes += 1
        elif all(outcome["result"] == "rejected" for outcome in answer.outcomes):
            self.rejected += 1
        else:
            self.ignored += 1
        self.updates += len(answer.updates)
        self.justified += len(answer.updates) - sum(what.startswith("UNJUSTIFIED update") for what in wrong)
        if wrong:
            self.wrong += 1
            if len(self.failures) < _MOST_KEPT:
                self.failures.append(Failure(case, "; ".join(wrong)[:1500], number))


def play_batch(batch: Batch) -> Tally:
    """Play a batch; in whichever process, it comes to the same."""
    tally = Tally()
    for number, case in _cases(batch):
        answer = play(case)
        wrong = complaints(case, answer)
        if case.sample:
            wrong += sample_complaints(case, answer)
        tally.count(case, answer, wrong, number)
    return tally


def _cases(batch: Batch) -> Iterator[tuple[int | None, Case]]:
    if batch.start is None or batch.stop is None:
        for name in samples(batch.target):
            yield None, sample_case(batch.target, name)
        return
    for number in range(batch.start, batch.stop):
        yield number, make_case(batch.seed, batch.target, number)
