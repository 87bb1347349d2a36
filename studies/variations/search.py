"""What is tried: a small grid, gone through in stages, each from the best so far on validation.

A grid of everything would be 3 numbers of layers x 2 of units x 4 levels of noise x 2 x 2 rates, 96
networks a set, and a day of two cores. In stages it is 16 networks: first noise and fine-tuning
rate, for three layers; then, for the best of these, the other pre-training rate; then fewer layers;
then more units. The machine has its kernel's width first, and then its C.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["METHODS", "QUICK", "STAGES", "best", "missing", "planned_seconds"]

Setting = dict[str, Any]

METHODS = ("SVM", "SAE", "SDAE")

_NETWORK: Setting = {
    "layers": 3,
    "units": 500,
    "pretraining_rate": 0.1,
    "pretraining_epochs": 15,
    "finetuning_epochs": 40,
}
_LATER_STAGES: list[dict[str, list]] = [
    {"pretraining_rate": [0.02]},
    {"layers": [1, 2]},
    {"units": [1000]},
]
STAGES: dict[str, list[dict[str, list]]] = {
    "SVM": [{"C": [10.0], "gamma": [0.003, 0.01, 0.03, 0.1]}, {"C": [1.0, 100.0]}],
    "SAE": [
        {name: [value] for name, value in _NETWORK.items()}
        | {"noise": [0.0], "finetuning_rate": [0.3, 1.0]},
        *_LATER_STAGES,
    ],
    "SDAE": [
        {name: [value] for name, value in _NETWORK.items()}
        | {"noise": [0.1, 0.25, 0.4], "finetuning_rate": [0.3, 1.0]},
        *_LATER_STAGES,
    ],
}
"""Of each method, stage by stage: values that are tried in each combination."""

QUICK: dict[str, list[dict[str, list]]] = {
    "SVM": [{"C": [10.0], "gamma": [0.01, 0.03]}, {"C": [1.0]}],
    **{
        method: [
            STAGES[method][0]
            | {"units": [20], "pretraining_epochs": [1], "finetuning_epochs": [3]}
            | {"noise": noise, "finetuning_rate": [0.5]},
            {"layers": [1]},
        ]
        for method, noise in {"SAE": [0.0], "SDAE": [0.25, 0.4]}.items()
    },
}
"""The same for tests: a few fits that take no time."""


def best(results: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the result with the lowest error on validation, the first of several."""
    return min(results, key=lambda result: result["validation_error"])


def missing(
    stages: Sequence[Mapping[str, list]], results: Sequence[Mapping[str, Any]]
) -> list[Setting]:
    """Return the settings of the first stage that is not done which have no result yet.

    Parameters
    ----------
    stages : sequence
        Those of one method.
    results : sequence of mappings
        With ``setting`` and ``validation_error``, those of one method on one set; what is in no
        stage is left alone.
    """
    done: list[Mapping[str, Any]] = []
    for stage in stages:
        wanted = _settings(stage, best(done)["setting"] if done else {})
        of_stage = {k: r for k, s in enumerate(wanted) for r in results if r["setting"] == s}
        if len(of_stage) < len(wanted):
            return [setting for k, setting in enumerate(wanted) if k not in of_stage]
        done += of_stage.values()
    return []


def planned_seconds(stages: Sequence[Mapping[str, list]]) -> float:
    """Estimate how long one core takes for all stages, whatever turns out to be the best."""
    total, setting = 0.0, {}
    for stage in stages:
        settings = _settings(stage, setting)
        total += sum(seconds(s) for s in settings)
        setting = setting or settings[0]
    return total


def seconds(setting: Mapping[str, Any], n_examples: int = 10_000) -> float:
    """Estimate how long one core takes for a fit: from the arithmetic of a network's layers."""
    if "layers" not in setting:
        return 60.0
    units = setting["units"]
    weights = [784 * units, *[units**2] * (setting["layers"] - 1)]
    steps = 10 * sum(weights) * setting["pretraining_epochs"]
    steps += 6 * sum(weights) * setting["finetuning_epochs"]
    return 10 + steps * n_examples / 40e9


def _settings(stage: Mapping[str, list], setting: Mapping[str, Any]) -> list[Setting]:
    """Return a setting with each combination of a stage's values put in."""
    return [
        {**setting, **dict(zip(stage, values, strict=True))}
        for values in itertools.product(*stage.values())
    ]
