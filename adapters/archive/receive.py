"""The C-STORE provider: studies that modalities and archives send arrive in a spool folder.

Success is answered when the object is whole, checked and on disk under its name, and not before; so what a sender was
told it may forget is never lost here. Sent again, the same object is taken as what it is; another content under the
same UID is refused, and the first one stays.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any, Final

from ...engine.errors import InputError, TooLarge
from .basket import copied, made, sync_folder, synced
from .dimse import storage_contexts
from .errors import ArchiveRefuses
from .extra import pynetdicom
from .objects import identity_of
from .same import same_content
from .seam import Closing
from .settings import Receiver
from .spool import place_of

SUCCESS: Final = 0x0000
OUT_OF_RESOURCES: Final = 0xA700  # PS3.4 table B.2-1
CANNOT_UNDERSTAND: Final = 0xC000
NOT_MATCHING: Final = 0xA900  # the data set does not match what the command says
DUPLICATE: Final = 0x0111  # PS3.7 annex C: duplicate SOP instance
VERIFICATION: Final = "1.2.840.10008.1.1"


class Reception(Closing):
    """A running receiver; ``with`` closes it."""

    def __init__(self, settings: Receiver) -> None:
        """Listen.

        Raises:
            MissingExtra: pynetdicom is not installed. ArchiveRefuses: the port is taken. BadValue: the spool.
        """
        net = pynetdicom()
        self._settings, self._one = settings, threading.Lock()
        self._beside = made(settings.spool / ".arriving")
        for left in self._beside.iterdir():
            left.unlink()  # of a receiver that died: no sender was told that these arrived
        ae = net.AE(ae_title=settings.title)
        ae.supported_contexts = storage_contexts(net)
        ae.add_supported_context(VERIFICATION)
        ae.require_calling_aet, ae.require_called_aet = list(settings.callers), True
        ae.maximum_associations = settings.associations
        ae.network_timeout = ae.dimse_timeout = ae.acse_timeout = settings.silence_s
        handlers = [(net.evt.EVT_C_STORE, self._store), (net.evt.EVT_C_ECHO, lambda _: SUCCESS)]
        place = (settings.host, settings.port)
        try:
            self._server: Any = ae.start_server(place, block=False, evt_handlers=handlers)
        except OSError as error:
            found, cure = error.strerror or "no such port", "Choose another port."
            raise ArchiveRefuses("settings", "receive.port", found, "a free port", cure) from error
        self.taken = self.refused = 0

    def close(self) -> None:
        """Stop listening; what is under way is broken off, and its sender sends it again."""
        self._server.shutdown()

    def _store(self, event: Any) -> int:
        """Answer one C-STORE; every way to refuse has its status, and none of them a text."""
        try:
            status = self._arrived(event)
        except TooLarge:
            status = OUT_OF_RESOURCES
        except OSError:  # the disk
            status = OUT_OF_RESOURCES
        except InputError:
            status = CANNOT_UNDERSTAND
        with self._one:
            self.taken += status == SUCCESS
            self.refused += status != SUCCESS
        return status

    def _arrived(self, event: Any) -> int:
        s = self._settings
        data = event.encoded_dataset()
        if shutil.disk_usage(s.spool).free - len(data) < s.free_bytes:
            return OUT_OF_RESOURCES
        with tempfile.NamedTemporaryFile(dir=self._beside, delete=False) as part:
            path = Path(part.name)
            try:
                copied([data], part, s.object_bytes)
                synced(part.fileno())
                return self._placed(path, event.request)
            finally:
                path.unlink(missing_ok=True)

    def _placed(self, path: Path, request: Any) -> int:
        with self._one:  # two associations may bring the same object; and pydicom's settings are those of the process
            what = identity_of(path)
            if (what.instance, what.kind) != (str(request.AffectedSOPInstanceUID), str(request.AffectedSOPClassUID)):
                return NOT_MATCHING
            place = place_of(self._settings.spool, what)
            if place.is_file():
                return SUCCESS if same_content(place, path) else DUPLICATE
            made(place.parent)
            path.replace(place)
            for folder in (place.parent, place.parent.parent, place.parent.parent.parent):
                sync_folder(folder)
        return SUCCESS
