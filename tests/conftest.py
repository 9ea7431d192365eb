"""What holds for all tests: time is measured in ``benchmarks/``, so that a busy machine fails none of them."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # on top of what hypothesis itself chose: in CI, no chance
settings.load_profile("untimed")
