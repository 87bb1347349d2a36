"""The report of an SdA: `report.html`, and the figures behind it in `report.json`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from deeptutorial.datasets import label_values
from deeptutorial.models import SdA
from deeptutorial.models.corruption import as_noise
from deeptutorial.playground import write_playground
from deeptutorial.report.examples import names_of, one_of_each_class
from deeptutorial.report.film import described_film, save_film
from deeptutorial.report.measure import AT_MOST, activity
from deeptutorial.report.sda_page import SdA_page
from deeptutorial.report.trained import Training
from deeptutorial.report.writing import complete, save_report

__all__ = ["write_SdA_report"]


def write_SdA_report(
    folder: str | os.PathLike,
    sda: SdA,
    datasets: Sequence[tuple],
    pretraining: Sequence[Training] = (),
    finetuning: Training | None = None,
    errors: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    settings: Mapping[str, object] | None = None,
) -> Path:
    """Write what there is to see of a trained SdA into one page, and another to play with it.

    The pages need no other file and no network. The test set is what everything is measured on, at
    most its first 10 000 examples.

    Parameters
    ----------
    folder : path
        Where ``report.html`` and ``report.json`` go; made if there is none.
    sda : SdA
    datasets : [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
        As `load_data` returns them, with labels.
    pretraining : sequence of stages of a run, or of `Trained`, optional
        One for each layer.
    finetuning : the same for the whole network, optional
    errors : mapping from a name to a sequence of (epoch, error in %), optional
    settings : mapping from a name to a value, optional
        What the run was asked for.

    Returns
    -------
    Path
        Of ``report.html``; ``playground.html`` lies beside it (see `write_playground`), and the
        first layer's film, if there is one. In ``report.json`` all that depends on the clock is in
        ``times``.
    """
    X = np.asarray(datasets[2][0].get_value(borrow=True))[:AT_MOST]
    labels = label_values(datasets[2][1])[:AT_MOST]
    image_shape, shown = datasets[0][0].tag.image_shape, one_of_each_class(labels)
    names = names_of(shown, labels, datasets[0][0])
    films = [
        (save_film(folder, "film_layer_0.png", one), described_film(one)) for one in pretraining[:1]
    ]
    playground = write_playground(folder, sda, X[shown], names, image_shape)
    figures = complete(
        "SdA",
        datasets,
        settings,
        _seconds({"pre-training": pretraining, "fine-tuning": [finetuning] if finetuning else []}),
        {
            "errors_in_percent": {name: list(curve) for name, curve in (errors or {}).items()},
            "test": _tested(sda, X, labels),
            "films": [described for _, described in films],
            "layers": _layers(sda, X, [training.costs for training in pretraining]),
            "playground": playground and playground.name,
        },
    )
    W = np.asarray(sda.dA_layers[0].W.get_value(borrow=True))
    html = SdA_page(figures, W, X, image_shape, sda.data.columns, [png for png, _ in films])
    return save_report(folder, html, figures)


def _seconds(trainings: Mapping[str, Sequence[Training]]) -> dict[str, float]:
    known = {
        name: [training.seconds for training in some if training.seconds is not None]
        for name, some in trainings.items()
    }
    return {name: sum(seconds) for name, seconds in known.items() if seconds}


def _tested(sda: SdA, X: np.ndarray, labels: np.ndarray) -> dict:
    """Return what the network takes the test set for."""
    probabilities = sda.predict_proba(X)
    taken_for = probabilities.argmax(axis=1)
    confusion = np.zeros((sda.n_outs, sda.n_outs), dtype=np.int64)
    np.add.at(confusion, (labels, taken_for), 1)
    wrong = np.flatnonzero(taken_for != labels)
    how_sure = probabilities[wrong, taken_for[wrong]]
    return {
        "examples": len(X),
        "error_in_percent": 100 * len(wrong) / len(X),
        "confusion": confusion.tolist(),
        "mistakes": [
            {
                "example": int(wrong[k]),
                "label": int(labels[wrong[k]]),
                "taken_for": int(taken_for[wrong[k]]),
                "probability": float(how_sure[k]),
            }
            for k in np.argsort(-how_sure, kind="stable")
        ],
    }


def _layers(sda: SdA, X: np.ndarray, costs: Sequence[Sequence[float]]) -> list[dict]:
    """Describe each layer, by the code that it makes of the test set too."""
    layers, code = [], X
    for i, layer in enumerate(sda.dA_layers):
        code = sda.encode(i, code)
        layers.append(
            {
                "n_visible": int(layer.n_visible),
                "n_hidden": int(layer.n_hidden),
                "corruption_level": float(sda.corruption_levels[i]),
                "corruption": as_noise(sda.corruption).name_at(sda.corruption_levels[i]),
                "reconstruction_cost": layer.reconstruction_cost,
                "pretraining_costs": list(costs[i]) if costs else [],
                "hidden_units": activity(code),
            }
        )
    return layers
