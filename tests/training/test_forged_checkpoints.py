"""Checkpoints that a run cannot have written: refused in one line, before anything is trained."""

import copy
import json
import math
from types import SimpleNamespace

import numpy as np
import pytensor
import pytest

from deeptutorial.archives import read_archive, write_archive
from deeptutorial.training import EarlyStopping, Run, RunFolderError

DATA = [(pytensor.shared(np.zeros((4, 2))), pytensor.shared(np.zeros(4)))] * 3


class Script:
    """What a script has: a weight, a generator, a step that changes them, and a rule to stop by."""

    def __init__(self):
        self.w = pytensor.shared(np.zeros(3))
        self.rng = pytensor.shared(np.random.default_rng(5))
        given = [SimpleNamespace(variable=v, update=True) for v in (self.w, self.rng)]
        self.step = SimpleNamespace(maker=SimpleNamespace(inputs=given))
        self.trained = 0

    def run(self, folder, resume=True, n_epochs=3, n_minibatches=4, stop_at=None):
        run = Run(DATA, folder, resume, checkpoint_every=0, rate=0.1)
        try:
            for name in ("first", "second"):
                stopping = EarlyStopping(patience=9)
                stage = run.stage(name, None, self.step, 0.1, stopping=stopping)
                for _, c in stage.epochs(n_epochs):
                    for _ in stage.minibatches(n_minibatches):
                        step = self.rng.get_value(borrow=True).random()
                        self.w.set_value(self.w.get_value() + step)
                        self.trained += 1
                        c.append(1.0)
                        if self.trained == stop_at:
                            raise KeyboardInterrupt
            run.wait_for_checkpoint()
        finally:
            run.wait_for_checkpoint()
            run._checkpoints.release()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Return header and arrays of a run in its second stage: one epoch and a minibatch over."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.raises(KeyboardInterrupt):
        Script().run(folder, resume=False, stop_at=3 * 4 + 4 + 2)
    found = [read_archive(path, "deeptutorial checkpoint", 1) for path in folder.glob("*.npz")]
    header, arrays = max(found, key=lambda one: one[0]["count"])
    assert header["stages"][1]["minibatch"] == len(arrays["costs"]) == 1
    return header, arrays


def resumed(header, arrays, folder, **options):
    write_archive(folder / "checkpoint_0.npz", header, arrays)
    script = Script()
    with pytest.raises(RunFolderError) as caught:
        script.run(folder, **options)
    assert script.trained == 0
    message = str(caught.value)
    assert str(folder) in message
    assert message.isprintable()
    assert len(message) < 500
    return message


def test_the_checkpoint_itself_can_be_resumed(checkpoint, tmp_path):
    write_archive(tmp_path / "checkpoint_0.npz", *checkpoint)
    script = Script()
    script.run(tmp_path)
    assert script.trained == 2 * 3 * 4 - (3 * 4 + 4 + 1)
    np.testing.assert_allclose(
        script.w.get_value(), np.random.default_rng(5).random(2 * 3 * 4).sum(), rtol=1e-12
    )


W, RNG, COSTS = "0 first.0", "0 first.1", "1 second.costs"


def nested(levels):
    value = 0.5
    for _ in range(levels):
        value = [value]
    return value


def set_(place, value):
    """Return a change of one entry of the header, by the way there."""

    def change(header, arrays):
        inner = header
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value

    return change


def remove(place):
    def change(header, arrays):
        inner = header
        for key in place[:-1]:
            inner = inner[key]
        del inner[place[-1]]

    return change


ENTRIES = [
    *(("count", value) for value in (-1, 1.5, math.inf, math.nan, "7", 10**300, None, True)),
    *(("data", value) for value in (3, "", "0" * 63, "\x1b[2J")),
    *(("stages", value) for value in ([], [[1]], ["x"], [{}], {}, None)),
    *((("stages", 1, "epoch"), value) for value in (-1, 0, 2, 10**300, 1.0, "1", None)),
    *((("stages", 1, "minibatch"), value) for value in (-1, 0, 5, 10**12, 1.0, True)),
    *((("stages", 1, "seconds"), value) for value in (math.nan, math.inf, -1.0, 1e308, 1, "1")),
    *((("stages", 1, "first_cost"), value) for value in (math.nan, math.inf, "1", 1, [1.0])),
    *((("stages", 1, "name"), value) for value in ("first", "\x1b[2J" * 999, 1, None)),
    *((("stages", 1, "more"), value) for value in (1, None)),
    *((("settings", "rate"), value) for value in (0.2, "\x1b[2J", "A" * 10**6, nested(30))),
    (("settings", "more"), "\x1b[2J"),
    (("settings",), []),
    *((("kept", COSTS), value) for value in ("a", ["a"], [None], [], [1.0] * 2, {"a": 1})),
    *((("kept", COSTS), [value]) for value in (math.inf, 1, 10**300, nested(900), [1.0], 1e305)),
    *((("kept", "0 first.costs"), value) for value in ([1.0], None)),
    *((("kept", W), value) for value in (7, None, [1, 2], {}, {"__array__": "nope"}, "x")),
    *((("kept", W), {"__array__": value}) for value in ("costs", [1], {}, None, 1)),
    (("kept", W), {"__generator__": {"a": 1}}),
    *((("kept", RNG), value) for value in (7, [1], {"__array__": W}, {"__generator__": 5})),
    *((("kept", RNG, "__generator__", "state", "state"), v) for v in (-1, 2**300, 1.5, "1", None)),
    *((("kept", RNG, "__generator__", "state", "inc"), v) for v in (-1, 2**300, nested(900))),
    *((("kept", RNG, "__generator__", "has_uint32"), v) for v in (2**80, "1", 1.5)),
    *((("kept", RNG, "__generator__", "uinteger"), v) for v in (-5, 2**80, 1.5)),
    *((("kept", RNG, "__generator__", "bit_generator"), v) for v in ("MT19937", 1)),
    *((("kept", "1 second.stopping", "patience"), v) for v in ("a", None, [1])),
    (("kept", "1 second.stopping", "improves"), 1),
    (("kept", "1 second.stopping"), 7),
    (("kept", "evil"), nested(900)),
    (("kept", "1 second.more"), 1),
    (("kept",), []),
]


@pytest.mark.parametrize(("place", "value"), ENTRIES, ids=lambda given: repr(given)[:40])
def test_an_entry_that_no_run_writes(place, value, checkpoint, tmp_path):
    header, arrays = copy.deepcopy(checkpoint)
    if place == ("kept", W) and value == {"__array__": "costs"}:
        arrays["costs"] = np.zeros(1)
    set_((place,) if isinstance(place, str) else place, value)(header, arrays)
    resumed(header, arrays, tmp_path)


@pytest.mark.parametrize(
    "place",
    [
        *(("count",), ("data",), ("stages",), ("settings",), ("kept",), ("settings", "rate")),
        *(("stages", 0), ("stages", 0, "name"), ("stages", 1, "epoch"), ("stages", 1, "seconds")),
        *(("kept", "0 first.0"), ("kept", "0 first.1"), ("kept", COSTS)),
        *(("kept", "1 second.stopping"), ("kept", "1 second.stopping", "patience")),
    ],
    ids=str,
)
def test_an_entry_that_is_missing(place, checkpoint, tmp_path):
    """A weight that is not there was once taken from the fresh model, without a word."""
    header, arrays = copy.deepcopy(checkpoint)
    remove(place)(header, arrays)
    resumed(header, arrays, tmp_path)


@pytest.mark.parametrize(
    "costs",
    [
        *(np.zeros((1, 1)), np.array([math.nan]), np.array([math.inf]), np.zeros(1, "float32")),
        *(np.ones(2), np.ones(100_000), np.full(1, 30.0), None),
    ],
    ids=repr,
)
def test_costs_of_minibatches_that_cannot_be(costs, checkpoint, tmp_path):
    header, arrays = copy.deepcopy(checkpoint)
    arrays.pop("costs")
    if costs is not None:
        arrays["costs"] = costs
    resumed(header, arrays, tmp_path)


@pytest.mark.parametrize("array", [np.zeros(4), np.zeros(3, "float32"), np.float64(1), None])
def test_another_weight(array, checkpoint, tmp_path):
    header, arrays = copy.deepcopy(checkpoint)
    del arrays["0 first.0"]
    if array is not None:
        arrays["0 first.0"] = np.asarray(array)
    assert "0 first.0" in resumed(header, arrays, tmp_path)


def test_a_run_that_is_shorter(checkpoint, tmp_path):
    assert "3 epochs are over, of 2" in resumed(*checkpoint, tmp_path, n_epochs=2)


def test_an_epoch_that_is_shorter(checkpoint, tmp_path):
    header, arrays = copy.deepcopy(checkpoint)
    header["stages"][1]["minibatch"] = 4
    arrays["costs"] = np.ones(4)
    message = resumed(header, arrays, tmp_path, n_minibatches=3)
    assert "4 minibatches of an epoch are over, of 3" in message


def test_a_forged_one_beside_a_good_one_costs_one_step_more(checkpoint, tmp_path, capsys):
    header, arrays = copy.deepcopy(checkpoint)
    header["count"] += 1
    header["kept"][COSTS] = ["\x1b[2J"]
    write_archive(tmp_path / "checkpoint_0.npz", header, arrays)
    write_archive(tmp_path / "checkpoint_1.npz", *checkpoint)
    script = Script()
    script.run(tmp_path)
    assert script.trained == 2 * 3 * 4 - (3 * 4 + 4 + 1)
    err = capsys.readouterr().err
    assert "taking the other checkpoint" in err
    assert err[:-1].isprintable()


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"])
def test_each_kind_of_generator_goes_on_where_it_was(kind, tmp_path):
    def script():
        found = Script()
        generator = np.random.Generator(getattr(np.random, kind)(7))
        found.rng.set_value(generator)
        return found

    whole, stopped, again = script(), script(), script()
    whole.run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        stopped.run(tmp_path / "stopped", stop_at=7)
    json.dumps(read_archive(tmp_path / "stopped" / "checkpoint_0.npz",
                            "deeptutorial checkpoint", 1)[0])  # fmt: skip
    again.run(tmp_path / "stopped")
    np.testing.assert_array_equal(again.w.get_value(), whole.w.get_value())


def test_costs_are_kept_in_any_case(tmp_path):
    run = Run(DATA, tmp_path)
    with pytest.raises(ValueError, match="costs are kept in any case"):
        run.stage("first", None, Script().step, 0.1, costs=[])
    run.finish()
