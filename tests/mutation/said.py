"""The answer to a case by the plain reading: the fields that cases expect, from the documents alone.

Facts come as the engine's adapters give them (``cases.read``); everything after that is read here.
"""

from itertools import product

from mutation.amounts import NA
from mutation.reading import World, bounded, every_reading, outcomes, symbol

from radlogic.engine.calendar import due_date
from radlogic.engine.types import Known, NotApplicable


def split(rules, facts):
    """Facts -> (symbols by name, raw amounts by name); what is not known is in neither."""
    symbols, raw = {}, {}
    for name, belief in facts.items():
        i = rules.inputs.get(name, {"type": "bool"})
        numeric = i["type"] in ("number", "history")
        if isinstance(belief, NotApplicable) and (numeric or i.get("absent") == NA):
            (raw if numeric else symbols)[name] = NA
        elif isinstance(belief, Known):
            (raw if numeric else symbols)[name] = belief.value if numeric else symbol(belief.value)
    return symbols, raw


def finding(rules, facts, seen=None):
    """One finding: (what it can be by default, what by other readings, the answers beside the category).

    What it can be is a set of (category, leading answers).
    """
    head = rules.head
    symbols, raw = split(rules, facts)
    bounded(rules, raw)
    answers = head.get("finding_answers", {})
    near = [n for n, a in answers.items() if not a.get("apart")]
    tables = [head["category"], *(answers[n]["table"] for n in near)]
    lead = [1 + near.index(n) for n in head.get("leading", ())]
    default, others = every_reading(World(rules, symbols, raw, 0, seen), tables)
    values = {n: agreed(answers[n], {o[k] for o in default}) for k, n in enumerate(near, start=1)}
    for n in (n for n in answers if n not in near):
        found = outcomes(World(rules, symbols, raw, 0, seen), [answers[n]["table"]])
        values[n] = agreed(answers[n], {o[0] for o in found})
    by_default, otherwise = ({(o[0], tuple(o[k] for k in lead)) for o in which} for which in (default, others))
    return by_default, otherwise, values


def agreed(answer, results):
    """The value of an answer where all outcomes give the same."""
    if len(results) != 1:
        return None
    (only,) = results
    return answer["values"].get(only, only) if "values" in answer else only


def together(rules, findings):
    """The highest category of the findings, and the answers of those that have it, for every combination."""
    lead = rules.head.get("leading", ())
    first = tuple(rules.domain(f"leading.{n}")[0] for n in lead)
    total = {("none", first)}
    for options in findings:
        total = {higher(rules, a, b) for a, b in product(total, options)}
    return total


def higher(rules, a, b):
    """The higher of two categories with its answers; of equals both, yes before no before n/a."""
    if rules.rank[a[0]] != rules.rank[b[0]]:
        return max(a, b, key=lambda one: rules.rank[one[0]])
    return a[0], tuple(map(max, a[1], b[1]))


def said(rules, exam, findings, exam_date=None, seen=None):
    """The answer of an exam with its findings' facts: category, possible, silent, management and what else there is.

    Raises: Broken; Impossible.
    """
    head = rules.head
    read = [finding(rules, {**exam, **facts}, seen) for facts in findings]
    default = together(rules, [r[0] for r in read])
    others = together(rules, [r[0] | r[1] for r in read]) - default
    answers = head.get("exam_answers", {})
    tables = [head["exam_category"], head.get("management", head["exam_category"])]
    tables += [a["table"] for a in answers.values()]

    symbols, raw = split(rules, exam)

    def of_exam(combinations):
        found = [
            every_reading(World(rules, {**symbols, "worst": worst, **leading(head, lead)}, raw, 0, seen), tables)
            for worst, lead in combinations
        ]
        return [set().union(*side) for side in zip(*found, strict=True)] or [set(), set()]

    first, rest = of_exam(default)
    rest = rest.union(*of_exam(others))
    values = {n: agreed(a, {o[k] for o in first}) for k, (n, a) in enumerate(answers.items(), start=2)}
    extra = {**management(head, {c for c, _ in read[0][0]}), **read[0][2]} if len(read) == 1 else {}
    fields = {**extra, **management(head, {o[1] for o in first} if len({o[0] for o in first}) == 1 else ()), **values}
    unsure = [n for k, n in enumerate(answers, start=2) if len({o[k] for o in first}) > 1]
    return shown(rules, {o[0] for o in first}, {o[0] for o in rest}, fields, unsure, exam_date)


def leading(head, values):
    """The leading answers as facts of the exam."""
    return {f"leading.{n}": v for n, v in zip(head.get("leading", ()), values, strict=True)}


def management(head, symbols):
    """What is to be done where one thing is."""
    if len(symbols) == 1:
        return dict(head["managements"].get(next(iter(symbols)), {}))
    return {"management": None, "interval_months": None}


def shown(rules, default, others, fields, unsure, exam_date):
    """The fields as the answer has them."""
    ordered = sorted(default, key=lambda c: (rules.rank.get(c, -1), c))
    further = sorted(others - default, key=lambda c: (rules.rank.get(c, -1), c))
    category = ordered[0] if len(ordered) == 1 else None
    due = due_date(exam_date, fields.get("interval_months"))
    silent = category is not None and bool(further)
    return {
        "interval_months": None,
        **fields,
        "category": category,
        "display": display(rules, category, fields, unsure),
        "possible": ordered + further,
        "silent": silent,
        "alternatives": further if silent else [],
        "review": {"required": silent or category is None},
        "due_date": due.isoformat() if due else None,
    }


def display(rules, category, fields, unsure):
    """The category as it is printed."""
    if category is None:
        return None
    named = {c["id"]: c["display"] for c in rules.head["categories"]}
    base = fields.get("display") or named.get(category, category)
    return base + (" (S not known)" if "s_modifier" in unsure else "S" if fields.get("s_modifier") else "")


def applies(rules, facts, seen=None):
    """Whether the guideline applies: the set of results that the facts leave open."""
    symbols, raw = split(rules, facts)
    return {o[0] for o in outcomes(World(rules, symbols, raw, 0, seen), [rules.head["applies"]])}
