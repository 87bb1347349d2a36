"""The page about an SdA: a function a section."""

from collections.abc import Mapping, Sequence

import numpy as np

from deeptutorial.images import is_image, visible
from deeptutorial.report.charts import NARROW, histogram, line_chart
from deeptutorial.report.film import films_section
from deeptutorial.report.page import figure, page, section, side_by_side, table
from deeptutorial.report.tiles import AT_MOST_FILTERS, filters_html, tiles_html
from deeptutorial.report.weights_html import listens_to, weights_html

__all__ = ["SdA_page"]

AT_MOST_MISTAKES = 96


def SdA_page(
    figures: dict,
    W: np.ndarray,
    X: np.ndarray,
    image_shape: tuple[int, ...],
    columns: Sequence[str] = (),
    films: Sequence[bytes] = (),
) -> str:
    """Lay out the page.

    Parameters
    ----------
    figures : dict
        What ``report.json`` holds.
    W : ndarray of shape (n_ins, n_hidden)
        Weights of the first layer.
    X : ndarray
        The test set, an image a row.
    image_shape : (height, width) or (height, width, 3)
    columns : sequence of str
        What the values of an example are called, if they have names.
    films : sequence of bytes
        Of the first layer's filters, if there is one.
    """
    layers, test = figures["layers"], figures["test"]
    sections = [
        _at_a_glance(layers, test),
        _finetuning(figures["errors_in_percent"]),
        _pretraining(layers),
        films_section(dict(zip(["layer 0"], films, strict=False)), figures["films"]),
        _filters(layers[0], W, image_shape)
        if is_image(image_shape)
        else _heaviest_inputs(layers[0], W, columns),
        _confusion(np.array(test["confusion"])),
        _mistakes(test["mistakes"], X, image_shape),
        _activations(layers),
    ]
    sizes = "–".join(str(layer["n_hidden"]) for layer in layers)
    return page("Stacked denoising autoencoder", sizes, filter(None, sections), figures)


def _at_a_glance(layers: list[dict], test: dict) -> str:
    return section(
        "At a glance",
        f"{len(test['mistakes'])} of {test['examples']:,} images of the test set are taken for "
        f"another: {test['error_in_percent']:.2f} %. A hidden unit is dead if its output stays "
        "within 0.05 whatever is shown, and saturated if it is within 0.05 of 0 or 1 nine times in "
        "ten.",
        table(
            ("", *(f"layer\u00a0{i}" for i in range(len(layers)))),
            [
                ("hidden units", *(layer["n_hidden"] for layer in layers)),
                ("corruption", *(layer["corruption"] for layer in layers)),
                ("dead units", *(layer["hidden_units"]["dead"] for layer in layers)),
                ("saturated units", *(layer["hidden_units"]["saturated"] for layer in layers)),
            ],
        ),
    )


def _finetuning(errors: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    curves = {name: curve for name, curve in errors.items() if curve}
    if not curves:
        return ""
    return section(
        "Fine-tuning",
        "The part of each set that is classified wrongly. The test set is looked at only "
        "where the validation set was at its best so far.",
        line_chart(curves, "epoch", "error, %"),
    )


def _pretraining(layers: list[dict]) -> str:
    if not any(layer["pretraining_costs"] for layer in layers):
        return ""

    def curve(i: int, costs: list[float]) -> str:
        points = {f"layer {i}": list(enumerate(costs))}
        return line_chart(points, "epoch", "cost", width=NARROW, first_colour=i)

    return section(
        "Pre-training",
        "Reconstruction cost of each layer's dA. The scales differ, since each layer "
        "reconstructs the code below it.",
        side_by_side(
            *(
                figure(curve(i, layer["pretraining_costs"]), f"layer {i}", i)
                for i, layer in enumerate(layers)
            ),
            smallest="15rem",
        ),
    )


def _filters(layer: dict, W: np.ndarray, image_shape: tuple[int, ...]) -> str:
    n_units = layer["n_hidden"]
    n_shown = min(n_units, AT_MOST_FILTERS)
    return section(
        "Filters of the first layer",
        "What its units look for, after fine-tuning: their weights, one tile a unit, each "
        "stretched from black to white by itself.",
        side_by_side(
            figure(
                filters_html(W, range(n_units), image_shape),
                f"the first {n_shown} of {n_units} units",
            ),
            figure(
                filters_html(W, layer["hidden_units"]["most_active"], image_shape),
                f"the {n_shown} units with the highest mean output",
            ),
        ),
    )


def _heaviest_inputs(layer: dict, W: np.ndarray, columns: Sequence[str]) -> str:
    n_units = layer["n_hidden"]
    return section(
        "Heaviest inputs of the first layer",
        f"After fine-tuning. {listens_to(n_units)}",
        figure(weights_html(W, range(n_units), columns), "the first units"),
        figure(
            weights_html(W, layer["hidden_units"]["most_active"], columns),
            "the units with the highest mean output",
        ),
    )


def _confusion(counts: np.ndarray) -> str:
    highest = max(1, (counts - np.diag(np.diag(counts))).max())
    head = "".join(f"<th>{c}</th>" for c in range(len(counts)))
    rows = []
    for i, row in enumerate(counts):
        cells = "".join(
            f'<td class="right">{n}</td>'
            if i == j
            else f'<td class="{"some" if n else "none"}" style="--strength: '
            f'{80 * n / highest:.0f}%">{n}</td>'
            for j, n in enumerate(row)
        )
        rows.append(f"<tr><th>{i}</th>{cells}</tr>")
    return section(
        "Confusion",
        "Rows: what an image is. Columns: what it was taken for.",
        f'<div class="scroll"><table class="confusion"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>",
    )


def _mistakes(mistakes: Sequence[dict], X: np.ndarray, image_shape: tuple[int, ...]) -> str:
    if not mistakes:
        return ""
    shown = mistakes[:AT_MOST_MISTAKES]
    which = (
        f"The {len(shown)} that the network was most sure of"
        if len(mistakes) > len(shown)
        else "All"
    )
    if not is_image(image_shape):
        return section(
            "Mistakes",
            f"{which}, the surest first; what the example is, and what it was taken for.",
            table(
                ("test example", "is", "taken for", "sure"),
                [
                    (m["example"], m["label"], m["taken_for"], f"{m['probability']:.1%}")
                    for m in shown
                ],
            ),
        )
    figures = []
    for mistake in shown:
        pixels = visible(X[mistake["example"]][None], X)
        tile = tiles_html(pixels, image_shape, 1, str(mistake["label"]))
        caption = f"{mistake['label']} → <b>{mistake['taken_for']}</b>"
        figures.append(
            f'<figure title="test example {mistake["example"]}, '
            f'{mistake["probability"]:.1%} sure">{tile}<figcaption>{caption}</figcaption></figure>'
        )
    return section(
        "Mistakes",
        f"{which}, the surest first; what the image is, and what it was taken for.",
        '<div class="mistakes">' + "".join(figures) + "</div>",
    )


def _activations(layers: list[dict]) -> str:
    return section(
        "Hidden activations",
        "How often a unit's output takes which value, over all units of a layer and the test set.",
        side_by_side(
            *(
                figure(
                    histogram(layer["hidden_units"]["histogram"], i, "output", "share, %"),
                    f"layer {i}",
                    i,
                )
                for i, layer in enumerate(layers)
            ),
            smallest="15rem",
        ),
    )
