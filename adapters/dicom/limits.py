"""How much a DICOM input may ask for. Everything here is checked on declared sizes, before memory is taken."""

from __future__ import annotations

from typing import Final

MIB: Final = 1 << 20

# A chest CT export of several phases holds some thousand files; a folder beyond this is a disk, not an exam.
MAX_FILES: Final = 50_000

# The widest CT matrix on the market is 2048 (ultra-high resolution detectors); one doubling is left.
MAX_SIDE: Final = 4096

# 2^31 voxels are 4 GiB of int16: a 1024 x 1024 matrix with 2048 slices, the whole body at 1 mm.
MAX_VOXELS: Final = 1 << 31

# Classic headers are some kB. Enhanced CT writes about 1 kB a frame; 64 MiB serve 60,000 frames.
MAX_HEADER_BYTES: Final = 64 * MIB

# pydicom takes about 1 kB of memory for an element or item of 8 bytes. An Enhanced CT of 4,000 frames has 400,000.
MAX_ELEMENTS: Final = 500_000

# Enhanced CT nests 4 sequences, structured reports about 10.
MAX_DEPTH: Final = 32

# The directory of an archive: 46 bytes an entry and its name, 250 bytes on average at the most.
MAX_DIRECTORY_BYTES: Final = 16 * MIB

# What an archive may unfold to: a study of ten series of 2,000 slices is 10 GiB.
MAX_UNFOLDED_BYTES: Final = 16 * 1024 * MIB

# CT compresses 2 to 4 times, an empty phantom about 100 times; deflate cannot do more than 1032. The ratio is only
# looked at above a size that does no harm.
MAX_RATIO: Final = 200
RATIO_FROM_BYTES: Final = 128 * MIB

# A member of an archive is kept in memory up to this size and in an unnamed temporary file beyond it.
SPOOL_BYTES: Final = 64 * MIB


# A deflated file (PS3.5 A.5) is inflated in memory: 2,000 slices of 512 x 512 in one file are 1 GiB.
MAX_INFLATED_BYTES: Final = 1024 * MIB

# The longest value of a tag that is no sequence: explicit VR counts it in 16 bits; implicit VR could declare 4 GiB.
MAX_VALUE_BYTES: Final = 1 << 16


def unfolded_limit(packed: int) -> int:
    """The most bytes that ``packed`` compressed bytes may unfold to."""
    return min(MAX_UNFOLDED_BYTES, max(RATIO_FROM_BYTES, MAX_RATIO * packed))
