"""Many exams at once: what ``evaluate`` and ``possible`` say of each, by one walk for all of them."""
