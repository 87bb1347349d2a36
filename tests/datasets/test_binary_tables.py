"""Arrays and tables in .npz, .npy, .mat, HDF5, Parquet and .amat, as other programs write them."""

import bz2
import gzip
import json
import lzma
import sys

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import scipy.io
import scipy.sparse

from deeptutorial.datasets import read_dataset
from deeptutorial.datasets.load import read_undivided

RNG = np.random.default_rng(0)
X = RNG.random((12, 9)).astype("float32")
Y = np.arange(12) % 3
NAMES = [f"g{i}" for i in range(9)]


def check(examples, images=X, labels=Y):
    np.testing.assert_array_equal(examples.images, images)
    if labels is None:
        assert examples.labels is None
    else:
        np.testing.assert_array_equal(np.ravel(examples.labels), labels)


# ---- .npz


@pytest.mark.parametrize(
    "arrays",
    [
        {"x": X, "y": Y},
        {"X": X, "Y": Y},
        {"x": X, "y": Y, "unrelated": X},
        {"data": X, "target": Y},
        {"target": Y, "data": X},
        {"a": X, "b": Y[:, None]},
    ],
)
def test_a_pair_of_arrays(tmp_path, arrays):
    np.savez(tmp_path / "x.npz", **arrays)
    check(read_undivided(tmp_path / "x.npz"))


def test_arrays_by_position_and_by_name(tmp_path, refusal):
    path = tmp_path / "x.npz"
    np.savez(path, X, Y)
    check(read_undivided(path))
    np.savez(path, X)
    check(read_undivided(path), labels=None)
    np.savez(path, X, X + 1, X + 2)
    refusal(read_undivided, path, "got arr_0, arr_1, arr_2", f"{path}::arr_0")
    check(read_undivided(f"{path}::arr_1"), X + 1, None)
    assert read_dataset(f"{path}::arr_0").source == f"{path}::arr_0"
    refusal(lambda _: read_undivided(f"{path}::x"), path, "no array 'x', got arr_0")


def test_keras_names(tmp_path):
    np.savez(tmp_path / "x.npz", X_train=X, Y_train=Y, x_val=X[:2], y_val=Y[:2], x_test=X, y_test=Y)
    read = read_dataset(tmp_path / "x.npz")
    assert [len(part[0]) for part in (read.train, read.valid, read.test)] == [12, 2, 12]


def test_how_to_read_arrays(tmp_path, refusal):
    path = tmp_path / "x.npz"
    np.savez(path, np.column_stack([Y, X]))
    examples = read_undivided(path, label_column="1")
    check(examples)
    np.savez(path, X)
    check(read_undivided(path, transpose=True), X.T, None)
    with_hole = X.copy()
    with_hole[4, 2] = np.nan
    np.savez(path, with_hole)
    refusal(read_undivided, path, "row 5, column 3: the value is missing", "--impute")
    expected = X.copy()
    expected[4, 2] = np.delete(X[:, 2], 4).mean(dtype=np.float64)
    np.testing.assert_allclose(read_undivided(path, impute=True).images, expected, rtol=1e-6)
    np.savez(path, x_train=X, x_test=X)
    refusal(lambda _: read_undivided(path, transpose=True), path, "`transpose`", "parts")


@pytest.mark.parametrize("format", ["csr", "csc"])
def test_sparse_matrices(tmp_path, format):
    matrix = scipy.sparse.random(30, 40, 0.1, format=format, random_state=0)
    scipy.sparse.save_npz(tmp_path / "x.npz", matrix)
    check(read_undivided(tmp_path / "x.npz"), matrix.toarray(), None)


def test_sparse_matrices_that_are_refused(tmp_path, refusal):
    path = tmp_path / "x.npz"
    scipy.sparse.save_npz(path, scipy.sparse.random(30, 40, 0.1, format="coo", random_state=0))
    refusal(read_undivided, path, "row, col", "shape")
    scipy.sparse.save_npz(path, scipy.sparse.csr_matrix((10**6, 10**5)))
    refusal(read_undivided, path, "1000000 x 100000 values", "memory")
    good = scipy.sparse.random(30, 40, 0.1, format="csr", random_state=0)
    for change in ({"indices": good.indices + 100}, {"indptr": good.indptr[::-1]}):
        arrays = {"indices": good.indices, "indptr": good.indptr, "data": good.data}
        np.savez(path, format=b"csr", shape=good.shape, **(arrays | change))
        refusal(read_undivided, path, "cannot be read as .npz")


# ---- .npy


def test_bare_arrays(tmp_path, refusal):
    path = tmp_path / "rows.npy"
    np.save(path, X)
    check(read_undivided(path), labels=None)
    np.save(path, X[0])
    refusal(read_undivided, path, "got (9,)")
    np.save(path, np.array([1, None], dtype=object))
    refusal(read_undivided, path, "an array of objects, not of numbers", "np.stack")


def test_packed_arrays(tmp_path, refusal):
    np.save(tmp_path / "x.npy", X)
    content = (tmp_path / "x.npy").read_bytes()
    for pack, suffix in ((gzip, "gz"), (bz2, "bz2"), (lzma, "xz")):
        path = tmp_path / f"x.npy.{suffix}"
        path.write_bytes(pack.compress(content))
        check(read_undivided(path), labels=None)
        path.write_bytes(pack.compress(content)[:-20])
        refusal(read_undivided, path)
    (tmp_path / "x.mat.gz").write_bytes(gzip.compress(b""))
    refusal(read_undivided, tmp_path / "x.mat.gz", "unpack it first")


def test_what_lies_beside(tmp_path, refusal):
    path = tmp_path / "rows.npy"
    np.save(path, X)
    np.save(tmp_path / "rows.labels.npy", Y)
    about = {
        "columns": NAMES,
        "class_names": ["a", "b", "c"],
        "scaling": None,
        "identifiers": [f"s{i}" for i in range(12)],
        "image_shape": [3, 3],
    }
    (tmp_path / "rows.about.json").write_text(json.dumps(about))
    examples = read_undivided(path)
    check(examples)
    assert examples.columns == tuple(NAMES)
    assert examples.class_names == ("a", "b", "c")
    assert examples.identifiers.tolist() == about["identifiers"]
    assert examples.image_shape == (3, 3)
    for change in (
        *({"columns": ["a"]}, {"identifiers": ["a"]}, {"identifiers": 3}, {"image_shape": [3]}),
        *({"image_shape": [-3, -3]}, {"scaling": {}}, {"class_names": None}, {"other": 1}),
    ):
        (tmp_path / "rows.about.json").write_text(json.dumps(about | change))
        refusal(lambda _: read_undivided(path), tmp_path / "rows.about.json")
    (tmp_path / "rows.about.json").write_text("[" * 100_000)
    refusal(lambda _: read_undivided(path), tmp_path / "rows.about.json")


# ---- .mat


def test_matlab(tmp_path, refusal):
    path = tmp_path / "x.mat"
    text = np.array(["cell", "array"], dtype=object)
    for compress in (False, True):
        scipy.io.savemat(
            path, {"fea": X, "gnd": Y[:, None] + 1, "names": text}, do_compression=compress
        )
        examples = read_undivided(path)
        check(examples)
        assert examples.class_names == ("1", "2", "3")
    scipy.io.savemat(path, {"X": X, "y": Y[None]}, format="4")
    check(read_undivided(path))
    scipy.io.savemat(path, {"ff": (255 * X).astype("u1").T})
    check(read_undivided(path, transpose=True), (255 * X).astype("u1"), None)
    scipy.io.savemat(path, {"words": scipy.sparse.csc_matrix(X)})
    check(read_undivided(path), labels=None)
    scipy.io.savemat(path, {"names": text, "s": {"a": X}})
    refusal(read_undivided, path, "no array of numbers", "names (a cell)", "s (a structure)")
    scipy.io.savemat(path, {"a": X, "b": X})
    refusal(read_undivided, path, f"name one, as {path}::a")
    check(read_undivided(f"{path}::b"), labels=None)


def test_matlab_7_3(tmp_path):
    path = tmp_path / "x.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["X"], file["y"] = X.T, Y[None] + 1  # MATLAB's columns are HDF5's rows
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Jan  1 00:00:00 2024")
    check(read_undivided(path))


# ---- HDF5


def test_hdf5(tmp_path, refusal):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["x"] = (X * 255).astype("u1").reshape(12, 3, 3)
        file["y"] = np.array([b"cat", b"dog", b"eel"])[Y]
        file["deep/down/z"] = X * 2
        file.create_dataset("packed", data=X, compression="gzip", shuffle=True, chunks=True)
        file["texts"] = ["a"] * 12
    check(read_undivided(path), (X * 255).astype("u1").reshape(12, 3, 3))
    assert read_undivided(path).class_names == ("cat", "dog", "eel")
    check(read_undivided(f"{path}::deep/down/z"), X * 2, None)
    check(read_undivided(f"{path}::/packed"), X, None)
    refusal(lambda _: read_undivided(f"{path}::none"), path, "'none'", "got deep/down/z, packed")
    with h5py.File(path, "w") as file:
        file["features"], file["kinds"] = X, ["b", "a", "c"] * 4
    check(read_undivided(path), labels=[1, 0, 2] * 4)


def test_hdf5_reaches_nowhere(tmp_path, refusal):
    path, secret = tmp_path / "x.h5", tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = X
    (tmp_path / "raw").write_bytes(X.tobytes())
    layout = h5py.VirtualLayout(X.shape, X.dtype)
    layout[:] = h5py.VirtualSource(str(secret), "x", X.shape)
    with h5py.File(path, "w") as file:
        file["link"] = h5py.ExternalLink(str(secret), "x")
        file["soft"] = h5py.SoftLink("/nowhere")
        file["round"] = h5py.SoftLink("/round")
        file["to itself"] = file["/"]
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset(
            "raw", X.shape, X.dtype, external=[(str(tmp_path / "raw"), 0, h5py.h5f.UNLIMITED)]
        )
    for name, words in {
        "link": "another file",
        "virtual": "a virtual data set",
        "raw": "another file",
    }.items():
        refusal(lambda _, name=name: read_undivided(f"{path}::{name}"), path, words)
    for name in ("soft", "round", "to itself"):
        refusal(lambda _, name=name: read_undivided(f"{path}::{name}"), path, "no array")
    refusal(read_undivided, path, "another file")


def test_hdf5_loads_no_plugin(tmp_path, refusal):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plist.set_chunk((12, 9))
        plist.set_filter(307, h5py.h5z.FLAG_OPTIONAL)  # bzip2, which is not built in
        space = h5py.h5s.create_simple((12, 9))
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_FLOAT, space, plist).write(
            h5py.h5s.ALL, h5py.h5s.ALL, X
        )
    refusal(read_undivided, path, "a filter that is a plugin (number 307)")


def test_hdf5_that_claims_too_much(tmp_path, refusal):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", (10**7, 10**5), "f4", chunks=(10, 10))
    refusal(read_undivided, tmp_path / "x.h5", "100 times as large")


# ---- Parquet


def test_parquet(tmp_path, refusal):
    path = tmp_path / "x.parquet"
    frame = pd.DataFrame(X, columns=NAMES, index=[f"s{i}" for i in range(12)])
    frame["kind"] = np.array(["b", "a", "c"])[Y]
    frame.to_parquet(path)
    refusal(read_undivided, path, "'kind'", "--label-column kind")
    examples = read_undivided(path, label_column="kind")
    check(examples, labels=np.array([1, 0, 2])[Y])
    assert examples.class_names == ("a", "b", "c")
    assert examples.columns == tuple(NAMES)
    assert examples.identifiers.tolist() == list(frame.index)
    frame.to_csv(tmp_path / "x.csv")
    same = read_undivided(tmp_path / "x.csv", label_column="kind")
    np.testing.assert_allclose(same.images, examples.images, rtol=1e-6)
    assert (same.columns, same.class_names) == (examples.columns, examples.class_names)
    assert same.identifiers.tolist() == examples.identifiers.tolist()


def test_parquet_of_other_types(tmp_path, refusal, monkeypatch):
    path = tmp_path / "x.parquet"
    columns = {
        "id": ["a", "b", "c"],
        "small": pa.array([1, 2, 3], pa.int8()),
        "true": [True, False, True],
        "hole": [1.5, None, 2.5],
    }
    pa.parquet.write_table(pa.table(columns), path)
    refusal(read_undivided, path, "row 2 ('b'), column 3 ('hole')", "--impute")
    examples = read_undivided(path, impute=True)
    np.testing.assert_array_equal(examples.images, [[1, 1, 1.5], [2, 0, 2], [3, 1, 2.5]])
    pa.parquet.write_table(pa.table({"list": [[1, 2], [3]]}), path)
    refusal(read_undivided, path, "list")
    pixels = pa.table({f"pixel{i}": RNG.integers(0, 256, 40) for i in range(4)})
    pa.parquet.write_table(pixels, path, row_group_size=7)
    monkeypatch.setattr("deeptutorial.datasets.parquet.CELLS_OF_A_BLOCK", 20)
    examples = read_undivided(path)
    assert (examples.images.dtype, examples.image_shape) == (np.uint8, (2, 2))
    np.testing.assert_array_equal(examples.images, pixels.to_pandas().to_numpy())


# ---- .amat, and what is no table


def test_amat(tmp_path):
    np.savetxt(tmp_path / "x.amat", np.column_stack([X, Y]), fmt="%.9g")
    examples = read_undivided(tmp_path / "x.amat")
    np.testing.assert_allclose(examples.images, X, rtol=1e-8)
    assert np.array_equal(examples.labels, Y)
    assert examples.image_shape == (3, 3)


@pytest.mark.parametrize("name", ["x.npz", "x.npy", "x.h5", "x.parquet", "x.mat"])
def test_content_tells_where_the_name_does_not(tmp_path, name):
    path = tmp_path / name
    if name == "x.npz":
        np.savez(path, x=X)
    elif name == "x.npy":
        np.save(path, X)
    elif name == "x.mat":
        scipy.io.savemat(path, {"x": X})
    elif name == "x.h5":
        with h5py.File(path, "w") as file:
            file["x"] = X
    else:
        pd.DataFrame(X, columns=NAMES).to_parquet(path)
    check(read_undivided(path.rename(tmp_path / "own.data")), labels=None)


def test_what_would_do_instead(tmp_path, refusal):
    (tmp_path / "x.xlsx").write_bytes(b"PK\x03\x04")
    refusal(read_undivided, tmp_path / "x.xlsx", "save its sheet as CSV")
    pd.DataFrame(X).to_pickle(tmp_path / "x.pkl")
    refusal(read_undivided, tmp_path / "x.pkl", "refused", "to_parquet or to_csv")


@pytest.mark.parametrize(("suffix", "package"), [("h5", "h5py"), ("parquet", "pyarrow")])
def test_a_package_that_is_missing(tmp_path, refusal, monkeypatch, suffix, package):
    (tmp_path / f"x.{suffix}").write_bytes(b"")
    monkeypatch.setitem(sys.modules, package, None)
    for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
        monkeypatch.setitem(sys.modules, name, None)
    message = refusal(read_undivided, tmp_path / f"x.{suffix}", f"install {package}", "[tables]")
    assert "\n" not in message


def test_options_that_mean_nothing(tmp_path, refusal):
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(TypeError, match="unexpected keyword argument 'transposed'"):
        read_undivided(tmp_path / "x.npy", transposed=True)
    pd.DataFrame(X, columns=NAMES).to_parquet(tmp_path / "x.parquet")
    refusal(
        lambda _: read_undivided(tmp_path / "x.parquet", transpose=True),
        tmp_path / "x.parquet",
        "`transpose` means nothing",
        "`impute` and `label_column`",
    )
    (tmp_path / "x.csv").write_text("1,2\n")
    refusal(lambda _: read_undivided(f"{tmp_path / 'x.csv'}::x"), tmp_path / "x.csv", "::x")
