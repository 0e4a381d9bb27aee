"""What holds for every test: property tests have no deadline, as the machine may be busy, and draw the same every time.

`pytest --hypothesis-profile=explore` draws anew, and more.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("bench", deadline=None, max_examples=50, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("bench")
