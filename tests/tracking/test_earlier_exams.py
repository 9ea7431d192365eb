"""Earlier exams as they come in: whose they are, whether they are there twice, and which category a lesion had."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import store_cases
from compared_exams import ABSENT, NOW, THEN, WHOLE, apical, before, compared, decided, now, unread

from radlogic.adapters.archive.watch.earlier import _kept
from radlogic.adapters.archive.watch.seams import Prior, unmatched
from radlogic.adapters.assemble import Sources
from radlogic.adapters.assess import run
from radlogic.adapters.decision_file import dumps, loads, write_decision
from radlogic.adapters.earlier import of_archive, of_decision, with_earlier
from radlogic.adapters.report.html import report_html
from radlogic.adapters.report.text import report_text
from radlogic.adapters.store.cases import Store
from radlogic.engine.errors import Contradiction
from radlogic.engine.replay import replay
from radlogic.engine.types import Finding, Known, Measured, Route, Source, SourceKind, Unknown

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def codes(assessment):
    return [reason.code for reason in assessment.decision.review.reasons]


def test_a_decision_of_the_same_patient_is_compared_and_nothing_is_open():
    case = with_earlier(now(apical()), [of_decision(before())])

    assert case.findings[0].facts["previous_category"].value == "3"
    assert case.exam.unmatched == ()
    assert "prior_unmatched" not in codes(decided(case))


def test_a_decision_of_another_patient_is_refused_and_names_nobody():
    with pytest.raises(Contradiction, match="another patient") as refused:
        with_earlier(now(apical(), key="fedcba9876543210"), [of_decision(before())])

    assert not any(key in str(refused.value) for key in ("fedcba9876543210", "0123456789abcdef"))


@pytest.mark.parametrize("missing", ["now", "before", "both"])
def test_where_it_is_not_known_whose_an_exam_is_that_is_said_and_reviewed(missing):
    then = before()
    if missing != "now":
        nobody = replace(then.record.case, patient=replace(then.record.case.patient, key=""))
        then = replace(then, record=replace(then.record, case=nobody))
    case = with_earlier(now(apical(), key="0123456789abcdef" if missing == "before" else ""), [of_decision(then)])

    assert "not confirmed to be of the same patient" in case.exam.unmatched[0]
    assert case.exam.unmatched[0] in case.exam.notes
    assert "prior_unmatched" in codes(decided(case))


def test_the_same_exam_twice_is_refused():
    again = before(name="other")  # another decision of the same study

    for pair in ([before(), before()], [before(), again]):
        with pytest.raises(Contradiction, match="twice"):
            with_earlier(now(apical()), [of_decision(one) for one in pair])


def test_two_studies_of_one_day_are_two_exams():
    case = store_cases.exam()
    other = before(exam=replace(case.exam, study_uid="1.2.826.0.1.3680043.8.498.2"))

    compared = with_earlier(now(apical()), [of_decision(before()), of_decision(other)])

    assert compared.findings[0].facts["status"].value == "existing"


def test_stated_to_have_no_prior_and_given_one_is_refused():
    case = now(apical())
    none = replace(case, exam=replace(case.exam, facts={**case.exam.facts, **store_cases.stated(prior_ct="none")}))

    with pytest.raises(Contradiction, match="prior_ct"):
        with_earlier(none, [of_decision(before())])


def test_what_is_open_is_kept_in_the_file_and_stands_under_comparison_and_uncertainty():
    assessment = decided(with_earlier(now(), [of_decision(before())]))
    text = " ".join(report_text(loads(dumps(assessment))).split())

    assert loads(dumps(assessment)).record == assessment.record
    technique, rest = text.split(" TECHNIQUE ", 1)[1].split(" COMPARISON ", 1)
    comparison, uncertainty = rest.split(" FINDINGS ", 1)[0], rest.split(" WHAT IS UNCERTAIN, AND WHY ", 1)[1]
    said = "apical of decision"
    assert said in comparison
    assert "may be resolved, to be confirmed" in comparison
    assert said in uncertainty
    assert said not in technique


def signed(folder, assessment, answer):
    """The decision as a store keeps it once a signer stated another answer."""
    with Store.open(folder) as store:
        name = store.add(assessment, AT, "radlogic")
        store.open_reasons(name, AT, "dr-a")
        given = store.override(name, "clinical_context", "seen again", AT, "dr-a", answer=answer)
        store.sign(name, AT, "dr-a", seen=given.sequence)
        return store.case(name)


def test_a_signed_category_goes_before_the_engines(tmp_path):
    kept = signed(tmp_path, before(), {"guideline": "lung-rads@2022", "category": "4A"})

    case = with_earlier(now(apical()), [of_decision(kept.assessment, kept=kept)])

    assert case.findings[0].facts["previous_category"].value == "4A"
    assert case.exam.unmatched == ()


def grown(case):
    """The growth that is decided of the first finding."""
    return decided(case).decision.guidelines[0].findings[0].growth


def findings_of(text):
    return " ".join(text.split()).split(" FINDINGS ", 1)[1].split(" IMPRESSION ", 1)[0]


def test_growth_is_decided_kept_told_and_replayed():
    made = compared("10.5")
    again = loads(dumps(made))
    found = again.decision.guidelines[0].findings[0].growth

    assert again == made
    assert (found.change_mm, found.months, found.threshold_mm) == (3.5, 6, 1.5)
    assert replay(again) == made
    told = findings_of(report_text(again))
    assert "Mean diameter changed by +3.5 mm in 6 months" in told
    assert "Growth of more than 1.5 mm, as ACR Lung-RADS v2022 counts it, has a probability of 89.7 %." in told
    assert "Volume doubling time 104 days (90 %: 60 to 402 days)." in told


def test_the_page_tells_the_same_growth_and_draws_it():
    page = report_html(compared("10.5"))

    assert "has a probability of 89.7 %" in page
    assert "Volume doubling time 104 days (90 %: 60 to 402 days)." in page
    assert "apical: mean diameter over time" in page


def test_a_lesion_that_may_not_have_grown_has_no_doubling_time_but_the_shortest():
    told = findings_of(report_text(compared("7.5")))

    assert "Volume doubling time cannot be told: the errors of both measurements are larger than the change" in told
    assert "(90 %: 109 days or longer; it may not have grown)" in told


@pytest.mark.parametrize(("day", "time"), [(26, "1 day"), (24, "3 days")])
def test_of_exams_a_day_or_few_apart_no_doubling_time_is_told(day, time):
    then = store_cases.exam()
    late = before(exam=replace(then.exam, date=date(2026, 8, day), facts={**then.exam.facts, **WHOLE}))
    told = findings_of(report_text(decided(with_earlier(now(apical("apical", "10.5")), [of_decision(late)]))))

    assert f"Mean diameter changed by +3.5 mm in {time}, " in told
    assert f"cannot be told: the exams lie {time} apart, and their dates tell the time between to a day only" in told


@pytest.mark.parametrize(
    ("day", "words"),
    [(date(2025, 8, 27), "12 months earlier"), (date(2025, 8, 26), "12 months and 1 day earlier"),
     (date(2026, 7, 27), "1 month earlier"), (date(2026, 8, 24), "3 days earlier")],
)  # fmt: skip
def test_the_time_since_the_earlier_exam_is_said_as_people_say_it(day, words):
    then = store_cases.exam()
    early = before(exam=replace(then.exam, date=day, facts={**then.exam.facts, **WHOLE}))

    made = decided(with_earlier(now(apical("apical", "10.5")), [of_decision(early)]))

    assert f"On the prior exam, {words}, its mean diameter was 7.0 mm." in findings_of(report_text(made))


def test_growth_is_told_where_no_guideline_reads_the_lesion():
    made = unread()
    told = findings_of(report_text(made))

    assert [g.application.applies for g in made.decision.guidelines] == ["no"]
    assert "Mean diameter changed by +3.5 mm in 6 months" in told
    assert "Volume doubling time 104 days" in told
    assert "has a probability of" not in told


def test_exams_further_apart_than_the_guideline_speaks_of_are_told():
    then = store_cases.exam()
    early = before(exam=replace(then.exam, date=date(2025, 2, 27), facts={**then.exam.facts, **WHOLE}))
    told = findings_of(report_text(decided(with_earlier(now(apical("apical", "10.5")), [of_decision(early)]))))

    assert "further apart than the 12 months within which ACR Lung-RADS v2022 counts growth" in told


def test_a_shrinking_lesion_has_no_doubling_time_in_the_report():
    told = findings_of(report_text(compared("5.0")))

    assert "Mean diameter changed by -2.0 mm" in told
    assert "doubling" not in told


def test_growth_of_a_net_s_size_is_not_told_where_nets_are_withheld():
    net = Source(SourceKind.NET, "a net that nobody knows")
    read = replace(apical(), facts={**apical().facts, "mean_mm": Measured(10.5, 0.5, "mm", net)})
    made = decided(with_earlier(now(read), [of_decision(before())]))

    assert made.decision.route is Route.RULE_BASED
    assert isinstance(made.decision.guidelines[0].findings[0].growth, Unknown)
    assert "cannot be told: this exam: a net's belief, withheld" in findings_of(report_text(made))


def test_a_match_that_is_open_has_no_growth_and_the_report_says_so():
    elsewhere = apical("N1", "10.5")  # a count is no name
    made = decided(with_earlier(now(elsewhere), [of_decision(before("N1"))]))
    told = findings_of(report_text(made))

    assert isinstance(made.decision.guidelines[0].findings[0].growth, Unknown)
    assert "Growth since the prior exam cannot be told: not matched with the prior" in told
    assert "doubling" not in told


DENIED = {
    "new": ({"status": "new"}, "the status is stated as new", "It is new"),
    "baseline": ({"status": "baseline"}, "the status is stated as baseline", "seen for the first time"),
    "another size": ({"prior_mean_mm": Decimal(20)}, "stated as 20 mm", "its mean diameter was 20 mm"),
    "another category": ({"previous_category": "4B"}, "stated as 4B", "Category on the prior exam: 4B"),
    "another interval": ({"interval_months": Decimal(12)}, "stated as 12 months", "12 months earlier"),
}


@pytest.mark.parametrize("name", DENIED)
def test_a_statement_that_denies_the_prior_is_named_reviewed_and_never_told_as_it_stands(name):
    stated, said, never = DENIED[name]
    made = compared("7.0", **stated)
    told = findings_of(report_text(made))

    (text,) = [r.text for r in made.decision.review.reasons if r.code == "evidence_conflict" and "match" in r.text]
    assert said in text
    assert said in told
    assert "Statements that deny each other" in told
    assert never not in told
    assert made.decision.route is Route.RULE_BASED
    assert isinstance(made.decision.guidelines[0].findings[0].growth, Unknown)


def test_a_statement_that_denies_the_prior_mixes_nothing_of_the_two():
    (told,) = with_earlier(now(apical(status="new")), [of_decision(before())]).findings

    assert told.facts["status"].value == "new"
    for name in ("prior_mean_mm", "interval_months", "previous_category", "history"):
        assert isinstance(told.facts[name], Unknown)
    assert told.before.facts["prior_mean_mm"].value == Decimal("7.0")


SELF_DENIED = {
    "gone, and measured": (
        {"mm": "20", "status": "resolved"},
        "stated as resolved, with a mean diameter of 20 mm on this exam",
        "no longer seen",
    ),
    "not grown, and larger": (
        {"mm": "12", "growing": False},
        "stated not to have grown; its mean diameter was 7.0 mm and is 12 mm",
        "has not grown",
    ),
    "grown, and smaller": (
        {"mm": "4", "growing": True},
        "stated to have grown; its mean diameter was 7.0 mm and is 4 mm",
        "It has grown",
    ),
}


@pytest.mark.parametrize("name", SELF_DENIED)
@pytest.mark.parametrize("prior", [True, False], ids=["found again", "prior size stated"])
def test_statements_of_one_lesion_that_deny_each_other_are_named_and_reviewed(name, prior):
    stated, said, never = SELF_DENIED[name]
    sizes = {} if prior else {"prior_mean_mm": Decimal("7.0"), "interval_months": Decimal(6)}
    made = compared(**stated) if prior else decided(now(apical(**{"status": "existing", **sizes, **stated})))
    told = findings_of(report_text(made))

    assert any(said in r.text for r in made.decision.review.reasons if r.code == "evidence_conflict")
    assert said in told
    assert never not in told
    assert made.decision.route is Route.RULE_BASED


@pytest.mark.parametrize(
    "stated",
    [
        {"mm": "8.0", "growing": False},  # within what two readers differ by
        {"mm": "12", "growing": True},
        {"mm": "7.0", "growing": False},
    ],
)
def test_a_statement_of_growth_that_sizes_allow_denies_nothing(stated):
    assert "Statements that deny" not in findings_of(report_text(compared(**stated)))


def test_a_lesion_that_is_gone_and_has_no_size_denies_nothing():
    gone = Finding("apical", "nodule", store_cases.stated(**ABSENT, type="solid", status="resolved"))
    made = decided(with_earlier(now(gone), [of_decision(before())]))

    assert "It is no longer seen" in findings_of(report_text(made))
    assert "Statements that deny" not in findings_of(report_text(made))


@pytest.mark.parametrize(("core", "said"), [("5.0", "+2.0 mm"), ("3.0", "")])
def test_the_change_of_the_solid_component_is_told_beside_the_growth_of_the_whole(core, said):
    sizes = {"type": "part_solid", "solid_mean_mm": Decimal(core), "prior_solid_mean_mm": Decimal("3.0")}
    told = findings_of(report_text(compared("7.0", **sizes)))

    assert "Mean diameter changed by +0.0 mm" in told
    assert ("Its solid component changed by +2.0 mm" in told) is bool(said)
    assert said in told


def test_a_statement_put_right_is_a_contradiction_no_more():
    case = with_earlier(now(apical(prior_mean_mm=Decimal(20))), [of_decision(before())])
    (mine,) = case.findings
    right = replace(
        case, findings=(replace(mine, facts={**mine.facts, **store_cases.stated(prior_mean_mm=Decimal(7))}),)
    )

    assert "evidence_conflict" in codes(decided(case))
    assert "evidence_conflict" not in codes(decided(right))
    assert grown(right).change_mm == 0


def test_a_first_screen_after_a_screen_is_reviewed():
    first = now(apical())
    first = replace(first, exam=replace(first.exam, facts={**first.exam.facts, **store_cases.stated(round="baseline")}))

    case = with_earlier(first, [of_decision(before())])

    assert "stated as baseline" in case.exam.unmatched[0]
    assert "prior_unmatched" in codes(decided(case))


def prior_ct(case):
    belief = case.exam.facts.get("prior_ct")
    return belief.value if isinstance(belief, Known) else None


def liver(**facts):
    """The decision of an earlier exam of the liver."""
    case = store_cases.exam()
    around = replace(case.exam, facts=store_cases.stated(**facts))
    seen = Finding("apical", "observation", store_cases.stated(size_mm=Decimal("7.0")))
    return store_cases.decided(replace(case, exam=around, findings=(seen,), assessed=("observation",)))


@pytest.mark.parametrize(
    ("earlier", "found"),
    [
        (before(), "available"),
        (before("N1"), None),  # of the chest, and no lesion of it was found again
        (before(findings=()), "available"),  # somebody looked for nodules, and there were none
        (liver(modality="CT"), None),
        (liver(modality="MRI_ECA"), None),
        (before(exam=replace(store_cases.exam().exam, facts={**store_cases.exam().exam.facts, **WHOLE,
                                                             **store_cases.stated(modality="MR")})), None),
    ],
    ids=["chest", "not compared", "nothing to find", "liver CT", "liver MRI", "chest MRI"],
)  # fmt: skip
def test_there_is_a_prior_ct_only_where_a_chest_ct_was_compared(earlier, found):
    assert prior_ct(with_earlier(now(apical()), [of_decision(earlier)])) == found


def test_no_prior_chest_ct_and_an_earlier_exam_of_the_liver_fit():
    case = now(apical())
    none = replace(case, exam=replace(case.exam, facts={**case.exam.facts, **store_cases.stated(prior_ct="none")}))

    assert prior_ct(with_earlier(none, [of_decision(liver(modality="CT"))])) == "none"


def test_a_superseded_decision_is_refused_and_the_one_that_stands_is_named(tmp_path):
    old, new = before(), before(name="basal")
    with Store.open(tmp_path) as store:
        name = store.add(old, AT, "radlogic")
        store.open_reasons(name, AT, "dr-a")
        store.correct(name, new, AT, "dr-a")
        kept = store.case(name)

    with pytest.raises(Contradiction, match="took the place") as refused:
        of_decision(old, kept=kept)

    assert kept.row.superseded_by in str(refused.value)


def test_a_file_that_is_not_what_was_kept_is_refused(tmp_path):
    kept = signed(tmp_path, before(), {"category": "4A"})
    tampered = replace(kept.assessment.decision, notes=("another",))

    with pytest.raises(Contradiction, match="in the store"):
        of_decision(replace(kept.assessment, decision=tampered), kept=kept)


def test_a_decision_that_nobody_signed_is_said_to_be_preliminary(tmp_path):
    kept = signed(tmp_path, before(), {"category": "4A"})

    drafts, final = (with_earlier(now(apical()), [of_decision(before(), kept=k)]) for k in (None, kept))

    assert any("is preliminary" in text for text in drafts.exam.compared)
    assert not any("is preliminary" in text for text in final.exam.compared)


@pytest.mark.parametrize("several", [True, False])
def test_a_signed_category_that_is_no_single_lesions_is_nobodys_and_reviewed(tmp_path, several):
    then, answer = before(), {"guideline": "lung-rads@2022", "category": "4A"}
    if several:
        one = then.record.case.findings[0]
        then = store_cases.decided(replace(then.record.case, findings=(one, replace(one, tracking_id="basal"))))
    else:
        answer = {"guideline": "li-rads-ct-mri@2018", "category": "LR-3"}
    kept = signed(tmp_path, then, answer)

    case = with_earlier(now(apical()), [of_decision(kept.assessment, kept=kept)])

    assert not isinstance(case.findings[0].facts["previous_category"], Known)
    assert any("its signer overrode" in text for text in case.exam.unmatched)
    assert "prior_unmatched" in codes(decided(case))


def test_the_command_reads_the_signed_category_from_the_store(tmp_path):
    kept = signed(tmp_path / "store", before(), {"category": "4A"})
    write_decision(kept.assessment, tmp_path / "before.json")
    facts = {"round": "annual", "lungs_fully_evaluable": True, "s_finding": "none", "indication": "screening"}
    nodule = {"tracking_id": "apical", "type": "solid", "mean_mm": 7.0}
    form = {"exam": {**facts, "date": NOW.isoformat()}, "nodules": [nodule]}
    (tmp_path / "now.json").write_text(json.dumps(form), encoding="utf-8")
    sources = Sources(
        findings=tmp_path / "now.json", prior_decisions=(tmp_path / "before.json",), store=tmp_path / "store"
    )

    (found,) = run(sources, "lung-rads@2022", NOW)[0].record.case.findings
    (alone,) = run(replace(sources, store=None), "lung-rads@2022", NOW)[0].record.case.findings

    assert [f.facts["previous_category"].value for f in (found, alone)] == ["4A", "3"]


def test_the_watch_gives_categories_and_what_was_looked_for_to_the_matching(tmp_path):
    kept = signed(tmp_path, before(), {"category": "4A"})
    exam = Prior(THEN, "1.2.826.0.1.3680043.8.498.1", tmp_path, lambda: None)

    prior = _kept(exam, kept, [])
    case = of_archive(now(apical(), key=""), [prior])

    assert (dict(prior.categories), prior.assessed) == ({"apical": "4A"}, ("nodule",))
    assert case.findings[0].facts["previous_category"].value == "4A"
    assert case.exam.unmatched == ()  # whose it is was read off the images


@pytest.mark.parametrize("matching", [of_archive, unmatched])
def test_an_earlier_exam_in_the_archive_that_was_not_compared_is_reviewed(tmp_path, matching):
    exam = Prior(THEN, "1.2.826.0.1.3680043.8.498.1", tmp_path, lambda: None)

    case = matching(now(apical()), [exam])

    assert str(THEN) in case.exam.unmatched[0]
    assert "prior_unmatched" in codes(decided(case))
