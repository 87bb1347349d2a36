"""CIFAR-10 and CIFAR-100 as folders of pickles, written here."""

import pickle

import numpy as np
import pytest

from deeptutorial.datasets import read_dataset


def batch(first, n=6, **more):
    """Return pictures whose red, green and blue are marked by their number."""
    planes = np.zeros((n, 3, 32, 32), "u1")
    planes[:, :, 2, 7] = np.arange(first, first + n)[:, None] + [0, 80, 160]
    return {b"data": planes.reshape(n, 3072), b"labels": [i % 3 for i in range(n)], **more}


def write(folder, protocol=2, **contents):
    for name, content in contents.items():
        (folder / name.replace("META", "batches.meta")).write_bytes(pickle.dumps(content, protocol))
    return folder


@pytest.fixture
def cifar_10(tmp_path):
    batches = {f"data_batch_{i}": batch(10 * i) for i in range(1, 6)}
    meta = {b"label_names": [b"airplane", b"automobile", b"bird"], b"num_vis": 3072}
    return write(tmp_path, **batches, test_batch=batch(0, 4), META=meta)


def test_cifar_10(cifar_10):
    dataset = read_dataset(cifar_10)
    assert dataset.image_shape == (32, 32, 3)
    pictures = dataset.train[0].reshape(-1, 32, 32, 3) * 256
    marks = [10 * i + j for i in range(1, 6) for j in range(6)]
    assert pictures[:, 2, 7].tolist() == [[m, m + 80, m + 160] for m in marks[:25]]
    assert pictures.sum() == pictures[:, 2, 7].sum()
    assert (dataset.valid[0].reshape(-1, 32, 32, 3)[:, 2, 7, 0] * 256).tolist() == marks[25:]
    assert dataset.test[1].tolist() == [0, 1, 2, 0]
    assert dataset.class_names == ("airplane", "automobile", "bird")


@pytest.mark.parametrize("meta", [None, [1], {"label_names": [1]}, {}])
def test_names_may_be_missing(cifar_10, meta):
    write(cifar_10, META=meta)
    assert read_dataset(cifar_10).class_names == ()


def test_fewer_batches_do(cifar_10):
    for i in (2, 3, 4, 5):
        (cifar_10 / f"data_batch_{i}").unlink()
    assert len(read_dataset(cifar_10).train[1]) == 5


def test_fine_classes_of_cifar_100(tmp_path):
    def content(n):
        whole = batch(0, n)
        fine = whole.pop(b"labels")
        return {**whole, b"coarse_labels": [0] * n, b"fine_labels": fine}

    meta = {"fine_label_names": ["apple", "aquarium_fish", "baby"], "coarse_label_names": ["x"]}
    dataset = read_dataset(write(tmp_path, train=content(12), test=content(3), meta=meta))
    assert dataset.test[1].tolist() == [0, 1, 2]
    assert dataset.class_names == ("apple", "aquarium_fish", "baby")


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_damaged_file_is_named(cifar_10, refusal, name):
    (cifar_10 / name).write_bytes(b"no pickle")
    refusal(lambda _: read_dataset(cifar_10), cifar_10 / name, "not a whole pickle")


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch"])
def test_pictures_of_other_sizes_are_refused(cifar_10, refusal, name):
    write(cifar_10, **{name: {b"data": np.zeros((6, 12), "u1"), b"labels": [0] * 6}})
    refusal(read_dataset, cifar_10, "size")


def test_batch_that_is_another_data_set_is_refused(cifar_10, refusal):
    part = (np.zeros((12, 4)), [0, 1] * 6)
    write(cifar_10, data_batch_3=(part, part))
    refusal(lambda _: read_dataset(cifar_10), cifar_10 / "data_batch_3", "data and labels")
