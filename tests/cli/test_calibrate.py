"""``radlogic calibrate`` and ``radlogic monitor`` on stores made through the store's own face."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from command import run
from monitor_store import GUIDELINE, assessed, at, sign

from radlogic.adapters import calibrate as calibrating
from radlogic.adapters import site
from radlogic.adapters.monitor.errors import CoverageNotHeld, TooFewSigned
from radlogic.adapters.store.cases import Store
from radlogic.engine import site_calibration
from radlogic.engine.calibration_file import load_calibrators, read_calibrator
from radlogic.engine.errors import BadValue, MissingKnowledge
from radlogic.engine.knowledge import load_knowledge

KINDS = {4.5: "2", 5.0: "2", 6.2: "3", 7.0: "3", 9.0: "4A", 10.0: "4A", 16.5: "4B"}
DAY = date(2026, 4, 1)


def fill(place, n, *, wrong=()):
    """``n`` signed exams, of every kind in turn; those numbered in ``wrong`` signed as something else."""
    with Store.open(place) as store:
        for i in range(n):
            mm, category = list(KINDS.items())[i % len(KINDS)]
            answer = assessed(mm)
            said = answer.decision.guidelines[0].exam.category
            signed = "4B" if i in wrong else category
            sign(store, answer, f"d{i}", i, None if said == signed else signed, f"dr-{i % 2}")
    return place


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("small") / "store", 14, wrong=(3,))


def few_are_enough(monkeypatch):
    for name, least in (("LEAST_CASES", 10), ("LEAST_PATIENTS", 10), ("LEAST_IN_HALF", 1)):
        monkeypatch.setattr(site_calibration, name, least)


def refit(place, out, **more):
    with Store.open(place, make=False) as store:
        return calibrating.calibrate(store, "Example Hospital", out, DAY, **more)


def test_fewer_than_200_signed_exams_are_refused_with_their_number_and_nothing_is_written(small, tmp_path):
    with pytest.raises(TooFewSigned, match=r"14 usable.*200 signed exams"):
        refit(small, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def of_one(study):
    """Twelve decisions about one exam, or about one patient's exams."""
    for i in range(12):
        made = assessed(9.0)
        case = made.record.case
        exam = replace(case.exam, study_uid=study(i))
        case = replace(case, exam=exam, patient=replace(case.patient, key="one-patient"))
        yield replace(made, record=replace(made.record, decision_id=f"d{i}", case=case))


@pytest.mark.parametrize(
    ("study", "said"),
    [
        (lambda _: "1.2.3.4.5.6", "1 usable.*11 not .an exam that is counted already"),
        (lambda _: "", "1 usable.*11 not .an exam that is counted already"),
        (lambda i: f"1.2.3.4.5.{i}", "12 usable, of 1 patients"),
    ],
    ids=["one study", "one patient and day", "one patient"],
)
def test_one_exam_or_one_patient_never_calibrates_a_site(tmp_path, monkeypatch, study, said):
    few_are_enough(monkeypatch)
    with Store.open(tmp_path / "store") as store:
        for i, made in enumerate(of_one(study)):
            name, who = made.record.decision_id, f"dr-{i % 2}"
            store.add(made, at(i), "radlogic")
            store.open_reasons(name, at(i), who)
            store.sign(name, at(i), who)

    with pytest.raises(TooFewSigned, match=said):
        refit(tmp_path / "store", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_too_few_people_signed_calibrates_nothing(small, tmp_path, monkeypatch):
    few_are_enough(monkeypatch)
    monkeypatch.setattr(site_calibration, "LEAST_READERS", 3)

    with pytest.raises(TooFewSigned, match=r"signed by 2; .*signed by 3 people"):
        refit(small, tmp_path / "out")


def test_a_store_in_which_no_net_spoke_is_refused(tmp_path):
    with Store.open(tmp_path / "store") as store, pytest.raises(TooFewSigned, match="no signed exam"):
        calibrating.calibrate(store, "Example Hospital", tmp_path / "out", DAY)


def test_enough_exams_give_a_calibration_that_the_engine_loads_before_the_shipped_one(small, tmp_path, monkeypatch):
    few_are_enough(monkeypatch)
    (record,) = refit(small, tmp_path / "site")

    written = read_calibrator(Path(record["file"]))
    nets = load_knowledge(None, GUIDELINE, images=True).extractors
    (used,) = load_calibrators(nets, [GUIDELINE], tmp_path / "site")
    (shipped,) = load_calibrators(nets, [GUIDELINE])
    assert used == written
    assert (written.site, written.fitted, written.until) == ("Example Hospital", DAY, date(2027, 4, 1))
    assert written.cases == record["exams"] == 14
    assert all(written.keeps(c) <= shipped.keeps(c) for c in shipped.at_least)
    assert written.otherwise <= shipped.otherwise
    assert "not histology" in written.guarantee
    assert f"{record['after']['held']} of 14 sets held" in written.guarantee


def test_the_same_store_gives_the_same_file(small, tmp_path, monkeypatch):
    few_are_enough(monkeypatch)
    refit(small, tmp_path / "a")
    refit(small, tmp_path / "b")

    assert (tmp_path / "a" / f"{GUIDELINE}.yaml").read_bytes() == (tmp_path / "b" / f"{GUIDELINE}.yaml").read_bytes()


def test_sets_that_do_not_hold_on_the_other_half_are_refused_and_nothing_is_written(small, tmp_path, monkeypatch):
    few_are_enough(monkeypatch)
    found = site_calibration.refit
    bad = site_calibration.Held(200, 150, 100, {"m": (150, 200)})

    def not_held(*given):
        made = found(*given)
        return site_calibration.Refit(made.at_least, made.otherwise, made.from_site, made.before, bad)

    monkeypatch.setattr(site_calibration, "refit", not_held)
    with pytest.raises(CoverageNotHeld, match="150 of 200"):
        refit(small, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("more", "field"), [({"level": 0.3}, "--level"), ({"level": 1.0}, "--level")])
def test_a_level_that_no_set_can_state_is_refused(small, tmp_path, more, field):
    with pytest.raises(BadValue, match=field):
        refit(small, tmp_path / "out", **more)


@pytest.mark.parametrize("site", ["", "   ", "x" * 81, "two\nlines"])
def test_a_name_that_is_none_is_refused(small, tmp_path, site):
    with Store.open(small, make=False) as store, pytest.raises(BadValue, match="--site"):
        calibrating.calibrate(store, site, tmp_path / "out", DAY)


def test_the_folder_of_the_site_is_by_the_environment_and_a_wrong_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.delenv(site.VARIABLE, raising=False)
    assert site.site_folder() is None
    monkeypatch.setenv(site.VARIABLE, str(tmp_path))
    assert site.site_folder() == tmp_path
    monkeypatch.setenv(site.VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(MissingKnowledge, match=site.VARIABLE):
        site.site_folder()


def test_the_command_refuses_too_few_exams_in_one_sentence(small, tmp_path):
    done = run("calibrate", str(small), "--site", "Example Hospital", "--out", str(tmp_path / "out"))

    assert done.code == 2
    assert "14 usable" in done.err
    assert "Traceback" not in done.err


def test_monitor_writes_its_page_and_record_and_says_so(small, tmp_path):
    done = run("monitor", str(small), "--out", str(tmp_path / "out"), "--since", "2026-03-01", "--strict")

    assert done.code == 0, done.err  # too few exams for any test, so none sounds
    record = json.loads((tmp_path / "out" / "monitor.json").read_text())
    assert record["whole"]["exams"] == 14
    assert record["counts"] == {"arrived": 14, "signed": 14}
    assert "signed in the period 14" in done.out
    assert "<svg" in (tmp_path / "out" / "monitor.html").read_text()


def test_monitor_gives_the_same_bytes_twice(small):
    first, second = (run("monitor", str(small), "--json").out for _ in range(2))

    assert first == second
    assert json.loads(first)["intended_use"]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--by", "name"), "--by"),
        (("--since", "2026-03-02", "--until", "2026-03-01"), "--until"),
        (("--since", "1.3.2026"), "--since"),
    ],
)
def test_monitor_refuses_what_it_cannot_use(small, options, field):
    done = run("monitor", str(small), *options)

    assert done.code == 2
    assert field in done.err


def test_monitor_refuses_a_store_that_is_not_there(tmp_path):
    assert run("monitor", str(tmp_path / "nowhere")).code == 2
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.slow
def test_a_scanner_that_humans_disagree_on_is_found_in_a_store(tmp_path):
    """45 exams of each of two scanners; on one of them two in three are signed as something else."""
    with Store.open(tmp_path / "store") as store:
        for i in range(90):
            bad = i % 2 == 1
            answer = assessed(4.5, manufacturer="PHILIPS" if bad else "GE", model="one")
            sign(store, answer, f"d{i}", i, "3" if bad and i % 3 else None)
    done = run("monitor", str(tmp_path / "store"), "--json", "--strict")

    alarms = {(a["alarm"], a["group"]) for a in json.loads(done.out)["alarms"]}
    assert done.code == 1
    assert ("group_agrees_less", "scanner PHILIPS one") in alarms
    assert not any(group == "scanner GE one" for _, group in alarms)


@pytest.mark.slow
def test_a_site_of_210_exams_is_calibrated_by_the_command(tmp_path):
    place = fill(tmp_path / "store", 210, wrong=range(0, 210, 70))
    done = run("calibrate", str(place), "--site", "Example Hospital", "--out", str(tmp_path / "site"), "--json")

    record = json.loads(done.out)
    assert done.code == 0, done.err
    assert record["exams"] == 210
    assert record["after"]["held"] / record["after"]["cases"] >= 0.9
    assert read_calibrator(tmp_path / "site" / f"{GUIDELINE}.yaml").site == "Example Hospital"
