"""The archive by DIMSE (PS3.4 annexes B and C), on pynetdicom: C-FIND, C-GET or C-MOVE, C-STORE.

A patient's id travels in the data set of a query and in no URL, which is what this way has over DICOMweb.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from ...engine.errors import InputError
from .dicomweb import refusal, searchable
from .errors import ARCHIVE, ArchiveRefuses, ArchiveUnavailable, BadAnswer, CutShort, NotAccepted, NotInArchive
from .extra import pynetdicom
from .identifiers import instance_entry, instances_of, object_key, series_entry, series_of, studies_of, study_entry
from .objects import identity_of
from .seam import MOST_MATCHES, REPORTS, Closing, InstanceEntry, Query, SeriesEntry, StudyEntry, Take, fitting
from .settings import ArchiveSettings, Dimse
from .uids import usable

FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"  # Study Root Query/Retrieve Information Model, PS3.4 annex C
MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"
CT_IMAGE: Final = "1.2.840.10008.5.1.4.1.1.2"
STATED: Final = tuple(f"{REPORTS}{kind}" for kind in (11, 22, 33, 34))  # SR: basic, enhanced, comprehensive, 3D
_PENDING: Final = (0xFF00, 0xFF01)
_SUCCESS: Final = 0x0000
_PEERS_FAULT: Final = 0xC211  # what we answer to a sub-operation whose object is refused (PS3.4 C.4.3.1.4)
_KINDS: Final = "presentation contexts"
_MOST_CONTEXTS: Final = 128  # PS3.8 9.3.2.2: odd numbers of one byte
SYNTAXES: Final = (  # native ones first, then the lossless and lossy ones that CT archives hold
    "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.201",
)  # fmt: skip


class DimseArchive(Closing):
    """An ``Archive`` by DIMSE; each call has an association of its own."""

    def __init__(self, way: Dimse, settings: ArchiveSettings) -> None:
        """Raises: MissingExtra: pynetdicom is not installed."""
        self._way, self._settings, self.unusable = way, settings, 0
        self._net: Any = pynetdicom()

    def studies(self, wanted: Query) -> tuple[StudyEntry, ...]:
        """C-FIND at study level, held against the query once more. See ``Archive``."""
        self.unusable = 0
        if wanted.subject is not None and not searchable(wanted.subject.patient_id):
            return ()
        entries, self.unusable = usable(self._find(studies_of(wanted)), study_entry)
        return tuple(fitting({one.uid: one for one in entries}.values(), wanted))

    def series(self, study: str) -> tuple[SeriesEntry, ...]:
        """C-FIND at series level. See ``Archive``."""
        return tuple({one.uid: one for one in (series_entry(d, study) for d in self._find(series_of(study)))}.values())

    def instances(self, study: str, series: str) -> tuple[InstanceEntry, ...]:
        """C-FIND at image level. See ``Archive``."""
        found = (instance_entry(d, study, series) for d in self._find(instances_of(study, series)))
        return tuple({one.uid: one for one in found}.values())

    def retrieve(
        self, study: str, series: str, instances: tuple[InstanceEntry, ...], take: Take, *, all_of_it: bool
    ) -> None:
        """C-GET or C-MOVE: the series at once, or the named objects. See ``Archive``."""
        named = () if all_of_it else tuple(one.uid for one in instances)
        key, arriving = object_key(study, series, named), _Arriving(take)
        try:
            if self._way.retrieve == "c-get":
                self._get(key, {kind for one in instances for kind in _kinds(one)}, arriving)
            else:
                self._move(key, arriving)
        except (ArchiveUnavailable, ArchiveRefuses) as error:
            self._explain(error, key, arriving)
        arriving.raise_what_was_met()

    def _explain(self, error: Exception, key: Any, arriving: _Arriving) -> NoReturn:
        """Why a retrieval failed: archives give one status for "no such object" and for trouble of their own."""
        if not arriving.count and not isinstance(error, CutShort) and not self._find(key):
            cure = "Look whether it was moved or deleted."
            raise NotInArchive(ARCHIVE, "retrieve", "no such object", "what was asked for", cure) from error
        raise error

    def send(self, file: Path) -> None:
        """C-STORE of one object, in the encoding that the file has. See ``Archive``.

        Raises:
            NotAccepted: the archive takes no such objects, or answers with a failure that will not pass.
        """
        what = identity_of(file)
        context = self._net.build_context(what.kind, what.syntax)
        try:
            with self._association([context]) as association:
                status = _status(association.send_c_store(file))
        except ArchiveRefuses as error:
            if error.field != _KINDS:
                raise
            cure = "Have the archive accept such objects."
            raise NotAccepted(ARCHIVE, "C-STORE", error.found, error.allowed, cure) from error
        if status != _SUCCESS and status >> 12 != 0xB:  # warnings: it is stored, and will be read back
            raise refusal(status)

    # ---- one association a call ----------------------------------------------------------------

    @contextmanager
    def _association(
        self, contexts: Sequence[Any], roles: Sequence[Any] = (), handlers: Sequence[Any] = ()
    ) -> Iterator[Any]:
        way, s = self._way, self._settings
        ae = self._net.AE(ae_title=way.calling)
        ae.connection_timeout, ae.acse_timeout = s.connect_s, s.connect_s
        ae.dimse_timeout, ae.network_timeout = s.silence_s, s.silence_s
        association = ae.associate(
            way.host, way.port, contexts=list(contexts), ae_title=way.called,
            ext_neg=list(roles), evt_handlers=list(handlers), tls_args=self._tls(),
        )  # fmt: skip
        if not association.is_established:
            raise _no_association(association)
        try:
            yield association
        finally:
            if association.is_established:
                association.release()

    def _tls(self) -> tuple[ssl.SSLContext, str] | None:
        if self._way.tls_ca_file is None:
            return None
        try:
            context = ssl.create_default_context(cafile=str(self._way.tls_ca_file))
        except (OSError, ssl.SSLError) as error:
            field, cure = "archive.dimse.tls_ca_file", "Give a PEM file of certificates."
            raise ArchiveRefuses("settings", field, "no certificates", "PEM", cure) from error
        return context, self._way.host

    def _find(self, wanted: Any) -> list[Any]:
        found: list[Any] = []
        with self._association([self._net.build_context(FIND)]) as association:
            for status, dataset in association.send_c_find(wanted, FIND):
                code = _status(status)
                if code in _PENDING and dataset is not None:
                    found.append(dataset)
                elif code != _SUCCESS:
                    raise _failed("C-FIND", code)
                if len(found) > MOST_MATCHES:
                    association.abort()
                    cure = "Ask for fewer days."
                    raise BadAnswer(ARCHIVE, "C-FIND", "more matches than are taken", f"{MOST_MATCHES}", cure)
        return found

    def _get(self, key: Any, kinds: set[str], arriving: _Arriving) -> None:
        pairs = [(kind, syntax) for kind in sorted(kinds) for syntax in SYNTAXES][: _MOST_CONTEXTS - 1]
        contexts = [self._net.build_context(GET), *(self._net.build_context(*pair) for pair in pairs)]
        roles = [self._net.build_role(kind, scp_role=True) for kind in sorted({kind for kind, _ in pairs})]
        handlers = [(self._net.evt.EVT_C_STORE, arriving)]
        with self._association(contexts, roles, handlers) as association:
            _finished("C-GET", association.send_c_get(key, GET), arriving)

    def _move(self, key: Any, arriving: _Arriving) -> None:
        way = self._way
        ae = self._net.AE(ae_title=way.calling)
        ae.dimse_timeout = ae.network_timeout = self._settings.silence_s
        ae.require_calling_aet, ae.require_called_aet = [way.called], True
        ae.supported_contexts = storage_contexts(self._net)
        handlers = [(self._net.evt.EVT_C_STORE, arriving)]
        try:
            server = ae.start_server((way.own_host, way.own_port), block=False, evt_handlers=handlers)
        except OSError as error:
            field, cure = "archive.dimse.own_port", "Choose another port."
            raise ArchiveRefuses("settings", field, error.strerror or "no such port", "a free port", cure) from error
        try:
            with self._association([self._net.build_context(MOVE)]) as association:
                _finished("C-MOVE", association.send_c_move(key, way.calling, MOVE), arriving)
        finally:
            server.shutdown()


class _Arriving:
    """Takes the objects of sub-operations; the first one that is refused ends it, and is raised where it was asked."""

    def __init__(self, take: Take) -> None:
        self._take, self.count = take, 0
        self._met: Exception | None = None

    def __call__(self, event: Any) -> int:
        """Answer one C-STORE."""
        self.count += 1
        if self._met is not None:
            return _PEERS_FAULT
        try:
            self._take([event.encoded_dataset()])
        except (InputError, ArchiveUnavailable, OSError) as error:
            self._met = error  # this runs in pynetdicom's thread: what is raised here would be lost
            return _PEERS_FAULT
        return _SUCCESS

    def raise_what_was_met(self) -> None:
        """Raise what an object was refused for."""
        if self._met is not None:
            raise self._met


def storage_contexts(net: Any) -> list[Any]:
    """All storage classes in all encodings that are taken."""
    return [net.build_context(c.abstract_syntax, list(SYNTAXES)) for c in net.AllStoragePresentationContexts]


def _kinds(one: InstanceEntry) -> tuple[str, ...]:
    """What an object may be, where the archive does not say."""
    return (one.kind,) if one.kind else STATED if one.is_report else (CT_IMAGE,)


def _status(dataset: Any) -> int:
    """The status of an answer.

    Raises:
        CutShort: there was none.
    """
    if dataset is None or "Status" not in dataset:
        raise CutShort(ARCHIVE, "DIMSE", "an association that broke off", "an answer", "Try again later.")
    return int(dataset.Status)


def _finished(what: str, answers: Iterator[tuple[Any, Any]], arriving: _Arriving) -> None:
    """Follow sub-operations to their end; what did not arrive, the basket knows."""
    code = None
    for status, _ in answers:
        code = _status(status)
    arriving.raise_what_was_met()
    if code is None:
        raise CutShort(ARCHIVE, what, "no answer", "an answer", "Try again later.")
    if code != _SUCCESS and code >> 12 != 0xB:  # B000: some failed; those are missing, and asked for again
        raise _failed(what, code)


def _failed(what: str, code: int) -> ArchiveUnavailable | ArchiveRefuses:
    found = f"failure {code:04X}"
    if code >> 8 == 0xA7 or code >> 12 == 0xC or code == 0xFE00:
        return ArchiveUnavailable(ARCHIVE, what, found, "success", "Try again later, or look it up in PS3.4 annex C.")
    return ArchiveRefuses(ARCHIVE, what, found, "success", "Look the code up in PS3.4 annex C.")


def _no_association(association: Any) -> ArchiveUnavailable | ArchiveRefuses:
    if association.is_rejected and not _transient(association):
        cure = "Have the archive know our AE title, and check its own."
        return ArchiveRefuses(ARCHIVE, "DIMSE", "the association rejected", "accepted", cure)
    if association.rejected_contexts and not association.accepted_contexts:
        found, cure = "this operation, or this kind of object and encoding, refused", "Have the archive accept it."
        return ArchiveRefuses(ARCHIVE, _KINDS, found, "accepted", cure)
    return ArchiveUnavailable(ARCHIVE, "DIMSE", "no association", "one", "Check host, port and network.")


def _transient(association: Any) -> bool:
    """PS3.8 table 9-21: result 2 is "rejected-transient"."""
    primitive = getattr(association.acceptor, "primitive", None)
    return getattr(primitive, "result", None) == 2
