"""The patches of the mutation run: those in the repository apply, and one that does not is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench import mutations
from bench.mutations import Mutation, MutationError, Outcome
from bench.results import Measurement, Result
from bench.scenarios import discover

MUTATION = """
[[mutation]]
name = "{name}"
rule = "X00.FR.00: a rule"
file = "{file}"
old = '''{old}'''
new = '''{new}'''
caught_by = ["TC_B_01_CS"]
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    (tmp_path / "station.py").write_text("a = 1\nb = 1\nc = 2\n")
    return tmp_path


def written(folder: Path, *texts: str) -> Path:
    path = folder / "mutations.toml"
    path.write_text("".join(texts))
    return path


def one(**fields: str) -> str:
    return MUTATION.format(**{"name": "m", "file": "station.py", "old": "c = 2", "new": "c = 3"} | fields)


def test_all_mutations_apply_and_name_scenarios() -> None:
    found = mutations.load()
    assert mutations.choose(found, discover(), []) == found
    for mutation in found:
        assert ": " in mutation.rule, mutation.name


def test_patch_is_applied_to_the_text_alone(sources: Path) -> None:
    (mutation,) = mutations.load(written(sources, one()), sources)
    assert mutation.apply(sources) == "a = 1\nb = 1\nc = 3\n"
    assert (sources / "station.py").read_text() == "a = 1\nb = 1\nc = 2\n"


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ([one(old="c = 9")], r"'m' no longer applies: firmware/station.py has its old text 0 times"),
        ([one(old=" = 1")], r"'m' no longer applies: .* 2 times, not once"),
        ([one(file="gone.py")], "'m' no longer applies: there is no firmware/gone.py"),
        ([one(new="c = = 3")], "'m' is no Python: line 3"),
        ([one(new="c = 2")], "'m' changes nothing"),
        ([one(), one()], "'m' is there twice"),
        ([one().replace("X00.FR.00: a rule", "")], "'m' must have name, rule, file, old, new, caught_by"),
        (["[[mutation]]\nname = 'm'\n"], "'m' must have"),
        (["[[mutation\n"], "mutations.toml"),
        (["mutation = 3\n"], "there must be tables"),
        ([one().replace('"station.py"', "3")], "'m' has a value that is no text"),
        ([one(name="../m")], "a name is of a-z"),
        ([one(name="unpatched-lite")], "a name is of a-z"),
    ],
)
def test_patch_that_cannot_be(texts: list[str], complaint: str, sources: Path) -> None:
    with pytest.raises(MutationError, match=complaint):
        mutations.load(written(sources, *texts), sources)


def test_patch_of_c_is_no_python(sources: Path) -> None:
    (sources / "port.c").write_text("int a = 1;\n")
    text = one(file="port.c", old="1", new="2")
    (mutation,) = mutations.load(written(sources, text), sources)
    assert mutation.apply(sources) == "int a = 2;\n"


def test_choice_by_name_and_unknown_scenarios(sources: Path) -> None:
    found = mutations.load(written(sources, one(), one(name="n")), sources)
    assert [mutation.name for mutation in mutations.choose(found, discover(), ["n"])] == ["n"]
    with pytest.raises(MutationError, match="no mutation 'x'; there are m, n"):
        mutations.choose(found, discover(), ["x"])
    with pytest.raises(MutationError, match="no mutation 'stop-it'; did you mean stop-it-not"):
        mutations.choose([replace(found[0], name="stop-it-not")], discover(), ["stop-it"])
    with pytest.raises(MutationError, match="mutation 'm': no scenario 'TC_B_01_CS'"):
        mutations.choose(found, [each for each in discover() if each.id != "TC_B_01_CS"], [])


@pytest.mark.parametrize(
    ("file", "caught_by", "variant"),
    [
        ("station/link.py", ("TC_B_01_CS",), "lite"),
        ("station/link.py", ("TC_B_01_CS", "TC_A_19_CS"), "secure"),
        ("station/notices.py", ("TC_B_01_CS",), "secure"),
        ("port/tls/keys.c", ("TC_B_01_CS",), "secure"),
        ("port/main.c", ("Actions That The Station Does Not Have Are Refused",), "lite"),
    ],
)
def test_what_is_built_has_the_file_and_passes_the_scenarios(
    file: str, caught_by: tuple[str, ...], variant: str
) -> None:
    mutation = Mutation("m", "X00.FR.00: a rule", file, "a", "b", caught_by)
    assert mutations.variant_of(mutation, {each.id: each for each in discover()}) == variant


def test_scenarios_that_no_variant_passes() -> None:
    scenarios = {each.id: replace(each, tags=("needs repl",)) for each in discover()}
    mutation = Mutation("m", "X00.FR.00: a rule", "station/secure.py", "a", "b", ("TC_A_04_CS",))
    with pytest.raises(MutationError, match=r"no variant has firmware/station/secure.py .* TC_A_04_CS"):
        mutations.variant_of(mutation, scenarios)


def test_only_a_scenario_that_came_to_its_end_has_caught_a_mutation() -> None:
    measured = Measurement("b", "unicorn", "n", 1.0, 1.0, 1, "", {})

    def result(outcome: str, measurement: Measurement | None = measured) -> Result:
        return Result("b", "TC_B_01_CS", "n", outcome, "", 0, measurement)

    assert mutations.verdict(result("FAIL"), result("PASS")) == mutations.CAUGHT
    assert mutations.verdict(result("PASS"), result("PASS")) == mutations.MISSED
    assert mutations.verdict(result("FAIL"), result("FAIL")) == mutations.UNSOUND
    assert mutations.verdict(result("FAIL", None), result("PASS")) == mutations.UNSOUND


def test_report_tells_what_was_not_caught(tmp_path: Path) -> None:
    mutation = Mutation("m", "X00.FR.00: a rule", "station.py", "a", "b", ("TC_B_01_CS", "TC_B_02_CS"))
    caught = Outcome(mutation, {"TC_B_01_CS": "caught", "TC_B_02_CS": "caught"}, {"TC_B_01_CS": "a | b\nc"})
    survived = Outcome(mutation, {"TC_B_01_CS": "caught", "TC_B_02_CS": "missed"}, {"TC_B_01_CS": "a"})
    assert (caught.caught, survived.caught) == (True, False)
    mutations.write([caught, survived], "board", tmp_path)
    text = (tmp_path / "mutations.md").read_text()
    assert "1 of 2 caught on board" in text
    assert "| TC_B_01_CS TC_B_02_CS | caught | a \\| b |" in text
    assert "TC_B_02_CS (missed) | **not caught** |" in text
    content = json.loads((tmp_path / "mutations.json").read_text())
    assert [each["caught"] for each in content] == [True, False]
    assert content[0]["mutation"]["rule"] == "X00.FR.00: a rule"
