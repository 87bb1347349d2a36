"""Scripts of Theano's time, unchanged: what they print, worked out by NumPy."""

import pickle
import struct

import numpy as np
import pytest
from scipy.special import expit

EXACT = {"rtol": 1e-9, "atol": 1e-12}


def numbers(lines, first):
    """Return the numbers at the end of the lines that begin with a word."""
    return [
        [float(word) for word in line if _is_number(word)] for line in lines if line[0] == first
    ]


def _is_number(word):
    try:
        float(word)
    except ValueError:
        return False
    return True


def dA_step(x, W, b, b_prime, rate, sparsity=0.0):
    """Do a step of a denoising autoencoder without noise, and return its cost."""
    n = len(x)
    y = expit(x @ W + b)
    z = expit(y @ W.T + b_prime)
    cost = -(x * np.log(z) + (1 - x) * np.log(1 - z)).sum(1).mean() + sparsity * abs(y).mean()
    above = (z - x) / n
    below = (above @ W + sparsity / y.size) * y * (1 - y)
    W -= rate * (x.T @ below + above.T @ y)
    b -= rate * below.sum(0)
    b_prime -= rate * above.sum(0)
    return cost


def test_a_pipeline_of_python_2(run, tmp_path):
    table = np.random.default_rng(0).normal(size=(11, 6)).round(3)
    rows = ["\t".join(map(str, row)) for row in table.tolist()]
    (tmp_path / "genes.txt").write_text("\n".join(["aa\tab\tba\tca\tcb\tcc", *rows, ""]))
    done = run("genes.py", "table.py", "autoencoder.py", arguments=["genes.txt"])
    assert done.status == 0, done.err
    assert "Python 2 source: 3 files translated" in done.err
    assert "11 samples of 6 genes" in done.err

    data = (table - table.min()) / (table.max() - table.min())
    rng = np.random.RandomState(12)
    rng.randint(2**30)
    W = rng.uniform(-4 * np.sqrt(6 / 9), 4 * np.sqrt(6 / 9), size=(6, 3))
    b, b_prime = np.zeros(3), np.zeros(6)
    for line in numbers(done.lines, "epoch"):
        costs = [dA_step(data[i : i + 4], W, b, b_prime, 0.5) for i in (0, 4)]  # 11 / 4 is 2
        np.testing.assert_allclose(line[-1], np.mean(costs), **EXACT)
    assert done.lines[-1] == ["kinds", "a", "b", "c", "False"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "autoencoder.py",
        "genes.py",
        "genes.txt",
        "table.py",
    ]


def test_its_exit_status_is_its_own(run):
    assert run("genes.py", "table.py", "autoencoder.py").status == 3
    done = run("genes.py", "table.py", "autoencoder.py", arguments=["nowhere"])
    assert done.status == 4
    assert done.lines == [["no", "table:", "2"]]


def test_a_subclass_whose_constructor_calls_no_other(run, tmp_path):
    done = run("subclass.py")
    assert done.status == 0, done.err
    assert "deeptutorial's stand in: dA, utils" in done.err

    data = np.random.RandomState(1).uniform(size=(5, 6))
    W = np.random.RandomState(2).uniform(-0.5, 0.5, size=(6, 4))
    first = W.copy()
    b, b_prime = np.zeros(4), np.zeros(6)
    expected = [dA_step(data, W, b, b_prime, 0.2, sparsity=0.1) for _ in range(3)]
    np.testing.assert_allclose(numbers(done.lines, "clean")[0], expected, **EXACT)
    noisy = numbers(done.lines, "noisy")[0]
    assert len(set(noisy)) == 4  # its updates are those of the parameters alone
    inherited = dA_step(data, first.copy(), np.zeros(4), np.zeros(6), 0)
    np.testing.assert_allclose(numbers(done.lines, "inherited")[0], [inherited], **EXACT)
    assert done.lines[-1] == ["tiles", "4", "6"]
    with np.load(tmp_path / "sparse.npz", allow_pickle=False) as kept:
        np.testing.assert_array_equal(kept["W"], first)


@pytest.mark.parametrize("flags", ["floatX=float64,mode=FAST_COMPILE", "floatX=float64"])
@pytest.mark.slow
def test_a_stack_with_the_tutorials_modules(run, flags):
    done = run("stack.py", flags=flags)
    assert done.status == 0, done.err
    assert "deeptutorial's stand in: dA, logistic_sgd, mlp" in done.err

    rng = np.random.RandomState(3)
    rng.randint(2**30)
    data = np.random.RandomState(4).uniform(size=(8, 6))
    labels = np.arange(8) % 3
    sizes = ((6, 5), (5, 4))
    Ws = [rng.uniform(-(w := 4 * np.sqrt(6 / sum(size))), w, size=size) for size in sizes]
    bs = [np.zeros(5), np.zeros(4)]
    for i in range(2):
        b_prime = np.zeros(sizes[i][0])
        x = data if i == 0 else expit(data @ Ws[0] + bs[0])
        first = dA_step(x[:4], Ws[i], bs[i], b_prime, 0.1)
        second = dA_step(x[4:], Ws[i], bs[i], b_prime, 0.3)
        printed = numbers(done.lines, "layer")[i]
        np.testing.assert_allclose(printed, [i, first, second], **EXACT)

    V, c = np.zeros((4, 3)), np.zeros(3)
    for printed in numbers(done.lines, "top"):
        h1 = expit(data @ Ws[0] + bs[0])
        h2 = expit(h1 @ Ws[1] + bs[1])
        p = np.exp(h2 @ V + c)
        p /= p.sum(1, keepdims=True)
        cost = -np.log(p[np.arange(8), labels]).mean()
        np.testing.assert_allclose(printed, [cost, (p.argmax(1) != labels).mean()], **EXACT)
        d3 = (p - np.eye(3)[labels]) / 8
        d2 = d3 @ V.T * h2 * (1 - h2)
        d1 = d2 @ Ws[1].T * h1 * (1 - h1)
        steps = ((V, h2.T @ d3), (c, d3.sum(0)), (Ws[1], h1.T @ d2), (bs[1], d2.sum(0)))
        for param, gradient in (*steps, (Ws[0], data.T @ d1), (bs[0], d1.sum(0))):
            param -= 0.5 * gradient


def test_a_boltzmann_machine_with_scan_and_updates(run):
    done = run("boltzmann.py")
    assert done.status == 0, done.err

    data = (np.random.RandomState(1).uniform(size=(6, 5)) > 0.5).astype(float)
    W = np.random.RandomState(2).normal(0, 1, (5, 4))
    hbias, vbias, chain = np.zeros(4), np.zeros(5), np.zeros((6, 4))

    def free_energy(v):
        return -v @ vbias - np.log(1 + np.exp(v @ W + hbias)).sum(1)

    for printed in numbers(done.lines, "cost"):
        h = chain
        for _ in range(3):
            v = (expit(h @ W.T + vbias) > 0.5).astype(float)
            h = (expit(v @ W + hbias) > 0.5).astype(float)
        cost = free_energy(data).mean() - free_energy(v).mean()
        np.testing.assert_allclose(printed, [cost], **EXACT)
        p, q = expit(data @ W + hbias), expit(v @ W + hbias)
        W, hbias, vbias = (
            W + 0.1 * (data.T @ p - v.T @ q) / 6,
            hbias + 0.1 * (p - q).mean(0),
            vbias + 0.1 * (data - v).mean(0),
        )
        chain = h
    assert done.lines[-1] == ["differ", "8"]


def test_a_contractive_autoencoder(run):
    done = run("contractive.py")
    assert done.status == 0, done.err

    rng = np.random.RandomState(6)
    x, W = rng.uniform(size=(4, 5)), rng.normal(0, 0.5, (5, 3))

    def costs(W):
        y = expit(x @ W)
        z = expit(y @ W.T)
        rec = -(x * np.log(z) + (1 - x) * np.log(1 - z)).sum(1).mean()
        return rec, (((y * (1 - y)) ** 2).sum(0) * (W**2).sum(0)).sum() / 4

    for printed in done.lines:
        np.testing.assert_allclose([float(word) for word in printed], costs(W), rtol=1e-7)
        gradient = np.empty_like(W)
        for at in np.ndindex(*W.shape):
            move = np.zeros_like(W)
            move[at] = 1e-6
            (r1, j1), (r2, j2) = costs(W + move), costs(W - move)
            gradient[at] = (r1 - r2 + 0.3 * (j1 - j2)) / 2e-6
        W = W - 0.1 * gradient


def regression():
    """Train the logistic regression of ``keep.py``; return w, b, and the cost as a function."""
    rng = np.random.RandomState(7)
    x, y = rng.randn(40, 6), rng.randint(size=40, low=0, high=2)
    w, b = rng.randn(6), 0.0

    def cost(w, b):
        p = expit(x @ w + b)
        return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean() + 0.01 * (w**2).sum()

    for _ in range(5):
        error = (expit(x @ w + b) - y) / 40
        w, b = w - 0.1 * (x.T @ error + 0.02 * w), b - 0.1 * error.sum()
    return w, b, cost


def test_parameters_are_pickled_for_python_2_too(run, tmp_path):
    done = run("keep.py", arguments=["train"])
    assert done.status == 0, done.err
    w, b, cost = regression()
    np.testing.assert_allclose(float(done.lines[0][0]), cost(w, b), **EXACT)
    with open(tmp_path / "params.pkl", "rb") as file:
        assert file.read(2) == b"\x80\x02"
        file.seek(0)
        np.testing.assert_allclose(pickle.load(file), w, **EXACT)
        np.testing.assert_allclose(pickle.load(file), b, **EXACT)


def pickled_by_python_2(array):
    """Return what Python 2 and its NumPy write of an array: bytes are texts there."""

    def text(value):
        return b"T" + struct.pack("<I", len(value)) + value

    def number(value):
        return b"J" + struct.pack("<i", value)

    dtype = b"cnumpy\ndtype\n(" + text(b"f8") + number(0) + number(1) + b"tR("
    dtype += number(3) + text(b"<") + b"NNN" + number(-1) + number(-1) + number(0) + b"tb"
    empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n("
    empty += number(0) + b"t" + text(b"b") + b"tR"
    shape = b"(" + b"".join(map(number, array.shape)) + b"t"
    state = b"(" + number(1) + shape + dtype + b"I00\n" + text(array.tobytes()) + b"tb"
    return b"\x80\x02" + empty + state + b"."


def test_a_pickle_of_python_2_is_read(run, tmp_path):
    w, b, cost = regression()
    pickles = pickled_by_python_2(w) + pickled_by_python_2(np.array(b))
    (tmp_path / "old.pkl").write_bytes(pickles)
    done = run("keep.py", arguments=["old.pkl"])
    assert done.status == 0, done.err
    np.testing.assert_allclose(float(done.lines[0][0]), cost(w, b), **EXACT)


def test_arguments_name_and_file_are_as_python_has_them(run, write):
    write("args.py", "import sys\nprint(__name__, __file__, *sys.argv)\nprint(sys.path[0])\n")
    done = run("args.py", arguments=["-x", "--help", "a b"])
    assert done.lines[0] == ["__main__", "args.py", "args.py", "-x", "--help", "a", "b"]
    assert done.err == ""


def test_a_traceback_is_the_scripts_own(run, write):
    write("helper.py", "def fail((a, b)):\n    print a\n    raise KeyError(b)\n")
    write("fails.py", "import helper\n\nprint 'so far'\nhelper.fail((1, 'here'))\n")
    done = run("fails.py", "helper.py")
    assert done.status == 1
    assert done.lines == [["so", "far"], ["1"]]
    told = done.err.splitlines()
    assert told[0] == "deeptutorial run: Python 2 source: 2 files translated"
    assert told[1] == "Traceback (most recent call last):"
    assert 'File "fails.py", line 4' in told[2]
    assert any("helper.py" in line and "line 3" in line for line in told)
    assert told[-1] == "KeyError: 'here'"


def test_what_is_neither_python_is_a_syntax_error(run, write):
    write("broken.py", "def f(:\n")
    done = run("broken.py")
    assert done.status == 1
    assert "SyntaxError" in done.err
    assert 'File "broken.py", line 1' in done.err


def test_a_script_that_is_not_there(run, tmp_path):
    (tmp_path / "empty").mkdir()
    done = run("empty")
    assert done.status == 2
    assert done.err.count("\n") == 1


def test_what_a_stand_in_has_not_is_told(run, write):
    write("asks.py", "from mlp import MLP\n")
    done = run("asks.py")
    assert done.status == 1
    assert "put the tutorial's mlp.py there" in done.err


def test_a_module_beside_the_script_comes_first(run, write):
    write("utils.py", "tile_raster_images = 'mine'\n")
    write("uses.py", "from utils import tile_raster_images\nprint(tile_raster_images)\n")
    done = run("uses.py", "utils.py")
    assert (done.lines, done.err) == ([["mine"]], "")


def test_python_2_can_be_told(run, write):
    write("both.py", "print(7 / 2)\n")
    assert run("both.py").lines == [["3.5"]]
    assert run("both.py", options=["--python2"]).lines == [["3"]]


MNIST = """
import gzip, os, urllib
import cPickle

dataset = 'mnist.pkl.gz'
if not os.path.isfile(dataset):
    dataset = os.path.join(os.path.split(__file__)[0], '..', 'data', dataset)
    urllib.urlretrieve('http://deeplearning.net/data/mnist/mnist.pkl.gz', dataset)
f = gzip.open(dataset, 'rb')
train_set, valid_set, test_set = cPickle.load(f)
f.close()
print train_set[0].shape, repr(float(train_set[0].sum())), list(test_set[1])
"""


def test_mnist_is_the_one_that_is_found(run, write, tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    parts = [(rng.random((n, 784), "float32"), rng.integers(10, size=n)) for n in (5, 4, 3)]
    folder = tmp_path / "data sets"
    folder.mkdir()
    import gzip

    with gzip.open(folder / "mnist.pkl.gz", "wb") as file:
        pickle.dump(tuple(parts), file, protocol=2)
    monkeypatch.setenv("DEEPTUTORIAL_DATA", str(folder))
    write("mnist.py", MNIST)
    done = run("mnist.py")
    assert done.status == 0, done.err
    assert f"mnist.pkl.gz is taken from {folder}" in done.err
    shape = "".join(done.lines[0][:2])
    assert shape == "(5,784)"
    assert float(done.lines[0][2]) == float(parts[0][0].sum())
    assert not (tmp_path.parent / "data").exists()
