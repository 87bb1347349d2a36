"""A stack of autoencoders, denoising or not: pre-trained, fine-tuned, and its errors counted."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytensor

from deeptutorial import SdA, load_data
from deeptutorial.training import DivergenceError, EarlyStopping, mean_cost
from studies.variations.sets import VariationSet

__all__ = ["fit_network"]

BATCH_SIZE = 20
DECAY = 0.95
"""Of the fine-tuning rate, an epoch."""
PATIENCE = 10
"""Epochs that are fine-tuned in any case; see `EarlyStopping`."""


def fit_network(data: VariationSet, setting: Mapping[str, Any]) -> dict[str, float]:
    """Train a network with one setting.

    Parameters
    ----------
    data : VariationSet
    setting : mapping
        ``layers``, ``units`` (of each), ``noise`` (the part that is masked in pre-training),
        ``pretraining_rate``, ``pretraining_epochs``, ``finetuning_rate``, ``finetuning_epochs``.

    Returns
    -------
    dict
        ``validation_error`` and ``test_error``, the parts that the network takes for another class
        after the epoch that was the best on validation; ``epochs``, which one that was. Where
        training diverged all examples count as errors.
    """
    pytensor.config.floatX = "float32"
    datasets = load_data(data.parts())
    network = SdA(
        np.random.RandomState(1),
        n_ins=data.images.shape[1],
        hidden_layers_sizes=[setting["units"]] * setting["layers"],
        n_outs=int(data.labels.max()) + 1,
        corruption_levels=[setting["noise"]] * setting["layers"],
    )
    try:
        _pretrain(network, datasets[0][0], setting)
        return _finetune(network, datasets, setting)
    except DivergenceError:
        return {"validation_error": 1.0, "test_error": 1.0, "epochs": 0}


def _pretrain(network: SdA, train_set_x: Any, setting: Mapping[str, Any]):
    steps = network.pretraining_functions(train_set_x, BATCH_SIZE, encode_once=True)
    n_batches = len(train_set_x.get_value(borrow=True)) // BATCH_SIZE
    for step in steps:
        for _ in range(setting["pretraining_epochs"]):
            rate = setting["pretraining_rate"]
            mean_cost([step(i, setting["noise"], rate) for i in range(n_batches)], rate)


def _finetune(network: SdA, datasets: list, setting: Mapping[str, Any]) -> dict[str, float]:
    rate = pytensor.shared(np.float32(setting["finetuning_rate"]))
    step, valid_score, test_score = network.build_finetune_functions(datasets, BATCH_SIZE, rate)
    n_batches = len(datasets[0][0].get_value(borrow=True)) // BATCH_SIZE
    stopping = EarlyStopping(patience=PATIENCE * n_batches)
    best = [param.get_value() for param in network.params]
    for epoch in range(1, setting["finetuning_epochs"] + 1):
        mean_cost([step(i) for i in range(n_batches)], float(rate.get_value()))
        if stopping.improves(float(np.mean(valid_score())), epoch * n_batches):
            best = [param.get_value() for param in network.params]
        if stopping.exhausted(epoch * n_batches):
            break
        rate.set_value(np.float32(DECAY) * rate.get_value())
    for param, value in zip(network.params, best, strict=True):
        param.set_value(value)
    return {
        "validation_error": stopping.best_loss,
        "test_error": float(np.mean(test_score())),
        "epochs": (stopping.best_iteration or 0) // n_batches,
    }
