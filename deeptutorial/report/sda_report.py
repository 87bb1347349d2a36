"""The report of an SdA: `report.html`, and the figures behind it in `report.json`."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from deeptutorial.datasets import label_values
from deeptutorial.models import SdA
from deeptutorial.report.charts import NARROW, histogram, line_chart
from deeptutorial.report.measure import AT_MOST, activity
from deeptutorial.report.page import definitions, figure, page, section, side_by_side, table
from deeptutorial.report.tiles import AT_MOST_FILTERS, filters_html, tiles_html
from deeptutorial.report.writing import complete, data_and_settings, save_report

__all__ = ["write_SdA_report"]

AT_MOST_MISTAKES = 96


def write_SdA_report(
    folder: str | os.PathLike,
    sda: SdA,
    datasets: Sequence[tuple],
    pretraining_costs: Sequence[Sequence[float]] = (),
    errors: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    seconds: Mapping[str, float] | None = None,
    settings: Mapping[str, object] | None = None,
) -> Path:
    """Write what there is to see of a trained SdA into one page.

    The page needs no other file and no network. The test set is what everything is measured on, at
    most its first 10 000 examples.

    Parameters
    ----------
    folder : path
        Where ``report.html`` and ``report.json`` go; made if there is none.
    sda : SdA
    datasets : [(train_set_x, train_set_y), (valid_set_x, valid_set_y), (test_set_x, test_set_y)]
        As `load_data` returns them, with labels.
    pretraining_costs : sequence of sequences of float, optional
        Mean cost of each epoch, for each layer.
    errors : mapping from a name to a sequence of (epoch, error in %), optional
    seconds : mapping from a name to a float, optional
        How long what took.
    settings : mapping from a name to a value, optional
        What the run was asked for.

    Returns
    -------
    Path
        Of ``report.html``. In ``report.json`` all that depends on the clock is in ``times``.
    """
    X = np.asarray(datasets[2][0].get_value(borrow=True))[:AT_MOST]
    labels = label_values(datasets[2][1])[:AT_MOST]
    image_shape = datasets[0][0].tag.image_shape

    probabilities = sda.predict_proba(X)
    taken_for = probabilities.argmax(axis=1)
    confusion = np.zeros((sda.n_outs, sda.n_outs), dtype=np.int64)
    np.add.at(confusion, (labels, taken_for), 1)
    wrong = np.flatnonzero(taken_for != labels)
    how_sure = probabilities[wrong, taken_for[wrong]]
    surest = np.argsort(-how_sure, kind="stable")

    layers, code = [], X
    for i, layer in enumerate(sda.dA_layers):
        code = sda.encode(i, code)
        layers.append(
            {
                "n_visible": int(layer.n_visible),
                "n_hidden": int(layer.n_hidden),
                "corruption_level": float(sda.corruption_levels[i]),
                "pretraining_costs": list(pretraining_costs[i]) if pretraining_costs else [],
                "hidden_units": activity(code),
            }
        )

    figures = complete(
        "SdA",
        datasets,
        settings,
        seconds or {},
        {
            "errors_in_percent": {name: list(curve) for name, curve in (errors or {}).items()},
            "test": {
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
                    for k in surest
                ],
            },
            "layers": layers,
        },
    )
    W = np.asarray(sda.dA_layers[0].W.get_value(borrow=True))
    return save_report(folder, _page(figures, W, X, image_shape), figures)


def _page(figures: dict, W: np.ndarray, X: np.ndarray, image_shape: tuple[int, ...]) -> str:
    layers, test, data = figures["layers"], figures["test"], figures["data"]
    sizes = "–".join(str(layer["n_hidden"]) for layer in layers)
    n_wrong = len(test["mistakes"])

    sections = [
        section(
            "At a glance",
            f"{n_wrong} of {test['examples']:,} images of the test set are taken for another: "
            f"{test['error_in_percent']:.2f} %. A hidden unit is dead if its output stays within "
            "0.05 whatever is shown, and saturated if it is within 0.05 of 0 or 1 nine times in "
            "ten.",
            table(
                ("", *(f"layer\u00a0{i}" for i in range(len(layers)))),
                [
                    ("hidden units", *(layer["n_hidden"] for layer in layers)),
                    (
                        "corruption",
                        *(f"{layer['corruption_level'] * 100:g} %" for layer in layers),
                    ),
                    ("dead units", *(layer["hidden_units"]["dead"] for layer in layers)),
                    ("saturated units", *(layer["hidden_units"]["saturated"] for layer in layers)),
                ],
            ),
        )
    ]

    curves = {name: curve for name, curve in figures["errors_in_percent"].items() if curve}
    if curves:
        sections.append(
            section(
                "Fine-tuning",
                "The part of each set that is classified wrongly. The test set is looked at only "
                "where the validation set was at its best so far.",
                line_chart(curves, "epoch", "error, %"),
            )
        )
    if any(layer["pretraining_costs"] for layer in layers):
        sections.append(
            section(
                "Pre-training",
                "Reconstruction cost of each layer's dA. The scales differ, since each layer "
                "reconstructs the code below it.",
                side_by_side(
                    *(
                        figure(
                            line_chart(
                                {f"layer {i}": list(enumerate(layer["pretraining_costs"]))},
                                "epoch",
                                "cost",
                                width=NARROW,
                                first_colour=i,
                            ),
                            f"layer {i}",
                            i,
                        )
                        for i, layer in enumerate(layers)
                    ),
                    smallest="15rem",
                ),
            )
        )

    n_units = layers[0]["n_hidden"]
    n_shown = min(n_units, AT_MOST_FILTERS)
    sections.append(
        section(
            "Filters of the first layer",
            "What its units look for, after fine-tuning: their weights, one tile a unit, each "
            "stretched from black to white by itself.",
            side_by_side(
                figure(
                    filters_html(W, range(n_units), image_shape),
                    f"the first {n_shown} of {n_units} units",
                ),
                figure(
                    filters_html(W, layers[0]["hidden_units"]["most_active"], image_shape),
                    f"the {n_shown} units with the highest mean output",
                ),
            ),
        )
    )
    sections.append(
        section(
            "Confusion",
            "Rows: what an image is. Columns: what it was taken for.",
            _confusion(np.array(test["confusion"])),
        )
    )
    if n_wrong:
        shown = test["mistakes"][:AT_MOST_MISTAKES]
        which = (
            f"The {len(shown)} that the network was most sure of" if n_wrong > len(shown) else "All"
        )
        sections.append(
            section(
                "Mistakes",
                f"{which}, the surest first; what the image is, and what it was taken for.",
                _mistakes(shown, X, image_shape),
            )
        )
    sections.append(
        section(
            "Hidden activations",
            "How often a unit's output takes which value, over all units of a layer and the test "
            "set.",
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
    )
    first, last = data_and_settings(figures)
    sections.append(section("Data and settings", "", definitions(first)))
    sections.append(section("Times and versions", "", definitions(last)))
    height, width = data["image_shape"][:2]
    return page(
        "Stacked denoising autoencoder",
        f"{sizes} hidden units, trained on {data['examples']['training']:,} images of "
        f"{height} × {width} pixels",
        sections,
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
    return (
        f'<div class="scroll"><table class="confusion"><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _mistakes(shown: Sequence[dict], X: np.ndarray, image_shape: tuple[int, ...]) -> str:
    figures = []
    for mistake in shown:
        tile = tiles_html(X[mistake["example"]][None], image_shape, 1, str(mistake["label"]))
        caption = f"{mistake['label']} → <b>{mistake['taken_for']}</b>"
        figures.append(
            f'<figure title="test example {mistake["example"]}, '
            f'{mistake["probability"]:.1%} sure">{tile}<figcaption>{caption}</figcaption></figure>'
        )
    return '<div class="mistakes">' + "".join(figures) + "</div>"
