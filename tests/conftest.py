"""What holds for every test: property tests have no deadline, as the machine may be busy, and draw the same every time.

`pytest --hypothesis-profile=explore` draws anew, and more.
"""

from __future__ import annotations

import os

from hypothesis import settings

from bench import forks

if "PYTEST_XDIST_WORKER" in os.environ:  # a process per core: threads of one would wait for the cores of the others
    import torch

    torch.set_num_threads(1)

forks.LIBRARIES.append("tests.faults.driver")  # whoever starts the server that workers are forked from starts it for all tests

settings.register_profile("bench", deadline=None, max_examples=50, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("bench")
