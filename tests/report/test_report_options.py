"""Options of ``radlogic report`` that do not go together are refused before anything is read or written."""

from pathlib import Path

import pytest

from radlogic.adapters.report_commands import Asked, report
from radlogic.adapters.report_options import SAYS, option_of
from radlogic.engine.errors import Contradiction

DECISION = Path("decision.json")  # there is none: what is refused here was not read


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"html": True, "fhir": True}, "several forms"),
        ({"pdf": Path("x.pdf"), "sr": Path("x.dcm")}, "several forms"),
        ({"series": Path("ct")}, "--series: given with plain text"),
        ({"series": Path("ct"), "fhir": True}, "--series: given with --fhir"),
        ({"patient": "Patient/7"}, "--patient: given with plain text"),
        ({"base": "https://x.example", "html": True}, "--base: given with --html"),
        ({"reader": "Doe^Jane"}, "--reader: given with plain text"),
        ({"institution": "Clinic", "pdf": Path("x.pdf")}, "--institution: given with --pdf"),
        ({"drawn": Path("d.dcm"), "sr": Path("x.dcm")}, "--drawn: given with --sr"),
        ({"replaces": (Path("o.dcm"),), "seg": Path("x.dcm")}, "--replaces: given with --seg"),
        ({"language": "qps", "fhir": True}, "--language: given with --fhir"),
        ({"same_exam": True, "html": True}, "--same-exam: given without --series"),
        ({"sr": Path("x.dcm"), "seg": Path("./x.dcm")}, "--seg: the path of --sr as well"),
        ({"pdf": DECISION}, "--pdf: the path of the decision as well"),
        ({"seg": Path("d.dcm"), "drawn": Path("d.dcm")}, "--seg: the path of --drawn as well"),
        ({"sr": Path("o.dcm"), "replaces": (Path("o.dcm"),)}, "--sr: the path of --replaces as well"),
    ],
)
def test_what_does_not_go_together_is_refused_by_its_name(given, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(Contradiction) as refused:
        report(Asked(DECISION, **given))

    assert says in (f"{refused.value.field}: {refused.value.found}", refused.value.found)
    assert list(tmp_path.iterdir()) == []


def test_two_outputs_by_a_link_to_one_file_are_one_path(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "there")

    with pytest.raises(Contradiction, match="the path of --sr as well"):
        report(Asked(DECISION, sr=tmp_path / "here" / "x.dcm", seg=tmp_path / "there" / "x.dcm"))


def test_every_option_is_a_field_of_what_is_asked():
    assert set(SAYS) <= {*Asked.__dataclass_fields__}
    assert option_of("same_exam") == "--same-exam"
