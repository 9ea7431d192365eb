"""How a service of CDS Hooks refuses, beyond what the store and the readers of FHIR refuse.

* MissingField
  x DataLacking    data that the answer needs were not sent and could not be fetched: 412
"""

from __future__ import annotations

from ...engine.errors import MissingField


class DataLacking(MissingField):
    """Data that the answer needs were neither prefetched nor could be fetched."""


def data_lacking(service: str, why: str) -> DataLacking:
    """The refusal of a service: ``why`` names queries and reasons, nothing that was sent."""
    cure = "Prefetch it, or send fhirServer with an authorization."
    return DataLacking(service, "prefetch", why, "the data that the answer needs", cure)
