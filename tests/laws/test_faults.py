"""The faults that are put into follow-up can be put in: what they change is still there."""

from __future__ import annotations

from tests.laws.faults import FAULTS, ROOT, Fault
from tests.support.for_each import for_each


@for_each("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_fault_is_another_program(fault: Fault) -> None:
    wrong = fault.put_into((ROOT / fault.path).read_text(encoding="utf-8"))
    compile(wrong, fault.path, "exec")
