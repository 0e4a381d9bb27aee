"""What a worker keeps from one cell to the next, for as long as they belong to the same backbone and task."""

from __future__ import annotations

import torch

from bench.backbone import Backbone, load
from bench.backbone.products import multiply_by
from bench.features.bank import Bank
from bench.meter import Meter
from bench.plan.grid import Cell
from bench.plan.index_files import pooled
from bench.plan.registry import Registry, find_methods
from bench.plan.settings import Settings
from tasks.base import Sources, Task
from tasks.find import find_task


class Shared:
    """Backbone, task and bank of the cells that a worker gets."""

    def __init__(self, settings: Settings) -> None:
        torch.set_num_threads(settings.threads)
        multiply_by(settings.products)
        self.settings = settings
        self.registry: Registry = find_methods(settings.plugins)
        self.meter = Meter(settings.device)
        self.meter.measure_idle()
        self.bank = Bank(settings.bank, self.meter, check_backbone=self.check_backbone)
        self._backbone: Backbone | None = None
        self._task: tuple[tuple[str, Sources, bool], Task] | None = None
        self._others: dict[tuple[str, Sources], Task] = {}

    def backbone(self, name: str) -> Backbone:
        if self._backbone is None or self._backbone.name != name:
            self._backbone = load(name, self.settings.device)
            self._checksum = checksum(self._backbone)
            self.bank.forget_memory()
        return self._backbone

    def check_backbone(self) -> None:
        """Raises ChangedBackbone, and loads it anew for the next cell, if a method has reached what all cells share."""
        if self._backbone is not None and checksum(self._backbone) != self._checksum:
            self._backbone = None
            raise ChangedBackbone(
                "the method changed the backbone that all cells share: it may change only the copy that it is given; "
                "nothing that the changed one encoded was kept"
            )

    def task(self, cell: Cell, aligned: bool = True) -> Task:
        asked = (cell.task_source, cell.sources, aligned)
        if self._task is None or self._task[0] != asked:
            task = find_task(cell.task_source, cell.sources)
            task = task if cell.sources.support is None else pooled(task)
            self._task = (asked, task if aligned else task.for_alignment())
            self.bank.forget_memory()
        return self._task[1]

    def other_task(self, source: str, sources: Sources) -> Task:
        """A task beside the cell's own."""
        if (source, sources) not in self._others:
            self._others[source, sources] = find_task(source, sources)
        return self._others[source, sources]


class ChangedBackbone(RuntimeError):
    """The shared weights aren't what was loaded."""


def checksum(backbone: Backbone) -> int:
    """Of all weights, their bytes read as whole numbers: any single change shows. A tenth of a second for ViT-B/16.

    Buffers that no checkpoint holds count, too: an image tower normalises pixels with some.
    """
    whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    values = [*backbone.clip.parameters(), *backbone.clip.buffers()]
    return sum(int(value.detach().view(whole[value.element_size()]).sum(dtype=torch.int64)) for value in values)
