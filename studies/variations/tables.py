"""Tables of results, as Markdown: beside the published ones, what was chosen, what noise does."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from studies.variations.published import NOISE, NOT_COMPARED, PUBLISHED
from studies.variations.search import METHODS, best, missing
from studies.variations.sets import NAMES, SIZES

__all__ = [
    "choices",
    "chosen",
    "comparison",
    "complete",
    "described",
    "findings",
    "interval",
    "noise_findings",
    "noise_levels",
    "published_findings",
    "summary",
]

Results = Sequence[Mapping[str, Any]]
TITLES = {"SVM": "SVM, Gaussian", "SAE": "SAE", "SDAE": "SDAE"}


def interval(error: float, n: int) -> float:
    """Return half the width of the 95 % interval of an error in per cent, counted on n examples.

    The normal approximation of the binomial distribution, as the paper has it.
    """
    p = error / 100
    return 196 * math.sqrt(p * (1 - p) / n)


def chosen(results: Results) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return for each set and method the result with the lowest error on validation."""
    return _best_of_each(results, lambda result: (result["set"], result["method"]))


def _best_of_each(
    results: Results, key: Callable[[Mapping[str, Any]], tuple]
) -> dict[tuple, Mapping[str, Any]]:
    groups: dict[tuple, list] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return {of_group: best(group) for of_group, group in groups.items()}


def complete(results: Results, stages: Mapping[str, list]) -> list[str]:
    """Return the sets of which nothing is missing."""
    return [
        name
        for name in NAMES
        if not any(
            missing(
                stages[method],
                [r for r in results if (r["set"], r["method"]) == (name, method)],
            )
            for method in METHODS
        )
    ]


def comparison(results: Results) -> str:
    """Return the table: test errors in per cent, ours and the published ones, set by set."""
    picked = chosen(results)
    heads = [f"{TITLES[method]} | published" for method in METHODS]
    lines = ["| set | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * 6]
    for name in NAMES:
        cells = []
        for method in METHODS:
            cells.append(_error(picked.get((name, method))))
            mark = "†" if name in NOT_COMPARED else ""
            level = f" ({NOISE[name]} %)" if method == "SDAE" else ""
            cells.append(f"{PUBLISHED[name][method]:.2f}{mark}{level}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def choices(results: Results) -> str:
    """Return a table of the settings that were chosen on validation."""
    picked = chosen(results)
    lines = ["| set | " + " | ".join(TITLES.values()) + " |", "| --- | --- | --- | --- |"]
    for name in NAMES:
        cells = [
            described(picked[name, method]["setting"]) if (name, method) in picked else ""
            for method in METHODS
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def noise_levels(results: Results, stages: Mapping[str, list]) -> str:
    """Return a table of test errors by noise, all else as in the first stage of the search.

    The fine-tuning rate is for each level the one that is better on validation.
    """
    levels = _noise_levels(stages)
    heads = [f"{100 * level:g} % masked" if level else "no noise" for level in levels]
    lines = ["| set | " + " | ".join(heads) + " |", "| --- |" + " ---: |" * len(levels)]
    found = _by_noise(results, stages)
    for name in NAMES:
        cells = [_error(found.get((name, level))) for level in levels]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def noise_findings(results: Results, stages: Mapping[str, list]) -> str:
    """Say what noise did where all else is as in the first stage, its level the best of several."""
    found = _by_noise(results, stages)
    without, *levels = _noise_levels(stages)
    picked = {
        name: (found[name, without], best([found[name, level] for level in levels]))
        for name in NAMES
        if all((name, level) in found for level in (without, *levels))
    }
    return _what_noise_does(*_errors_and_size(picked))


def _noise_levels(stages: Mapping[str, list]) -> list[float]:
    return [*stages["SAE"][0]["noise"], *stages["SDAE"][0]["noise"]]


def _by_noise(
    results: Results, stages: Mapping[str, list]
) -> dict[tuple[str, float], Mapping[str, Any]]:
    """Return for each set and level the result with the better fine-tuning rate."""
    fixed = {name: of[0] for name, of in stages["SAE"][0].items() if len(of) == 1}
    del fixed["noise"]
    alike = [result for result in results if result["setting"] | fixed == result["setting"]]
    return _best_of_each(alike, lambda result: (result["set"], result["setting"]["noise"]))


def findings(results: Results) -> str:
    """Say what noise did on each set: what is beyond the intervals, and what is not."""
    picked = chosen(results)
    both = {
        name: (picked[name, "SAE"], picked[name, "SDAE"])
        for name in NAMES
        if (name, "SAE") in picked and (name, "SDAE") in picked
    }
    return _what_noise_does(*_errors_and_size(both))


def _errors_and_size(
    pairs: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> tuple[dict[str, tuple[float, float]], int]:
    """Return the test errors of each set's two results, and the number of test examples."""
    return (
        {name: (a["test_error"], b["test_error"]) for name, (a, b) in pairs.items()},
        min((a["made"]["sizes"][-1] for a, _ in pairs.values()), default=1),
    )


def published_findings() -> str:
    """Say the same of the published figures, by the same rule."""
    both = {name: (errors["SAE"], errors["SDAE"]) for name, errors in PUBLISHED.items()}
    return _what_noise_does(both, SIZES[-1])


def _what_noise_does(errors: Mapping[str, tuple[float, float]], n: int) -> str:
    """Compare errors in per cent without and with noise, counted on n examples."""
    gains = {name: without - with_noise for name, (without, with_noise) in errors.items()}
    sure = {
        name
        for name, pair in errors.items()
        if abs(gains[name]) > math.hypot(*(interval(error, n) for error in pair))
    }
    better = sorted((name for name in sure if gains[name] > 0), key=lambda name: -gains[name])
    worse = [name for name in errors if name in sure and gains[name] < 0]
    undecided = [name for name in errors if name not in sure]
    told = ", ".join(f"{name} ({gains[name]:.1f})" for name in better)
    sentences = [
        f"Noise helps on {len(better)} of {len(errors)} sets"
        + (f", by so many points: {told}" if better else ""),
        *(f"It does harm on {name} ({-gains[name]:.1f})" for name in worse),
        *([f"Not to be told apart from no noise: {', '.join(undecided)}"] if undecided else []),
    ]
    return ". ".join(sentences) + "."


def summary(results: Results, stages: Mapping[str, list]) -> str:
    """Return all tables of what is there, for a terminal."""
    whole = complete(results, stages)
    state = f"complete: {', '.join(whole) or 'none'} of {', '.join(NAMES)}"
    tables = [comparison(results), choices(results), noise_levels(results, stages)]
    return "\n\n".join(["test errors in %", *tables, findings(results), state])


def described(setting: Mapping[str, Any]) -> str:
    """Return a setting in words."""
    if "C" in setting:
        return f"C {setting['C']:g}, gamma {setting['gamma']:g}"
    noise = f", {100 * setting['noise']:g} % masked" if setting["noise"] else ""
    rates = f"{setting['pretraining_rate']:g} and {setting['finetuning_rate']:g}"
    return f"{setting['layers']} x {setting['units']}{noise}, rates {rates}"


def _error(result: Mapping[str, Any] | None) -> str:
    if result is None:
        return ""
    width = interval(result["test_error"], result["made"]["sizes"][-1])
    return f"{result['test_error']:.2f} ± {width:.2f}"
