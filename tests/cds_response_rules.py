"""What an answer of a CDS Hooks service must keep to, written from the specification; shares no code with the product.

* ``base``: CDS Hooks 2.0.1 (JSON usage, discovery, card, suggestion, action, link, feedback) and the invariants
  cds-resp-1 to -7 of HL7's logical models.
* ``crd``: what Da Vinci CRD 2.0 asks beyond it, as Inferno's test kit checks it: a topic on every source, and
  ``systemActions`` on its order hooks even where there are none.
* ``request`` and ``feedback``: cds-r-1 and -2, cds-fb-1 to -3, for clients that tests write.

Each rule yields words for what is broken, with the path of the place.
"""

import re
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

INDICATORS = ("info", "warning", "critical")
CRD_HOOKS = ("appointment-book", "order-sign", "order-dispatch")
NAMES = {
    "response": {"cards", "systemActions", "extension"},
    "card": {
        *("uuid", "summary", "detail", "indicator", "source", "suggestions", "selectionBehavior", "overrideReasons"),
        *("links", "extension"),
    },
    "source": {"label", "url", "icon", "topic"},
    "suggestion": {"label", "uuid", "isRecommended", "actions", "actionSelectionBehavior"},
    "action": {"type", "description", "resource", "resourceId", "extension"},
    "link": {"label", "url", "type", "appContext", "autolaunchable"},
    "coding": {"code", "system", "display"},
    "service": {"hook", "title", "description", "id", "prefetch", "usageRequirements", "version", "hookVersion"},
}
ORDER = {"delete": 0, "create": 1, "update": 2}
REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9.\-]{1,64}")


def broken(answer, *, hook="", crd=False):
    """All that an answer breaks."""
    return list(_response(answer, hook, crd))


def _response(answer, hook, crd):
    if not isinstance(answer, dict):
        yield "the answer is no object"
        return
    yield from _unknown(answer, "response", "")
    wants_actions = crd and hook in CRD_HOOKS
    yield from _empty(answer, allowed={"cards", "systemActions"} if wants_actions else {"cards"})
    cards = answer.get("cards")
    if not isinstance(cards, list):
        yield "cards: must be a list"
        return
    for i, card in enumerate(cards):
        yield from _card(card, f"cards[{i}]", crd)
    yield from _unique([card.get("uuid") for card in cards], "cards: uuid")
    if wants_actions and not isinstance(answer.get("systemActions"), list):
        yield "systemActions: CRD wants the list on this hook"
    yield from _actions(answer.get("systemActions", []), "systemActions", described=False)
    mirrored = answer.get("extension", {}).get("systemActions")
    if mirrored is not None and mirrored != answer.get("systemActions"):
        yield "extension.systemActions: differs from systemActions"


def _card(card, at, crd):
    if not isinstance(card, dict):
        yield f"{at}: must be an object"
        return
    yield from _unknown(card, "card", at)
    yield from _uuid(card.get("uuid"), f"{at}.uuid")
    summary = card.get("summary")
    if not _is_text(summary) or len(summary) >= 140 or "\n" in summary:
        yield f"{at}.summary: must be one sentence below 140 characters"
    if "detail" in card and not _is_text(card["detail"]):
        yield f"{at}.detail: must be text"
    if card.get("indicator") not in INDICATORS:
        yield f"{at}.indicator: must be one of {INDICATORS}"
    yield from _source(card.get("source"), f"{at}.source", crd)
    yield from _suggestions(card, at)
    for i, reason in enumerate(_list(card.get("overrideReasons"))):
        yield from _coding(reason, f"{at}.overrideReasons[{i}]", display=True)  # cds-resp-4
    for i, link in enumerate(_list(card.get("links"))):
        yield from _link(link, f"{at}.links[{i}]")


def _source(source, at, crd):
    if not isinstance(source, dict) or not _is_text(source.get("label")):
        yield f"{at}: must be there, with a label"
        return
    yield from _unknown(source, "source", at)
    for name in ("url", "icon"):
        if name in source and not _is_absolute(source[name]):
            yield f"{at}.{name}: must be an absolute URL"
    if "topic" in source:
        yield from _coding(source["topic"], f"{at}.topic", display=False)
    elif crd:
        yield f"{at}.topic: CRD wants it"


def _suggestions(card, at):
    suggestions = _list(card.get("suggestions"))
    behaviour = card.get("selectionBehavior")
    if suggestions and behaviour is None:
        yield f"{at}.selectionBehavior: must be there with suggestions"  # cds-resp-6
    if behaviour is not None and behaviour not in ("at-most-one", "any"):
        yield f"{at}.selectionBehavior: must be at-most-one or any"
    recommended = [one for one in suggestions if isinstance(one, dict) and one.get("isRecommended")]
    if behaviour == "at-most-one" and len(recommended) > 1:
        yield f"{at}.suggestions: at most one may be recommended"  # cds-resp-1
    for i, one in enumerate(suggestions):
        yield from _suggestion(one, f"{at}.suggestions[{i}]")
    yield from _unique([one.get("uuid") for one in suggestions if isinstance(one, dict)], f"{at}.suggestions: uuid")


def _suggestion(one, at):
    if not isinstance(one, dict) or not _is_text(one.get("label")):
        yield f"{at}: must have a label"
        return
    yield from _unknown(one, "suggestion", at)
    yield from _uuid(one.get("uuid"), f"{at}.uuid")
    if not isinstance(one.get("isRecommended", True), bool):
        yield f"{at}.isRecommended: must be true or false"
    if one.get("actionSelectionBehavior", "all") not in ("all", "any", "at-most-one"):
        yield f"{at}.actionSelectionBehavior: must be all, any or at-most-one"  # cds-resp-7
    yield from _actions(one.get("actions", []), f"{at}.actions", described=True)


def _actions(actions, at, *, described):
    if not isinstance(actions, list):
        yield f"{at}: must be a list"
        return
    kinds = [ORDER.get(a.get("type"), 3) for a in actions if isinstance(a, dict)]
    if kinds != sorted(kinds):
        yield f"{at}: deletes first, then creates, then updates"  # the order in which clients carry them out
    for i, action in enumerate(actions):
        yield from _action(action, f"{at}[{i}]", described=described)


def _action(action, at, *, described):
    kind = action.get("type") if isinstance(action, dict) else None
    if kind not in ORDER:
        yield f"{at}.type: must be create, update or delete"
        return
    yield from _unknown(action, "action", at)
    if described and not _is_text(action.get("description")):
        yield f"{at}.description: must be there within a suggestion"  # cds-resp-5
    if kind == "delete":
        if "resource" in action or not REFERENCE.fullmatch(str(action.get("resourceId"))):
            yield f"{at}: a delete has a resourceId, relative, and no resource"  # cds-resp-2
        return
    resource = action.get("resource")
    if not isinstance(resource, dict) or not _is_text(resource.get("resourceType")):
        yield f"{at}.resource: must be a FHIR resource"
    elif kind == "update" and not _is_text(resource.get("id")):
        yield f"{at}.resource.id: an update changes what has an id"
    elif kind == "create" and "id" in resource:
        yield f"{at}.resource.id: the server gives what is created its id"


def _link(link, at):
    if not isinstance(link, dict):
        yield f"{at}: must be an object"
        return
    yield from _unknown(link, "link", at)
    if not _is_text(link.get("label")) or not _is_absolute(link.get("url")):
        yield f"{at}: must have a label and an absolute URL"
    if link.get("type") not in ("absolute", "smart"):
        yield f"{at}.type: must be absolute or smart"
    if "appContext" in link and link.get("type") != "smart":
        yield f"{at}.appContext: goes with smart links only"  # cds-resp-3
    if not isinstance(link.get("autolaunchable", False), bool):
        yield f"{at}.autolaunchable: must be true or false"


def broken_in_discovery(answer):
    """All that a discovery document breaks."""
    services = answer.get("services") if isinstance(answer, dict) else None
    if not isinstance(services, list):
        return ["services: must be a list"]
    found = list(_empty(answer, allowed={"services"}))
    for i, one in enumerate(services):
        at = f"services[{i}]"
        found += _unknown(one, "service", at)
        found += [f"{at}.{name}: must be text" for name in ("hook", "description", "id") if not _is_text(one.get(name))]
        found += [f"{at}.hook: must be a hook's name"] * (not re.fullmatch(r"[a-z0-9.\-]+", one.get("hook", "")))
        for key, template in one.get("prefetch", {}).items():
            found += _template(template, f"{at}.prefetch.{key}")
    pairs = [(one.get("id"), one.get("hook")) for one in services]
    return found + ["services: the same id and hook twice"] * (len(set(pairs)) < len(pairs))


def _template(template, at):
    """Reads and searches, with tokens of the context; search parameters that 2.0 names as safe."""
    if not re.fullmatch(r"[A-Z][A-Za-z]+(/[^?]+|\?.+)", template):
        yield f"{at}: must be a read or a search"
    for token in re.findall(r"\{\{(.*?)\}\}", template):
        if not re.fullmatch(r"context\.[A-Za-z]+|user(Practitioner|PractitionerRole|Patient|RelatedPerson)Id", token):
            yield f"{at}: {token} is no token of 2.0"


def broken_in_request(sent):
    """What a client's call breaks: cds-r-1 and -2 among it."""
    found = [f"{name}: must be there" for name in ("hook", "hookInstance", "context") if not sent.get(name)]
    found += _uuid(sent.get("hookInstance"), "hookInstance")
    if "fhirAuthorization" in sent:
        given = sent["fhirAuthorization"]
        found += ["fhirServer: must be there with fhirAuthorization"] * ("fhirServer" not in sent)  # cds-r-1
        needed = ["access_token", "token_type", "expires_in", "scope", "subject"]
        found += [f"fhirAuthorization.{name}: must be there" for name in needed if name not in given]
        scoped = re.search(r"(^|\s)patient/", str(given.get("scope", "")))
        found += ["fhirAuthorization.patient: goes with patient scopes"] * bool(scoped and "patient" not in given)
    if "prefetch" in sent and not isinstance(sent["prefetch"], dict):  # cds-r-2
        found.append("prefetch: must be an object of resources and nulls")
    return found


def broken_in_feedback(sent):
    """What a client's feedback breaks: cds-fb-1 to -3."""
    told = sent.get("feedback")
    if not isinstance(told, list) or not told:
        return ["feedback: must be a list"]
    return [fault for i, one in enumerate(told) for fault in _outcome(one, f"feedback[{i}]")]


def _outcome(one, at):
    yield from _uuid(one.get("card") or "", f"{at}.card")
    if one.get("outcome") not in ("accepted", "overridden"):
        yield f"{at}.outcome: must be accepted or overridden"
    if one.get("outcome") == "accepted" and not one.get("acceptedSuggestions"):
        yield f"{at}.acceptedSuggestions: must be there"
    for taken in one.get("acceptedSuggestions", []):
        yield from _uuid(taken.get("id") or "", f"{at}.acceptedSuggestions.id")
    given = one.get("overrideReason")
    if given is not None and not (given.get("reason") or given.get("userComment")):
        yield f"{at}.overrideReason: a reason or a comment"
    try:
        moment = datetime.fromisoformat(one.get("outcomeTimestamp", ""))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment.utcoffset().total_seconds() != 0:
        yield f"{at}.outcomeTimestamp: must be a time in UTC"


def resources_in(answer):
    """All FHIR resources that an answer sends."""
    actions = [a for card in answer.get("cards", ()) for s in card.get("suggestions", ()) for a in s.get("actions", ())]
    return [a["resource"] for a in [*actions, *answer.get("systemActions", ())] if "resource" in a]


def _empty(value, at="", allowed=()):
    """Every null, "", [] and {}: none may be sent but where the specification says so."""
    if isinstance(value, dict):
        for name, part in value.items():
            place = f"{at}.{name}".lstrip(".")
            if part in (None, "", [], {}) and not isinstance(part, bool) and place not in allowed and part != 0:
                yield f"{place}: without value, so it must be left out"
            yield from _empty(part, place, allowed)
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from _empty(part, f"{at}[{i}]", allowed)


def _unknown(value, kind, at):
    for name in sorted(set(value) - NAMES[kind]):
        yield f"{at}.{name}: the specification has no such attribute of a {kind}".lstrip(".")


def _unique(names, what):
    given = [name for name in names if name is not None]
    if len(set(given)) < len(given):
        yield f"{what}: the same twice"


def _coding(coding, at, *, display):
    if not isinstance(coding, dict):
        yield f"{at}: must be a Coding"
        return
    yield from _unknown(coding, "coding", at)
    for name in ("code", "system", *(("display",) if display else ())):
        if not _is_text(coding.get(name)):
            yield f"{at}.{name}: must be there"


def _uuid(name, at):
    if name is None:
        return
    try:
        same = str(UUID(name)) == name.lower()
    except (ValueError, AttributeError, TypeError):
        same = False
    if not same:
        yield f"{at}: must be a UUID"


def _is_text(value):
    return isinstance(value, str) and value.strip() != ""


def _is_absolute(value):
    return _is_text(value) and urlsplit(value).scheme in ("http", "https") and bool(urlsplit(value).netloc)


def _list(value):
    return value if isinstance(value, list) else []
