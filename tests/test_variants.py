"""firmware/variants.py: the table of features and variants, and what a variant freezes."""

from pathlib import Path

import pytest

from bench import firmware as firmware_build
from bench.conformance.core import load_core
from bench.conformance.pics import load_pics, of_variant, statements
from firmware.variants import FOLDER, VariantError, folded, load, main, settings, write_application
from tests.loading import load as load_module

TABLE = """
[feature.one]
text = "a thing"
modules = ["clock.py"]
cases = ["P", "TC_B_01_CS"]
off = ["C-49", "C-54"]
[feature.two]
text = "another"
needs = ["one"]
on = { "C-57" = { value = true, reason = "it uploads" } }
[variant.lite]
text = "all"
features = ["one", "two"]
heap = 1600
stack = 800
[variant.small]
text = "less"
like = "lite"
without = ["one", "two"]
heap = 1600
stack = 800
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "variants.toml"
    file.write_text(TABLE)
    return file


def test_the_project_has_a_release_and_it_is_first() -> None:
    assert firmware_build.variants()[0] == firmware_build.RELEASE


def test_cpython_finds_every_feature_on() -> None:
    features = load_module(FOLDER / "station" / "features.py")
    known = {name: value for name, value in vars(features).items() if name.isupper()}
    assert known == {name.upper(): True for name in load().features}


def test_what_needs_a_feature_goes_with_it(path: Path) -> None:
    table = load(path)
    assert table.variant("lite").features == {"one", "two"}
    assert table.variant("lite", ("two",)).features == {"one"}
    assert table.variant("lite", ("one",)).features == set()
    with pytest.raises(VariantError, match="the variant small has no feature 'one' to leave out"):
        table.variant("small", ("one",))
    with pytest.raises(VariantError, match="no variant 'big'; there are lite, small"):
        table.variant("big")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('text = "a thing"', "", "feature 'one' has text"),
        ('needs = ["one"]', 'needs = ["none"]', "feature two names 'none', which is no feature"),
        ('without = ["one", "two"]', 'without = ["one"]', "variant small has two but not one"),
        ('without = ["one", "two"]', 'without = ["six"]', "lite has no 'six' to be without"),
        ('like = "lite"', "", "either features, or is like one above it"),
        ("heap = 1600", "heap = 1601", "heap is a number of 16 bytes"),
        ('modules = ["clock.py"]', 'modules = ["glock.py"]', "not in firmware/station"),
        ('cases = ["P", "TC_B_01_CS"]', 'cases = ["TC_B_1"]', "'TC_B_1' of feature one is no test case"),
        ("[feature.one]", "[feature.one", "variants.toml: Expected"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(path: Path, old: str, new: str, complaint: str) -> None:
    path.write_text(TABLE.replace(old, new))
    with pytest.raises(VariantError, match=complaint):
        load(path)


SOURCE = """from . import clock, features, log
TABLE = (
    # without ONE
    0,
    # end
    # feature ONE
    # without TWO
    9,
    # end
    1,
    # end
    2,
)
if features.ONE:
    from .one import One
"""


def test_a_module_is_folded_and_no_line_moves(path: Path) -> None:
    table = load(path)
    on = folded(SOURCE, Path("x.py"), table, table.variant("lite"))
    off = folded(SOURCE, Path("x.py"), table, table.variant("small"))
    assert on.splitlines()[0] == "from . import clock, log"
    assert off.splitlines()[0] == "from . import log"
    assert "if True:" in on
    assert "if False:" in off
    tables: list[dict[str, tuple[int, ...]]] = [{}, {}]
    for text, names in zip((on, off), tables, strict=True):
        exec(text.split("if ")[0].replace("from . import", "#"), names)
    assert [names["TABLE"] for names in tables] == [(1, 2), (0, 2)]
    assert len(on.splitlines()) == len(off.splitlines()) == len(SOURCE.splitlines())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("if features.SIX: pass\n", "x.py: SIX: no such feature"),
        ("# feature SIX\n# end\n", "x.py: SIX: no such feature"),
        ("# feature ONE\n# feature TWO\n# end\n", "x.py: '# feature NAME' without '# end'"),
        ("# end\n", "x.py:1: '# end' without '# feature NAME'"),
        ("from .features import ONE\n", "x.py: features can be had by 'from . import features'"),
    ],
)
def test_what_cannot_be_folded_is_said(path: Path, text: str, complaint: str) -> None:
    table = load(path)
    with pytest.raises(VariantError, match=complaint):
        folded(text, Path("x.py"), table, table.variant("lite"))


def test_statements_that_call_what_is_off_are_left_out(path: Path) -> None:
    path.write_text(TABLE.replace('cases = ["P"', 'calls = ["log.debug"]\ncases = ["P"'))
    table = load(path)
    source = "def f(x):\n    if x:\n        log.debug(\n            x)\n    log.info(x)\n    return log\n"
    assert folded(source, path, table, table.variant("lite")) == source
    off = folded(source, path, table, table.variant("small"))
    assert off == "def f(x):\n    if x:\n        pass\n\n    log.info(x)\n    return log\n"


def test_modules_of_features_that_are_off_are_not_frozen(tmp_path: Path) -> None:
    table = load()
    frozen = {}
    for name in ("lite", "secure"):
        write_application(table, table.variant(name), tmp_path / name)
        frozen[name] = {file.name for file in (tmp_path / name / "station").iterdir()}
        assert all(f'"{file}"' in (tmp_path / name / "manifest.py").read_text() for file in frozen[name])
        assert "features.py" not in frozen[name]
    more = table.variants["secure"].features - table.variants["lite"].features
    modules = {module for feature in more for module in table.features[feature].modules}
    assert frozen["secure"] - frozen["lite"] == modules
    assert "diagnostics.py" in modules


def test_statement_of_a_variant(path: Path) -> None:
    table, release = load(path), load_pics()
    cases = {case.id: case for case in load_core()}
    lite, small = (of_variant(release, table, table.variant(name)) for name in ("lite", "small"))
    assert lite.feature("C-57") is True
    assert lite.feature("C-49") is True
    assert lite.features["C-57"].reason == "it uploads"
    assert small.feature("C-57") is False
    assert small.feature("C-49") is False
    assert small.feature("C-54") == []
    for case in ("TC_B_01_CS", "TC_P_01_CS"):
        assert cases[case].applicability(lite).applies
        excluded = cases[case].applicability(small)
        assert excluded.excluded_by == ("feature one",)
        assert excluded.reasons == ("feature one: no (a thing)",)
    assert cases["TC_B_02_CS"].applicability(small).applies


def test_statements_of_the_project_answer_every_condition() -> None:
    for statement in statements(load()).values():
        for case in load_core():
            case.applicability(statement)


def test_features_name_cases_of_the_list() -> None:
    known = {case.id for case in load_core()} | {case.block for case in load_core()}
    for feature in load().features.values():
        assert set(feature.cases) <= known, feature.name


def test_the_makefile_is_told_of_what_c_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    table = load()
    said = settings(table, table.variant("lite"))
    assert main(["lite"]) == 0
    assert capsys.readouterr().out == "".join(f"{name}={value}\n" for name, value in said.items())
    assert " " not in "".join(said.values())
    assert main(["heavy"]) == 1
    assert "no variant 'heavy'" in capsys.readouterr().err
