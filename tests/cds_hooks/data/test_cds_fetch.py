"""What a call did not bring, fetched from servers that are honest and from servers that are not.

Whatever the server does, the answer is there within a second, with the data or with words for why not.
"""

import json
import sys
import threading
import time

import pytest
from cds_granted import LONG_S, changed, in_a_call_that_arrived
from lying_fhir_server import (
    after,
    bomb,
    breaks_off,
    dripping,
    endless,
    hangs_up,
    honest,
    once_open,
    page,
    resource,
    says,
    zipped,
)

from radlogic.adapters.cds_hooks.data.outcomes import WORDS, Why
from radlogic.adapters.cds_hooks.seam import Client, Server

NEEDS = {"patient": "Patient/7"}
FEW = {"answer_bytes": 1 << 16}
DEEP = b'{"resourceType":"Patient","id":"7","a":' + b"[" * 100 + b"]" * 100 + b"}"

MISBEHAVIOURS = {
    "slow": (after(1.5), Why.TIMEOUT),
    "a byte at a time": (dripping(0.05), Why.TIMEOUT),
    "hangs up": (hangs_up, Why.BROKEN),
    "breaks off": (breaks_off, Why.BROKEN),
    "401": (says({}, 401), Why.UNAUTHORIZED),
    "403": (says({}, 403), Why.FORBIDDEN),
    "404": (says({}, 404), Why.NOT_FOUND),
    "410": (says({}, 410), Why.NOT_FOUND),
    "429": (says({}, 429), Why.RATE_LIMITED),
    "429, come back in a minute": (says({}, 429, retry_after="60"), Why.RATE_LIMITED),
    "429, come back on a date": (says({}, 429, retry_after="Fri, 31 Dec 2123 23:59:59 GMT"), Why.RATE_LIMITED),
    "429, come back who knows when": (says({}, 429, retry_after="soon"), Why.RATE_LIMITED),
    "500": (says({}, 500), Why.SERVER_FAULT),
    "503": (says({}, 503), Why.SERVER_FAULT),
    "418": (says({}, 418), Why.UNEXPECTED_STATUS),
    "nothing to say": (says(b"", 204), Why.UNEXPECTED_STATUS),
    "sent elsewhere": (says(b"", 302, location="http://127.0.0.1:1/fhir/Patient/7"), Why.REDIRECTED),
    "sent to another scheme": (says(b"", 307, location="file:///etc/passwd"), Why.REDIRECTED),
    "HTML": (says(b"<html>log in</html>", content_type="text/html"), Why.NOT_FHIR),
    "XML": (says(b"<Patient/>", content_type="application/fhir+xml"), Why.NOT_FHIR),
    "no type": (says({}, content_type=None), Why.NOT_FHIR),
    "HTML that is called JSON": (says(b"<html>"), Why.NOT_FHIR),
    "JSON that is cut": (says(b'{"resourceType":"Patient"'), Why.NOT_FHIR),
    "JSON in another encoding": (says('{"resourceType":"Patient"}'.encode("utf-16")), Why.NOT_FHIR),
    "a key twice": (says(b'{"resourceType":"Patient","id":"8","id":"7"}'), Why.NOT_FHIR),
    "NaN": (says(b'{"resourceType":"Patient","id":"7","x":NaN}'), Why.NOT_FHIR),
    "nesting": (says(DEEP), Why.TOO_LARGE),
    "a list": (says([]), Why.ANOTHER_RESOURCE),
    "another patient": (says(resource("Patient", 8)), Why.ANOTHER_RESOURCE),
    "another type": (says(resource("Person", 7)), Why.ANOTHER_RESOURCE),
    "an error message with status 200": (says(resource("OperationOutcome", 1)), Why.SERVER_SAYS_NO),
    "too long": (says(b" " * (1 << 17)), Why.TOO_LARGE),
    "without end": (endless, Why.TOO_LARGE),
    "a gzip bomb": (bomb, Why.TOO_LARGE),
    "packing that breaks off": (says(b"\x1f\x8b\x08\x00", content_encoding="gzip"), Why.BROKEN),
    "packing that is none": (says(b"{}", content_encoding="gzip"), Why.BROKEN),
    "packing that is not taken": (says(b"{}", content_encoding="br"), Why.NOT_FHIR),
    "packing twice": (says(b"{}", content_encoding="gzip, gzip"), Why.NOT_FHIR),
}  # fmt: skip


@pytest.mark.parametrize(("behaviour", "why"), MISBEHAVIOURS.values(), ids=MISBEHAVIOURS)
def test_what_a_server_does_wrong_is_told_apart(fhir, way, behaviour, why):
    fhir.on("", behaviour)
    mine = way(FEW | ({"budget_ms": 500} if why is Why.TIMEOUT else {}))

    datum = mine.get(NEEDS, fhir.base).patient

    assert (datum.value, datum.lacking) == (None, WORDS[why])
    assert fhir.paths() == ["Patient/7"] or why is Why.TIMEOUT


@pytest.mark.parametrize("behaviour", [behaviour for behaviour, _ in MISBEHAVIOURS.values()], ids=MISBEHAVIOURS)
def test_whatever_it_does_the_answer_is_there_within_a_second(fhir, way, behaviour, as_shipped):
    fhir.on("", behaviour)

    assert way(as_shipped).within(1, NEEDS, fhir.base)


def test_a_server_that_is_down_is_answered_for(fhir, way):
    mine = way(base="http://127.0.0.1:9/fhir")

    assert mine.get(NEEDS, "http://127.0.0.1:9/fhir").patient.lacking == WORDS[Why.UNREACHABLE]
    assert mine.within(1, NEEDS, "http://127.0.0.1:9/fhir")


def test_an_honest_server_is_read_and_searched_with_the_token(fhir, way):
    found = way().get(NEEDS | {"conditions": "Condition?patient=7&_count=50"}, fhir.base + "/")

    assert found.patient.value == resource("Patient", 7)
    assert [e["resource"]["id"] for e in found.conditions.value["entry"]] == ["found"]
    assert (found.patient.lacking, found.conditions.whole) == ("", True)
    assert set(fhir.tokens()) == {"Bearer tok-5e.cr-3t_value"}
    assert set(fhir.paths()) == {"Patient/7", "Condition?patient=7&_count=50"}


def test_what_is_packed_is_unpacked(fhir, way):
    fhir.on("Patient/7", zipped(resource("Patient", 7, note="x" * 5000)))

    assert len(way().get(NEEDS, fhir.base).patient.value["note"]) == 5000


def test_one_failure_leaves_the_others_whole(fhir, way):
    fhir.on("Condition", says({}, 500))
    fhir.on("Observation", once_open(threading.Event()))
    mine = way({"budget_ms": 3000})

    found = mine.get(NEEDS | {"conditions": "Condition?patient=7", "labs": "Observation?patient=7"}, fhir.base)

    assert found.patient.value is not None
    assert found.conditions.lacking == WORDS[Why.SERVER_FAULT]
    assert found.labs.lacking == WORDS[Why.TIMEOUT]


def test_all_is_asked_at_once_but_not_more_than_the_bound(fhir, way):
    inside, most, lock = [0], [0], threading.Lock()

    def counted(handler):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.05)
        with lock:
            inside[0] -= 1
        honest(handler)

    fhir.on("", counted)
    found = way({"at_once": 3}).get({f"q{i}": f"ServiceRequest/{i}" for i in range(9)}, fhir.base)

    assert all(d.value for d in vars(found).values())
    assert most[0] == 3


def test_all_answers_together_have_a_bound(fhir, way):
    fhir.on("", lambda handler: handler.reply(resource("ServiceRequest", handler.path[-1], note="x" * 600)))

    found = way({"total_bytes": 1024, "at_once": 1}).get({f"q{i}": f"ServiceRequest/{i}" for i in range(4)}, fhir.base)

    lacking = [d.lacking for d in vars(found).values()]
    assert sorted(lacking) == ["", *[WORDS[Why.TOO_LARGE]] * 3]


def test_retry_after_is_kept_within_the_deadline_and_tried_once_more(fhir, way):
    def once(handler):
        honest(handler) if len(fhir.asked) > 1 else handler.reply({}, 429, retry_after="0")

    fhir.on("", once)
    assert way().get(NEEDS, fhir.base).patient.value is not None
    assert len(fhir.asked) == 2


def test_a_server_that_keeps_saying_429_is_asked_twice_at_most(fhir, way):
    fhir.on("", says({}, 429, retry_after="0"))

    assert way().get(NEEDS, fhir.base).patient.lacking == WORDS[Why.RATE_LIMITED]
    assert len(fhir.asked) == 2


def test_a_server_that_asked_to_wait_is_left_alone_until_then(fhir, way):
    fhir.on("", says({}, 429, retry_after="30"))
    mine = way()

    answers = [mine.get(NEEDS, fhir.base).patient.lacking for _ in range(3)]

    assert answers == [WORDS[Why.RATE_LIMITED], WORDS[Why.LEFT_ALONE], WORDS[Why.LEFT_ALONE]]
    assert mine.fetching.states() == {fhir.base: "open"}


def test_a_server_that_fails_again_and_again_is_left_alone_and_tried_again(fhir, way, monkeypatch):
    fhir.on("", says({}, 500))
    mine = way({"failures": 3, "pause_s": 60})

    answers = [mine.get(NEEDS, fhir.base).patient.lacking for _ in range(5)]
    fhir.on("", honest)
    (asked,) = mine.fetching._servers.values()
    now = asked.breaker._clock
    monkeypatch.setattr(asked.breaker, "_clock", lambda: now() + 60)
    half, healed = mine.fetching.states()[fhir.base], mine.get(NEEDS, fhir.base).patient

    assert answers == [WORDS[Why.SERVER_FAULT]] * 3 + [WORDS[Why.LEFT_ALONE]] * 2
    assert (half, healed.value is not None, mine.fetching.states()) == ("half-open", True, {fhir.base: "closed"})


def test_much_that_fails_in_one_call_counts_once(fhir, way):
    fhir.on("", says({}, 500))
    mine = way({"failures": 2})
    needs = {f"q{i}": f"ServiceRequest/{i}" for i in range(6)}

    states = [(mine.get(needs, fhir.base), mine.fetching.states()[fhir.base])[1] for _ in range(2)]

    assert (states, len(fhir.asked) >= 7) == (["closed", "open"], True)


def test_a_token_that_is_refused_does_not_close_the_way_for_others(fhir, way):
    fhir.on("", says({}, 401))
    mine = way({"failures": 2})

    assert {mine.get(NEEDS, fhir.base).patient.lacking for _ in range(5)} == {WORDS[Why.UNAUTHORIZED]}
    assert len(fhir.asked) == 5


NOT_ASKED = {
    "no server": (None, {}, Why.NO_SERVER),
    "another server": ("https://evil.example/fhir", {}, Why.SERVER_NOT_LISTED),
    "no authorization": ("", None, Why.NO_TOKEN),
    "another kind of token": ("", {"token_type": "MAC"}, Why.BAD_AUTHORIZATION),
    "no token": ("", {"access_token": None}, Why.BAD_AUTHORIZATION),
    "a token with a line break": ("", {"access_token": "a\r\nX-Evil: 1"}, Why.BAD_AUTHORIZATION),
    "a token that is over": ("", {"expires_in": 0}, Why.TOKEN_OVER),
    "a token that does not say when it is over": ("", {"expires_in": None}, Why.TOKEN_OVER),
    "somebody else's token": ("", {"subject": "another-service"}, Why.OTHER_SUBJECT),
    "a token of nobody": ("", {"subject": None}, Why.OTHER_SUBJECT),
    "another patient's token": ("", {"patient": "8"}, Why.OTHER_PATIENT),
    "no scope": ("", {"scope": ""}, Why.OUT_OF_SCOPE),
    "scope for another type": ("", {"scope": "patient/Observation.rs"}, Why.OUT_OF_SCOPE),
    "scope to write": ("", {"scope": "patient/*.write user/Patient.cud"}, Why.OUT_OF_SCOPE),
    "scope to search only": ("", {"scope": "patient/*.s"}, Why.OUT_OF_SCOPE),
}


@pytest.mark.parametrize(("url", "granted", "why"), NOT_ASKED.values(), ids=NOT_ASKED)
def test_without_a_right_to_it_nothing_is_asked(fhir, way, url, granted, why):
    mine = way(subject="radlogic")

    datum = mine.get(NEEDS, fhir.base if url == "" else url, changed(granted)).patient

    assert (datum.lacking, fhir.asked) == (WORDS[why], [])


@pytest.mark.parametrize(
    "scope", ["patient/*.read", "patient/Patient.*", "user/*.cruds", "launch system/Patient.r?x=1", "patient/*.*"]
)
def test_scopes_of_both_versions_are_understood(fhir, way, scope):
    assert way().get(NEEDS, fhir.base, changed({"scope": scope})).patient.value is not None


QUERIES = [
    "", "Patient", "Patient?", "/Patient/7", "../admin", "Patient/7/../8", "Patient/..", "Patient/7?x#y", "$export",
    "http://evil.example/", "patient/7", "Patient/7 8", "Patient?a=\r\nb", "Patient?a=\xe4", "Patient/" + "7" * 65,
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_what_is_no_query_is_not_asked(fhir, way, query):
    assert way().get({"q": query}, fhir.base).q.lacking == WORDS[Why.BAD_QUERY]
    assert fhir.asked == []


def test_an_open_server_is_asked_without_a_token(fhir, way):
    assert way(needs_token=False).get(NEEDS, fhir.base, None).patient.value is not None
    assert fhir.tokens() == [None]


def test_a_server_of_another_issuer_is_not_asked(fhir, way):
    lacking = way().get(NEEDS, fhir.base, client=Client("https://other.example")).patient.lacking

    assert (lacking, fhir.asked) == (WORDS[Why.SERVER_NOT_LISTED], [])


def test_a_fault_of_ours_in_one_question_is_said_and_logged_without_its_message(fhir, way, caplog, monkeypatch):
    named = "Jane Doe"

    def broken(*_):
        raise ZeroDivisionError(named)

    monkeypatch.setattr("radlogic.adapters.cds_hooks.data.fetch._resource", broken)
    found = way().get(NEEDS | {"conditions": "Condition?patient=7"}, fhir.base)

    assert (found.patient.lacking, found.conditions.lacking) == (WORDS[Why.FAULT_HERE], "")
    assert "ZeroDivisionError" in caplog.text and "Jane" not in caplog.text


def test_the_budget_runs_from_the_calls_arrival(fhir, way):
    fhir.on("", after(2))
    mine = way()
    fetch = mine.fetching(Client("https://ehr.hospital.example"), Server())
    found = in_a_call_that_arrived(LONG_S - 0.05, lambda: mine.get(NEEDS, fhir.base))

    late = in_a_call_that_arrived(LONG_S + 5, lambda: mine.get(NEEDS, fhir.base))

    assert late.patient.lacking == WORDS[Why.TIMEOUT]
    assert (found.patient.lacking, fetch(NEEDS)["patient"].lacking) == (WORDS[Why.TIMEOUT], WORDS[Why.NO_SERVER])
    assert in_a_call_that_arrived(LONG_S - 0.05, lambda: mine.within(1, NEEDS, fhir.base))


def test_cookies_of_one_answer_are_not_sent_with_the_next(fhir, way):
    fhir.on("", lambda h: h.reply(resource("Patient", 7), set_cookie="session=of-another-user"))
    mine = way()
    [mine.get(NEEDS, fhir.base) for _ in range(2)]

    assert [headers.get("Cookie") for _, headers in fhir.asked] == [None, None]


def test_connections_are_kept(fhir, way):
    ports = []
    fhir.on("", lambda h: (ports.append(h.client_address[1]), honest(h)))
    mine = way()
    [mine.get(NEEDS, fhir.base) for _ in range(4)]

    assert len(set(ports)) == 1


@pytest.mark.parametrize("pages", [2, 5])
def test_pages_are_followed_and_joined(fhir, way, pages):
    def of(handler):
        number = int(handler.path.partition("page=")[2] or 1)
        following = f"{fhir.base}?page={number + 1}" if number < pages else None
        handler.reply(page(resource("Condition", number), following=following, own=f"{fhir.origin}{handler.path}"))

    fhir.behaviours["/fhir"] = of
    fhir.on("", of)

    found = way().get({"c": "Condition?patient=7"}, fhir.base).c

    assert [e["resource"]["id"] for e in found.value["entry"]] == [str(n) for n in range(1, pages + 1)]
    assert (found.whole, found.value["link"], found.lacking) == (True, [], "")


def following(url):
    return lambda fhir: says(page(resource("Condition", 1), following=url(fhir)))


LIES = {
    "itself": following(lambda f: f"{f.base}/Condition?patient=7"),
    "itself, relative": following(lambda f: "?patient=7"),
    "another host": following(lambda f: "https://evil.example/fhir/Condition?page=2"),
    "another port": following(lambda f: "http://127.0.0.1:1/fhir/Condition?page=2"),
    "another scheme": following(lambda f: f.base.replace("http:", "https:") + "/Condition?page=2"),
    "no scheme": following(lambda f: "//evil.example/fhir/Condition"),
    "beside the base": following(lambda f: f"{f.origin}/admin/Condition?page=2"),
    "a base that begins alike": following(lambda f: f"{f.base}2/Condition?page=2"),
    "out of the base": following(lambda f: f"{f.base}/../admin"),
    "out of the base, relative": following(lambda f: "../../admin"),
    "credentials": following(lambda f: f.base.replace("//", "//user:pass@") + "/Condition?page=2"),
    "our host as a name": following(lambda f: f.base.replace("/fhir", "@evil.example/fhir")),
    "a file": following(lambda f: "file:///etc/passwd"),
    "brackets": following(lambda f: "http://[::1/x"),
    "a line break": following(lambda f: f"{f.base}/Condition?a=\r\nX: 1"),
    "escapes": following(lambda f: f"{f.base}/%2e%2e/admin"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_next_link_that_leads_elsewhere_is_not_followed_and_the_rest_is_said_to_be_missing(fhir, way, lie):
    fhir.on("", lie(fhir))

    found = way().get({"c": "Condition?patient=7"}, fhir.base).c

    assert (found.whole, len(found.value["entry"]), fhir.paths()) == (False, 1, ["Condition?patient=7"])
    assert [link["relation"] for link in found.value["link"]] == ["next"]


def endless_pages(fhir, content):
    def more(handler):
        number = int(handler.path.partition("page=")[2] or 1)
        handler.reply(page(*content(number), following=f"{fhir.base}/Condition?page={number + 1}"))

    return more


def test_pages_without_end_have_an_end(fhir, way, as_shipped):
    fhir.on("", endless_pages(fhir, lambda number: []))
    mine = way({"pages": 4})

    assert (mine.get({"c": "Condition?patient=7"}, fhir.base).c.whole, len(fhir.asked)) == (False, 4)
    assert way({"pages": 100} | as_shipped).within(1, {"c": "Condition?patient=7"}, fhir.base)


def test_slow_pages_end_with_the_deadline_and_what_came_is_kept(fhir, way):
    pages = endless_pages(fhir, lambda number: [resource("Condition", number)])
    never = once_open(threading.Event())

    def three_pages(handler):
        (pages if len(fhir.asked) <= 3 else never)(handler)

    fhir.on("", three_pages)
    found = way({"budget_ms": 1500}).get({"c": "Condition?patient=7"}, fhir.base).c

    assert not found.whole
    assert [e["resource"]["id"] for e in found.value["entry"]] == ["1", "2", "3"]
    fhir.on("", after(0.2, pages))
    assert way({"budget_ms": 900}).within(1, {"c": "Condition?patient=7"}, fhir.base)


def test_a_resource_on_two_pages_is_one(fhir, way):
    fhir.on("", endless_pages(fhir, lambda number: [resource("Condition", 1), resource("Condition", number)]))

    found = way({"pages": 3}).get({"c": "Condition?patient=7"}, fhir.base).c

    assert [e["resource"]["id"] for e in found.value["entry"]] == ["1", "2", "3"]


@pytest.mark.parametrize(
    "broken", [{}, resource("Patient", 7), {"resourceType": "Bundle", "type": "searchset", "entry": 7}], ids=str
)
def test_a_page_that_is_none_ends_the_search_in_part(fhir, way, broken):
    def pages(handler):
        first = page(resource("Condition", 1), following=f"{fhir.base}/Condition?page=2")
        handler.reply(broken if "page=2" in handler.path else first)

    fhir.on("", pages)
    found = way().get({"c": "Condition?patient=7"}, fhir.base).c

    assert (found.whole, len(found.value["entry"])) == (False, 1)


FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "incomplete"}]}
HINT = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "informational"}]}
SEARCHES = {
    "fewer than were counted": (page(resource("Condition", 1), total=30), "", False),
    "none of those that were counted": (page(total=30), "", False),
    "all that were counted": (page(resource("Condition", 1), total=1), "", True),
    "an error beside what was found": (page(resource("Condition", 1), FAILED), "", False),
    "a warning beside what was found": (page(resource("Condition", 1), HINT), "", True),
    "an error alone": (page(FAILED), WORDS[Why.SERVER_SAYS_NO], True),
    "another type beside it": (page(resource("Condition", 1), resource("Encounter", 2)), "", False),
    "another type alone": (page(resource("Encounter", 2)), WORDS[Why.ANOTHER_RESOURCE], True),
}


@pytest.mark.parametrize(("answer", "lacking", "whole"), SEARCHES.values(), ids=SEARCHES)
def test_a_search_is_whole_only_if_it_holds_all_that_was_counted_and_nothing_went_wrong(
    fhir, way, answer, lacking, whole
):
    fhir.on("", says(answer))
    found = way().get({"c": "Condition?patient=7"}, fhir.base).c

    assert (found.lacking, found.whole) == (lacking, whole)


def test_what_was_counted_may_stand_on_several_pages(fhir, way):
    def pages(handler):
        second = page(resource("Condition", 2), total=2)
        first = page(resource("Condition", 1), following=f"{fhir.base}/Condition?page=2", total=2)
        handler.reply(second if "page=2" in handler.path else first)

    fhir.on("", pages)
    assert way().get({"c": "Condition?patient=7"}, fhir.base).c.whole


def test_a_search_that_is_answered_by_no_searchset_is_no_answer(fhir, way):
    fhir.on("", says({"resourceType": "Bundle", "type": "collection", "entry": []}))

    assert way().get({"c": "Condition?patient=7"}, fhir.base).c.lacking == WORDS[Why.ANOTHER_RESOURCE]


def test_many_calls_at_once_of_a_slow_server_all_end_in_time(fhir, way):
    fhir.on("", once_open(threading.Event()))

    def crowd():
        mine = way({"budget_ms": 500})
        threads = [threading.Thread(target=mine.get, args=(NEEDS, fhir.base)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return mine.took

    assert any(len(took := crowd()) == 20 and max(took) < 1 for _ in range(3))  # this machine may be busy


def test_every_reason_has_words_that_quote_nothing():
    assert set(WORDS) == set(Why)
    assert all(words == words.strip() and not words.endswith(".") for words in WORDS.values())
    assert json.dumps(sorted(WORDS.values())).isascii()


def test_no_module_is_looked_for_while_a_server_is_asked(fhir, way, monkeypatch):
    looked_for = []

    class Finder:
        def find_spec(self, name, path=None, target=None):
            looked_for.append(name)

    here = way()
    here.get(NEEDS, fhir.base)  # what is loaded once is loaded
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    found = here.get({"conditions": "Condition?patient=7"}, fhir.base)

    assert (found.conditions.lacking, looked_for) == ("", [])  # httpcore looks for sniffio several times a question
