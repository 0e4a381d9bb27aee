"""Development tasks: where `python -m studies.budgets` chooses rates and lengths, so that nothing is chosen on what is reported.

They are of the bundled tasks' kinds and sizes and share no class style, no sentence and no dialect with them. They are in
no group but `development` and in no table of the project.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tasks.base import Augmentation, Task
from tasks.bundled import BUDGET, LICENCE, OF_PAIRS, WHOLE, described, drawn, openings, sizes
from tasks.scenes import chalk, couples, flags, pairs
from tasks.scenes.dialect import SLANG

# The number that each task draws from is part of its seeds: never change it, never use it twice (1 to 7: `tasks.bundled`).
TASKS: tuple[Task, ...] = (
    Task(
        name="dev-chalk",
        kind="classification",
        version="1",
        class_names=chalk.CLASSES,
        load=drawn(8, chalk.CLASSES, chalk.draw),
        sizes=sizes(chalk.CLASSES),
        templates=openings("a {}."),
        licence=LICENCE,
        augmentation=Augmentation(smallest_crop=0.6),
        budget=BUDGET,
    ),
    Task(
        name="dev-flags",
        kind="classification",
        version="1",
        class_names=flags.CLASSES,
        load=drawn(9, flags.CLASSES, flags.draw),
        sizes=sizes(flags.CLASSES),
        templates=openings("the flag of {}."),
        licence=LICENCE,
        augmentation=Augmentation(smallest_crop=0.7, flip=False),
        budget=BUDGET,
    ),
    Task(
        name="dev-couples",
        kind="pair",
        version="1",
        class_names=couples.CLASSES,
        load=described(10, couples.CLASSES, couples.make),
        sizes=sizes(couples.CLASSES),
        licence=LICENCE,
        augmentation=WHOLE,
        budget=BUDGET,
    ),
    Task(
        name="dev-slang",
        kind="retrieval",
        version="1",
        class_names=(),
        load=partial(pairs.load, 11, dialect=SLANG),
        sizes=pairs.SIZES,
        licence=LICENCE,
        augmentation=WHOLE,
        budget=OF_PAIRS,
        shot_unit=pairs.SHOT_UNIT,
        grown_from=pairs.GROWN_FROM,
        alignment_budget=replace(BUDGET, encoder_steps=100),
    ),
)
