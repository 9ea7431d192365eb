"""From a site's settings to the pages that a service serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...engine.errors import BadValue
from ..access.settings import AccessSettings
from ..cds_hooks.setup import counted
from ..cds_hooks.trust.guard import SERVICES
from ..monitor.metrics import Metrics, metrics_routes
from ..operations.tracing import watch_store
from ..store.cases import Store
from ..store.images import images_folder
from .desk import Desk

if TYPE_CHECKING:
    from fastapi import FastAPI

    from ..site_settings import SiteSettings

HOME = "/review"


@dataclass(frozen=True, slots=True)
class Pages:
    """The review pages of a service: the desk behind them, and who may use them."""

    desk: Desk
    access: AccessSettings

    def add_to(self, app: FastAPI) -> None:
        """Add the routes, and put the guard before all of the app's.

        Raises:
            StoreUnavailable: the tables of the accounts cannot be made.
        """
        from starlette.responses import RedirectResponse

        from ..access.guard import install
        from ..access.recorded import audit_in
        from .routes import review_routes

        app.include_router(review_routes(self.desk))
        if self.desk.metrics is not None:
            app.include_router(metrics_routes(self.desk.metrics, self.desk.store))

        @app.get("/", include_in_schema=False)
        def home() -> RedirectResponse:
            """To the worklist."""
            return RedirectResponse(HOME, 303)

        store = self.desk.store
        install(app, self.access, store.journal.database.engine, audit_in(store), elsewhere=(SERVICES,))


def pages_of(settings: SiteSettings) -> Pages:
    """The pages that a site's settings describe.

    Raises:
        BadValue: several EHRs for one store.
        StoreUnavailable: the store cannot be opened.
    """
    ehr = _ehr(settings.access)
    store = Store.open(settings.store, settings.anchor)
    watch_store(store.journal.database.engine)
    folder = images_folder(settings.store, settings.review.images)
    desk = Desk(store, settings.review, folder, metrics=Metrics(services=counted()), ehr=ehr)
    return Pages(desk, settings.access)


def _ehr(access: AccessSettings) -> str:
    """The one EHR that may launch the pages: a store's pseudonyms are of one server's patients.

    Raises:
        BadValue: there are several.
    """
    if len(access.smart) > 1:
        found, allowed = f"{len(access.smart)} EHRs", "one EHR for each store"
        raise BadValue("access settings", "smart", found, allowed, "Serve a store of its own for each EHR.")
    return access.smart[0].iss if access.smart else ""
