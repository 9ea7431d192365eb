"""Decisions of one study under ids of the test's own, for stores."""

from dataclasses import replace

from sample_decisions import unknown_type

from radlogic.engine.record import Assessment


def of_study(name: str, study: str, patient: str = "") -> Assessment:
    """A sample decision of that study (a UID), of the patient with that pseudonym ('' for nobody)."""
    made = unknown_type()
    case = made.record.case
    case = replace(case, exam=replace(case.exam, study_uid=study), patient=replace(case.patient, key=patient))
    return replace(made, record=replace(made.record, case=case, decision_id=name))
