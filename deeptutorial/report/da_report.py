"""The report of one or more dAs: `report.html`, and the figures behind it in `report.json`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from deeptutorial.datasets import label_values
from deeptutorial.models import dA
from deeptutorial.report.charts import bar_chart, histogram, line_chart
from deeptutorial.report.measure import AT_MOST, Autoencoding, activity, autoencode, by_class
from deeptutorial.report.page import (
    definitions,
    figure,
    page,
    section,
    side_by_side,
    table,
)
from deeptutorial.report.tiles import AT_MOST_FILTERS, filters_html, tiles_html
from deeptutorial.report.writing import complete, data_and_settings, save_report

__all__ = ["level_name", "write_dA_report"]

N_DIGITS = 10
N_MORPH = 9
USUAL_LEVEL = 0.3


def write_dA_report(
    folder: str | os.PathLike,
    models: Mapping[float, dA],
    datasets: Sequence[tuple],
    costs: Mapping[float, Sequence[float]] | None = None,
    seconds: Mapping[float, float] | None = None,
    settings: Mapping[str, object] | None = None,
) -> Path:
    """Write what there is to see of trained dAs into one page.

    The page needs no other file and no network. The test set is what everything is measured on, at
    most its first 10 000 examples; the noise is the same at each call.

    Parameters
    ----------
    folder : path
        Where ``report.html`` and ``report.json`` go; made if there is none.
    models : mapping from a corruption level to a dA
        Trained ones. They are left as they are.
    datasets : [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
        As `load_data` returns them.
    costs : mapping from a corruption level to a sequence of float, optional
        Mean cost of each epoch.
    seconds : mapping from a corruption level to a float, optional
        How long its training took.
    settings : mapping from a name to a value, optional
        What the run was asked for.

    Returns
    -------
    Path
        Of ``report.html``. In ``report.json`` all that depends on the clock is in ``times``.

    Raises
    ------
    ValueError
        For no model at all, or models and images that do not fit each other.

    Examples
    --------
    >>> import numpy
    >>> from deeptutorial import dA, load_data
    >>> from deeptutorial.report import write_dA_report
    >>> da = dA(numpy_rng=numpy.random.RandomState(123), n_hidden=50)
    >>> path = write_dA_report("untrained", {0.3: da}, load_data("digits"))  # doctest: +SKIP
    """
    X = np.asarray(datasets[2][0].get_value(borrow=True))[:AT_MOST]
    labels = label_values(datasets[2][1])[:AT_MOST]
    image_shape = datasets[0][0].tag.image_shape
    if not models:
        raise ValueError("models is empty, and a report needs at least one trained dA")
    for da in models.values():
        if da.n_visible != X.shape[1]:
            raise ValueError(
                f"the dA has {da.n_visible} visible units, but the images {X.shape[1]} values"
            )

    test_level = max(models) or USUAL_LEVEL
    shown = _one_of_each_class(labels)
    ends = _two_of_different_classes(labels)

    described, pictured = [], []
    for level, da in models.items():
        measured = autoencode(da, X, test_level)
        described.append(_describe(level, da, measured, labels, (costs or {}).get(level, ())))
        pictured.append(
            {
                "W": np.asarray(da.W.get_value(borrow=True)),
                "corrupted": measured.corrupted[shown],
                "reconstructed": measured.reconstructed[shown],
                "morph": _morph(measured, ends),
            }
        )

    figures = complete(
        "dA",
        datasets,
        settings,
        {
            f"training, {level_name(level, _kind(models[level]))}": took
            for level, took in (seconds or {}).items()
        },
        {
            "test": {"examples": len(X), "corruption_level": test_level},
            "models": described,
            "shown": {"examples": shown, "morph": ends},
        },
    )
    html = _page(figures, pictured, X, image_shape)
    return save_report(folder, html, figures)


def level_name(level: float, corruption: str = "masking") -> str:
    if level == 0:
        return "no corruption"
    if corruption == "gaussian":
        return f"noise of deviation {level:g}"
    return f"{level * 100:g} % {'corruption' if corruption == 'masking' else corruption}"


def _kind(da: dA) -> str:
    return da.corruption if isinstance(da.corruption, str) else "a function of its own"


def _noise(level: float, corruption: str) -> str:
    return {
        "masking": f"{level * 100:g} % of the pixels set to black",
        "salt-and-pepper": f"{level * 100:g} % of the pixels set to black or white",
        "gaussian": f"normal noise of deviation {level:g} added",
    }.get(corruption, f"level {level:g}, {corruption}")


def _describe(
    level: float, da: dA, measured: Autoencoding, labels: np.ndarray, costs: Sequence[float]
) -> dict:
    clean, corrupted = measured.cost_clean, measured.cost_corrupted
    return {
        "corruption_level": level,
        "corruption": _kind(da),
        "n_visible": int(da.n_visible),
        "n_hidden": int(da.n_hidden),
        "costs": list(costs),
        "test_cost": {
            "clean": float(np.mean(clean, dtype="float64")),
            "corrupted": float(np.mean(corrupted, dtype="float64")),
        },
        "test_cost_by_class": by_class(labels, clean=clean, corrupted=corrupted),
        "hidden_units": activity(measured.code),
    }


def _one_of_each_class(labels: np.ndarray) -> list[int]:
    """Choose examples to show: the first of each class, or the first ones where none has a label."""  # noqa: E501
    classes = np.unique(labels[labels >= 0])[:N_DIGITS]
    if len(classes) < 2:
        return list(range(min(N_DIGITS, len(labels))))
    return [int(np.argmax(labels == c)) for c in classes]


def _two_of_different_classes(labels: np.ndarray) -> tuple[int, int]:
    """Choose the ends of a morph: the first example, and the first of another class."""
    others = np.flatnonzero(labels != labels[0])
    return 0, int(others[0]) if len(others) else len(labels) - 1


def _morph(measured: Autoencoding, ends: tuple[int, int]) -> np.ndarray:
    """Go from one code to another in a straight line, and decode each step."""
    first, last = measured.code[ends[0]], measured.code[ends[1]]
    return measured.decode(_between(first, last).astype(measured.code.dtype))


def _between(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    along = np.linspace(0, 1, N_MORPH)[:, None]
    return (1 - along) * first + along * last


# ---- the page


def _page(
    figures: dict, pictured: Sequence[dict], X: np.ndarray, image_shape: tuple[int, ...]
) -> str:
    models = figures["models"]
    names = [level_name(model["corruption_level"], model["corruption"]) for model in models]
    data, test = figures["data"], figures["test"]
    noise = _noise(test["corruption_level"], models[0]["corruption"])

    sections = [
        section(
            "At a glance",
            f"Costs are averages over one image: of the last epoch of training, and over "
            f"{test['examples']:,} images of the test set, reconstructed from themselves and after "
            f"corruption: {noise}.",
            table(
                ("", *names),
                [
                    ("cost, last epoch", *(_cost(model["costs"][-1:]) for model in models)),
                    ("cost, test set", *(f"{model['test_cost']['clean']:.2f}" for model in models)),
                    (
                        "the same, corrupted",
                        *(f"{model['test_cost']['corrupted']:.2f}" for model in models),
                    ),
                    ("dead units", *(model["hidden_units"]["dead"] for model in models)),
                    ("saturated units", *(model["hidden_units"]["saturated"] for model in models)),
                ],
            ),
        )
    ]

    curves = {
        name: list(enumerate(model["costs"]))
        for name, model in zip(names, models, strict=True)
        if model["costs"]
    }
    if curves:
        sections.append(
            section(
                "Learning curve",
                "The mean cost of each epoch. A dA that is trained on corrupted images has the "
                "harder task, so its cost stays higher; that is no sign of a worse code.",
                line_chart(curves, "epoch", "cost"),
            )
        )

    n_units = models[0]["n_hidden"]
    n_shown = min(n_units, AT_MOST_FILTERS)
    sections.append(
        section(
            "Filters",
            f"What each hidden unit looks for: its weights, one tile a unit ({n_shown} of "
            f"{n_units}), each stretched from black to white by itself. Biases are left out.",
            side_by_side(
                *(
                    figure(filters_html(p["W"], range(n_units), image_shape), name, place)
                    for place, (name, p) in enumerate(zip(names, pictured, strict=True))
                )
            ),
        )
    )
    sections.append(
        section(
            "The most active units",
            "The same, in order of the units' mean output over the test set, the most active "
            "first.",
            side_by_side(
                *(
                    figure(
                        filters_html(p["W"], model["hidden_units"]["most_active"], image_shape),
                        name,
                        place,
                    )
                    for place, (name, model, p) in enumerate(
                        zip(names, models, pictured, strict=True)
                    )
                )
            ),
        )
    )

    shown, ends = figures["shown"]["examples"], figures["shown"]["morph"]
    sections.append(
        section(
            "Reconstruction",
            f"Images of the test set, corrupted ({noise}), and what each dA makes of them.",
            _strips(
                image_shape,
                [("original", None, X[shown]), ("corrupted", None, pictured[0]["corrupted"])]
                + [
                    (name, place, p["reconstructed"])
                    for place, (name, p) in enumerate(zip(names, pictured, strict=True))
                ],
            ),
        )
    )

    if len(models[0]["test_cost_by_class"]) > 1:
        classes = [str(row["class"]) for row in models[0]["test_cost_by_class"]]
        by_name = {
            kind: {
                name: [row[kind] for row in model["test_cost_by_class"]]
                for name, model in zip(names, models, strict=True)
            }
            for kind in ("clean", "corrupted")
        }
        sections.append(
            section(
                "Cost by class",
                f"Bars: from corrupted images ({noise}). Lines across them: from the whole "
                "images. Where a bar ends close to its line, what was destroyed is guessed "
                "well; it can end below, since a dA is used to the brightness of corrupted images.",
                bar_chart(by_name["corrupted"], by_name["clean"], classes, "class", "cost"),
            )
        )

    sections.append(
        section(
            "Hidden activations",
            "How often a hidden unit's output takes which value, over all units and the test set. "
            "A unit is dead if its output stays within 0.05 whatever is shown, and saturated if "
            "it is within 0.05 of 0 or 1 nine times in ten.",
            side_by_side(
                *(
                    figure(
                        histogram(model["hidden_units"]["histogram"], place, "output", "share, %"),
                        f"{name}: {model['hidden_units']['dead']} dead, "
                        f"{model['hidden_units']['saturated']} saturated of {n_units}",
                        place,
                    )
                    for place, (name, model) in enumerate(zip(names, models, strict=True))
                )
            ),
        )
    )

    sections.append(
        section(
            "From one image to another",
            "A straight line between two pixel images is a cross-fade. Between their codes, "
            "decoded at each step, it shows what the dA takes for the way from one to the other.",
            _strips(
                image_shape,
                [("pixels", None, _between(X[ends[0]], X[ends[1]]))]
                + [
                    (name, place, p["morph"])
                    for place, (name, p) in enumerate(zip(names, pictured, strict=True))
                ],
            ),
        )
    )

    first, last = data_and_settings(figures)
    sections.append(section("Data and settings", "", definitions(first)))
    sections.append(section("Times and versions", "", definitions(last)))
    height, width = data["image_shape"][:2]
    return page(
        "Denoising autoencoder",
        f"{n_units} hidden units, trained on {data['examples']['training']:,} images of "
        f"{height} × {width} pixels",
        sections,
    )


def _cost(costs: Sequence[float]) -> str:
    return f"{costs[0]:.2f}" if costs else "–"


def _strips(
    image_shape: tuple[int, ...], rows: Sequence[tuple[str, int | None, np.ndarray]]
) -> str:
    figures = (
        figure(tiles_html(images, image_shape, len(images), name, gap=2), name, place)
        for name, place, images in rows
    )
    return '<div class="strips">\n' + "\n".join(figures) + "\n</div>"
