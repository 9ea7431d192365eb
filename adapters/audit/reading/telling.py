"""Sentences that tell: what the examination was done for, to whom its result was told, that its advice stands."""

from __future__ import annotations

import re

from .sections import Sentence

TELLS = re.compile(  # of the result, not of the next step
    r"\b(?:told|informed|notified|phoned|telephoned|communicated|aware|e-?mailed|faxed|re-?sent"
    r"|addendum will|report will|will be issued"
    r"|forwarded|copied to|cc'd|discussed with"
    r"|spoke|read back|critical result)\b"
)
_TIMED_STEP = re.compile(  # a step with its time, in a clause before the one that tells
    r"\b(?:ct|ldct|mri|ultrasound|us|biopsy|scan)[ ](?:in|within|at|after)[ ](?:\d|an?\b|one|two|three|six|twelve)"
)
_INDICATED = re.compile(
    r"\bfor (?:an? |the |known |previous(?:ly)? |prior )*(?:us-|lr-?|lung|\d+ ?mm|nodul|lesion|follow"
    r"|surveil|screen|4[abx])"
)
_STANDS = re.compile(  # the advice of the report, which it leaves as it is
    r"\b(?:recommendation|advice|plan|management|follow-?up|interval|request)s?"
    r" (?:(?:is|are|has|have|was|were|been|remains?|stays?|stands?) )*"
    r"(?:not (?:altered|changed|affected|amended)|unaltered|unchanged|unaffected|the same|as before|as above"
    r"|as it (?:is|was)"
    r"|(?<=stands )|(?<=stand ))[ ]*(?:[.;]|$|\n)"
)
ADVISED = re.compile(r"recommend|advis|suggest")


def told(at: Sentence, asks: bool) -> bool:
    """Does it tell what the examination was done for, to whom its result was told, or that its advice stands?"""
    if _STANDS.search(at.low):
        return True
    named = not at.number and _INDICATED.search(at.low) and not ADVISED.search(at.low)
    telling = TELLS.search(at.low)
    apart = telling and _TIMED_STEP.search(at.low.rsplit(",", 1)[0]) and "," in at.low[: telling.start()]
    return bool(named) or bool(not asks and telling and not apart)
