"""What a fitted model is scored on beside its own test set: what `--evaluate` says, worked out for each task of a run.

new-classes   the support comes from the first half of the classes, and the other half is scored, too
corruptions   the task's own test images, corrupted (`tasks.corruptions`)
forgetting    every other classification of the run
task:NAME     that task, or group of tasks
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.errors import UsageError, unknown
from bench.kinds import KINDS
from bench.spec import parse_names
from tasks.base import Task
from tasks.find import task_groups
from tasks.halves import half

NONE, NEW_CLASSES, CORRUPTIONS, FORGETTING, TASK = "none", "new-classes", "corruptions", "forgetting", "task:"
NAMES = (NEW_CLASSES, CORRUPTIONS, FORGETTING, f"{TASK}NAME")


@dataclass(frozen=True)
class Evaluation:
    """What was asked for."""

    new_classes: bool = False
    corruptions: bool = False
    forgetting: bool = False
    tasks: tuple[str, ...] = ()  # sources

    def learnt(self, tasks: Mapping[str, Task]) -> dict[str, Task]:
        """The tasks that models are fitted to, by source: the first halves of classifications where new classes are asked for.

        Raises UsageError where none of the tasks of the run, by source, is a classification.
        """
        if not self.new_classes:
            return dict(tasks)
        found: dict[str, Task] = {}
        for source, task in tasks.items():
            if KINDS[task.kind].by_class_texts:
                found[f"base:{source}"] = half(task, "base")
            else:
                found[source] = task
        if found.keys() == tasks.keys():
            raise UsageError(f"--evaluate {NEW_CLASSES}: only classifications have new classes: give one with --tasks")
        return found

    def of(self, source: str, task: Task, others: Mapping[str, Task]) -> tuple[str, ...]:
        """The sources that a model fitted to one task of the run is scored on, but for its own corruptions.

        others: those that were named and those of the run, by source as typed; a half may stand for the whole.
        """
        new = [source.replace("base:", "new:", 1)] if task.half == "base" else []
        classes = [name for name, other in others.items() if KINDS[other.kind].by_class_texts] if self.forgetting else []
        found = dict.fromkeys([*self.tasks, *classes])
        return tuple([*new, *(name for name in found if fits(task, others[name]) and others[name].data != task.data)])

    def check(self, run: Mapping[str, Task], others: Mapping[str, Task]) -> None:
        """Raises UsageError for what no task of the run can be scored on."""
        for name in self.tasks:
            if not any(fits(task, others[name]) for task in run.values()):
                kinds = ", ".join(sorted({task.kind for task in run.values()}))
                raise UsageError(
                    f"--evaluate {TASK}{name}: a {others[name].kind} task can't be scored by a model fitted to {kinds} tasks: "
                    "name a task of the same kind, or a classification"
                )
        if self.forgetting and not any(self.of(source, task, others) for source, task in run.items()):
            raise UsageError(
                f"--evaluate {FORGETTING}: there is no other classification in the run: "
                f"give further --tasks, or name some by {TASK}NAME"
            )


NOWHERE = Evaluation()


def fits(task: Task, other: Task) -> bool:
    """Whether a model fitted to `task` can be scored on `other`, if its method allows: one of its kind, or by class texts."""
    return other.kind == task.kind or KINDS[other.kind].by_class_texts


def parse_evaluation(text: str) -> Evaluation:
    """Names of NAMES separated by commas, or `none`. Raises UsageError."""
    tasks: dict[str, None] = {}
    flags: set[str] = set()
    groups = task_groups()
    for entry in parse_names(text, "evaluations") if text.strip() not in ("", NONE) else []:
        name = str(entry)
        if name.startswith(TASK):
            source = name.removeprefix(TASK)
            tasks.update(dict.fromkeys(groups.get(source, [source])))
        elif name in (NEW_CLASSES, CORRUPTIONS, FORGETTING):
            flags.add(name)
        else:
            raise unknown("evaluation", name, NAMES)
    return Evaluation(NEW_CLASSES in flags, CORRUPTIONS in flags, FORGETTING in flags, tuple(tasks))
