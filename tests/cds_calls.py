"""The recorded calls of ``cds_hooks/calls/*.yaml``, made; and what an answer breaks of HL7's invariants."""

from datetime import date
from pathlib import Path
from uuid import UUID

import pytest
import sample_decisions
import yaml
from cds_world import TODAY, Server, ehr, of_jane, on_liver, request, without_value

from radlogic.engine.resources import yaml_loader

CALLS = Path(__file__).parent / "cds_hooks" / "calls"
FILES = [
    yaml.load(path.read_text(encoding="utf-8"), yaml_loader())  # noqa: S506  the safe one
    for path in sorted(CALLS.iterdir())
]
CASES = [pytest.param(file, case, id=f"{file['hook']}: {case['name']}") for file in FILES for case in file["cases"]]
FIELDS = {
    "name",
    "stored",
    "server",
    "today",
    "settings",
    "request",
    "status",
    "diagnostics",
    "cards",
    "says",
    "actions",
}


def stored(named):
    """A sample decision of Jane's: by name, or with another exam date."""
    name, changes = (named, {}) if isinstance(named, str) else (named["sample"], {"date": named["date"]})
    if name == "liver":
        management = "Repeat US in 3 to 6 months"
        return of_jane(on_liver(sample_decisions.no_findings(), "US-2", [3, 6], management), **changes)
    return of_jane(getattr(sample_decisions, name)(), **changes)


ANSWERS = {}


def answered(file, case):
    """The answer to a recorded call, which is made once."""
    name = file["service"], case["name"]
    if name not in ANSWERS:
        ANSWERS[name] = _answered(file, case)
    return ANSWERS[name]


def _answered(file, case):
    today = case.get("today", TODAY)
    assert isinstance(today, date)
    server = {"fetching": Server(case["server"]).fetching} if "server" in case else {}
    decisions = [stored(named) for named in case.get("stored", ())]
    client = ehr(*decisions, today=today, **server, **case.get("settings", {}))
    return client.call(file["service"], request(file["hook"], **case.get("request", {})))


def broken_in(answer, crd=False):
    """What an answer breaks, looked at as a client would, without our models."""
    yield from (f"empty {name}" for name in without_value(answer) if not (crd and name == "systemActions"))
    yield from (f"unknown {k}" for k in set(answer) - {"cards", "systemActions", "extension"})
    for card in answer["cards"]:
        yield from broken_in_card(card)
    yield from (b for a in answer.get("systemActions", ()) for b in broken_in_action(a, described=False))


def broken_in_card(card):
    if not 0 < len(card["summary"]) < 140 or "\n" in card["summary"]:
        yield "summary"
    if card["indicator"] not in ("info", "warning", "critical") or not card["source"]["label"]:
        yield "indicator or source"
    if not {"code", "system", "display"} <= set(card["source"]["topic"]):
        yield "topic"
    if any(not r.get("display") or not r.get("code") or not r.get("system") for r in card["overrideReasons"]):
        yield "cds-resp-4"
    suggestions = card.get("suggestions", [])
    if bool(suggestions) != (card.get("selectionBehavior") in ("at-most-one", "any")):
        yield "cds-resp-6"
    if card.get("selectionBehavior") == "at-most-one" and sum(s.get("isRecommended", False) for s in suggestions) > 1:
        yield "cds-resp-1"
    for suggestion in suggestions:
        UUID(suggestion["uuid"])
        yield from (b for a in suggestion["actions"] for b in broken_in_action(a, described=True))
    for link in card.get("links", ()):
        if "appContext" in link and link["type"] != "smart":
            yield "cds-resp-3"


def broken_in_action(action, *, described):
    if described and not action.get("description"):
        yield "cds-resp-5"
    needs = {"create": "resource", "update": "resource", "delete": "resourceId"}[action["type"]]
    if needs not in action or len(action.keys() & {"resource", "resourceId"}) != 1:
        yield "cds-resp-2"
    if action["type"] == "update" and not action["resource"].get("id"):
        yield "an update of nothing"
