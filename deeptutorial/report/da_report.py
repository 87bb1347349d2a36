"""The report of one or more dAs: `report.html`, and the figures behind it in `report.json`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from deeptutorial.datasets import label_values
from deeptutorial.images import visible
from deeptutorial.models import dA
from deeptutorial.models.corruption import as_noise
from deeptutorial.playground import write_playground
from deeptutorial.report.da_page import Seen, between, dA_page
from deeptutorial.report.examples import names_of, one_of_each_class
from deeptutorial.report.film import described_film, save_film
from deeptutorial.report.measure import AT_MOST, Autoencoding, activity, autoencode, by_class
from deeptutorial.report.trained import Training
from deeptutorial.report.writing import complete, save_report

__all__ = ["write_dA_report"]

USUAL_LEVEL = 0.3
OWN_FUNCTION = "a function of its own"


def write_dA_report(
    folder: str | os.PathLike,
    corruption_levels: Sequence[float],
    trainings: Sequence[Training],
    datasets: Sequence[tuple],
    settings: Mapping[str, object] | None = None,
) -> Path:
    """Write what there is to see of trained dAs into one page, and another to play with them.

    The pages need no other file and no network. The test set is what everything is measured on, at
    most its first 10 000 examples; the noise is the same at each call.

    Parameters
    ----------
    folder : path
        Where ``report.html`` and ``report.json`` go; made if there is none.
    corruption_levels : sequence of float
    trainings : sequence of stages of a run, or of `Trained`
        With a dA for each level, which is left as it is.
    datasets : [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
        As `load_data` returns them.
    settings : mapping from a name to a value, optional
        What the run was asked for.

    Returns
    -------
    Path
        Of ``report.html``; ``playground.html`` lies beside it (see `write_playground`), and the
        films, if there are some. In ``report.json`` all that depends on the clock is in ``times``.

    Raises
    ------
    ValueError
        For no model at all, a level too much or too few, or models and images that do not fit each
        other.

    Examples
    --------
    >>> import numpy
    >>> from deeptutorial import dA, load_data
    >>> from deeptutorial.report import Trained, write_dA_report
    >>> da = dA(numpy_rng=numpy.random.RandomState(123), n_hidden=50)
    >>> write_dA_report("untrained", [0.3], [Trained(da)], load_data("digits"))  # doctest: +SKIP
    """
    X = np.asarray(datasets[2][0].get_value(borrow=True))[:AT_MOST]
    labels = label_values(datasets[2][1])[:AT_MOST]
    if not trainings:
        raise ValueError("trainings is empty, and a report needs at least one trained dA")
    for training in trainings:
        if training.model.n_visible != X.shape[1]:
            raise ValueError(
                f"the dA has {training.model.n_visible} visible units, but the images "
                f"{X.shape[1]} values"
            )

    test_level = max(corruption_levels) or USUAL_LEVEL
    shown = one_of_each_class(labels)
    ends = _two_of_different_classes(labels)

    described, seen = [], []
    for level, training in zip(corruption_levels, trainings, strict=True):
        measured = autoencode(training.model, X, test_level)
        described.append(_describe(level, training, measured, labels))
        film = save_film(folder, f"film_corruption_{100 * level:g}.png", training)
        seen.append(_look(level, training.model, measured, shown, ends, X, film))

    first_set_x = datasets[0][0]
    models = {one.name: training.model for one, training in zip(seen, trainings, strict=True)}
    names = names_of(shown, labels, first_set_x)
    playground = write_playground(folder, models, X[shown], names, first_set_x.tag.image_shape)

    figures = complete(
        "dA",
        datasets,
        settings,
        {
            f"training, {one.name}": training.seconds
            for one, training in zip(seen, trainings, strict=True)
            if training.seconds is not None
        },
        {
            "test": {"examples": len(X), "corruption_level": test_level},
            "models": described,
            "shown": {"examples": shown, "morph": ends},
            "playground": playground and playground.name,
        },
    )
    effect = as_noise(trainings[0].model.corruption).effect_at(test_level)
    html = dA_page(figures, seen, effect, visible(X, X), first_set_x.tag.image_shape)
    return save_report(folder, html, figures)


def _look(
    level: float,
    da: dA,
    measured: Autoencoding,
    shown: list[int],
    ends: tuple[int, int],
    X: np.ndarray,
    film: bytes,
) -> Seen:
    return Seen(
        name=as_noise(da.corruption).name_at(level),
        W=np.asarray(da.W.get_value(borrow=True)),
        columns=da.data.columns,
        corrupted=visible(measured.corrupted[shown], X),
        reconstructed=visible(measured.reconstructed[shown], X),
        morph=visible(_morph(measured, ends), X),
        film=film,
    )


def _describe(level: float, training: Training, measured: Autoencoding, labels: np.ndarray) -> dict:
    da = training.model
    clean, corrupted = measured.cost_clean, measured.cost_corrupted
    return {
        "corruption_level": level,
        "corruption": da.corruption if isinstance(da.corruption, str) else OWN_FUNCTION,
        "reconstruction_cost": da.reconstruction_cost,
        "n_visible": int(da.n_visible),
        "n_hidden": int(da.n_hidden),
        "costs": list(training.costs),
        "film": described_film(training),
        "test_cost": {
            "clean": float(np.mean(clean, dtype="float64")),
            "corrupted": float(np.mean(corrupted, dtype="float64")),
        },
        "test_cost_by_class": by_class(labels, clean=clean, corrupted=corrupted),
        "hidden_units": activity(measured.code),
    }


def _two_of_different_classes(labels: np.ndarray) -> tuple[int, int]:
    """Choose the ends of a morph: the first example, and the first of another class."""
    others = np.flatnonzero(labels != labels[0])
    return 0, int(others[0]) if len(others) else len(labels) - 1


def _morph(measured: Autoencoding, ends: tuple[int, int]) -> np.ndarray:
    """Go from one code to another in a straight line, and decode each step."""
    first, last = measured.code[ends[0]], measured.code[ends[1]]
    return measured.decode(between(first, last).astype(measured.code.dtype))
