"""The codes of more examples than memory holds, worked out by the workers of a Dask cluster.

    pip install 'deeptutorial[dask]'
    python examples/encode_with_dask.py dA_plots/dA_corruption_30.npz rows.npy codes

`rows.npy` is a file of one example a row, or a folder of such files, one behind the other. They are
mapped where they are needed, block by block; each worker loads the model once; and each block of
codes goes to a file in the folder `codes`, which `dask.array.from_npy_stack("codes")` makes an
array of again. For Parquet, take as rows

    dask.dataframe.read_parquet("folder").to_dask_array(lengths=True)

The cluster here is one of two processes on this machine. To use one of many, start `dask scheduler`
on one of them and `dask worker tcp://THAT_ONE:8786` on each, let all of them see the files under
the same paths, and add `--scheduler tcp://THAT_ONE:8786`; nothing else changes.
"""

import argparse
from pathlib import Path

import dask.array
import numpy as np
import pytensor
from dask import delayed
from distributed import Client, get_worker

from deeptutorial import SdA, load_model

ROWS_A_BLOCK = 10_000


def read(path, start, stop):
    """Return some rows of a file; this and `encode` run in the workers."""
    return np.load(path, mmap_mode="r")[start:stop]


def encode(rows, path):
    """Return the codes of rows; the model is loaded where a worker has none yet."""
    worker = get_worker()
    if getattr(worker, "encoder_path", None) != path:
        worker.encoder, worker.encoder_path = encoder(load(path)), path
    return worker.encoder(np.asarray(rows, dtype="float32"))


def load(path):
    pytensor.config.floatX = "float32"
    return load_model(path)


def encoder(model):
    if isinstance(model, SdA):
        return model.transform
    return pytensor.function([model.x], model.get_hidden_values(model.x))


def rows_of(source, rows_a_block=ROWS_A_BLOCK):
    """Return the rows of a file, or of all files of a folder, as an array that is read lazily."""
    source = Path(source).resolve()
    blocks = []
    for path in sorted(source.glob("*.npy")) if source.is_dir() else [source]:
        n_rows, n_values = np.load(path, mmap_mode="r").shape
        for start in range(0, n_rows, rows_a_block):
            stop = min(start + rows_a_block, n_rows)
            block = delayed(read)(str(path), start, stop)
            blocks.append(dask.array.from_delayed(block, (stop - start, n_values), "float32"))
    return dask.array.concatenate(blocks)


def codes_of(rows, model_path):
    """Return the codes of rows, an array that is worked out when it is asked for."""
    path = str(Path(model_path).resolve())
    model = load(path)
    n_units = model.hidden_layers_sizes[-1] if isinstance(model, SdA) else model.n_hidden
    shapes = (rows.chunks[0], (n_units,))
    return rows.map_blocks(encode, path, chunks=shapes, meta=np.empty((0, 0), "float32"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="a file that dA.py or SdA.py has saved")
    parser.add_argument("rows", help="a .npy file, or a folder of them")
    parser.add_argument("codes", help="the folder that the codes go to")
    parser.add_argument("--scheduler", help="of a cluster that is there, tcp://machine:8786")
    options = parser.parse_args()

    try:
        codes = codes_of(rows_of(options.rows), options.model)
    except FileNotFoundError as error:
        parser.error(f"{error.filename}: no such file")
    # Without an address, a client starts a cluster of this kind on this machine.
    here = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with Client(options.scheduler) if options.scheduler else Client(**here):
        dask.array.to_npy_stack(options.codes, codes)
    print(f"{codes.shape[0]} codes of {codes.shape[1]} units are in {options.codes}")


if __name__ == "__main__":  # the workers import this file
    main()
