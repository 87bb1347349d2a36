"""The playground in a real browser: what it calculates, against NumPy; what one can do there."""

import json
import re
from importlib import resources

import numpy as np
import pytensor
import pytest

from deeptutorial import SdA, dA
from deeptutorial.datasets.description import Description
from deeptutorial.playground import write_playground

SHAPE, N_HIDDEN = (12, 10), 30
LABELS = [str(k) for k in range(10)]


@pytest.fixture(scope="module")
def examples():
    return np.random.default_rng(0).random((10, 120)).astype("float32").round(2)


def randomised(model, rng):
    for param in model.named_params().values():
        value = param.get_value()
        param.set_value(rng.normal(scale=0.4, size=value.shape).astype(value.dtype))
    return model


@pytest.fixture(scope="module")
def models():
    rng = np.random.default_rng(1)
    kinds = {"crossed": "cross-entropy", "squared": "squared-error"}
    with pytensor.config.change_flags(floatX="float32"):
        return {
            name: randomised(
                dA(
                    np.random.RandomState(0),
                    n_visible=120,
                    n_hidden=N_HIDDEN,
                    reconstruction_cost=cost,
                ),
                rng,
            )
            for name, cost in kinds.items()
        }


@pytest.fixture(scope="module")
def stack():
    with pytensor.config.change_flags(floatX="float32"):
        sda = SdA(np.random.RandomState(0), n_ins=120, hidden_layers_sizes=[N_HIDDEN, 20], n_outs=3)
        sda.data = Description(class_names=("<b>", "zwei", "3"))
        return randomised(sda, np.random.default_rng(2))


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def values_of(model):
    return {name: param.get_value() for name, param in model.named_params().items()}


def expected(da, x):
    p = values_of(da)
    y = sigmoid(x @ p["W"] + p["b"])
    a = y @ p["W"].T + p["b_prime"]
    return y, a if da.reconstruction_cost == "squared-error" else sigmoid(a)


def probabilities(sda, x):
    p = values_of(sda)
    for i in range(sda.n_layers):
        x = sigmoid(x @ p[f"layer_{i}_W"] + p[f"layer_{i}_b"])
    exp = np.exp(x @ p["output_W"] + p["output_b"])
    return exp / exp.sum()


@pytest.fixture
def opened(browser, tmp_path, examples):
    """Return a function that writes a page and opens it; it fails if the page complains."""
    complaints = []

    def open_page(models, **options):
        path = write_playground(tmp_path, models, examples, LABELS, SHAPE)
        page = browser.new_context(locale="en-GB", **options).new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: complaints.append(request.url))
        page.goto(path.as_uri())
        assert complaints.pop(0) == path.as_uri()
        page.wait_for_function("window.playground !== undefined")
        return page

    yield open_page
    assert complaints == []


def told(page):
    """What the page tells of the chosen unit, once it has shown the last change (a frame later)."""
    page.evaluate("new Promise(requestAnimationFrame)")
    return page.locator("#unit").inner_text()


def outputs(page, x):
    return page.evaluate("x => playground.outputs(x)", np.asarray(x, float).tolist())


def test_dAs_calculate_as_in_python(opened, models, examples):
    page = opened(models)
    for x in examples:
        for found, da in zip(outputs(page, x), models.values(), strict=True):
            y, z = expected(da, x)
            np.testing.assert_allclose(found["code"], y, atol=1e-3)
            np.testing.assert_allclose(found["output"], z, atol=1e-3)


def test_a_stack_calculates_as_in_python(opened, stack, examples):
    page = opened(stack)
    for x in examples:
        (found,) = outputs(page, x)
        np.testing.assert_allclose(found["output"], probabilities(stack, x), atol=1e-3)
    names = page.locator(".bars div span:first-child").all_inner_texts()
    assert names == ["<b>", "zwei", "3"]
    first = probabilities(stack, examples[0]).argmax()
    assert page.locator(".bars .first span").first.inner_text() == names[first]


def drawn(page):
    """Draw a stroke with the mouse, and return the input that there is then."""
    page.locator("#clear").click()
    box = page.locator("#input").bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.3 * box["height"], steps=5)
    page.mouse.up()
    return np.array(page.evaluate("Array.from(playground.input())"))


def test_what_is_drawn_is_reconstructed(opened, models):
    page = opened(models)
    x = drawn(page)
    rows = x.reshape(SHAPE).max(axis=1)
    assert rows[3] == 1
    assert rows[:1].max() == rows[7:].max() == 0
    page.locator("#level").fill("0")
    for found, da in zip(outputs(page, x), models.values(), strict=True):
        np.testing.assert_allclose(found["output"], expected(da, x)[1], atol=1e-3)
    # The cost that is shown is equation (4) of what was drawn, without noise.
    z = expected(models["crossed"], x)[1]
    cost = -(x * np.log(z) + (1 - x) * np.log(1 - z)).sum()
    page.wait_for_function("document.querySelector('#level-shown').textContent === '0.00'")
    shown = page.locator(".cost").first.inner_text()
    assert float(shown.removeprefix("cost ")) == pytest.approx(cost, rel=1e-3, abs=0.02)


def test_a_unit_that_is_held(opened, models, examples):
    page = opened(models)
    before, _ = outputs(page, examples[0])
    unit = int(np.argmin(before["code"]))
    page.locator("#code").focus()
    for _ in range(unit):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    held, other = outputs(page, examples[0])
    assert held["code"][unit] == 1
    p = values_of(models["crossed"])
    y = np.array(before["code"])
    y[unit] = 1
    np.testing.assert_allclose(held["output"], sigmoid(y @ p["W"].T + p["b_prime"]), atol=1e-3)
    assert other["code"][unit] not in (0, 1)
    assert "held on" in told(page)
    page.keyboard.press("Enter")
    assert outputs(page, examples[0])[0]["code"][unit] == 0
    assert "held off" in told(page)
    page.keyboard.press("Enter")
    assert outputs(page, examples[0])[0] == before
    assert "held" not in told(page)


def test_a_walk_goes_on_by_itself(opened, models):
    page = opened(models)
    page.get_by_role("button", name="Walk").first.click()
    page.wait_for_function("document.querySelector('.steps').textContent === 'step 3'")
    page.get_by_role("button", name="Stop").click()
    z = np.array(page.evaluate("Array.from(playground.input())"))
    assert 0 < z.min() < z.max() < 1  # a reconstruction, no example any more


def test_keyboard_touch_and_languages(opened, models):
    page = opened(models, has_touch=True, viewport={"width": 360, "height": 800})
    page.locator("#clear").tap()
    page.locator("#input").tap()
    assert max(page.evaluate("Array.from(playground.input())")) > 0.9
    page.locator("#clear").tap()
    page.locator("#input").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    x = np.array(page.evaluate("Array.from(playground.input())")).reshape(SHAPE)
    assert np.unravel_index(x.argmax(), SHAPE) == (5, 5)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#language").tap()
    assert page.evaluate("document.documentElement.lang") == "zh-Hans"
    assert page.locator("h1").inner_text() == "画一画，看编码"


def texts():
    file = resources.files("deeptutorial.playground") / "playground.json"
    return json.loads(file.read_text(encoding="utf-8"))


def test_both_languages_say_the_same():
    english, chinese = texts()["en"], texts()["zh"]
    assert english.keys() == chinese.keys()
    for key in english:
        assert sorted(re.findall(r"\{\w+\}", english[key])) == sorted(
            re.findall(r"\{\w+\}", chinese[key])
        )


def test_the_page_is_no_larger_than_it_may_be(tmp_path):
    with pytensor.config.change_flags(floatX="float32"):
        sda = SdA(np.random.RandomState(0), hidden_layers_sizes=[1000] * 3, n_outs=10)
    examples = np.random.default_rng(0).random((10, 784)).astype("float32")
    path = write_playground(tmp_path, sda, examples, LABELS, (28, 28))
    assert path.stat().st_size < 3_000_000
    content = re.search(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8")).group(1)
    assert json.loads(content)["bits"] == 6


@pytest.mark.parametrize("shape", [(1, 120), (6, 5, 3), (120, 1)])
def test_what_is_no_grey_picture_has_no_page(tmp_path, models, examples, shape):
    x = examples[:, : int(np.prod(shape))]
    assert write_playground(tmp_path, models, x, LABELS, shape) is None
    assert list(tmp_path.iterdir()) == []
