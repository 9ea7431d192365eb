"""A case from the worklist to the signature, as a reader's browser goes through it."""

import re

import pytest
from review_world import (
    NODULE,
    NOW,
    SEEN,
    believed,
    candidate,
    case_of,
    form_fields,
    small_volume,
)

from radlogic.adapters.access.permissions import Role
from radlogic.adapters.notice import INTENDED_USE, PRELIMINARY
from radlogic.adapters.store import images
from radlogic.adapters.store.cases import Kind, State

CASE = case_of(NODULE)
OVERRIDE = {"reason": "clinical_context", "comment": "known metastatic disease", "answer": "lung-rads@2022|4X"}


def form_part(page: str, name: str) -> str:
    """What stands in a box for words."""
    found = re.search(rf'<textarea id="{name}"[^>]*>(.*?)</textarea>', page, re.S)
    assert found
    return found[1].strip()


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def kept(service):
    return service.add(CASE, small_volume())


# ---- the worklist ----


def test_the_worklist_hides_the_answer_of_what_this_reader_has_not_read(service, kept):
    reader = service.enter(Role.READER)
    before = reader.get("/review").text
    reader.read(kept, SEEN)
    after = reader.get("/review").text

    assert ("lung-rads@2022: 4A" in after, "lung-rads@2022" in before) == (True, False)
    assert "Read first" in before


def test_what_another_has_read_is_still_hidden_from_who_has_not(service, kept):
    service.enter(Role.READER).read(kept, SEEN)

    assert "lung-rads@2022" not in service.enter(Role.REVIEWER).get("/review").text


def test_the_worklist_is_paged_by_urgency_and_each_case_is_on_one_page(make_review):
    service = make_review(page_size=2)
    ids = [service.add(case_of({**NODULE, "long_mm": NODULE["long_mm"] + i})) for i in range(5)]
    reader, path, seen = service.enter(Role.AUDITOR), "/review", []
    while path:
        page = reader.get(path).text
        seen += re.findall(r'class="open" href="/review/([0-9a-f]{32})"', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = following[1].replace("&amp;", "&") if following else ""

    assert seen == ids


def test_the_filter_shows_the_state_that_is_asked_for(service, kept):
    auditor, reader = service.enter(Role.AUDITOR), service.enter(Role.READER)
    reader.read(kept, SEEN)
    states = {s: kept in auditor.get(f"/review?state={s}").text for s in ("open", "all", *State)}

    assert states == {"open": True, "all": True, **{s: s is State.READ for s in State}}


@pytest.mark.parametrize("query", ["state=other", "priority=other", "after=nonsense", "after=1|2|3"])
def test_a_filter_that_is_none_is_refused_with_what_is_allowed(service, query):
    answer = service.enter(Role.AUDITOR).get(f"/review?{query}")

    assert answer.status_code == 422
    assert "allowed" in answer.text


def test_a_case_can_be_taken_and_found_under_only_mine(service, kept):
    reader = service.enter(Role.READER)
    mine_before = kept in reader.get("/review?mine=1").text
    reader.do(kept, "assignment", {"do": "take"})
    mine = kept in reader.get("/review?mine=1").text
    reader.do(kept, "assignment", {"do": "give"})

    assert (mine_before, mine, kept in reader.get("/review?mine=1").text) == (False, True, False)


# ---- read first ----

ENGINE_SAYS = ("4A", "LDCT", "Category", "N1", "right upper lobe", "9.4", "<svg", "risk of", "finding_unknown", "odds")


def test_nothing_of_the_engines_reaches_the_browser_before_the_reader_committed(service):
    kept = service.add(believed(CASE), small_volume())
    reader = service.enter(Role.READER)
    page = reader.page(kept)
    about = reader.get(f"/review/{kept}/viewer.json").json()

    assert [word for word in ENGINE_SAYS if word in page] == []
    assert about["marks"] == []
    for part in ("correction", "evidence/0"):
        assert reader.get(f"/review/{kept}/{part}").status_code == 409


@pytest.mark.parametrize("what", ["reasons", "acceptance", "override", "signature", "correction", "preview"])
def test_nothing_is_done_with_the_engines_answer_before_the_reader_committed(service, kept, what):
    reviewer = service.enter(Role.REVIEWER)
    answer = reviewer.do(kept, what, {**OVERRIDE, "looked": "yes", "do": "keep", "seen": "0"})

    assert answer.status_code == 409
    assert "Your own findings come first" in answer.text
    assert {kind for kind, actor in service.kinds(kept) if actor == "reviewer"} == set()


def test_committed_findings_are_kept_as_typed_with_what_the_guideline_says_of_them(service, kept):
    reader = service.enter(Role.READER)
    answer = reader.read(kept, SEEN, round="baseline", prior_ct="none", lungs_fully_evaluable="yes")
    entry = service.store.case(kept).of_kind(Kind.READ)[0]
    said = entry.body["findings"]

    assert answer.status_code == 303
    assert (entry.actor, entry.at) == ("reader", NOW)
    assert said["fields"]["new1.long_mm"] == "9.0"
    assert said["answers"]["lung-rads@2022"]["category"] == "4A"
    assert said["findings"][0]["facts"]["type"] == "solid"


def test_committed_findings_stand_beside_the_engines_with_their_differences(service, kept):
    reader = service.enter(Role.READER)
    reader.read(kept, {**SEEN, "type": "part_solid"})
    page = text_of(reader.page(kept))

    assert "your R1 and N1 (marked 0 mm apart)" in page
    assert "type part-solid solid differs" in page
    assert "long axis 9.0 mm 9.4 mm by 0.4" in page


def test_seeing_no_finding_is_committed_in_so_many_words(service, kept):
    reader = service.enter(Role.READER)
    page = reader.page(kept)
    reader.read(kept)

    assert "I see no finding: commit" in page
    assert service.store.case(kept).of_kind(Kind.READ)[0].body["findings"]["findings"] == []
    assert "N1 (you have none there)" in text_of(reader.page(kept))


def test_findings_are_added_and_taken_out_without_a_script_and_nothing_typed_is_lost(service, kept):
    reader = service.enter(Role.READER)
    one = form_fields(reader.do(kept, "reading", {"do": "add:nodule", "exam.round": "annual"}).text)
    two = form_fields(reader.do(kept, "reading", {**one, "do": "add:nodule", "new1.type": "solid"}).text)
    back = form_fields(reader.do(kept, "reading", {**two, "do": "without:new2"}).text)

    assert (one["exam.round"], one["new1.kind"]) == ("annual", "nodule")
    assert (two["new1.type"], two["new2.type"]) == ("solid", "")
    assert {n.partition(".")[0] for n in back if n.startswith("new")} == {"new1"}
    assert service.store.row(kept).state is State.WAITING


@pytest.mark.parametrize(
    ("field", "typed", "allowed"),
    [
        ("long_mm", "7,4", "a number from 0.1 to 400 mm"),
        ("long_mm", "1e3", "a number from 0.1 to 400 mm"),
        ("type", "gas", "solid, part_solid, non_solid, cyst, airway, cavitary"),
        ("position", "here", "x, y, z in mm"),
        ("history", "last year", "a list of {months_ago, mean_mm}"),
        ("growing", "perhaps", "true or false"),
    ],
)
def test_what_a_field_does_not_take_is_said_beside_it_and_everything_typed_comes_back(
    service, kept, field, typed, allowed
):
    reader = service.enter(Role.READER)
    answer = reader.read(kept, {**SEEN, field: typed})
    back = form_fields(answer.text)

    assert answer.status_code == 422
    assert allowed in text_of(answer.text)
    assert f'href="#new1.{field}"' in answer.text
    assert (back["new1.status"], back["new1.short_mm"]) == ("baseline", "8.0")
    assert back[f"new1.{field}"] == ("" if field in ("type", "growing") else typed)
    assert service.store.case(kept).of_kind(Kind.READ) == ()


def test_facts_that_exclude_each_other_come_back_with_the_form(service, kept):
    answer = service.enter(Role.READER).read(kept, {**SEEN, "long_mm": "5", "short_mm": "9"})

    assert answer.status_code == 422
    assert form_fields(answer.text)["new1.short_mm"] == "9"


def test_a_site_may_let_a_role_see_at_once(make_review):
    service = make_review(read_first={"reviewer": False})
    kept = service.add(CASE)

    assert "The engine&#39;s answer" in service.enter(Role.REVIEWER).page(kept).replace("'", "&#39;")
    assert "Read first" in service.enter(Role.READER).page(kept)


def test_who_may_commit_no_reading_is_shown_the_case(service, kept):
    assert "4A" in service.enter(Role.AUDITOR).page(kept)


# ---- opening the reasons, accepting, signing ----


def test_the_reasons_are_shown_once_they_were_opened_and_that_is_kept(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.read(kept, SEEN)
    reasons = [r.text for r in service.store.case(kept).assessment.decision.review.reasons]
    before = text_of(reviewer.page(kept))
    answer = reviewer.do(kept, "reasons")
    after = text_of(reviewer.page(kept))

    assert reasons
    assert (answer.status_code, answer.headers["location"]) == (303, f"/review/{kept}#reasons")
    assert all(text[1:40] not in before for text in reasons)
    assert all(text[1:40] in after.replace("&#39;", "'") for text in reasons)
    assert ("reasons_opened", "reviewer") in service.kinds(kept)


@pytest.mark.parametrize("what", ["acceptance", "override", "signature"])
def test_a_case_that_needs_review_is_not_decided_before_its_reasons_were_opened(service, kept, what):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.read(kept, SEEN)
    answer = reviewer.do(kept, what, {**OVERRIDE, "looked": "yes"})

    assert answer.status_code == 409
    assert "Open the reasons first" in answer.text
    assert service.store.row(kept).outcome is None


def test_reasons_that_somebody_else_opened_are_not_opened_by_me(service, kept):
    service.enter(Role.READER).informed(kept)
    reviewer = service.enter(Role.REVIEWER)
    reviewer.read(kept, SEEN)

    assert reviewer.do(kept, "signature", {"looked": "yes"}).status_code == 409


def test_accept_and_sign_make_the_answer_final(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    reviewer.do(kept, "acceptance")
    preliminary = reviewer.page(kept)
    answer = reviewer.sign(kept)
    page = reviewer.page(kept)
    row = service.store.row(kept)

    assert answer.headers["location"] == f"/review/{kept}#signed"
    assert (row.state, row.outcome, row.signed_by, row.signed_at) == (State.SIGNED, "accepted", "reviewer", NOW)
    assert PRELIMINARY in preliminary and PRELIMINARY not in page
    assert "Signed by reviewer at" in page and "What you sign" not in page
    assert [k for k, who in service.kinds(kept) if who == "reviewer"] == [
        "opened" if k == "opened" else k for k in ("read", "reasons_opened", "accepted", "opened", "signed")
    ]


def test_nothing_is_signed_without_the_box(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    answer = reviewer.do(kept, "signature")

    assert answer.status_code == 422
    assert service.store.row(kept).signed_by is None


def test_the_second_signer_is_told_who_signed_and_when(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    service.store.open_reasons(kept, NOW, "dr-other")
    service.store.sign(kept, NOW, "dr-other")
    answer = reviewer.do(kept, "signature", {"looked": "yes"})

    assert answer.status_code == 409
    assert "dr-other signed it at 2026-11-22T09:30:00" in text_of(answer.text)
    assert service.store.row(kept).signed_by == "dr-other"


# ---- overriding ----


def test_an_override_keeps_reason_answer_and_comment(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    reviewer.do(kept, "override", OVERRIDE)
    body = service.store.case(kept).of_kind(Kind.OVERRIDDEN)[0].body
    page = text_of(reviewer.page(kept))

    assert body == {
        "reason": "clinical_context",
        "comment": "known metastatic disease",
        "answer": {"guideline": "lung-rads@2022", "category": "4X"},
    }
    assert "another answer, as overridden" in page
    assert "known metastatic disease" in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reason": "because"}, "Choose one of these"),
        ({"comment": " "}, "Say why"),
        ({"answer": "lung-rads@2022|9"}, "Choose one of the list"),
        ({"comment": "x" * 4001}, "Shorten it"),
    ],
)
def test_an_override_that_is_not_whole_comes_back_with_what_was_typed(service, kept, change, said):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    answer = reviewer.do(kept, "override", {**OVERRIDE, **change})

    assert answer.status_code == 422
    assert said in answer.text
    assert form_part(answer.text, "comment") == {**OVERRIDE, **change}["comment"].strip()[:4001]
    assert service.store.row(kept).outcome is None


def test_a_comment_on_a_case_that_was_signed_meanwhile_is_not_lost(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    service.store.open_reasons(kept, NOW, "dr-other")
    service.store.sign(kept, NOW, "dr-other")
    words = "a long comment that took a while to write, and that nobody wants to write twice"
    answer = reviewer.do(kept, "override", {**OVERRIDE, "comment": words})

    assert answer.status_code == 409
    assert "dr-other signed it" in answer.text
    assert words in answer.text


# ---- correcting ----


def test_a_form_that_is_sent_as_shown_changes_nothing(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    fragment = reviewer.do(kept, "preview", reviewer.shown(kept)).text

    kept_anyway = reviewer.do(kept, "correction", {**reviewer.shown(kept), "do": "keep"})

    assert "ACR Lung-RADS v2022 stays category 4A" in text_of(fragment)
    assert " becomes " not in fragment
    assert (kept_anyway.status_code, service.store.row(kept).state) == (409, State.READ)
    assert "Nothing was changed" in kept_anyway.text


def test_a_corrected_finding_shows_the_change_and_keeps_nothing_until_asked(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    fields = {**reviewer.shown(kept), "f0.long_mm": "16.2", "f0.short_mm": "15.4"}
    shown = reviewer.do(kept, "correction", {**fields, "do": "preview"})
    fragment = reviewer.do(kept, "preview", fields)

    for answer in (shown, fragment):
        assert answer.status_code == 200
        assert "ACR Lung-RADS v2022 category 4A becomes category 4B" in text_of(answer.text)
    assert form_fields(shown.text)["f0.long_mm"] == "16.2"
    assert service.store.row(kept).state is State.READ


def test_a_kept_correction_takes_the_place_of_the_decision(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    fields = {**reviewer.shown(kept), "f0.long_mm": "16.2", "f0.short_mm": "15.4", "do": "keep"}
    answer = reviewer.do(kept, "correction", fields)
    new = answer.headers["location"].removeprefix("/review/")
    old_row, row, made = service.store.row(kept), service.store.row(new), service.store.case(new).assessment
    source = made.record.case.findings[0].facts["long_mm"].source

    assert answer.status_code == 303
    assert (old_row.state, old_row.superseded_by) == (State.SUPERSEDED, new)
    assert (row.state, row.supersedes, row.outcome) == (State.CORRECTED, kept, "corrected")
    assert made.decision.guidelines[0].exam.category == "4B"
    assert made.record.image_sha256 == small_volume().sha256()
    assert (source.kind, source.reference.startswith("review form")) == ("human", True)
    assert reviewer.do(new, "signature", {"looked": "yes"}).status_code == 409  # its reasons are new ones
    reviewer.do(new, "reasons")
    assert reviewer.sign(new).status_code == 303
    assert service.store.row(new).outcome == "corrected"


def test_the_reader_of_a_case_need_not_read_its_correction_again_but_another_must(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    fields = {**reviewer.shown(kept), "f0.type": "part_solid", "do": "keep"}
    new = reviewer.do(kept, "correction", fields).headers["location"].removeprefix("/review/")

    assert "The engine" in reviewer.page(new) and "<h1>Read first" not in reviewer.page(new)
    assert "<h1>Read first" in service.enter(Role.READER).page(new)


def test_what_was_superseded_tells_nothing_to_who_has_not_read_the_newer_one(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    fields = {**reviewer.shown(kept), "f0.type": "part_solid", "do": "keep"}
    new = reviewer.do(kept, "correction", fields).headers["location"]
    reader = service.enter(Role.READER)
    answer = reader.get(f"/review/{kept}")

    assert answer.status_code == 409
    assert f'href="{new}"' in answer.text and "4A" not in answer.text
    assert "lung-rads@2022" not in reader.get("/review?state=all").text
    assert reader.get(f"/review/{kept}/viewer.json").status_code == 409
    assert "lung-rads@2022" in reviewer.get("/review?state=all").text
    assert "4A" in reviewer.page(kept)


def test_what_is_no_field_of_the_form_is_not_kept(service, kept):
    reader = service.enter(Role.READER)
    reader.read(kept, {**SEEN, "colour": "green"}, weather="fine")
    fields = service.store.case(kept).of_kind(Kind.READ)[0].body["findings"]["fields"]

    assert set(fields) == {"new1.kind", *(f"new1.{name}" for name in SEEN)}


def test_a_signed_decision_stands_until_its_correction_is_signed_and_stays_as_signed(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    reviewer.sign(kept)
    fields = {**reviewer.shown(kept), "f0.long_mm": "16.2", "f0.short_mm": "15.4", "do": "keep"}
    new = reviewer.do(kept, "correction", fields).headers["location"].removeprefix("/review/")
    before, waits = service.store.row(kept), reviewer.page(kept)
    reviewer.do(new, "reasons")
    reviewer.sign(new)
    row = service.store.row(kept)

    assert (before.state, before.superseded_by) == (State.SIGNED, None)
    assert f'A correction of it waits for its signature: <a href="/review/{new}">' in waits
    assert (row.state, row.superseded_by, row.signed_by) == (State.SUPERSEDED, new, "reviewer")


def test_who_corrects_what_was_corrected_meanwhile_is_shown_the_newer_one_and_loses_nothing(service, kept):
    one, two = service.enter(Role.REVIEWER), service.enter(Role.READER)
    one.informed(kept)
    two.informed(kept)
    fields = {**two.shown(kept), "f0.long_mm": "11.9", "do": "keep"}
    new = one.do(kept, "correction", {**one.shown(kept), "f0.type": "part_solid", "do": "keep"}).headers["location"]
    answer = two.do(kept, "correction", fields)

    assert answer.status_code == 409
    assert f'href="{new}"' in answer.text
    assert "<dd>11.9</dd>" in answer.text


def test_a_finding_is_removed_and_another_added(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    added = {f"new1.{n}": v for n, v in {**SEEN, "kind": "nodule", "long_mm": "4", "short_mm": "4"}.items()}
    fields = {**reviewer.shown(kept), **added, "f0.remove": "on", "do": "keep"}
    new = reviewer.do(kept, "correction", fields).headers["location"].removeprefix("/review/")
    made = service.store.case(new).assessment

    assert [f.tracking_id for f in made.record.case.findings] == ["R1"]
    assert made.decision.guidelines[0].exam.category == "2"


def test_a_candidate_is_a_finding_once_somebody_says_so(service):
    kept = service.add(candidate(CASE))
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    fields = {**reviewer.shown(kept), "f0.confirmed": "on", "do": "keep"}
    new = reviewer.do(kept, "correction", fields).headers["location"].removeprefix("/review/")
    before, after = (service.store.case(i).assessment.decision.review.reasons for i in (kept, new))

    assert "found_by_program" in {r.code for r in before}
    assert "found_by_program" not in {r.code for r in after}


# ---- images ----


def test_the_slices_come_back_to_the_voxel(service, kept):
    import numpy as np

    reader, volume = service.enter(Role.READER), small_volume()
    slices = [reader.get(f"/review/{kept}/slices/{n}").content for n in range(len(volume.hu))]
    plain = reader.get(f"/review/{kept}/slices/0", headers={"accept-encoding": "identity"})
    about = reader.get(f"/review/{kept}/viewer.json").json()

    assert (np.stack([np.frombuffer(s, "<i2").reshape(12, 10) for s in slices]) == volume.hu).all()
    assert "content-encoding" not in plain.headers and plain.content == slices[0]
    assert (about["shape"], about["spacing"], about["down"]) == ([6, 12, 10], [2.0, 0.75, 0.75], -1)
    assert about["letters"] == {"top": "A", "bottom": "P", "left": "R", "right": "L"}


def test_findings_are_marked_on_the_slices_once_they_may_be_seen(service, kept):
    auditor = service.enter(Role.AUDITOR)
    mark = auditor.get(f"/review/{kept}/viewer.json").json()["marks"][0]

    assert (mark["name"], mark["at"], mark["evidence"]) == ("N1", [1.0, 4.0, 5.33], False)


def test_without_a_script_there_are_pictures_of_the_slices(service, kept):
    reader = service.enter(Role.READER)
    page = reader.page(kept)
    links = re.findall(rf"(/review/{kept}/pictures/\d+\?window=\w+)", page)
    answers = [reader.get(link) for link in links]

    assert links and all(a.headers["content-type"] == "image/png" and a.content[:4] == b"\x89PNG" for a in answers)


def test_a_case_without_slices_says_so(service):
    kept = service.add(CASE)

    assert "No images came with this case" in service.enter(Role.READER).page(kept)
    assert service.enter(Role.READER).get(f"/review/{kept}/viewer.json").status_code == 404


def test_damaged_slices_are_not_shown_and_the_case_still_is(service, kept):
    sha = small_volume().sha256()
    images._remembered.cache_clear()
    (service.desk.images / sha / "00002.hu.gz").write_bytes(b"something else")
    auditor = service.enter(Role.AUDITOR)
    answers = [auditor.get(f"/review/{kept}/{part}").status_code for part in ("viewer.json", "slices/0", "slices/2")]
    (service.desk.images / sha / "geometry.json").write_text("{}")

    assert answers == [500, 500, 500]
    assert "or are damaged" in auditor.page(kept) and "4A" in auditor.page(kept)


# ---- what is always there ----


def test_intended_use_and_preliminary_stand_on_every_page(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    pages = [reviewer.get("/review").text, reviewer.page(kept)]
    reviewer.informed(kept)
    pages += [reviewer.page(kept), reviewer.page(kept, "/correction"), reviewer.get("/review/none").text]

    assert all(INTENDED_USE in page and PRELIMINARY in page for page in pages)


def test_opening_a_case_is_kept_once_a_visit(service, kept):
    reader = service.enter(Role.READER)
    for _ in range(3):
        reader.page(kept)

    assert service.kinds(kept).count(("opened", "reader")) == 1


def test_every_field_has_a_label_and_every_page_one_heading(service, kept):
    reviewer = service.enter(Role.REVIEWER)
    reviewer.informed(kept)
    pages = [reviewer.get("/review").text, reviewer.page(kept), reviewer.page(kept, "/correction")]
    for page in pages:
        named = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
        ids = re.findall(
            r'<(?:input|select|textarea)(?![^>]*type="(?:hidden|checkbox|range)")[^>]*\bid="([^"]+)"', page
        )
        every = re.findall(r"\bid=\"([^\"]+)\"", page)
        assert set(ids) <= named
        assert len(every) == len(set(every))
        assert len(re.findall("<h1", page)) == 1
        assert '<a class="skip" href="#main">' in page and '<html lang="en">' in page
