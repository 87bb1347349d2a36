"""The heaviest inputs of hidden units by name, on a page: bars that are HTML."""

from collections.abc import Sequence
from html import escape

import numpy as np

from deeptutorial.report.high_weights import BEYOND, deviations, heaviest, input_names

__all__ = ["listens_to", "weights_html"]

AT_MOST_UNITS, N_INPUTS = 12, 8
LONGEST_NAME = 60


def listens_to(n_units: int) -> str:
    """Say what is to be seen."""
    return (
        f"What the hidden units listen to ({min(n_units, AT_MOST_UNITS)} of {n_units}): the inputs "
        "with the heaviest weights. A bar is how far the weight is from the mean of the unit's "
        "weights, in their standard deviations, to the right above it and to the left below; all "
        "bars have one scale."
    )


def weights_html(W: np.ndarray, units: Sequence[int], columns: Sequence[str] = ()) -> str:
    """Show the heaviest inputs of the first of some units, a small table of bars for each.

    Parameters
    ----------
    W : ndarray of shape (n_visible, n_hidden)
    units : sequence of int
    columns : sequence of str
        What the inputs are called; where they have no names, they are numbered.
    """
    shown = list(units)[:AT_MOST_UNITS]
    names, from_mean = input_names(columns, len(W)), deviations(W[:, shown])
    widest = max(BEYOND, float(np.abs(from_mean).max()))
    tables = []
    for unit, of_unit in zip(shown, from_mean.T, strict=True):
        rows = []
        for i in heaviest(of_unit, N_INPUTS):
            width = 50 * abs(of_unit[i]) / widest
            left = 50 - (width if of_unit[i] < 0 else 0)
            kind = "less" if of_unit[i] < 0 else "more"
            name = names[i] if len(names[i]) <= LONGEST_NAME else names[i][:LONGEST_NAME] + "…"
            rows.append(
                f'<tr title="weight {W[i, unit]:.4g}, {of_unit[i]:+.2f} deviations">'
                f"<th>{escape(name)}</th>"
                f'<td><i class="{kind}" style="left: {left:.1f}%; width: {width:.1f}%"></i></td>'
                "</tr>"
            )
        tables.append(
            f"<table><caption>unit {unit}</caption><tbody>{''.join(rows)}</tbody></table>"
        )
    return f'<div class="weights">{"".join(tables)}</div>'
