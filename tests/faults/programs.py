"""Programs of the library's users, and what they must not meet.

Each is a process of its own, which ends with status 0 where all is well.
"""

import subprocess
import sys
from pathlib import Path

from tests.faults.scripts import started
from tests.faults.tally import Tally

__all__ = ["PROGRAMS", "run_program"]

BEGIN = """
import os, signal, sys, threading, time
import numpy as np, pytensor, pytensor.tensor as pt
pytensor.config.floatX = "float32"
import deeptutorial
from deeptutorial import dA, RandomStreams

rng = np.random.default_rng(0)
X_values = (rng.random((2000, 64)) * (rng.random((2000, 64)) < 0.3)).astype("float32")
X = pytensor.shared(X_values)

def make(backend, seed=1, n_hidden=30, X=X):
    deeptutorial.use(backend)
    index, x = pt.lscalar(), pt.matrix()
    da = dA(np.random.RandomState(seed), RandomStreams(seed), input=x, n_visible=64,
            n_hidden=n_hidden)
    cost, updates = da.get_cost_updates(0.3, 0.1)
    train = pytensor.function([index], cost, updates=updates,
                              givens={x: X[index * 20: (index + 1) * 20]})
    return da, train

def finite(da):
    assert all(np.isfinite(param.get_value()).all() for param in da.params)
"""

INTERRUPTED = """
da, train = make(BACKEND)
changed = [given.variable for given in train.maker.inputs if given.update is not None]
begin = [variable.get_value() for variable in changed]
reached = {da.W.get_value().tobytes()}
for k in range(400):
    train(k % 100)
    reached.add(da.W.get_value().tobytes())
for at in np.random.default_rng(SEED).uniform(0.0, 0.1, 8):
    for variable, value in zip(changed, begin):
        variable.set_value(value)
    threading.Timer(at, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        for k in range(400):
            train(k % 100)
        time.sleep(1)
    except KeyboardInterrupt:
        pass
    else:
        raise SystemExit("the signal was swallowed")
    assert da.W.get_value().tobytes() in reached, "a step that was half done"
    finite(da)
    assert np.isfinite(float(train(0)))
    da.save("interrupted.npz")
"""

PROGRAMS = {
    **{
        f"Ctrl-C in a loop of one's own, {backend}": f"BACKEND = {backend!r}\n{INTERRUPTED}"
        for backend in ("numba", "jax", "pytorch", "c")
    },
    "a thread that looks on, jax": """
da, train = make("jax")
last, errors, over = [train(0)], [], False
def look():
    while not over:
        try:
            finite(da)
            float(last[0])
        except Exception as error:
            errors.append(error)
        time.sleep(0.001)
watcher = threading.Thread(target=look)
watcher.start()
try:
    until = time.monotonic() + 3
    while time.monotonic() < until:
        for k in range(100):
            last[0] = train(k)
finally:
    over = True
    watcher.join()
assert not errors, errors[:3]
""",
    "two threads that train, jax": """
def costs(train, out):
    out += [train(k % 100) for k in range(300)]
    out[:] = map(float, out)
alone, beside = ([make("jax", seed) for seed in (5, 6)] for _ in range(2))
expected = [[], []]
for (_, train), out in zip(alone, expected):
    costs(train, out)
got = [[], []]
threads = [threading.Thread(target=costs, args=(train, out))
           for (_, train), out in zip(beside, got)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert got == expected
for (a, _), (b, _) in zip(alone, beside):
    assert np.array_equal(a.W.get_value(), b.W.get_value())
""",
    "Numba after JAX on the same variables": """
def read(da, x_values):
    x = pt.matrix()
    try:
        encode = pytensor.function([x], da.get_hidden_values(x))
        return encode(x_values)
    except Exception as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 300, error
        return None
for backend in ("numba", "c"):
    da, train = make("jax")
    for k in range(30): train(k)
    deeptutorial.use(backend)
    code = read(da, X_values[:5])
    if code is not None:
        a = X_values[:5] @ da.W.get_value() + da.b.get_value()
        np.testing.assert_allclose(code, 1 / (1 + np.exp(-a)), rtol=1e-4)
""",
    "indices that are too large": """
da, train = make("numba")
before = da.W.get_value()
for index in (2**62, 2**63 - 1, -2**63):
    try:
        cost = train(index)
    except (ValueError, IndexError, OverflowError):
        continue
    same = np.array_equal(before, da.W.get_value())
    assert same or not np.isfinite(cost), f"{index} was taken for another one"
    before = da.W.get_value()
""",
    "a rate that is too large, estimator": """
try:
    from deeptutorial.estimator import DenoisingAutoencoder
except ImportError:
    raise SystemExit(0)
try:
    model = DenoisingAutoencoder(learning_rate=1e300, n_epochs=1).fit(X_values[:20])
except (ArithmeticError, ValueError):
    raise SystemExit(0)
assert np.isfinite(model.transform(X_values[:20])).all()
""",
    "functions given as corruption, again and again": """
import gc, tracemalloc
try:
    from deeptutorial.estimator import DenoisingAutoencoder
except ImportError:
    raise SystemExit(0)
sizes = []
tracemalloc.start()
for k in range(20):
    noise = lambda input, rng, level: input * level
    DenoisingAutoencoder(corruption=noise, n_hidden=20, n_epochs=1).fit(X_values[:40])
    gc.collect()
    sizes.append(tracemalloc.get_traced_memory()[0])
assert sizes[-1] - sizes[9] < 5e6, sizes  # some are kept, for the next fit
""",
    "calls that are refused": """
import resource
da, train = make("numba")
def memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
for k in range(20_000):
    if k == 5000:
        before = memory()
    try:
        train("no index")
    except (TypeError, ValueError):
        continue
    raise AssertionError("a text was taken for an index")
assert memory() - before < 4e6, memory() - before
""",
    "assertions of one's own": """
import warnings
from pytensor.raise_op import Assert
for backend in ("numba", "jax", "pytorch"):
    try:
        deeptutorial.use(backend)
    except deeptutorial.compile.BackendError:
        continue
    v = pt.vector()
    with warnings.catch_warnings(record=True) as told:
        f = pytensor.function([v], Assert("three are wanted")(v, pt.eq(v.shape[0], 3)).sum())
    if any("three are wanted" in str(warning.message) for warning in told):
        continue  # JAX cannot check it
    f(np.ones(3, "float32"))
    try:
        f(np.ones(4, "float32"))
    except Exception:
        continue
    raise AssertionError(f"an assertion was dropped on {backend}")
""",
    "a folder that may not be read": """
from pathlib import Path
from PIL import Image
from deeptutorial.datasets import DatasetError, read_dataset
for name in "ab":
    Path("pictures", name).mkdir(parents=True)
    for k in range(7):
        Image.new("L", (3, 3), k).save(Path("pictures", name, f"{k}.png"))
for folder in (Path(), Path("pictures"), Path("pictures", "a")):
    folder.chmod(0o755)
Path("pictures", "b").chmod(0)
if not os.geteuid():
    os.seteuid(65534)
try:
    read_dataset("pictures")
except DatasetError as error:
    assert "pictures" in str(error)
else:
    raise AssertionError("half of the pictures were left out without a word")
finally:
    if os.geteuid() == 65534:
        os.seteuid(0)
    Path("pictures", "b").chmod(0o755)
""",
    "imported again": """
for name in [n for n in sys.modules if n.split(".")[0] == "deeptutorial"]:
    del sys.modules[name]
import deeptutorial
from deeptutorial import dA, RandomStreams
da, train = make("numba")
assert np.isfinite(float(train(0)))
""",
    "begun in an exit handler": """
import atexit
def last():
    try:
        da, train = make("numba", n_hidden=200)
        costs = [float(train(k)) for k in range(20)]
        assert np.isfinite(costs).all()
    except BaseException as error:
        print("Traceback", repr(error), file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)
atexit.register(last)
""",
    "modes of other threads' files": """
da = dA(np.random.RandomState(1), n_visible=6, n_hidden=3)
masks, set_mask = [], os.umask
set_mask(0o077)
os.umask = lambda mask: masks.append(mask) or set_mask(mask)
for _ in range(2):
    da.save("file")
assert os.stat("file").st_mode & 0o777 == 0o600
assert not masks, "other threads make files of mode 0666 for a moment"
""",
    "a last step that overflows": """
da, train = make("numba")
da.W.set_value(da.W.get_value() * np.float32(np.inf))
try:
    da.save("infinite.npz")
except (ValueError, ArithmeticError) as error:
    assert len(str(error).splitlines()) == 1
assert not os.path.exists("infinite.npz")
""",
    "a report of models that differ": """
from deeptutorial.commands import main
np.savez("data.npz", x=X_values, y=np.arange(2000) % 3)
for name, n_hidden, floatX in (("a", 50, "float32"), ("b", 20, "float32"), ("c", 50, "float64")):
    pytensor.config.floatX = floatX
    dA(np.random.RandomState(1), n_visible=64, n_hidden=n_hidden).save(f"{name}.npz")
for other in ("b", "c"):
    status = main(["report", "a.npz", f"{other}.npz", "--dataset", "data.npz",
                   "--corruption-level", "0", "--corruption-level", "0.3"])
    assert status in (0, 2), status
""",
    "a picture of more columns than there is memory for": """
import resource
from deeptutorial.commands import main
make("numba")[0].save("da.npz")
pytensor.config.floatX = "float32"
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 500 * 2**20,) * 2)
try:
    status = main(["filters", "da.npz", "--columns", "10000000", "-o", "wide.png"])
except SystemExit as ended:
    status = ended.code
assert status in (0, 2), status
""",
}


def run_program(name: str, folder: Path, seed: int, tally: Tally, n_seconds: float = 300):
    """Run one of the programs; a traceback, another status, or too long a wait is a loss."""
    folder.mkdir()
    source = f"SEED = {seed}\n{BEGIN}\n{PROGRAMS[name]}"
    process = started([sys.executable, "-c", source], folder)
    try:
        _, err = process.communicate(timeout=n_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate(timeout=60)
        tally.add(name, f"it was not over after {n_seconds:g} seconds")
        return
    lines = [line for line in err.splitlines() if line.strip()]
    wrong = process.returncode or "Traceback" in err
    tally.add(name, *([f"status {process.returncode}: {' | '.join(lines[-3:])}"] if wrong else []))
