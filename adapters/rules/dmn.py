"""A guideline as DMN 1.3 XML, for other decision engines.

The XML holds every table as a decision with its citations, three decision services (a finding, the
exam, the population), and the default reading where the guideline is silent. Namespaces and order
of elements: OMG DMN 1.3, formal/2021-02-01, DMN13.xsd.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass

from ...engine.guideline.load import Guideline
from ..notice import INTENDED_USE
from .decisions import Datum, Decision, Model, Rule, Service
from .dmn_model import CATEGORY, model
from .dmn_tables import NOTES
from .feel import UNKNOWN, name

DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"
FEEL = "https://www.omg.org/spec/DMN/20191111/FEEL/"
ISSUER = "urn:radlogic:rules:"  # namespace of the models; a name, not a place


@dataclass(frozen=True, slots=True)
class Exported:
    """A guideline in another language, and what of it that language does not carry, in words."""

    text: str
    left_out: tuple[str, ...]


def dmn(guideline: Guideline) -> Exported:
    """The guideline as DMN 1.3 XML.

    Raises:
        Unsupported: two things of the guideline would have the same name in FEEL.
    """
    whole = model(guideline)
    root = ET.Element("definitions", {
        "xmlns": DMN, "id": f"guideline_{name(guideline.name)}", "name": guideline.name,
        "namespace": f"{ISSUER}{guideline.name}", "expressionLanguage": FEEL, "typeLanguage": FEEL,
        "exporter": "radlogic", "exporterVersion": guideline.sha256[:16],
    })  # fmt: skip
    _text(root, "description", _about(guideline))
    for element in (*_types(guideline), *_graph(guideline, whole)):
        root.append(element)
    ET.indent(root)
    return Exported(ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n", left_out(guideline))


def left_out(guideline: Guideline) -> tuple[str, ...]:
    """What the DMN model does not carry, in words."""
    rows = [r for t in guideline.document["tables"] for r in (*t.get("rows", ()), *t.get("any", ())) if "silent" in r]
    silent = f"{len(rows)} silent spots: the model gives the default reading, the others are annotations"
    open_answers = (
        "which categories remain possible where an input is unknown, and what to assess next: it gives no answer"
    )
    several = "the step from each finding to the list of findings: the caller asks the finding service once for each"
    return (*([silent] if rows else []), open_answers, several)


def _about(guideline: Guideline) -> str:
    head = guideline.head
    sources = "; ".join(f"{key}: {words}" for key, words in head["sources"].items())
    return (
        f"{head['title']}, effective {head['effective']}. {head['owner']}. {sources}. {INTENDED_USE} "
        f'Every input may be null or "{UNKNOWN}", and both mean that it was not assessed; a decision that needs it '
        f'then has no answer (null or "{UNKNOWN}"). "n/a" is what does not arise. Where the guideline is silent the '
        f"default reading is given, and the other readings stand in the annotation. sha256 {guideline.sha256}"
    )


def _text(parent: ET.Element, tag: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, tag)
    element.text = text
    return element


def _types(guideline: Guideline) -> Iterator[ET.Element]:
    """The types of the two lists: older sizes, and what was said of each finding."""
    leading = (name(lead) for lead in guideline.head.get("leading", ()))
    yield _list_type("tFindings", {CATEGORY: "string", **dict.fromkeys(leading, "string")})
    if any(i["type"] == "history" for _, i in guideline.inputs.values()):
        yield _list_type("tHistory", {"months_ago": "number", "mean_mm": "number"})


def _list_type(type_name: str, components: dict[str, str]) -> ET.Element:
    item = ET.Element("itemDefinition", {"id": type_name, "name": type_name, "isCollection": "true"})
    for component, kind in components.items():
        part = ET.SubElement(item, "itemComponent", {"id": f"{type_name}_{component}", "name": component})
        _text(part, "typeRef", kind)
    return item


def _graph(guideline: Guideline, whole: Model) -> Iterator[ET.Element]:
    """Inputs, the guideline as the source of knowledge, decisions, services."""
    limited = [d for d in whole.inputs.values() if d.allowed]
    yield from map(_type_of, limited)
    yield from map(_input, whole.inputs.values())
    source = ET.Element("knowledgeSource", {"id": "guideline", "name": guideline.head["title"]})
    _text(source, "description", f"{guideline.head['title']}. {guideline.head['owner']}.")
    yield source
    yield from (_decision(d, whole) for d in whole.decisions.values())
    yield from (_service(s, whole) for s in whole.services)


def _type_of(datum: Datum) -> ET.Element:
    item = ET.Element("itemDefinition", {"id": f"t_{datum.name}", "name": f"t_{datum.name}"})
    _text(item, "typeRef", datum.type)
    _text(ET.SubElement(item, "allowedValues", {"id": f"t_{datum.name}_values"}), "text", datum.allowed)
    return item


def _input(datum: Datum) -> ET.Element:
    element = ET.Element("inputData", {"id": f"input_{datum.name}", "name": datum.name})
    _text(element, "description", datum.doc)
    kind = f"t_{datum.name}" if datum.allowed else datum.type
    ET.SubElement(element, "variable", {"id": f"variable_{datum.name}", "name": datum.name, "typeRef": kind})
    return element


def _decision(decision: Decision, whole: Model) -> ET.Element:
    element = ET.Element("decision", {"id": _id(decision.name), "name": decision.name, "label": decision.label})
    if decision.doc:
        _text(element, "description", decision.doc)
    ET.SubElement(
        element, "variable", {"id": f"result_{decision.name}", "name": decision.name, "typeRef": decision.type}
    )
    for n, need in enumerate(dict.fromkeys(decision.needs)):
        requirement = ET.SubElement(element, "informationRequirement", {"id": f"needs_{decision.name}_{n}"})
        if need in whole.inputs:
            ET.SubElement(requirement, "requiredInput", {"href": f"#input_{need}"})
        else:
            ET.SubElement(requirement, "requiredDecision", {"href": f"#{_id(need)}"})
    authority = ET.SubElement(element, "authorityRequirement", {"id": f"source_{decision.name}"})
    ET.SubElement(authority, "requiredAuthority", {"href": "#guideline"})
    if decision.expression is not None:
        _text(ET.SubElement(element, "literalExpression", {"id": f"says_{decision.name}"}), "text", decision.expression)
    else:
        _table(element, decision)
    return element


def _table(parent: ET.Element, decision: Decision) -> None:
    key = decision.name
    table = ET.SubElement(parent, "decisionTable", {"id": f"table_{key}", "hitPolicy": decision.policy})
    for n, column in enumerate(decision.columns):
        clause = ET.SubElement(table, "input", {"id": f"column_{key}_{n}"})
        _text(ET.SubElement(clause, "inputExpression", {"id": f"reads_{key}_{n}"}), "text", column)
    ET.SubElement(table, "output", {"id": f"output_{key}", "typeRef": decision.type})
    for note in NOTES:
        ET.SubElement(table, "annotation", {"name": note})
    for n, rule in enumerate(decision.rules):
        _rule(table, rule, f"{key}_{n}")


def _rule(table: ET.Element, rule: Rule, key: str) -> None:
    element = ET.SubElement(table, "rule", {"id": f"row_{key}"})
    for n, test in enumerate(rule.tests):
        _text(ET.SubElement(element, "inputEntry", {"id": f"test_{key}_{n}"}), "text", test)
    _text(ET.SubElement(element, "outputEntry", {"id": f"then_{key}"}), "text", rule.output)
    for note in (*rule.notes, *("" for _ in NOTES[len(rule.notes) :])):
        _text(ET.SubElement(element, "annotationEntry"), "text", note)


def _service(service: Service, whole: Model) -> ET.Element:
    element = ET.Element("decisionService", {"id": f"service_{service.name}", "name": f"{service.name}_service"})
    _text(element, "description", service.doc)
    ET.SubElement(element, "variable", {"id": f"answer_{service.name}", "name": f"{service.name}_service"})
    behind = whole.behind(service.outputs)
    for output in service.outputs:
        ET.SubElement(element, "outputDecision", {"href": f"#{_id(output)}"})
    for inner in behind:
        if inner not in service.outputs:
            ET.SubElement(element, "encapsulatedDecision", {"href": f"#{_id(inner)}"})
    for read in whole.inputs_behind(behind):
        ET.SubElement(element, "inputData", {"href": f"#input_{read}"})
    return element


def _id(decision: str) -> str:
    return f"decision_{decision}"
