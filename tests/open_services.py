"""CDS services that ask nobody who they are, for tests of what they say."""

from datetime import date

from radlogic.adapters.cds_hooks.setup import services_of
from radlogic.adapters.cds_hooks.trust.settings import CdsTrust
from radlogic.adapters.service import create_app

OPEN = CdsTrust(verify=False, burst=1_000_000, requests_per_s=1_000_000, client_burst=1_000_000)


def open_app(log, queue, *, clock=date.today, pages=None, **more):
    """The app over these records, unverified; the pages' store is the services'."""
    store = pages.desk.store if pages is not None else None
    metrics = pages.desk.metrics if pages is not None else None
    services = services_of(log, queue, clock, store=store, trust=OPEN, metrics=metrics, **more)
    return create_app(services, pages=pages)
