"""What the keywords about wrong CALLs demand of the answer."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from bench.keywords import Bench
from tests.keywords.conftest import FakeRig


def answers(rig: FakeRig, *frames: list[Any]) -> None:
    """Answer the CALLs to come, one after the other."""
    for number, (kind, *rest) in enumerate(frames, 1):
        rig.answer(number, partial(_frame, kind, rest))


def _frame(kind: int, rest: list[Any], message_id: str) -> list[Any]:
    return [kind, message_id, *rest]


def test_each_wrong_call_needs_its_code(rig: FakeRig, bench: Bench) -> None:
    codes = ["ProtocolError", "ProtocolError", *["TypeConstraintViolation"] * 4]
    codes += ["OccurrenceConstraintViolation", "PropertyConstraintViolation"]
    answers(rig, *([4, code, "", {}] for code in codes))
    assert bench.csms_sends_wrong_calls("ClearCache") == len(codes)
    assert rig.csms.violations == []


@pytest.mark.parametrize("frame", [[3, {"status": "Accepted"}], [4, "GenericError", "", {}]])
def test_another_answer_does_not_pass(rig: FakeRig, bench: Bench, frame: list[Any]) -> None:
    answers(rig, frame)
    with pytest.raises(AssertionError, match="expected ProtocolError"):
        bench.csms_sends_wrong_calls("ClearCache")


def test_no_answer_does_not_pass(rig: FakeRig, bench: Bench) -> None:
    with pytest.raises(AssertionError, match="no answer to ClearCache"):
        bench.csms_sends_wrong_calls("ClearCache")
    with pytest.raises(AssertionError, match="no CALLERROR"):
        bench.csms_sends_text("[]", "-1", "RpcFrameworkError")


def test_texts_need_id_and_code(rig: FakeRig, bench: Bench) -> None:
    rig.plan(1, lambda: [4, "a", "FormatViolation", "", {}])
    bench.csms_sends_text('[2,"a",', "a", "FormatViolation")
    assert rig.csms.violations == []
    rig.plan(2, lambda: [4, "b", "FormatViolation", "", {}])
    with pytest.raises(AssertionError, match="expected FormatViolation"):
        bench.csms_sends_text('[2,"a",', "a", "FormatViolation")
    rig.plan(3, lambda: [4, "-1", "GenericError", "", {}])
    with pytest.raises(AssertionError, match="expected RpcFrameworkError"):
        bench.csms_sends_text("[]", "-1", "RpcFrameworkError")


def test_custom_data_is_taken_out_everywhere(bench: Bench) -> None:
    custom = {"vendorId": "x"}
    value = {"a": [{"b": 1, "customData": custom}], "customData": custom}
    assert bench.without_custom_data(value) == {"a": [{"b": 1}]}
