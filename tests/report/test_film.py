"""The film in a report: what Pillow and a browser see, and a run of the script that makes one."""

import base64
import io
import json
import re
import signal

import numpy as np
import pytensor
import pytest
from PIL import Image, ImageSequence

from deeptutorial import dA, tile_raster_images
from deeptutorial.images import split_channels
from deeptutorial.report import Trained, write_dA_report
from deeptutorial.report.film import film_png
from deeptutorial.training.film import Film


def filmed(shape=(12, 10), n_hidden=20, n_frames=6, n_minibatches=11):
    """Return a dA whose weights change, its film, and the weights after each minibatch."""
    rng = np.random.default_rng(0)
    n_visible = int(np.prod(shape))
    da = dA(np.random.RandomState(1), n_visible=n_visible, n_hidden=n_hidden)
    da.image_shape = shape
    film, weights = Film(n_frames, da), [da.W.get_value()]
    for k in range(n_minibatches):
        da.W.set_value(rng.normal(size=(n_visible, n_hidden)).astype(da.W.dtype))
        weights.append(da.W.get_value())
        film.see(50 / (k + 1), da)
    film.end_epoch(da)
    return da, film, weights


@pytest.mark.parametrize("shape", [(12, 10), (28, 28), (8, 6, 3)])
def test_pillow_reads_each_frame_as_the_filters_were(shape):
    _, film, weights = filmed(shape)
    png = film_png(film, shape)
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.n_frames == 6
        assert picture.info["loop"] == 0
        frames = [np.asarray(one.convert("RGB")) for one in ImageSequence.Iterator(picture)]
    at = [moment.minibatch for moment in film.moments()]
    assert (at[0], at[-1]) == (0, 11)
    width = 7 * (shape[1] + 1) - 1
    scale = frames[0].shape[1] // width
    assert frames[0].shape[1] == scale * width >= 400
    for minibatch, frame in zip(at, frames, strict=True):
        tiles = tile_raster_images(
            split_channels(weights[minibatch].T, shape), shape[:2], (3, 7), (1, 1)
        )
        expected = np.broadcast_to(np.atleast_3d(tiles)[..., :3], (*tiles.shape[:2], 3)).astype(int)
        filters = frame[: scale * len(tiles)]
        for row in range(scale):
            found = filters[row::scale, row::scale]
            assert np.abs(found - expected).max() <= (9 if len(shape) == 2 else 26)
    half_a_byte_or_one = 0.5 if len(shape) == 2 else 1
    assert len(png) < 6 * (1.4 * half_a_byte_or_one * frames[0][::scale, ::scale, 0].size + 4000)


def test_one_frame_is_a_film(tmp_path):
    _, film, _ = filmed(n_frames=1)
    with Image.open(io.BytesIO(film_png(film, (12, 10)))) as picture:
        assert picture.size[0] >= 400


@pytest.fixture
def page(tmp_path, data_set):
    da, film, _ = filmed()
    trainings = [Trained(da, [9.0]), Trained(da, [9.0], film=film)]
    datasets = data_set(shape=(12, 10))
    return write_dA_report(tmp_path / "new", [0.0, 0.3], trainings, datasets)


def test_the_page_holds_the_file(page, structure):
    html = page.read_text(encoding="utf-8")
    assert html.count("Learning as it happens") == 1
    (still, data) = re.findall(
        r'<source media="\(prefers-reduced-motion: reduce\)" srcset="data:image/png;base64,(.*?)">'
        r'<img class="film".*? src="data:image/png;base64,(.*?)">',
        html,
    )[0]
    assert html.count('class="film"') == 1
    png = page.with_name("film_corruption_30.png").read_bytes()
    assert base64.b64decode(data) == png
    with (
        Image.open(io.BytesIO(png)) as film,
        Image.open(io.BytesIO(base64.b64decode(still))) as one,
    ):
        assert getattr(one, "n_frames", 1) == 1
        film.seek(5)
        np.testing.assert_array_equal(one.convert("RGB"), film.convert("RGB"))
    structure(page)
    films = [
        model["film"] for model in json.loads(page.with_name("report.json").read_text())["models"]
    ]
    assert films[0] == {"minibatches": [], "costs": []}
    assert films[1]["minibatches"] == [0, 2, 4, 7, 9, 11]


@pytest.mark.slow
def test_a_browser_shows_it_move_or_not(page, browser):
    seen = {}
    for motion in ("no-preference", "reduce"):
        tab = browser.new_context(
            reduced_motion=motion, viewport={"width": 360, "height": 700}
        ).new_page()
        tab.goto(page.as_uri())
        film = tab.locator("img.film")
        film.scroll_into_view_if_needed()
        shots = {film.screenshot()}
        for _ in range(4):
            tab.wait_for_timeout(700)
            shots.add(film.screenshot())
        seen[motion] = len(shots)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        tab.locator("summary").focus()  # no script: a film is put away by the keyboard
        tab.keyboard.press("Enter")
        assert not film.is_visible()
    assert seen["no-preference"] > 1
    assert seen["reduce"] == 1


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Return a function that runs the tutorial's script on small pictures."""
    import dA as script

    x = np.random.default_rng(0).random((70, 6, 5)).astype("float32")
    np.savez(tmp_path / "small.npz", x=x)

    def run(folder, **options):
        with pytensor.config.change_flags(floatX="float32"):
            script.test_dA(
                training_epochs=3,
                dataset=str(tmp_path / "small.npz"),
                batch_size=5,
                output_folder=str(tmp_path / folder),
                n_hidden=12,
                corruption_levels=(0.3,),
                **options,
            )
        return {path.name: path.read_bytes() for path in (tmp_path / folder).glob("[!.]*")}

    return run


def test_the_script_films_what_it_trains(script, monkeypatch, capsys):
    """The same bits as without a film, and the same film if it is interrupted and goes on."""
    with_film = script("with", frames=4)
    without = script("without")
    model = "dA_corruption_30.npz"
    assert with_film[model] == without[model]
    assert set(with_film) - set(without) == {"film_corruption_30.png"}

    calls, see = [], Film.see

    def interrupted(*arguments):
        see(*arguments)
        calls.append(arguments)
        if len(calls) == 13:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Film, "see", interrupted)
    with pytest.raises(KeyboardInterrupt):
        script("resumed", frames=4)
    resumed = script("resumed", frames=4, resume=True)
    assert len(calls) == 3 * (
        json.loads(resumed["report.json"])["data"]["examples"]["training"] // 5
    )
    for name in ("film_corruption_30.png", model):
        assert resumed[name] == with_film[name]


@pytest.mark.slow
def test_a_stack_films_its_first_layer_in_pretraining(tmp_path):
    """Its last frame is of the filters before fine-tuning changed them."""
    import SdA as script

    rng = np.random.default_rng(0)
    y = np.arange(70) % 3
    x = (rng.random((3, 6, 5)) > 0.5)[y] * 0.8 + rng.random((70, 6, 5)) * 0.2
    np.savez(tmp_path / "small.npz", x=x.astype("float32"), y=y)
    with pytensor.config.change_flags(floatX="float32"):
        sda = script.test_SdA(
            pretraining_epochs=2,
            training_epochs=2,
            dataset=str(tmp_path / "small.npz"),
            batch_size=5,
            finetune_lr=1.0,
            output_folder=str(tmp_path / "SdA_plots"),
            hidden_layers_sizes=(12, 9),
            corruption_levels=(0.1, 0.2),
            frames=4,
        )
    report = json.loads((tmp_path / "SdA_plots" / "report.json").read_text(encoding="utf-8"))
    (film,) = report["films"]
    assert film["minibatches"][-1] == 2 * (report["data"]["examples"]["training"] // 5)
    with Image.open(tmp_path / "SdA_plots" / "film_layer_0.png") as picture:
        assert picture.n_frames == len(film["minibatches"]) == 4
        *_, last = ImageSequence.Iterator(picture)
        found = np.asarray(last.convert("L"))
    fine_tuned = tile_raster_images(sda.dA_layers[0].W.get_value().T, (6, 5), (2, 7), (1, 1))
    scale = found.shape[1] // fine_tuned.shape[1]
    shown = found[: scale * len(fine_tuned) : scale, ::scale].astype(int)
    assert np.abs(shown - fine_tuned).max() > 20
    html = (tmp_path / "SdA_plots" / "report.html").read_text(encoding="utf-8")
    assert html.count('class="film"') == 1
