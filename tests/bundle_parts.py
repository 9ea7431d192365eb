"""Bundles of decisions, and how tests look into them."""

from functools import lru_cache

import bundle_cases as world
from bundle_cases import CONTEXT

from radlogic.adapters.fhir.emit.bundle import report_bundle


@lru_cache
def every():
    return (*world.own(2), *world.written())


OVER = world.over(every)


def bundle(assessment, signed=None, context=CONTEXT, **more):
    return report_bundle(assessment, signed, context, **more)


UNSIGNED = {}


def unsigned(name, assessment):
    """The Bundle of one of ``every()``, made once."""
    if name not in UNSIGNED:
        UNSIGNED[name] = bundle(assessment)
    return UNSIGNED[name]


def resources(made, kind=None):
    return [e["resource"] for e in made["entry"] if kind in (None, e["resource"]["resourceType"])]


def named(made):
    return {e["fullUrl"]: e["resource"] for e in made["entry"]}


def codes(concept):
    return {c["code"] for c in concept.get("coding", ())}


def parts(observation, code):
    return [c for c in observation.get("component", ()) if code in codes(c["code"])]


def exam_of(made, guideline):
    """The Observation of the exam by a guideline."""
    own = f"{guideline.partition('@')[0]}.category"
    return next(o for o in resources(made, "Observation") if own in codes(o["code"]))


def lesion_of(made, name):
    found = (o for o in resources(made, "Observation") if "lesion" in codes(o["code"]))
    return next(o for o in found if name in {i["value"] for i in o["identifier"]})


def read(assessment):
    return [d for d in assessment.decision.guidelines if d.application.applies != "no" and d.exam is not None]


def values(node, path=""):
    """Every value below a node with its path."""
    yield path, node
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield from values(value, f"{path}/{key}")
