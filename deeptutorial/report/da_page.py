"""The page about one or more dAs: a function a section."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deeptutorial.images import is_image
from deeptutorial.report.charts import bar_chart, histogram, line_chart
from deeptutorial.report.film import films_section
from deeptutorial.report.page import figure, page, section, side_by_side, table
from deeptutorial.report.tiles import AT_MOST_FILTERS, filters_html, tiles_html
from deeptutorial.report.weights_html import listens_to, weights_html

__all__ = ["Seen", "between", "dA_page"]

N_MORPH = 9


@dataclass(frozen=True)
class Seen:
    """What there is to look at of a dA.

    Attributes
    ----------
    name : str
        What the training is called.
    W : ndarray
    columns : sequence of str
        What the inputs are called, if they have names.
    corrupted, reconstructed, morph : ndarray, a picture a row, as `X` of the page
    film : bytes
        Of the filters, as a PNG; nothing if there is none.
    """

    name: str
    W: np.ndarray
    columns: Sequence[str]
    corrupted: np.ndarray
    reconstructed: np.ndarray
    morph: np.ndarray
    film: bytes = b""


def between(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Go from one vector to another in a straight line: some steps, a row each."""
    along = np.linspace(0, 1, N_MORPH)[:, None]
    return (1 - along) * first + along * last


def dA_page(
    figures: dict, seen: Sequence[Seen], effect: str, X: np.ndarray, image_shape: tuple[int, ...]
) -> str:
    """Lay out the page.

    Parameters
    ----------
    figures : dict
        What ``report.json`` holds.
    seen : sequence of Seen
        One for each of its models.
    effect : str
        What the noise does to the test set.
    X : ndarray
        The test set, an image a row, to be looked at: in [0, 1].
    image_shape : (height, width) or (height, width, 3)
    """
    models, names = figures["models"], [one.name for one in seen]
    sections = [
        _at_a_glance(models, names, figures["test"]["examples"], effect),
        _learning_curve(models, names),
        films_section({one.name: one.film for one in seen}, [model["film"] for model in models]),
        _filters(models, seen, image_shape),
        _most_active(models, seen, image_shape),
        _reconstruction(seen, X[figures["shown"]["examples"]], effect, image_shape)
        if is_image(image_shape)
        else "",
        _cost_by_class(models, names, effect),
        _activations(models, names),
        _from_one_to_another(seen, X[list(figures["shown"]["morph"])], image_shape)
        if is_image(image_shape)
        else "",
    ]
    n_hidden = ", ".join(dict.fromkeys(str(model["n_hidden"]) for model in models))
    return page("Denoising autoencoder", n_hidden, filter(None, sections), figures)


def _at_a_glance(models: list[dict], names: list[str], n_examples: int, effect: str) -> str:
    return section(
        "At a glance",
        f"Costs are averages over one image: of the last epoch of training, and over "
        f"{n_examples:,} images of the test set, reconstructed from themselves and after "
        f"corruption: {effect}.",
        table(
            ("", *names),
            [
                ("cost, last epoch", *(_cost(model["costs"][-1:]) for model in models)),
                ("cost, test set", *(_cost([model["test_cost"]["clean"]]) for model in models)),
                (
                    "the same, corrupted",
                    *(_cost([model["test_cost"]["corrupted"]]) for model in models),
                ),
                ("dead units", *(model["hidden_units"]["dead"] for model in models)),
                ("saturated units", *(model["hidden_units"]["saturated"] for model in models)),
            ],
        ),
    )


def _learning_curve(models: list[dict], names: list[str]) -> str:
    curves = {
        name: list(enumerate(model["costs"]))
        for name, model in zip(names, models, strict=True)
        if model["costs"]
    }
    if not curves:
        return ""
    return section(
        "Learning curve",
        "The mean cost of each epoch. A dA that is trained on corrupted images has the "
        "harder task, so its cost stays higher; that is no sign of a worse code.",
        line_chart(curves, "epoch", "cost"),
    )


def _filters(models: list[dict], seen: Sequence[Seen], image_shape: tuple[int, ...]) -> str:
    sizes = [model["n_hidden"] for model in models]
    if not is_image(image_shape):
        return section(
            "Heaviest inputs",
            f"{listens_to(max(sizes))} The first units, in their order:",
            *(
                figure(weights_html(one.W, range(n), one.columns), one.name, place)
                for place, (n, one) in enumerate(zip(sizes, seen, strict=True))
            ),
        )
    shown = ", ".join(dict.fromkeys(f"{min(n, AT_MOST_FILTERS)} of {n}" for n in sizes))
    return section(
        "Filters",
        f"What each hidden unit looks for: its weights, one tile a unit ({shown}), each stretched "
        "from black to white by itself. Biases are left out.",
        side_by_side(
            *(
                figure(filters_html(one.W, range(n), image_shape), one.name, place)
                for place, (n, one) in enumerate(zip(sizes, seen, strict=True))
            )
        ),
    )


def _most_active(models: list[dict], seen: Sequence[Seen], image_shape: tuple[int, ...]) -> str:
    if not is_image(image_shape):
        return section(
            "The most active units",
            "The same, in order of the units' mean output over the test set, the most active "
            "first.",
            *(
                figure(weights_html(one.W, units, one.columns), one.name, place)
                for place, (one, units) in enumerate(
                    zip(seen, (m["hidden_units"]["most_active"] for m in models), strict=True)
                )
            ),
        )
    return section(
        "The most active units",
        "The same, in order of the units' mean output over the test set, the most active first.",
        side_by_side(
            *(
                figure(
                    filters_html(one.W, model["hidden_units"]["most_active"], image_shape),
                    one.name,
                    place,
                )
                for place, (model, one) in enumerate(zip(models, seen, strict=True))
            )
        ),
    )


def _reconstruction(
    seen: Sequence[Seen], originals: np.ndarray, effect: str, image_shape: tuple[int, ...]
) -> str:
    return section(
        "Reconstruction",
        f"Images of the test set, corrupted ({effect}), and what each dA makes of them.",
        _strips(
            image_shape,
            [
                ("original", None, originals),
                ("corrupted", None, seen[0].corrupted),
                *((one.name, place, one.reconstructed) for place, one in enumerate(seen)),
            ],
        ),
    )


def _cost_by_class(models: list[dict], names: list[str], effect: str) -> str:
    if len(models[0]["test_cost_by_class"]) < 2:
        return ""
    classes = [str(row["class"]) for row in models[0]["test_cost_by_class"]]
    by_name = {
        kind: {
            name: [row[kind] for row in model["test_cost_by_class"]]
            for name, model in zip(names, models, strict=True)
        }
        for kind in ("clean", "corrupted")
    }
    if any(None in costs for of_models in by_name.values() for costs in of_models.values()):
        return ""  # of what has become infinite there is no picture
    return section(
        "Cost by class",
        f"Bars: from corrupted images ({effect}). Lines across them: from the whole "
        "images. Where a bar ends close to its line, what was destroyed is guessed "
        "well; it can end below, since a dA is used to the brightness of corrupted images.",
        bar_chart(by_name["corrupted"], by_name["clean"], classes, "class", "cost"),
    )


def _activations(models: list[dict], names: list[str]) -> str:
    return section(
        "Hidden activations",
        "How often a hidden unit's output takes which value, over all units and the test set. "
        "A unit is dead if its output stays within 0.05 whatever is shown, and saturated if "
        "it is within 0.05 of 0 or 1 nine times in ten.",
        side_by_side(
            *(
                figure(
                    histogram(model["hidden_units"]["histogram"], place, "output", "share, %"),
                    f"{name}: {model['hidden_units']['dead']} dead, "
                    f"{model['hidden_units']['saturated']} saturated of {model['n_hidden']}",
                    place,
                )
                for place, (name, model) in enumerate(zip(names, models, strict=True))
            )
        ),
    )


def _from_one_to_another(
    seen: Sequence[Seen], ends: np.ndarray, image_shape: tuple[int, ...]
) -> str:
    return section(
        "From one image to another",
        "A straight line between two pixel images is a cross-fade. Between their codes, "
        "decoded at each step, it shows what the dA takes for the way from one to the other.",
        _strips(
            image_shape,
            [
                ("pixels", None, between(*ends)),
                *((one.name, place, one.morph) for place, one in enumerate(seen)),
            ],
        ),
    )


def _cost(costs: Sequence[float | None]) -> str:
    """Write the first of some costs; JSON has None for an infinite one."""
    if not costs:
        return "–"
    return "infinite" if costs[0] is None else f"{costs[0]:.2f}"


def _strips(
    image_shape: tuple[int, ...], rows: Sequence[tuple[str, int | None, np.ndarray]]
) -> str:
    figures = (
        figure(tiles_html(images, image_shape, len(images), name, gap=2), name, place)
        for name, place, images in rows
    )
    return '<div class="strips">\n' + "\n".join(figures) + "\n</div>"
