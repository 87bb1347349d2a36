"""The study of variations: its search, its two kinds of fits, what is kept, and its tables."""

import json
import re
import sys
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

from studies.variations import __main__ as command
from studies.variations import machines, networks, page, published, results, search, study, tables
from studies.variations.sets import NAMES, VariationSet

MADE = {"digits": "MNIST", "sizes": [10_000, 2_000, 50_000], "seed": 1}


def blobs(n, seed=0):
    """Make three classes of noisy pictures, of ten by ten pixels, in three parts."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    means = rng.integers(60, 190, (3, 100))
    images = (means[labels] + rng.normal(0, 40, (n, 100))).clip(0, 255).astype("uint8")
    return VariationSet(images, labels, (n // 2, n // 4, n - n // 2 - n // 4))


# ---- the search


def error_of(setting):
    """Pretend an error: the lowest at known values, each of which counts for itself."""
    aims = {"noise": 0.25, "finetuning_rate": 0.5, "layers": 2, "units": 1000}
    aims |= {"pretraining_rate": 0.02, "C": 100.0, "gamma": 0.03}
    return sum(abs(setting[k] - aim) / (1 + aim) for k, aim in aims.items() if k in setting)


def gone_through(stages):
    done = []
    while wanted := search.missing(stages, done):
        done += [{"setting": setting, "validation_error": error_of(setting)} for setting in wanted]
    return done


@pytest.mark.parametrize(("method", "count"), [("SVM", 6), ("SAE", 6), ("SDAE", 10)])
def test_each_stage_goes_on_from_the_best(method, count):
    done = gone_through(search.STAGES[method])
    assert len(done) == count
    assert len({json.dumps(result["setting"], sort_keys=True) for result in done}) == count
    found = search.best(done)["setting"]
    if method == "SVM":
        assert found == {"C": 100.0, "gamma": 0.03}
    else:
        noise = 0.25 if method == "SDAE" else 0.0
        expected = {"noise": noise, "layers": 2, "units": 1000, "pretraining_rate": 0.02}
        assert expected.items() <= found.items()
    assert {result["setting"].get("noise", 0) == 0 for result in done} == {method != "SDAE"}


def test_what_is_half_done_is_gone_on_with():
    stages = search.STAGES["SDAE"]
    first = search.missing(stages, [])
    some = [{"setting": setting, "validation_error": error_of(setting)} for setting in first[1:4]]
    assert search.missing(stages, some) == [first[0], *first[4:]]
    strange = {"setting": {"layers": 9}, "validation_error": 0.0}
    assert search.missing(stages, [strange, *some]) == search.missing(stages, some)
    whole = gone_through(stages)
    assert search.missing(stages, [strange, *whole[::-1]]) == []


def test_the_plan_is_for_less_than_three_hours_of_two_cores():
    a_set = sum(search.planned_seconds(search.STAGES[method]) for method in search.METHODS)
    assert len(NAMES) * a_set / 2 < 0.9 * 3 * 3600


# ---- fits


def test_the_machine_is_scikit_learns():
    data = blobs(200)
    (x, y), (valid_x, valid_y), (test_x, test_y) = data.parts()
    assert machines.gaussian_kernel(x, test_x, 0.3) == pytest.approx(
        rbf_kernel(x.astype(float), test_x.astype(float), gamma=0.3), abs=1e-4
    )
    for C, gamma in [(0.1, 0.01), (10, 0.3)]:
        its_own = SVC(C=C, gamma=gamma).fit(x, y)
        found = machines.fit_machine(data, {"C": C, "gamma": gamma})
        assert found["validation_error"] == pytest.approx(1 - its_own.score(valid_x, valid_y))
        assert found["test_error"] == pytest.approx(1 - its_own.score(test_x, test_y))


def test_a_part_of_the_rows_at_a_time_makes_no_difference(monkeypatch):
    data = blobs(120)
    whole = machines.fit_machine(data, {"C": 1, "gamma": 0.1})
    monkeypatch.setattr(machines, "ROWS_AT_A_TIME", 7)
    assert machines.fit_machine(data, {"C": 1, "gamma": 0.1}) == whole


SMALL = {
    "layers": 2,
    "units": 12,
    "noise": 0.25,
    "pretraining_rate": 0.1,
    "pretraining_epochs": 2,
    "finetuning_rate": 0.5,
    "finetuning_epochs": 12,
}


@pytest.mark.slow
def test_the_network_learns_and_divergence_is_an_error_of_everything():
    data = blobs(800)
    found = networks.fit_network(data, SMALL)
    assert found["test_error"] < 0.1
    assert abs(found["validation_error"] - found["test_error"]) < 0.1
    assert 1 <= found["epochs"] <= 12
    diverged = networks.fit_network(data, SMALL | {"pretraining_rate": 1e38})
    assert diverged == {"validation_error": 1.0, "test_error": 1.0, "epochs": 0}


# ---- what is kept


@pytest.fixture
def small_study(tmp_path, monkeypatch):
    """Return a function that runs the command with pretended fits, and the path of its results."""
    path = tmp_path / "results" / "variations.jsonl"
    fitted = []

    def fit(data, method, setting):
        assert len(data.images) == 600
        if fit.interrupted_after == len(fitted):
            raise KeyboardInterrupt
        fitted.append((method, setting))
        error = round(10 * error_of(setting) + len(method), 4)
        return {
            "method": method,
            "setting": setting,
            "validation_error": error,
            "test_error": error + 1,
            "seconds": 2.0,
            "cpu_seconds": 3.0,
        }

    @contextmanager
    def workers(settings, data):
        with joblib.parallel_config("sequential"):
            yield

    fit.interrupted_after = None
    monkeypatch.setattr(study, "fit", fit)
    monkeypatch.setattr(study, "_workers", workers)
    digits = np.zeros((700, 28, 28), dtype="uint8"), np.arange(700) % 10, "MNIST"
    monkeypatch.setattr(study, "read_digits", lambda dataset: digits)

    def run(*options):
        before = len(fitted)
        arguments = ["variations", "--quick", "--results", str(path), *options]
        monkeypatch.setattr(sys, "argv", arguments)
        command.main()
        return len(fitted) - before

    return run, path, fit


def test_each_setting_is_fitted_once(small_study, capsys):
    run, path, _ = small_study
    assert run("--sets", "basic", "rect") == 2 * 8
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(kept) == 16
    assert {result["set"] for result in kept} == {"basic", "rect"}
    out = capsys.readouterr().out
    assert re.search(r"^basic, SVM, C 10, gamma 0.01: validation .* left$", out, re.MULTILINE)
    assert run("--sets", "basic", "rect") == 0
    assert run("--sets", "rect", "convex") == 8
    assert "complete: basic, rect, convex of basic, rot" in capsys.readouterr().out


def test_what_was_ready_is_kept_when_it_is_interrupted(small_study, capsys):
    run, path, fit = small_study
    fit.interrupted_after = 5
    with pytest.raises(SystemExit) as ended:
        run("--sets", "basic")
    assert ended.value.code == 130
    assert "the same command goes on" in capsys.readouterr().out
    assert len(path.read_text().splitlines()) == 5
    fit.interrupted_after = None
    assert run("--sets", "basic") == 3


def test_hours_and_table_begin_nothing(small_study, capsys):
    run, path, _ = small_study
    assert run("--hours", "0") == 0
    assert run("--table") == 0
    assert not path.exists()
    assert "complete: none" in capsys.readouterr().out


def test_no_page_is_made_of_half_a_table(small_study, monkeypatch, tmp_path):
    run, _, _ = small_study
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    run("--sets", *NAMES[1:])
    with pytest.raises(SystemExit, match="half a table: basic not worked out"):
        run("--page")
    assert not (tmp_path / "page.md").exists()


def test_page(small_study, monkeypatch, tmp_path):
    run, _, _ = small_study
    drawn = []
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(command, "picture_of_sets", lambda path, *_: drawn.append(path))
    run()
    run("--page")
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert re.findall(r"\{\w+\}", text) == ["{figure}"]
    assert drawn == [page.PICTURE]
    table = [line for line in text.splitlines() if line.startswith("| basic |")]
    assert len(table) == 3
    assert "3.03" in table[0]
    assert "200, 100, 300 examples" in text
    assert re.findall(r".*[0-9][ \n]%.*", text) == []  # as the companion's pages have it


def test_the_page_is_of_the_results_that_are_kept(tmp_path):
    made = page.write_page(
        tmp_path / "page.md", results.largest(results.read(results.RESULTS)), search.STAGES
    )
    assert made.read_bytes() == page.PAGE.read_bytes()


def test_results_of_other_sets_are_not_mixed_in(tmp_path):
    path = tmp_path / "results.jsonl"
    for k in range(3):
        results.add(path, {"set": "basic", "made": MADE, "test_error": k})
    results.add(path, {"set": "basic", "made": MADE | {"seed": 2}, "test_error": 9})
    assert [result["test_error"] for result in results.read(path, MADE)] == [0, 1, 2]
    assert results.largest(results.read(path)) == results.read(path, MADE)
    assert results.largest([]) == []


def test_a_disk_that_fills_up_leaves_the_results_whole(tmp_path, monkeypatch):
    path = tmp_path / "results.jsonl"
    results.add(path, {"made": MADE})

    def fill(self, text, encoding):
        self.write_bytes(text.encode()[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill)
    with pytest.raises(OSError, match="No space"):
        results.add(path, {"made": MADE})
    assert results.read(path) == [{"made": MADE}]
    assert list(tmp_path.iterdir()) == [path]


# ---- tables


@pytest.mark.parametrize(
    ("error", "width"), [(3.03, 0.15), (14.58, 0.31), (22.61, 0.37), (55.18, 0.44), (1.99, 0.12)]
)
def test_interval_is_the_papers(error, width):
    assert round(tables.interval(error, 50_000), 2) == width


def test_published_figures_are_of_these_sets():
    assert list(published.PUBLISHED) == list(published.NOISE) == list(NAMES)
    assert {tuple(figures) for figures in published.PUBLISHED.values()} == {search.METHODS}


def result_of(name, method, test_error, validation_error=None, **setting):
    fixed = {key: of[0] for key, of in search.STAGES["SAE"][0].items()}
    return {
        "set": name,
        "method": method,
        "setting": setting if method == "SVM" else fixed | setting,
        "validation_error": test_error if validation_error is None else validation_error,
        "test_error": test_error,
        "made": MADE,
    }


RESULTS = [
    result_of("basic", "SVM", 3.0, C=10.0, gamma=0.03),
    result_of("basic", "SVM", 2.0, 5.0, C=10.0, gamma=0.1),  # worse on validation
    result_of("basic", "SAE", 3.4),
    result_of("basic", "SDAE", 3.3, noise=0.1),
    result_of("rot", "SAE", 10.0),
    result_of("rot", "SDAE", 9.0, noise=0.25),
    result_of("rot", "SDAE", 8.0, 9.5, noise=0.4),
    result_of("bg-img", "SAE", 20.0),
    result_of("bg-img", "SDAE", 15.0, noise=0.25, layers=2),
    result_of("convex", "SAE", 18.0),
    result_of("convex", "SDAE", 20.0, noise=0.1),
]


def test_comparison():
    lines = {line.split(" | ")[0]: line for line in tables.comparison(RESULTS).splitlines()}
    assert lines["| basic"] == (
        "| basic | 3.00 ± 0.15 | 3.03 | 3.40 ± 0.16 | 3.46 | 3.30 ± 0.16 | 2.84 (10 %) |"
    )
    assert lines["| rect"] == "| rect |  | 2.15 |  | 2.41 |  | 1.99 (10 %) |"
    assert lines["| convex"].endswith("| 20.00 ± 0.35 | 19.06† (10 %) |")
    assert len({line.count("|") for line in lines.values()}) == 1


def test_choices_are_those_of_validation():
    table = tables.choices(RESULTS)
    assert "| basic | C 10, gamma 0.03 | 3 x 500, rates 0.1 and " in table
    assert "| rot |  | 3 x 500, rates 0.1 and " in table
    assert "25 % masked" in table
    assert "40 % masked" not in table


def test_noise_levels_differ_in_nothing_else():
    lines = tables.noise_levels(RESULTS, search.STAGES).splitlines()
    assert lines[0] == "| set | no noise | 10 % masked | 25 % masked | 40 % masked |"
    assert "| rot | 10.00 ± 0.26 |  | 9.00 ± 0.25 | 8.00 ± 0.24 |" in lines
    assert "| bg-img | 20.00 ± 0.35 |  |  |  |" in lines  # two layers


def test_the_level_of_noise_alone_is_chosen_on_validation():
    results = [
        *RESULTS,
        result_of("rot", "SDAE", 9.9, 9.9, noise=0.1),
        result_of("rot", "SDAE", 7.0, 8.9, noise=0.4, layers=2),  # differs in more than the noise
    ]
    assert tables.noise_findings(results, search.STAGES) == (
        "Noise helps on 1 of 1 sets, by so many points: rot (1.0)."
    )


def test_findings_keep_to_the_intervals():
    assert tables.findings(RESULTS) == (
        "Noise helps on 2 of 4 sets, by so many points: bg-img (5.0), rot (1.0). "
        "It does harm on convex (2.0). Not to be told apart from no noise: basic."
    )
    assert tables.findings([]) == "Noise helps on 0 of 0 sets."
    assert tables.published_findings().startswith(
        "Noise helps on 7 of 8 sets, by so many points: bg-img-rot (8.2), bg-img (6.3), rect-img"
    )


# ---- the whole


@pytest.mark.slow
def test_quick_mode_runs_to_its_end(monkeypatch, capsys, tmp_path):
    options = ["--quick", "--dataset", "digits", "--sets", "rot", "--jobs", "2"]
    monkeypatch.setattr(sys, "argv", ["variations", *options])
    command.main()
    out = capsys.readouterr().out
    assert len(re.findall(r"^rot, .*: validation", out, re.MULTILINE)) == 8
    assert "complete: rot of" in out


@pytest.mark.slow
def test_a_dask_cluster_can_fit(small_study, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.undo()
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        data = blobs(80)
        settings = command._parser().parse_args(["--scheduler", cluster.scheduler_address])
        settings.jobs = 1
        clock = study.Clock(1, 1, 1)
        wanted = [("SVM", {"C": 1.0, "gamma": gamma}) for gamma in (0.1, 0.2, 0.3)]
        found = list(study._fitted(settings, data, wanted, clock))
    assert {result["setting"]["gamma"] for result in found} == {0.1, 0.2, 0.3}
