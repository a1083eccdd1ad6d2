"""How to train under a study's schedule elsewhere: its snippet, with the study's own optimizer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clr import optimizers, schedules, snippets
from clr.errors import NotFound, UnknownName
from clr.evidence import Settings
from clr.protocol import TrainingOptions
from clr.resources import Answer
from clr.snippets import Setup, TorchOptimizer

DEFAULT_KIND = "torch-native"
_SOURCES = {"given": "given", "range-test": "range test", "default": "the optimizer's default: no clear range test"}
_MUON_S = ("momentum", "nesterov", "ns_steps", "adjust_lr_fn", "weight_decay")
_ADAMW_S = ("betas", "eps", "weight_decay")


def snippet(settings: Settings, schedule: Mapping[str, Any], *, study: str, arm: str, kind: str = DEFAULT_KIND) -> str:
    """An arm's schedule as a script.

    Args:
        settings: of the study. schedule: the arm's document. study, arm: their names, for the remark on top.
        kind: one of `clr.snippets.KINDS`.

    Raises:
        UnknownName: no such kind.
    """
    setup = Setup(torch_optimizers(settings.optimizer, settings.optimizer_options), _about(settings, study, arm))
    return snippets.snippet(schedules.from_dict(dict(schedule)), kind, settings.iterations, setup)


def of_answer(found: Answer, arm: str | None = None, kind: str = DEFAULT_KIND) -> str:
    """An arm's schedule of an answer as a script.

    Args:
        arm: its name; None for the recommended one, else the one ranked first. kind: one of `clr.snippets.KINDS`.

    Raises:
        UnknownName: no such arm or kind. NotFound: no trial of the arm has finished.
    """
    documents = {one.arm: one.schedule for one in found.arms}
    name = arm if arm is not None else found.best.arm if found.best else next(iter(documents), None)
    if name is not None and name not in documents:
        raise UnknownName("arm", name, tuple(documents))
    schedule = documents[name] if name is not None else None
    if schedule is None or found.settings is None or name is None:
        raise NotFound(
            f"Study {found.study} has no schedule {f'of {name} ' if name else ''}yet: no trial has finished."
        )
    return snippet(found.settings, schedule, study=found.study, arm=name, kind=kind)


def torch_optimizers(name: str, options: Mapping[str, float | bool]) -> tuple[TorchOptimizer, ...]:
    """An optimizer of ours by torch's names: one; two for muon, which updates matrices alone.

    What is torch's default is left out.

    >>> torch_optimizers("adam", {"beta1": 0.8})
    (TorchOptimizer(name='Adam', options={'betas': (0.8, 0.999)}, parameters='all'),)
    """
    whole = optimizers.torch_arguments(optimizers.complete(name, options))
    if name == "muon":
        parts = (("Muon", _MUON_S, "matrices"), ("AdamW", _ADAMW_S, "others"))
        return tuple(
            TorchOptimizer(kind, {key: whole[key] for key in names if key in whole}, which)
            for kind, names, which in parts
        )
    defaults = optimizers.torch_arguments({key: option.default for key, option in optimizers.options(name).items()})
    if name == "sgd":
        defaults["momentum"] = 0.0  # torch's; ours is 0.9
    stated = {key: value for key, value in whole.items() if value != defaults[key]}
    return (TorchOptimizer(optimizers.TORCH_CLASSES[name], stated),)


def _about(settings: Settings, study: str, arm: str) -> tuple[str, ...]:
    """What the script can't show in code, a line each."""
    length = f"{settings.iterations} updates ({settings.epochs:.4g} epochs)"
    if settings.self_trained:
        return (
            f"{arm} of study {study}: the script of {settings.task}, {length}.",
            "It trained with an optimizer of its own: take that in place of the one below.",
        )
    return (
        f"{arm} of study {study}: {settings.model} on {settings.task}, batch {settings.batch_size}, {length}.",
        f"Trained with {', '.join([optimizer_in_words(settings), *training_in_words(settings.training)])}.",
    )


def trained(settings: Settings) -> str:
    """Task, model, optimizer, batch and length, in words."""
    options = ", ".join(f"{name} {value}" for name, value in settings.task_options.items())
    length = f"{settings.iterations:,} iterations ({settings.epochs:.3g} epochs)"
    if settings.self_trained:
        return f"the script of {settings.task}{f' ({options})' if options else ''}, its own optimizer, {length}"
    parts = [
        f"{settings.model} on {settings.task}{f' ({options})' if options else ''}",
        optimizer_in_words(settings),
        *training_in_words(settings.training),
        f"batch {settings.batch_size}",
        length,
    ]
    return ", ".join(parts)


def tuned(settings: Settings, replicates: int = 1) -> str:
    """Search trials, seeds and the interval of the peak rate, in words."""
    seeds = f"{settings.seeds} seed{'s' if settings.seeds != 1 else ''}"
    repeated = f", {replicates} times" if replicates > 1 else ""
    trials = f"{settings.trials} trial{'s' if settings.trials != 1 else ''}"
    each = f"{trials} ({settings.sampler}), {seeds} an arm{repeated}"
    if settings.low is None or settings.high is None or settings.source is None:
        return each
    return f"{each}; peak lr {settings.low:.3g} to {settings.high:.3g} ({_SOURCES[settings.source]})"


def optimizer_in_words(settings: Settings) -> str:
    """The optimizer with the options that are not at their default, and sgd's momentum."""
    defaults = {key: option.default for key, option in optimizers.options(settings.optimizer).items()}
    stated = [
        f"{key} {_value(value)}"
        for key, value in settings.optimizer_options.items()
        if value != defaults[key] or (settings.optimizer, key) == ("sgd", "momentum")
    ]
    return f"{settings.optimizer} ({', '.join(stated)})" if stated else settings.optimizer


def training_in_words(training: TrainingOptions) -> list[str]:
    """The training options that are on."""
    stated = training.model_dump(exclude_defaults=True)
    return [f"{name.replace('_', ' ')} {_value(value)}" for name, value in stated.items()]


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower()
