"""The one gradient loop: optimiser, schedule, precision, guards."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from bench.cell.averaging import EpochMean
from bench.cell.pace import Pace
from bench.features.frozen import autocast
from bench.plan.budget import Allowance
from bench.store.record import Training
from methods.base import Recipe


class Diverged(RuntimeError):
    """The loss is not a number any more."""


def train(
    groups: dict[str, list[nn.Parameter]],
    batch_loss: Callable[[Tensor, torch.Generator], Tensor],
    examples: int,
    recipe: Recipe,
    allowance: Allowance,
    *,
    seed: int,
    device: str,
    precision: str,
    pool: int = 1,
    shares: Mapping[nn.Parameter, float] | None = None,
    after_step: Callable[[], None] = lambda: None,
    handover: tuple[float, Callable[[], None]] | None = None,
) -> Training:
    """Train in place.

    groups: the parameters under "body" and "head"; a recipe may give the head its own rate.
    batch_loss: row numbers [B] and a generator for further draws -> scalar loss.
    pool: rows of each example, so that batches are drawn from `examples * pool` rows; an epoch takes as many as without.
    allowance: how many of the recipe's steps are run, into which its schedule is squeezed or drawn out, at how many times
    its rates.
    shares: factors on the rate of single parameters of the body. after_step: keeps parameters within their bounds.
    handover: after which share of the steps the head trains alone, its schedule begun anew, and what is called then.
    Raises Diverged.
    """
    recipe = replace(recipe, batch=allowance.terms.batch or recipe.batch)
    asked = recipe.length(examples)
    steps = allowance.steps(asked)
    generator = torch.Generator().manual_seed(seed)
    scaler = torch.amp.GradScaler(torch.device(device).type, enabled=precision == "fp16")
    fused = not scaler.is_enabled()  # torch's fused SGD spoils its momentum in steps that the scaler skips
    optimiser = _optimiser(groups, recipe, shares or {}, fused)
    parameters = [parameter for group in groups.values() for parameter in group]
    per_epoch = recipe.steps_per_epoch(examples)
    mean = None if recipe.average is None else EpochMean(parameters, recipe.average, asked / per_epoch)
    losses: list[float] = []
    window: list[Tensor] = []
    order = torch.empty(0, dtype=torch.long)
    pace = Pace(device)
    begin, end = 0, steps if handover is None else min(round(handover[0] * steps), steps - 1)
    for step in range(steps):
        if handover is not None and step == end:
            handover[1]()
            optimiser, parameters = _optimiser({"head": groups["head"]}, recipe, {}, fused), groups["head"]
            begin, end = step, steps
        if step % per_epoch == 0:
            order = torch.randperm(examples * pool, generator=generator)
        rows, order = order[: recipe.batch], order[recipe.batch :]
        share = rate(recipe, (step - begin) / (end - begin), asked / per_epoch) / recipe.lr
        for group in optimiser.param_groups:
            group["lr"] = allowance.rate * share * group["base_lr"]
        with autocast(device, precision):
            loss = batch_loss(rows, generator)
        optimiser.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        if recipe.clip_gradient is not None:
            scaler.unscale_(optimiser)
            nn.utils.clip_grad_norm_(parameters, recipe.clip_gradient)
        scaler.step(optimiser)
        scaler.update()
        after_step()
        if mean is not None:
            mean.step((step + 1) / steps)
        pace.step(len(rows))
        window.append(loss.detach())
        if (step + 1) * 10 // steps > step * 10 // steps:
            losses.append(float(torch.stack(window).mean()))
            window.clear()
            if not math.isfinite(losses[-1]):
                raise Diverged(f"loss is {losses[-1]} by step {step + 1} of {steps}: lower the learning rate")
    if mean is not None:
        mean.keep()
    pace.finish()
    return Training(
        asked_steps=asked,
        run_steps=steps,
        capped=steps < asked,
        batch=min(recipe.batch, examples * pool),
        rate_factor=allowance.rate,
        length_factor=allowance.length,
        loss=losses,
        warmup_s=pace.warmup_s,
        steps_per_s=pace.steps_per_s,
        samples_per_s=pace.samples_per_s,
    )


def rate(recipe: Recipe, progress: float, epochs: float) -> float:
    """The learning rate at `progress` (0..1) of a run of `epochs` epochs."""
    if recipe.warmup_epochs and progress * epochs + 1e-9 < recipe.warmup_epochs and epochs > recipe.warmup_epochs:
        return recipe.warmup_lr
    if progress < recipe.warmup:
        risen = progress / recipe.warmup
        if recipe.warmup_stairs is not None:
            risen = math.floor(risen * recipe.warmup_stairs + 1e-9) / recipe.warmup_stairs
        return recipe.warmup_lr + (recipe.lr - recipe.warmup_lr) * risen
    if recipe.schedule == "constant":
        return recipe.lr
    if recipe.stairs:
        begun = recipe.warmup_epochs if epochs > recipe.warmup_epochs else 0
        progress = (math.floor(progress * epochs + 1e-9) - begun) / epochs
    else:
        progress = (progress - recipe.warmup) / (1 - recipe.warmup)
    return recipe.final_lr + (recipe.lr - recipe.final_lr) * 0.5 * (1 + math.cos(math.pi * progress))


def _optimiser(
    groups: dict[str, list[nn.Parameter]], recipe: Recipe, shares: Mapping[nn.Parameter, float], fused: bool
) -> torch.optim.Optimizer:
    alike: dict[tuple[float, float], list[nn.Parameter]] = {}  # by rate and weight decay
    for name, parameters in groups.items():
        rate = recipe.head_lr if name == "head" and recipe.head_lr is not None else recipe.lr
        for parameter in parameters:
            decay = recipe.weight_decay if recipe.decay_vectors or parameter.ndim > 1 else 0.0
            alike.setdefault((rate * shares.get(parameter, 1.0), decay), []).append(parameter)
    settings = [
        {"params": parameters, "lr": rate, "base_lr": rate, "weight_decay": decay} for (rate, decay), parameters in alike.items()
    ]
    # One fused update over all parameters: on CPUs the plain loop over many small ones is a tenth of a step.
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(settings, lr=recipe.lr, momentum=recipe.momentum, fused=fused)
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    return kind(settings, lr=recipe.lr, eps=recipe.eps, fused=fused)
