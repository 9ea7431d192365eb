"""``radlogic calibrate``: the calibrated sets refitted on what humans of one site signed.

Nothing is written below 200 usable signed exams of 100 patients, signed by two people, nor where the refitted sets do
not hold what they state on the half of the patients that they were not fitted on. A site's bars are never above the
shipped ones; ``engine/site_calibration`` says why.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..engine.errors import BadValue
from .site import site_folder

if TYPE_CHECKING:
    from ..engine.likely import Calibrator
    from ..engine.site_calibration import Held, Refit
    from .monitor.refit import Usable
    from .store.cases import Store

LEVEL: Final = 0.9  # that of the shipped calibration (knowledge/calibration)
LONGEST_SITE: Final = 80
MOST_CHANCE: Final = 0.05  # of refusing sets that do hold, all managements taken together


def calibrate(
    store: Store, site: str, out: Path, as_of: date, guideline: str | None = None, level: float = LEVEL
) -> list[dict[str, Any]]:
    """Refit and write ``OUT/<guideline>.yaml`` for each guideline with exams enough; one record each, plain values.

    ``site``: its name, for the guarantee and the file. ``as_of``: the day from which the calibration counts its year.

    Raises:
        BadValue: a site's name that is none, or a level that no set can state.
        TooFewSigned: no guideline has 200 usable signed exams, of patients and readers enough.
        CoverageNotHeld: the check on the other half failed.
        NotReadable, StoreUnavailable: the store cannot be read.
    """
    from .monitor.refit import candidates, usable
    from .monitor.signed import signed_exams

    _check(site, level)
    every = signed_exams(store, candidates)[1]
    found = usable((one for of_exam in every for one in of_exam), guideline, site_folder())
    enough = [mine for mine in found.values() if mine.enough]
    if not enough:
        raise _too_few(found, guideline)
    made = [_refitted(mine, site, as_of, level) for mine in enough]  # all are checked before the first is written
    return [_written(mine, calibrator, how, out) for mine, calibrator, how in made]


def _check(site: str, level: float) -> None:
    if not 0 < len(site.strip()) <= LONGEST_SITE or not site.isprintable():
        allowed = f"a name of 1 to {LONGEST_SITE} printable characters"
        raise BadValue("command line", "--site", f"{len(site)} characters", allowed, "Name the site.")
    if not 0.5 <= level < 1:
        raise BadValue("command line", "--level", str(level), "0.5 to below 1", "Take 0.9, as the gate's text does.")


def _too_few(found: dict[str, Usable], guideline: str | None) -> Exception:
    from ..engine import site_calibration as limits
    from .monitor.errors import TooFewSigned

    said = "; ".join(f"{name}: {len(m.exams)} usable, {_whose(m)}{_left(m)}" for name, m in found.items())
    what = said or f"no signed exam in which a net spoke{f' of what {guideline} reads' if guideline else ''}"
    allowed = (
        f"{limits.LEAST_CASES} signed exams of one guideline, of {limits.LEAST_PATIENTS} patients "
        f"({limits.LEAST_IN_HALF} in each half), signed by {limits.LEAST_READERS} people"
    )
    return TooFewSigned("the store", "", what, allowed, "Sign more; until then the shipped calibration holds.")


def _whose(mine: Usable) -> str:
    one, other = mine.in_halves
    return f"of {len(mine.patients)} patients (halves: {one} and {other}), signed by {len(mine.readers)}"


def _left(mine: Usable) -> str:
    return "".join(f", {n} not ({why})" for why, n in sorted(mine.left_out.items()))


def _refitted(mine: Usable, site: str, as_of: date, level: float) -> tuple[Usable, Calibrator, Refit]:
    from ..engine.calibration_file import load_calibrators
    from ..engine.knowledge import load_knowledge
    from ..engine.likely import Calibrator, year_after
    from ..engine.site_calibration import refit

    name = mine.guideline.name
    nets = load_knowledge(None, name, images=True).extractors
    shipped = next((c for c in load_calibrators(nets, [name]) if c.extractor == mine.extractor), None)
    how = refit(mine.guideline, mine.exams, shipped, level)
    _hold(name, how.after, level)
    made = Calibrator(
        guideline=name,
        extractor=mine.extractor,
        extractor_sha256=mine.extractor_sha256,
        level=level,
        at_least={category: _down(bar) for category, bar in how.at_least.items()},
        otherwise=how.otherwise,
        cases=len(mine.exams),
        guarantee=guarantee(mine, how, site, level),
        fitted=as_of,
        until=year_after(as_of),
        site=site.strip(),
    )
    return mine, made, how


def _down(bar: float) -> float:
    """To six digits, never up: a bar that is rounded up leaves out what was counted as held."""
    return int(bar * 1e6) / 1e6


def _hold(name: str, after: Held, level: float) -> None:
    """Refuse where too few sets of the other half hold, over all exams or over those of one management.

    Raises:
        CoverageNotHeld: chance does not explain it.
    """
    from .monitor.errors import CoverageNotHeld
    from .monitor.statistics import adjusted, too_few

    counted = {"all exams": (after.held, after.cases), **after.by_management}
    chances = adjusted([too_few(hits, of, level) for hits, of in counted.values()])
    for (what, (hits, of)), chance in zip(counted.items(), chances, strict=True):
        if chance <= MOST_CHANCE:
            cure = "See `radlogic monitor`: did the site change? Nothing was written."
            found = f"{hits} of {of} sets that hold on the other half of the patients ({what})"
            raise CoverageNotHeld(f"calibration {name}", "", found, f"{level:g} of them, within chance", cure)


def guarantee(mine: Usable, how: Refit, site: str, level: float) -> str:
    """What the calibration promises, on whom it was counted, and what it does not say."""
    after = how.after
    return (
        f"Of exams like these whose right management is m, the set holds m in at least {100 * level:g} %, for each m "
        f"of which {site.strip()} has signed enough ({', '.join(how.from_site) or 'none'}); the bar of every other, "
        "and any bar that would be above the shipped one, is the shipped one. Right is what was signed, by people who "
        f"were shown the engine's answer, {mine.read_first} of {len(mine.exams)} after committing their own reading; "
        f"not histology. Checked by halves of the patients: {after.held} of {after.cases} sets held on the half that "
        f"they were not fitted on. Counted on {len(mine.exams)} signed exams, those of one patient one by one, where "
        "nothing spoke against relying on the net."
    )


def _written(mine: Usable, calibrator: Calibrator, how: Refit, out: Path) -> dict[str, Any]:
    from ..engine.calibration_file import read_calibrator, written
    from .assess import write_files

    name = f"{calibrator.guideline}.yaml"
    path = write_files({name: written(calibrator)}, out)[name]
    return {
        "guideline": calibrator.guideline,
        "site": calibrator.site,
        "file": str(path),
        "sha256": read_calibrator(path).sha256,
        "exams": len(mine.exams),
        "read_first": mine.read_first,
        "left_out": dict(sorted(mine.left_out.items())),
        "level": calibrator.level,
        "at_least": dict(calibrator.at_least),
        "from_site": list(how.from_site),
        "before": asdict(how.before) if how.before else None,
        "after": asdict(how.after),
        "fitted": calibrator.fitted.isoformat(),
        "until": calibrator.until.isoformat(),
        "guarantee": calibrator.guarantee,
    }


def shown(record: dict[str, Any]) -> str:
    """A record for a person."""
    after, before = record["after"], record["before"]
    lines = [
        f"{record['guideline']} at {record['site']}: {record['exams']} signed exams, {record['read_first']} read first",
        f"  held on the other half: {_of(after)}, one management alone in {after['alone']}",
        f"  shipped calibration:    {_of(before)}, one management alone in {before['alone']}" if before else "",
        *(f"  {name}: {hits} of {of}" for name, (hits, of) in after["by_management"].items()),
        *(f"  left out: {n}, {why}" for why, n in record["left_out"].items()),
        f"  to be used until {record['until']}; wrote {record['file']}",
        f"  {record['guarantee']}",
    ]
    return "\n".join(line for line in lines if line)


def _of(held: dict[str, Any]) -> str:
    return f"{held['held']} of {held['cases']} ({100 * held['held'] / held['cases']:.1f} %)"
