"""What each category calls for, and the violations that are planted: the parameters of the truth.

Intervals and modalities are restated from the reference of the guidelines (sections 1.2, 1.6, 2, 3.3 and 4);
a test holds them to the intervals that the case vectors state. Windows and days are choices, written into
``truth.json`` with every population.
"""

from dataclasses import dataclass
from datetime import date

AS_OF = date(2026, 6, 30)
GRACE_DAYS = {0: 14, 1: 14, 3: 22, 6: 45, 12: 90}  # a quarter of the interval in months of 30 days, at least 14
WORK_UP_DAYS, CRITICAL_DAYS = 90, 7
ELIGIBLE_FROM = date(2022, 2, 10)  # from then on both programmes are in effect
NEW_EDITION = date(2022, 11, 1)  # v1.1 before, v2022 from this day on
CRITICAL = ("4B", "4X")
LUNG, FLEISCHNER, US, CT_MRI = "lung-rads", "fleischner", "li-rads-us", "li-rads-ct-mri"


@dataclass(frozen=True, slots=True)
class Due:
    """What a category calls for. ``interval`` in months; ``work_up`` at once; neither: nothing fixed is printed."""

    interval: tuple[int, int] | None
    modality: str | None  # the one that a right report recommends
    allowed: tuple[str, ...] = ()  # all that would be right
    work_up: bool = False
    ends: bool = False  # no further imaging is called for
    discussed: bool = False  # multidisciplinary discussion, which no table shows: tissue comes, and nobody can be late


LDCT, CT_LIKE, HEPATIC = ("ldct",), ("ct", "ldct"), ("ct", "mri", "ceus")
_EARLY, _SIX = Due((3, 6), "ct", CT_LIKE), Due((6, 12), "ct", CT_LIKE)
DUE: dict[tuple[str, str], Due] = {
    (LUNG, "1"): Due((12, 12), "ldct", LDCT),
    (LUNG, "2"): Due((12, 12), "ldct", LDCT),
    (LUNG, "3"): Due((6, 6), "ldct", LDCT),
    (LUNG, "4A"): Due((3, 3), "ldct", ("ldct", "pet_ct")),
    (LUNG, "4B"): Due(None, "pet_ct", ("ct", "pet_ct"), work_up=True),
    (LUNG, "4X"): Due(None, "pet_ct", ("ct", "pet_ct"), work_up=True),
    (LUNG, "0"): Due((1, 3), "ldct", LDCT),  # findings that suggest infection
    (LUNG, "0-other"): Due(None, "ldct", ("ldct", "ct")),  # a prior being located, or lungs not evaluable
    (FLEISCHNER, "none"): Due(None, None, ends=True),
    (FLEISCHNER, "optional-12"): Due((12, 12), "ct", CT_LIKE),
    (FLEISCHNER, "ct-3-pet-tissue"): Due((3, 3), "ct", ("ct", "ldct", "pet_ct", "other")),
    (FLEISCHNER, "ct-6-12-then-consider-18-24"): _SIX,
    (FLEISCHNER, "ct-6-12-then-18-24"): _SIX,
    (FLEISCHNER, "ct-6-12-then-every-2y-to-5y"): _SIX,
    (FLEISCHNER, "ct-3-6-then-consider-18-24"): _EARLY,
    (FLEISCHNER, "ct-3-6-then-18-24"): _EARLY,
    (FLEISCHNER, "ct-3-6-then-2y-4y"): _EARLY,
    (FLEISCHNER, "ct-3-6-then-annual-5y"): _EARLY,
    (FLEISCHNER, "ct-3-6-most-suspicious"): _EARLY,
    (FLEISCHNER, "highly-suspicious"): _EARLY,
    (US, "US-1"): Due((6, 6), "us", ("us",)),
    (US, "US-2"): Due((3, 6), "us", ("us",)),
    (US, "US-3"): Due(None, "mri", HEPATIC, work_up=True),
    (CT_MRI, "LR-1"): Due((6, 6), "us", ("us", *HEPATIC)),
    (CT_MRI, "LR-2"): Due((6, 6), "us", ("us", *HEPATIC)),
    (CT_MRI, "LR-3"): Due((3, 6), "mri", HEPATIC),
    (CT_MRI, "LR-NC"): Due((0, 3), "mri", HEPATIC),
    (CT_MRI, "LR-4"): Due(None, "other", ("other",), discussed=True),
    (CT_MRI, "LR-5"): Due(None, "other", ("other",), discussed=True),
    (CT_MRI, "LR-M"): Due(None, "other", ("other",), discussed=True),
    (CT_MRI, "LR-TIV"): Due(None, "other", ("other",), discussed=True),
}
ORDER = {LUNG: ("1", "2", "3", "4A", "4B", "4X"), US: ("US-1", "US-2", "US-3"),
         CT_MRI: ("LR-1", "LR-2", "LR-3", "LR-4", "LR-5")}  # fmt: skip
SHORTER = {(12, 12): 6, (6, 6): 3, (3, 3): 1, (3, 6): 1, (6, 12): 3}
LONGER = {(12, 12): 24, (6, 6): 12, (3, 3): 6, (3, 6): 12, (6, 12): 24, (1, 3): 6, (0, 3): 6}
WRONG_MODALITY = {LUNG: "us", FLEISCHNER: "mri", US: "other", CT_MRI: "pet_ct"}
WRONG_EDITION = {"lung-rads@1.1": "2022", "lung-rads@2022": "1.1", "fleischner@2017": "2005",
                 "li-rads-us@2024": "2017", "li-rads-ct-mri@2018": "2017"}  # fmt: skip

# kind -> (how often it is tried, relatively; what it is)
KINDS: dict[str, tuple[float, str]] = {
    "category_too_high": (3, "the stated category is above that of the findings; the recommendation stays right"),
    "category_too_low": (3, "the stated category is below that of the findings; the recommendation stays right"),
    "recommendation_missing": (3, "no interval, no modality and no 'no follow-up' is stated"),
    "interval_too_short": (2, "a shorter interval than the guideline prints"),
    "interval_too_long": (2, "a longer interval than the guideline prints"),
    "modality_wrong": (2, "a modality that the guideline does not name"),
    "follow_up_late": (3, "the first follow-up comes after the last day of the window"),
    "follow_up_early": (2, "the first follow-up comes before the first day of the window"),
    "follow_up_never": (4, "no follow-up, alive and under care on the last day of the window, which is past"),
    "surveillance_missed": (
        3,
        "after US-1 or US-2 no imaging of the liver until after the last day of the window, or ever",
    ),
    "surveillance_early": (1, "after US-1 or US-2 imaging of the liver before the first day of the window"),
    "over_management": (2, "a biopsy within the days of work-up after a category that calls for none"),
    "under_management": (6, "a category that calls for work-up and no work-up until its last day, or ever"),
    "critical_not_communicated": (6, "4B or 4X, and no communication though its last day is past"),
    "critical_late": (4, "4B or 4X, communicated after the last day"),
    "eligibility_not_documented": (2, "no pack-years and no smoking status for a screening exam"),
    "shared_decision_not_documented": (2, "the first screening exam without shared decision-making documented"),
    "eligibility_too_young": (2, "below 50 years on the day of screening"),
    "eligibility_too_old": (2, "81 years or more on the day of screening: outside both programmes"),
    "eligibility_cms_age": (2, "78 to 80 years on the day of screening: outside CMS, within USPSTF"),
    "eligibility_pack_years": (2, "fewer than 20 pack-years"),
    "eligibility_quit_years": (2, "quit 16 years ago or longer"),
    "eligibility_symptomatic": (2, "symptoms of lung cancer are documented on a screening exam"),
    "edition_wrong": (2, "the statement names an edition that is not the one in force on the day"),
    "duplicate_exam": (2, "the same exam a second time under another id, with findings and statement"),
}
NAMES = tuple(KINDS)
CODE = {name: code for code, name in enumerate(NAMES)}
SINGLE = ("eligibility_too_young", "eligibility_too_old", "eligibility_cms_age", "eligibility_pack_years",
          "eligibility_quit_years", "eligibility_symptomatic")  # fmt: skip  # of patients with one exam only


def due(guideline: str, category: str, interval: object = "") -> Due:
    """What a category calls for; Lung-RADS 0 without a printed interval is the other kind of 0."""
    key = "0-other" if (guideline, category) == (LUNG, "0") and interval is None else category
    return DUE[guideline, key]


def applicable(guideline: str, category: str, interval: object, kind: str) -> bool:  # noqa: PLR0911  one answer a kind
    """Whether a kind can be planted on an exam of that category, whatever its date and its patient."""
    d = due(guideline, category, interval)
    order = ORDER.get(guideline, ())
    match kind:
        case "category_too_high":
            return category in order[:-1]
        case "category_too_low":
            return category in order[1:]
        case "recommendation_missing" | "modality_wrong":
            return not d.ends and (guideline, category, d.interval) != (LUNG, "0", None)
        case "interval_too_short":
            return d.interval in SHORTER
        case "interval_too_long":
            return d.interval in LONGER and category != "optional-12"  # what is optional may come later
        case "follow_up_late" | "follow_up_early" | "follow_up_never":
            judged = guideline != US and d.interval is not None and category != "optional-12"
            return judged and not (kind == "follow_up_early" and d.interval == (0, 3))
        case "surveillance_missed" | "surveillance_early":
            return guideline == US and d.interval is not None
        case "over_management":
            return category in ("1", "2", "US-1", "LR-1", "LR-2")
        case "under_management":
            return d.work_up
        case "critical_not_communicated" | "critical_late":
            return category in CRITICAL
        case "edition_wrong" | "duplicate_exam":
            return True
    return guideline == LUNG
