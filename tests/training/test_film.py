"""The film of a model's filters: which moments it has, and that none is lost when a run is."""

import copy
import signal
from types import SimpleNamespace

import numpy as np
import pytensor
import pytest

from deeptutorial.archives import read_archive, write_archive
from deeptutorial.training import Run, RunFolderError
from deeptutorial.training.film import Film, filters_picture, palette

SHAPE, N_HIDDEN = (4, 3), 5
DATA = [(pytensor.shared(np.zeros((4, 2))), pytensor.shared(np.zeros(4)))] * 3


def weights(minibatch):
    """Return weights that are others after each minibatch."""
    return np.random.default_rng(minibatch).normal(size=(12, N_HIDDEN))


def by_hand(W, shape):
    """Lay out filters in NumPy: a tile each, from 0 to 15, a pixel of black between."""
    tiles = []
    for filter in W.T:
        tile = filter.reshape(shape)
        tile = (tile - tile.min()) * (1 / (np.ptp(tile) + 1e-8))
        greys = np.rint(np.floor(tile * 255) / 17)
        tiles.append(np.pad(greys, ((0, 1), (0, 1))))
    return np.hstack(tiles)[:-1, :-1]


class Script:
    """What a script has: a model, and a step that changes it."""

    def __init__(self):
        W = pytensor.shared(weights(0))
        self.model = SimpleNamespace(W=W, image_shape=SHAPE, params=[W])
        self.count = pytensor.shared(np.array(0))
        given = [SimpleNamespace(variable=v, update=True) for v in (W, self.count)]
        self.step = SimpleNamespace(maker=SimpleNamespace(inputs=given))
        self.costs = []

    def run(self, folder, resume=False, frames=3, n_epochs=4, stop_at=None):
        run = Run(DATA, folder, resume, frames=frames)
        try:
            stage = run.stage("first", self.model, self.step, 0.1, independent=True)
            for _, c in stage.epochs(n_epochs):
                for _ in stage.minibatches(5):
                    count = int(self.count.get_value()) + 1
                    self.count.set_value(np.array(count))
                    self.model.W.set_value(weights(count))
                    c.append(1 + 1 / count)
                    if count == stop_at:
                        signal.raise_signal(signal.SIGINT)
            if n_epochs < 4:  # as if it died here
                run.wait_for_checkpoint()
                run._checkpoints.release()
                return None
            run.finish()
        finally:
            run._checkpoints.release()
        return stage.film and [
            (m.minibatch, m.cost, m.picture.tobytes()) for m in stage.film.moments()
        ]


@pytest.mark.parametrize("n_frames", [1, 2, 5, 24])
@pytest.mark.parametrize("n_minibatches", [0, 1, 4, 23, 100, 1037])
def test_moments_are_even_and_costs_are_means(n_frames, n_minibatches):
    model = SimpleNamespace(W=pytensor.shared(weights(0)), image_shape=SHAPE)
    film, costs = Film(n_frames, model), np.random.default_rng(0).random(n_minibatches)
    for k, cost in enumerate(costs, 1):
        model.W.set_value(weights(k))
        film.see(cost, model)
        assert len(film.pictures) <= 2 * n_frames
    film.end_epoch(model)
    moments = film.moments()
    at = [moment.minibatch for moment in moments]
    assert len(at) == min(n_frames, n_minibatches + 1)
    assert at[-1] == n_minibatches
    assert n_frames == 1 or at[0] == 0
    even = np.linspace(0, n_minibatches, len(at)) if len(at) > 1 else np.array(at)
    assert np.abs(even - at).max() <= film.spacing / 2
    assert moments[0].cost is None
    for before, moment in zip(at, moments[1:], strict=False):
        assert moment.cost == pytest.approx(costs[before : moment.minibatch].mean(), rel=1e-12)
    for moment in moments:
        expected = by_hand(weights(moment.minibatch), SHAPE)
        np.testing.assert_array_equal(moment.picture, expected)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return Script().run(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("stop_at", range(1, 20))
def test_a_resumed_run_has_the_same_film(stop_at, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        Script().run(tmp_path, stop_at=stop_at)
    assert Script().run(tmp_path, resume=True) == whole


def test_so_has_one_with_more_epochs(whole, tmp_path):
    assert Script().run(tmp_path, n_epochs=2) is None
    assert Script().run(tmp_path, resume=True) == whole


def test_another_number_of_frames_is_refused(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        Script().run(tmp_path, stop_at=7)
    with pytest.raises(RunFolderError, match=r"frames = 3, not 4: resume it with the same"):
        Script().run(tmp_path, resume=True, frames=4)
    with pytest.raises(RunFolderError, match=r"frames = 3, not None"):
        Script().run(tmp_path, resume=True, frames=0)


@pytest.mark.parametrize("frames", [-1, 101])
def test_what_is_no_number_of_frames(frames, tmp_path):
    with pytest.raises(ValueError, match=f"frames must be between 0 and 100, got {frames}"):
        Run(DATA, tmp_path, frames=frames)


def test_what_has_no_pictures_has_no_film(tmp_path):
    script = Script()
    script.model.image_shape = (1, 12)
    assert script.run(tmp_path) is None


PICTURE = np.zeros((4, 19), "uint8")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_frames", 4),
        ("spacing", 0),
        ("spacing", 3),
        ("spacing", 2**60),
        ("minibatch", -1),
        ("minibatch", 7.0),
        ("minibatch", 8),
        ("cost", float("nan")),
        ("cost", True),
        ("costs", []),
        ("costs", ["1", 1.0, 1.0]),
        ("costs", {}),
        ("last", 1),
        ("pictures", []),
        ("pictures", None),
        ("picture", PICTURE + 216),
        ("picture", PICTURE[:, 1:]),
        ("picture", PICTURE.astype("float64")),
        ("picture", PICTURE[:0]),
    ],
)
def test_a_forged_film_is_refused(name, value, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        Script().run(tmp_path, stop_at=3)
    (path,) = tmp_path.glob("checkpoint_*.npz")
    header, arrays = read_archive(path, "deeptutorial checkpoint", 1)
    header = copy.deepcopy(header)
    if name == "picture":
        arrays["0 first.film.last"] = value
    else:
        header["kept"]["0 first.film"][name] = value
    write_archive(path, header, arrays)
    with pytest.raises(RunFolderError, match=r"does not fit this run|is not known") as caught:
        Script().run(tmp_path, resume=True)
    assert str(caught.value).isprintable()


def test_colours_are_those_of_the_palette():
    W = np.random.default_rng(0).random((4 * 3 * 3, 2))
    tiles = palette((4, 3, 3))[filters_picture(W, (4, 3, 3))]
    assert tiles.shape == (4, 7, 3)
    first = W[:, 0].reshape(4, 3, 3)
    for channel in range(3):
        one = first[..., channel]
        stretched = 255 * (one - one.min()) / np.ptp(one)
        assert np.abs(tiles[:, :3, channel] - stretched).max() <= 255 / 10 + 1


@pytest.mark.parametrize(
    ("shape", "shown"), [((90, 60), (30, 20)), ((2, 100), (1, 25)), ((33, 2), (16, 1))]
)
def test_large_filters_are_shown_smaller(shape, shown):
    W = np.random.default_rng(0).random((shape[0] * shape[1], 1))
    picture = filters_picture(W, shape)
    assert picture.shape == shown
    down, across = shape[0] // shown[0], shape[1] // shown[1]
    blocks = W.reshape(shape)[: shown[0] * down, : shown[1] * across]
    means = blocks.reshape(shown[0], down, shown[1], across).mean(axis=(1, 3))
    np.testing.assert_array_equal(picture, by_hand(means.reshape(-1, 1), shown))
