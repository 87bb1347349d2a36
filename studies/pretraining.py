"""What is pre-training worth, and what is the noise in it worth?

Vincent et al. (2008, 2010) claim that a network whose layers were first trained as denoising
autoencoders classifies better than one that was not, and better than one pre-trained without noise.
Here one network is fine-tuned from each of these starting points, with few labels and with many::

    python -m studies.pretraining                three seeds; it can be interrupted and goes on
    python -m studies.pretraining --table        the table and the plot of what is there so far

Pre-training always sees all training images, since it needs no labels; fine-tuning sees the first
1000, 10 000 or 50 000 of them with their labels. Validation decides when to stop; the test error is
that of the best network on validation. A result is written to ``studies/results/pretraining.jsonl``
as soon as it is there, and is not worked out again.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytensor

from deeptutorial import SdA, load_data
from deeptutorial.datasets import count_minibatches
from deeptutorial.training import EarlyStopping, mean_cost, minibatches
from studies.records import append_record, read_records

RESULTS = Path(__file__).parent / "results"
CORRUPTION_LEVELS = (None, 0.0, 0.1, 0.25, 0.4)
"""None stands for no pre-training."""
NUMBERS_OF_LABELS = (1000, 10_000, 50_000)


def pretrained(settings: argparse.Namespace, datasets: list, level: float | None, seed: int) -> SdA:
    """Build a network and pre-train it, unless `level` is None."""
    train_set_x = datasets[0][0]
    network = SdA(
        np.random.RandomState(seed),
        n_ins=train_set_x.get_value(borrow=True).shape[1],
        hidden_layers_sizes=settings.hidden_layers_sizes,
        corruption_levels=[level or 0.0] * len(settings.hidden_layers_sizes),
    )
    if level is None:
        return network
    functions = network.pretraining_functions(train_set_x, settings.batch_size, encode_once=True)
    n_batches = count_minibatches(train_set_x, settings.batch_size)
    for pretrain in functions:
        for epoch in range(settings.pretraining_epochs):
            costs = [
                pretrain(index, level, settings.pretrain_lr)
                for index in minibatches(n_batches, epoch)
            ]
            mean_cost(costs, settings.pretrain_lr)
    return network


def fine_tuned(
    settings: argparse.Namespace, datasets: list, network: SdA, n_labels: int
) -> dict[str, float]:
    """Fine-tune a network on the first `n_labels` examples; return how well it does."""
    (train_set_x, train_set_y), *others = datasets
    part = (
        pytensor.shared(train_set_x.get_value(borrow=True)[:n_labels]),
        train_set_y[:n_labels],
    )
    rate = pytensor.shared(np.asarray(settings.finetune_lr, dtype=pytensor.config.floatX))
    train_fn, valid_score, test_score = network.build_finetune_functions(
        [part, *others], settings.batch_size, rate
    )
    n_batches = n_labels // settings.batch_size
    # As many steps for few labels as for many: an epoch is as many as all labels would give.
    epoch_length = NUMBERS_OF_LABELS[-1] // settings.batch_size
    stopping = EarlyStopping(patience=settings.patience_epochs * epoch_length)
    test_error = None
    for epoch in range(settings.training_epochs):
        costs = [train_fn(index % n_batches) for index in minibatches(epoch_length, epoch)]
        mean_cost(costs, float(rate.get_value()))
        iteration = (epoch + 1) * epoch_length - 1
        if stopping.improves(float(np.mean(valid_score())), iteration):
            test_error = float(np.mean(test_score()))
        if stopping.exhausted(iteration):
            break
        rate.set_value((rate.get_value() * settings.finetune_lr_decay).astype(rate.dtype))
    return {
        "validation_error": 100 * stopping.best_loss,
        "test_error": 100 * test_error,
        "best_epoch": (stopping.best_iteration + 1) // epoch_length,
        "epochs": epoch + 1,
    }


def run(settings: argparse.Namespace):
    """Work out what is not there yet, seed by seed, so that a run cut short is of use."""
    datasets = load_data(settings.dataset)
    described = {
        name: value
        for name, value in vars(settings).items()
        if name not in ("seeds", "table", "results")
    }
    done = {(r["corruption"], r["labels"], r["seed"]) for r in read(settings.results, described)}
    settings.results.parent.mkdir(parents=True, exist_ok=True)
    for seed in settings.seeds:
        for level in CORRUPTION_LEVELS:
            missing = [n for n in NUMBERS_OF_LABELS if (level, n, seed) not in done]
            if not missing:
                continue
            start = time.perf_counter()
            network = pretrained(settings, datasets, level, seed)
            minutes = (time.perf_counter() - start) / 60
            initial = [parameter.get_value() for parameter in network.params]
            for n_labels in missing:
                for parameter, value in zip(network.params, initial, strict=True):
                    parameter.set_value(value)
                start = time.perf_counter()
                result = {
                    "corruption": level,
                    "labels": n_labels,
                    "seed": seed,
                    **fine_tuned(settings, datasets, network, n_labels),
                    "pretraining_minutes": round(minutes, 2),
                    "finetuning_minutes": round((time.perf_counter() - start) / 60, 2),
                    "settings": described,
                }
                append_record(settings.results, result)
                print(
                    f"{name_of(level)}, {n_labels} labels, seed {seed}: "
                    f"validation {result['validation_error']:.2f} %, "
                    f"test {result['test_error']:.2f} %",
                    flush=True,
                )


def read(path: Path, settings: dict | None = None) -> Iterator[dict]:
    """Read results, only those of the given settings where there are any."""
    for result in read_records(path):
        if settings is None or result["settings"] == settings:
            yield result


def name_of(level: float | None) -> str:
    """Name a starting point."""
    return "no pre-training" if level is None else f"{100 * level:g} % corruption"


def summary(results: list[dict]) -> dict[tuple[float | None, int], tuple[float, float, int]]:
    """Return mean, standard deviation and number of the test errors of each condition."""
    errors: dict[tuple[float | None, int], list[float]] = {}
    for result in results:
        key = (result["corruption"], result["labels"])
        errors.setdefault(key, []).append(result["test_error"])
    return {
        key: (float(np.mean(e)), float(np.std(e, ddof=1)) if len(e) > 1 else float("nan"), len(e))
        for key, e in errors.items()
    }


def table(results: list[dict]) -> str:
    """Return the test errors as a Markdown table."""
    cells = summary(results)
    lines = [
        "| test error in % | " + " | ".join(f"{n} labels" for n in NUMBERS_OF_LABELS) + " |",
        "| --- |" + " ---: |" * len(NUMBERS_OF_LABELS),
    ]
    for level in CORRUPTION_LEVELS:
        row = []
        for n_labels in NUMBERS_OF_LABELS:
            mean, deviation, count = cells.get((level, n_labels), (float("nan"), float("nan"), 0))
            spread = f" ± {deviation:.2f} ({count})" if count > 1 else ""
            row.append(f"{mean:.2f}{spread}" if count else "")
        lines.append(f"| {name_of(level)} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def plot(results: list[dict], path: Path):
    """Draw the test error over the starting point, a panel for each number of labels.

    A dot is a seed; a bar goes from one standard deviation below the mean to one above.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    panels = figure.subplots(1, len(NUMBERS_OF_LABELS))
    cells = summary(results)
    for axes, n_labels in zip(panels, NUMBERS_OF_LABELS, strict=True):
        for place, level in enumerate(CORRUPTION_LEVELS):
            if (level, n_labels) not in cells:
                continue
            colour = "tab:grey" if level is None else "tab:blue"
            mean, deviation, _ = cells[level, n_labels]
            errors = [
                result["test_error"]
                for result in results
                if (result["corruption"], result["labels"]) == (level, n_labels)
            ]
            axes.plot([place] * len(errors), errors, ".", color=colour, alpha=0.4)
            axes.errorbar(
                place, mean, np.nan_to_num(deviation), marker="o", capsize=4, color=colour
            )
        axes.set_ylim(bottom=0)
        axes.set_xticks(
            range(len(CORRUPTION_LEVELS)),
            ["none", *(f"{100 * level:g} %" for level in CORRUPTION_LEVELS[1:])],
        )
        axes.set_title(f"{n_labels:,} labels".replace(",", " "))
        axes.grid(alpha=0.3, axis="y")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("test error in %")
    figure.supxlabel("pre-training: none, or with this corruption", fontsize="medium")
    figure.savefig(path, dpi=130)


def main():
    """Run the study, or show what is there."""
    parser = argparse.ArgumentParser(
        prog="python -m studies.pretraining", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--hidden-layers-sizes", type=int, nargs="+", default=[500, 500, 500])
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--pretraining-epochs", type=int, default=15)
    parser.add_argument("--pretrain-lr", type=float, default=0.1)
    parser.add_argument("--training-epochs", type=int, default=15)
    parser.add_argument("--patience-epochs", type=int, default=6)
    parser.add_argument("--finetune-lr", type=float, default=1.0)
    parser.add_argument("--finetune-lr-decay", type=float, default=0.9)
    parser.add_argument("--results", type=Path, default=RESULTS / "pretraining.jsonl")
    parser.add_argument("--table", action="store_true", help="run nothing, only show")
    settings = parser.parse_args()
    pytensor.config.floatX = "float32"
    if not settings.table:
        run(settings)
    results = list(read(settings.results))
    print(table(results))
    plot(results, settings.results.with_suffix(".png"))


if __name__ == "__main__":
    main()
