"""What holds for every test: property tests have no deadline, as the machine may be busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("bench", deadline=None, max_examples=50)
settings.load_profile("bench")
