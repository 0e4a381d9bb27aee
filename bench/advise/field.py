"""Everyone who takes part, made from what was asked: their cells on folds, on parts of folds and on everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.advise.asked import Asked
from bench.advise.entrants import Entrant
from bench.advise.known import known
from bench.advise.material import Material
from bench.backbone import Backbone
from bench.plan.grid import Cell, Request, expand
from bench.plan.registry import Registry
from bench.plan.resolve import resolve_methods
from bench.spec import EVERYTHING, Named
from tasks.base import Sources, Task

PARTS = (4, 2)  # 1/4 and 1/2 of each class: the sizes that the curve has beside all


@dataclass(frozen=True)
class Field:
    """Makes entrants and their cells."""

    asked: Asked
    registry: Registry
    backbones: Mapping[str, Backbone]
    material: Material
    image_s: Mapping[str, float]
    sources: Sources
    precision: str

    def entrants(self) -> list[Entrant]:
        """Each method on each backbone, in the order asked for; those that don't apply say why."""
        methods = resolve_methods(self.asked.methods, self.registry)
        return [one for backbone in self.backbones for one in self._made(methods, backbone)]

    def know(self, one: Entrant) -> None:
        """What it trains, and which share of the image tower it leaves frozen; takes a copy of the backbone to find out."""
        if one.frozen_share is not None or one.reason:
            return
        task, examples = self.material.task, self.material.examples
        unit = len(task.class_names) or task.shot_unit
        found = known(self.registry.build(one.named), self.backbones[one.backbone], task, examples, -(-examples // unit))
        one.frozen_share = 1.0 if found is None else found.frozen_share
        one.parameters = None if found is None else found.parameters

    def learning_curve(self, leader: Entrant) -> list[Entrant]:
        """The same method as it learns from parts of the folds, the smallest part first."""
        return [one for share in PARTS for one in self._made([leader.named], leader.backbone, share)]

    def variants(self, leader: Entrant) -> list[Entrant]:
        """The same method with another value of one of its parameters: those that it lets validation choose among."""
        method = self.registry.methods[leader.named.name]
        own = self.registry.build(leader.named).params
        given = dict(leader.named.parameters)
        others = [
            Named(leader.named.name, tuple({**given, name: str(value)}.items()))
            for name, values in method.grid.items()
            for value in values
            if value != getattr(own, name)
        ]
        made = self._made(others, leader.backbone) if others else []
        for one in made:
            one.parent = leader
        return made

    def last_cell(self, one: Entrant) -> Cell:
        """Of the method fitted to everything."""
        source, task = self.material.part(0)
        return self._cells([one.named], one.backbone, {source: task})[0]

    def _made(self, methods: Sequence[Named], backbone: str, share: int = 1) -> list[Entrant]:
        parts = {number: self.material.part(number, share) for number in range(1, self.material.count + 1)}
        numbers = {source: number for number, (source, _) in parts.items()}
        cells: dict[Named, dict[int, Cell]] = {}
        for cell in self._cells(methods, backbone, dict(parts.values())):
            cells.setdefault(cell.method, {})[numbers[cell.task_source]] = cell
        return [self._entrant(backbone, named, own) for named, own in cells.items()]

    def _entrant(self, backbone: str, named: Named, cells: Mapping[int, Cell]) -> Entrant:
        one = Entrant(backbone, named, cells, image_s=self.image_s[backbone])
        if (reason := next(iter(cells.values())).reason) is not None:
            one.reason = f"not applicable: {reason}"
            return one
        one.views = self.registry.build(named).views(self.material.task.kind).count
        if self.asked.limits.known_before:
            self.know(one)
        return one

    def _cells(self, methods: Sequence[Named], backbone: str, tasks: Mapping[str, Task]) -> list[Cell]:
        loaded = self.backbones[backbone]
        request = Request(
            methods=tuple(methods),
            tasks=tuple(tasks),
            shots=(),
            counts=(EVERYTHING,),
            seeds=(self.asked.seed,),
            backbone=backbone,
            precision=self.precision,
            recipe=self.asked.recipe,
            sources=self.sources,
        )
        facts = {"random_weights": loaded.random_weights, "aligned": loaded.aligned}
        return expand(request, self.registry, loaded.fingerprint, tasks=tasks, **facts)
