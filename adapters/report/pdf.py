"""The report as PDF by ReportLab, of the same object that text and page render. Optional: the extra ``pdf``."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from ...engine.errors import MissingExtra
from ...engine.record import Assessment
from .draft import report_of
from .html import pictures
from .language import REFERENCE, speaking
from .over_time import courses_of, histories_of
from .phrases import heading
from .rendering import PLAIN, reason_number, reasons_of
from .signed import Signed
from .view import Group, Headline, Item, Report, Section

if TYPE_CHECKING:
    from ...engine.perception.volume import Volume
    from .drawing import Drawing

MARGIN: Final = 42.0  # points
FONT: Final = "Vera"  # comes with ReportLab, and has the letters of western and central Europe
BOLD: Final = "VeraBd"
INK: Final = "#1b1f23"
QUIET: Final = "#535b63"
ACCENT: Final = "#0b4f8a"
WARN: Final = "#6b3a00"
PADDING: Final = (("TOPPADDING", 1), ("BOTTOMPADDING", 1), ("LEFTPADDING", 0))


def report_pdf(
    assessment: Assessment,
    volume: Volume | None = None,
    signed: Signed | None = None,
    language: str = REFERENCE,
    *,
    replaced_by: str = "",
) -> bytes:
    """The report as a PDF of A4 pages; the same input gives the same bytes.

    A letter that the font lacks is written as its code point, ``[U+0416]``: nothing is left out in silence.
    ``replaced_by``: the decision that took the place of a draft.

    Raises:
        MissingExtra: ReportLab is not there. BadValue: there is no such language.
    """
    _needed()
    with speaking(language):
        report = report_of(assessment, signed, replaced_by)
        drawn = {name: (d, caption) for name, (d, caption) in courses_of(assessment).items()}
        shown = pictures(assessment, volume) if volume is not None else {}
        return _Paper(report, drawn, histories_of(assessment, signed), shown).made()


def _needed() -> None:
    try:
        import reportlab  # noqa: F401
    except ImportError as error:
        cure = "Install the extra: pip install 'radlogic[pdf]'."
        raise MissingExtra("report", "pdf", "no reportlab", "the extra pdf", cure) from error


class _Paper:
    """The report's parts as ReportLab's flowing elements."""

    def __init__(
        self,
        report: Report,
        courses: dict[str, tuple[Drawing, str]],
        histories: Sequence[tuple[str, Drawing, str]],
        shown: dict[str, Any],
    ) -> None:
        from reportlab.lib.pagesizes import A4
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.ttfonts import TTFont

        for name in (FONT, BOLD):
            pdfmetrics.registerFont(TTFont(name, f"{name}.ttf"))
        pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)
        self.glyphs = frozenset(TTFont(FONT, f"{FONT}.ttf").face.charToGlyph)
        self.size, self.wide = A4, A4[0] - 2 * MARGIN
        self.report, self.courses, self.histories, self.shown = report, courses, histories, shown
        self.numbers = reasons_of(report)

    def made(self) -> bytes:
        from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate

        held = io.BytesIO()
        paper = BaseDocTemplate(
            held,
            pagesize=self.size,
            title=self.report.title,
            author="radlogic",
            subject=self.report.status,
            invariant=1,
        )
        frame = Frame(MARGIN, MARGIN + 18, self.wide, self.size[1] - 2 * MARGIN - 36, 0, 0, 0, 0)
        paper.addPageTemplates([PageTemplate("page", [frame], onPage=self._edges)])
        paper.build(list(self._flow()))
        return held.getvalue()

    def _edges(self, canvas: Any, paper: Any) -> None:
        """On every page: whether it is signed, what it is for, which page it is."""
        canvas.saveState()
        canvas.setFont(BOLD, 8)
        canvas.setFillColor(WARN)
        canvas.drawCentredString(self.size[0] / 2, self.size[1] - MARGIN + 4, self._lettered(self.report.status))
        canvas.setFont(FONT, 7)
        canvas.drawCentredString(self.size[0] / 2, MARGIN - 6, self._lettered(self.report.intended_use))
        canvas.setFillColor(QUIET)
        canvas.drawRightString(self.size[0] - MARGIN, MARGIN - 18, str(paper.page))
        canvas.restoreState()

    def _flow(self) -> Iterator[Any]:
        yield self._text(self.report.title, 14, bold=True)
        identity = [(row.label, row.value) for row in self.report.identity]
        yield self._table(identity, (0.25, 0.75))
        yield from (self._text(line, 9.5, bold=True, colour=WARN) for line in self.report.warnings)
        for head in self.report.headlines:
            yield from self._headline(head)
        if not self.report.headlines:
            yield self._text(self.report.no_answer, 11, bold=True)
        yield from (self._text(line, 9, bold=True, colour=WARN) for line in self.report.alerts)
        for i, section in enumerate(self.report.sections):
            if not section.dictated and self.report.sections[i - 1].dictated:
                yield self._text(heading("record"), 12, bold=True, before=16)
            yield from self._section(section)

    def _headline(self, head: Headline) -> Iterator[Any]:
        flags = f" ({', '.join(head.flags)})" if head.flags else ""
        yield self._text(f"{head.guideline}: {head.verdict}{flags}", 12, bold=True, colour=ACCENT, before=8)
        yield from (self._text(line, 9, colour=WARN) for line in head.conditions)
        if head.management:
            yield self._text(f"{heading('management')}: {head.management}", 9.5)
        if head.timing:
            yield self._text(f"{heading('follow_up')}: {head.timing}", 9.5)
        if head.lesions:
            yield self._text("; ".join(f"{row.label}: {row.value}" for row in head.lesions), 9, colour=QUIET)

    def _section(self, section: Section) -> Iterator[Any]:
        yield self._text(section.title, 11, bold=True, colour=ACCENT, before=10)
        for i, group in enumerate(section.groups):
            number = i + 1 if section.name == "reasons" else 0
            yield from self._group(group, number, dictated=section.dictated)
            if section.name == "findings" and group.lesion is not None:
                yield from self._seen(group.lesion)
        if section.name == "comparison":
            for _, drawing, caption in self.histories:
                yield from self._figure(drawing, caption)

    def _group(self, group: Group, number: int, *, dictated: bool) -> Iterator[Any]:
        if group.heading:
            place = f'<a name="reasons-{number}"/>' if number else ""
            yield self._text(
                group.heading, 9.5, bold=True, before=5, ahead=place, after=f" [{number}]" if number else ""
            )
        said = [self._said(line) for line in group.sentences]
        yield from (self._marked(" ".join(said)),) if dictated and said else map(self._marked, said)
        if group.across is not None:
            share = 1 / len(group.across.head)
            yield self._table([group.across.head, *group.across.rows], [share] * len(group.across.head))
        if group.rows:
            yield self._table([(row.label, row.value, row.said_by) for row in group.rows], (0.28, 0.36, 0.36))
        for item in group.items:
            yield from self._item(item)

    def _item(self, item: Item) -> Iterator[Any]:
        yield self._marked("• " + self._said(item.text), indent=10)
        small = (*item.details, item.cite) if item.cite else item.details
        yield from (self._text(detail, 7.5, colour=QUIET, indent=18) for detail in small)

    def _seen(self, lesion: str) -> Iterator[Any]:
        """A lesion's slices and its growth curve."""
        from reportlab.platypus import Image, Table

        images, caption = self.shown.get(lesion, ((), ""))
        side = min(200.0, self.wide / max(len(images), 1) - 6)
        drawn = [Image(io.BytesIO(base64.b64decode(p.png)), side, side * p.height / p.width) for p in images]
        if drawn:
            yield Table([drawn], hAlign="LEFT")
        if caption:
            yield self._text(caption, 7.5, colour=QUIET)
        if lesion in self.courses:
            yield from self._figure(*self.courses[lesion])

    def _figure(self, drawing: Drawing, caption: str) -> Iterator[Any]:
        from .pdf_drawing import flowable

        yield flowable(drawing, min(self.wide, drawing.width * 0.7), self._lettered)
        yield self._text(caption, 7.5, colour=QUIET)

    def _said(self, line: str) -> str:
        """A sentence as marked text, with the number of the reasons that it rests on."""
        number = reason_number(line, self.numbers)
        link = f'<super size="6"><a href="#reasons-{number}" color="{ACCENT}">{number}</a></super>' if number else ""
        return self._escaped(line) + link

    def _text(
        self, text: str, size: float, *, bold: bool = False, colour: str = INK, before: float = 1, indent: float = 0,
        ahead: str = "", after: str = "",
    ) -> Any:  # fmt: skip
        body = ahead + self._escaped(text) + self._escaped(after)
        return self._paragraph(body, size, bold=bold, colour=colour, before=before, indent=indent)

    def _marked(self, body: str, indent: float = 0) -> Any:
        return self._paragraph(body, 9, bold=False, colour=INK, before=1, indent=indent)

    def _paragraph(self, body: str, size: float, *, bold: bool, colour: str, before: float, indent: float) -> Any:
        from reportlab.lib.colors import HexColor
        from reportlab.lib.styles import ParagraphStyle
        from reportlab.platypus import Paragraph

        style = ParagraphStyle(
            "text", fontName=BOLD if bold else FONT, fontSize=size, leading=size * 1.35, textColor=HexColor(colour),
            spaceBefore=before, leftIndent=indent, keepWithNext=int(bold and size >= 9.5 and colour != WARN),
        )  # fmt: skip
        return Paragraph(body, style)

    def _table(self, rows: Sequence[Sequence[str]], shares: Sequence[float]) -> Any:
        from reportlab.platypus import Table

        lines = [[self._text(cell, 8, colour=QUIET if i != 1 else INK) for i, cell in enumerate(row)] for row in rows]
        rule: list[Any] = [("LINEBELOW", (0, 0), (-1, -1), 0.25, "#d4d8dc"), ("VALIGN", (0, 0), (-1, -1), "TOP")]
        tight = [(side, (0, 0), (-1, -1), pad) for side, pad in PADDING]
        widths = [share * self.wide for share in shares]
        return Table(lines, colWidths=widths, hAlign="LEFT", style=[*rule, *tight], spaceBefore=2, spaceAfter=3)

    def _escaped(self, text: str) -> str:
        return escape(self._lettered(text))

    def _lettered(self, text: str) -> str:
        """The text in letters that the font has."""
        return "".join(sign if ord(sign) in self.glyphs else PLAIN.get(sign, f"[U+{ord(sign):04X}]") for sign in text)
