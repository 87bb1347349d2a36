"""Every entry of a checkpoint, forged one by one: none is taken unseen, and nothing is trained."""

import copy
import math
from types import SimpleNamespace

import numpy as np
import pytensor
import pytest

from deeptutorial.archives import read_archive, write_archive
from deeptutorial.training import Best, Curves, EarlyStopping, Run, RunFolderError

DATA = [(pytensor.shared(np.zeros((4, 2))), pytensor.shared(np.zeros(4)))] * 3
FORMAT = ("deeptutorial checkpoint", 1)


class Stack:
    """What `SdA.py` has: a stage that is over, and one with all that it keeps of validation."""

    def __init__(self):
        self.w = pytensor.shared(np.zeros((3, 2), dtype="float32"), name="W")
        self.rng = pytensor.shared(np.random.default_rng(5))
        self.rate = pytensor.shared(np.float32(0.5))
        self.params = [self.w]
        given = [SimpleNamespace(variable=v, update=True) for v in (self.w, self.rng)]
        self.step = SimpleNamespace(maker=SimpleNamespace(inputs=given))
        self.trained = 0

    def run(self, folder, resume=True, stop_at=None):
        run = Run(DATA, folder, resume, checkpoint_every=0, rate=0.1)
        try:
            layer = run.stage("layer", self, self.step, 0.1)
            for _, c in layer.epochs(2):
                self.train(layer, c, stop_at)
            stopping = EarlyStopping(patience=4)
            curves = Curves("validation", "test")
            best = Best(self.params, stopping, curves)
            tuning = run.stage(
                "tuning", self, self.step, self.rate, stopping=stopping, curves=curves, best=best
            )
            for epoch, c in tuning.epochs(3, start=1):
                self.train(tuning, c, stop_at)
                self.validate(epoch, stopping, curves, best)
                self.rate.set_value(np.float32(self.rate.get_value() / 2))
        finally:
            run.wait_for_checkpoint()
            run._checkpoints.release()

    def train(self, stage, c, stop_at):
        for _ in stage.minibatches(2):
            step = np.float32(self.rng.get_value(borrow=True).random())
            self.w.set_value(self.w.get_value() + step)
            self.trained += 1
            c.append(np.float32(2 + step))
            if self.trained == stop_at:
                raise KeyboardInterrupt

    def validate(self, epoch, stopping, curves, best):
        loss = 0.5 / epoch
        curves["validation"].append((float(epoch), loss * 100.0))
        stopping.improves(loss, epoch)
        best["params"] = [param.get_value() for param in self.params]
        best["test score"] = np.float64(loss)
        curves["test"].append((float(epoch), loss * 100.0))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Return header and arrays after an epoch and a minibatch of the second stage."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.raises(KeyboardInterrupt):
        Stack().run(folder, resume=False, stop_at=2 * 2 + 2 + 2)
    found = [read_archive(path, *FORMAT) for path in folder.glob("*.npz")]
    header, arrays = max(found, key=lambda one: one[0]["count"])
    assert header["stages"][1]["epoch"] == header["stages"][1]["minibatch"] == 1
    assert header["kept"]["1 tuning.best"]["test score"] == 0.5
    return header, arrays


def is_refused(header, arrays, folder):
    for path in folder.glob("*.npz"):
        path.unlink()
    write_archive(folder / "checkpoint_0.npz", header, arrays)
    stack = Stack()
    try:
        stack.run(folder)
    except RunFolderError as error:
        return str(error).isprintable() and len(str(error)) < 500 and stack.trained == 0
    return False


def leaves(value, place=()):
    """Yield the places of all entries, those that hold others too."""
    if place:
        yield place
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from leaves(value[key], (*place, key))


def at(value, place):
    for key in place:
        value = value[key]
    return value


WRONG = {
    **dict.fromkeys((str, dict, list), (None, 1, "x", [], {})),
    **dict.fromkeys((int, float), (None, True, "x", -1.0, -1, 2**70, math.nan, 1e308, {})),
}
"""What to put in the place of an entry, by its type."""

BY_ITSELF = (
    "sha256",
    # Said in a line, and no reason to refuse.
    *("surroundings.device", "surroundings.processor", "surroundings.pytensor"),
    *("surroundings.numpy", "surroundings.numba", "surroundings.llvmlite"),
)
"""Entries of which a text is as good as another."""

CANNOT_BE_KNOWN = {
    "stages.0.first_cost": (-1.0, 1e308),
    "stages.1.first_cost": (-1.0, 1e308),
    **{f"kept.{s}.costs.{i}": (-1.0, math.nan) for s, n in (("0 layer", 2), ("1 tuning", 1))
       for i in range(n)},
    "kept.0 layer.1.__generator__.state.state": (2**70,),
    "kept.0 layer.1.__generator__.state.inc": (2**70,),
}  # fmt: skip
"""Costs may be negative; nothing tells what was drawn, or those of an epoch long over."""


def test_no_entry_can_be_another(checkpoint, tmp_path):
    taken = []
    for place in leaves(checkpoint[0]):
        name = ".".join(map(str, place))
        before = at(checkpoint[0], place)
        for wrong in WRONG[type(before)]:
            header, arrays = copy.deepcopy(checkpoint)
            if type(before) is type(wrong) and before == wrong:
                continue
            at(header, place[:-1])[place[-1]] = wrong
            if wrong == "x" and name in BY_ITSELF:
                continue
            if repr(wrong) in map(repr, CANNOT_BE_KNOWN.get(name, ())):
                continue
            if not is_refused(header, arrays, tmp_path):
                taken.append((name, wrong))
    assert taken == []


def test_no_entry_can_be_missing_or_more(checkpoint, tmp_path):
    taken = []
    for place in leaves(checkpoint[0]):
        name = ".".join(map(str, place))
        inner = at(checkpoint[0], place)
        for change in ("missing", "more"):
            header, arrays = copy.deepcopy(checkpoint)
            if change == "missing":
                del at(header, place[:-1])[place[-1]]
                is_said = name.startswith("surroundings") and name not in (
                    "surroundings.backend", "surroundings.threads"
                )  # fmt: skip
                if is_said or name == "sha256":
                    continue
            elif isinstance(inner, dict):
                at(header, place)["more"] = 1
            elif isinstance(inner, list):
                at(header, place).append(1)
            else:
                continue
            if not is_refused(header, arrays, tmp_path):
                taken.append((name, change))
    assert taken == []


def test_no_array_can_be_another(checkpoint, tmp_path):
    taken = []
    for name, array in checkpoint[1].items():
        wrong = {
            "of another shape": np.zeros((*array.shape, 1), array.dtype),
            "longer": np.zeros((array.shape or (1,))[0] + 1, array.dtype),
            "of another type": array.astype("float16"),
            "whole numbers": array.astype("int32"),
            "not finite": np.full_like(array, math.nan),
            "infinite": np.full_like(array, math.inf),
            "missing": None,
        }
        for what, forged in wrong.items():
            header, arrays = copy.deepcopy(checkpoint)
            del arrays[name]
            if forged is not None:
                arrays[name] = forged
            if not is_refused(header, arrays, tmp_path):
                taken.append((name, what))
    header, arrays = copy.deepcopy(checkpoint)
    arrays["more"] = np.zeros(1)
    if not is_refused(header, arrays, tmp_path):
        taken.append(("more", "unknown"))
    assert taken == []


def test_the_checkpoint_itself_is_taken(checkpoint, tmp_path):
    whole = Stack()
    whole.run(tmp_path / "whole", resume=False)
    write_archive(tmp_path / "checkpoint_0.npz", *copy.deepcopy(checkpoint))
    again = Stack()
    again.run(tmp_path)
    assert again.trained == whole.trained - (2 * 2 + 2 + 1)
    np.testing.assert_array_equal(again.w.get_value(), whole.w.get_value())


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        (("1 tuning.best",), {}, "best.params.0', which is not known"),
        (("1 tuning.curves", "test"), [], "do not belong together"),
        (("1 tuning.stopping", "best_iteration"), None, "best_loss"),
        (("1 tuning.stopping", "best_loss"), 0.25, "not the lowest error"),
        (("1 tuning.best", "test score"), 0.25, "test score 0.25"),
        (("1 tuning.curves", "validation"), [[1.0, 50.0], [1.0, 40.0]], "goes back"),
        (("1 tuning.curves", "validation"), [[1.0, 101.0]], "percentages"),
        (("0 layer.costs",), [2.5, 99.0], "grew from"),
    ],
    ids=str,
)
def test_entries_that_contradict_each_other(place, value, complaint, checkpoint, tmp_path):
    header, arrays = copy.deepcopy(checkpoint)
    *way, last = ("kept", *place)
    at(header, way)[last] = value
    write_archive(tmp_path / "checkpoint_0.npz", header, arrays)
    with pytest.raises(RunFolderError, match=complaint):
        Stack().run(tmp_path)


def test_costs_are_appended_for_each_minibatch(tmp_path):
    """So that their number tells how many minibatches are over."""
    stack = Stack()
    run = Run(DATA, tmp_path, rate=0.1)
    stage = run.stage("layer", stack, stack.step, 0.1)

    def train():
        for _, c in stage.epochs(1):
            for _ in stage.minibatches(3):
                c += [1.0, 2.0]

    with pytest.raises(ValueError, match="the epoch has 2 costs after 1 minibatches: append one"):
        train()
    run.finish()


def test_a_checkpoint_that_tells_no_surroundings_is_said(checkpoint, tmp_path, capsys):
    header, arrays = copy.deepcopy(checkpoint)
    del header["surroundings"]
    write_archive(tmp_path / "checkpoint_0.npz", header, arrays)
    Stack().run(tmp_path)
    assert "a version that did not tell what computed it" in capsys.readouterr().err
