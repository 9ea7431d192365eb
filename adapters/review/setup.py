"""From a site's settings file and a store to the pages that a service serves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from ...engine.errors import BadValue, NotReadable
from ..access.settings import AccessSettings, settings_from
from ..monitor.metrics import Metrics, metrics_routes
from ..store.cases import Store
from ..store.images import images_folder
from .desk import Desk
from .settings import ReviewSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

HOME = "/review"
PARTS = ("access", "review")


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
        install(app, self.access, store.journal.database.engine, audit_in(store))


def pages_of(place: str, address: str, file: Path | None = None, images: Path | None = None) -> Pages:
    """The pages over the store at a place.

    Args:
        place: the store, a folder or a ``postgresql://`` URL.
        address: where the pages are reached, unless the settings say: ``http://127.0.0.1:8765``.
        file: the site's settings (YAML with the parts ``access`` and ``review``); the defaults if None.
        images: where ``assess --store`` keeps slices, before what the settings say.

    Raises:
        NotReadable: the file cannot be read. BadValue, BadAccessSetting: it holds what is no setting,
            or several EHRs.
        StoreUnavailable: the store cannot be opened.
    """
    parts = _parts(file)
    access = settings_from({"base_url": address, "home": HOME, **parts["access"]})
    ehr = _ehr(access)
    review = _review(parts["review"])
    store = Store.open(place)
    folder = images_folder(place, images or review.images)
    return Pages(Desk(store, review, folder, metrics=Metrics(), ehr=ehr), access)


def _ehr(access: AccessSettings) -> str:
    """The one EHR that may launch the pages: a store's pseudonyms are of one server's patients.

    Raises:
        BadValue: there are several.
    """
    if len(access.smart) > 1:
        found, allowed = f"{len(access.smart)} EHRs", "one EHR for each store"
        raise BadValue("access settings", "smart", found, allowed, "Serve a store of its own for each EHR.")
    return access.smart[0].iss if access.smart else ""


def _parts(file: Path | None) -> dict[str, dict[str, Any]]:
    if file is None:
        return {part: {} for part in PARTS}
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        cure = "Check the path and the syntax."
        raise NotReadable(file.name, "", type(error).__name__, "a YAML file", cure) from None
    content = {} if content is None else content  # an empty file sets nothing
    good = isinstance(content, dict) and all(isinstance(part, dict) for part in content.values())
    if not good or set(content) - set(PARTS):
        raise BadValue(file.name, "", "other parts", " and ".join(PARTS), "See docs/review.md.")
    return {part: content.get(part, {}) for part in PARTS}


def _review(values: dict[str, Any]) -> ReviewSettings:
    try:
        return ReviewSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        found, cure = "a value that is refused", "See docs/review.md."
        raise BadValue("review settings", field, found, first["msg"], cure) from None
