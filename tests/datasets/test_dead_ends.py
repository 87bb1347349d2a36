"""What is said of folders that are no data sets, but near to one."""

import struct

import numpy as np
import pytest

from deeptutorial.datasets import read_dataset
from deeptutorial.datasets.dead_ends import what_would_do
from deeptutorial.datasets.idx import IDX_NAMES


def test_the_folder_that_would_do_is_named(tmp_path, refusal):
    raw = tmp_path / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    images = struct.pack(">HBBIII", 0, 8, 3, 12, 1, 1) + bytes(12)
    labels = struct.pack(">HBBI", 0, 8, 1, 12) + bytes(12)
    for name in IDX_NAMES:
        (raw / name).write_bytes(images if "images" in name else labels)
    for folder in (raw.parent, raw.parent.parent):
        message = refusal(read_dataset, folder, f"name the folder {raw}")
    named = message.split("name the folder ")[1]
    assert read_dataset(named).image_shape == (1, 1)


def test_folder_of_cifar_is_named(tmp_path, refusal):
    batches = tmp_path / "cifar-10-batches-py"
    batches.mkdir()
    for name in ("data_batch_1", "test_batch"):
        (batches / name).touch()
    refusal(read_dataset, tmp_path, f"name the folder {batches}")


@pytest.mark.parametrize("name", ["mnist.idx3", "train-images.idx3.gz", "images-ubyte (1).gz"])
def test_names_that_are_nearly_those_of_mnist(tmp_path, refusal, name):
    (tmp_path / name).touch()
    refusal(read_dataset, tmp_path, f"{name} looks like one", *IDX_NAMES)


def test_file_in_the_folder_is_named(tmp_path, refusal):
    np.savez(tmp_path / "mine.npz", x=np.zeros((3, 2)))
    (tmp_path / ".hidden").touch()
    refusal(read_dataset, tmp_path, "if mine.npz is the data set, name that file")


def test_nothing_is_said_where_there_is_nothing(tmp_path):
    assert what_would_do(tmp_path) == ""
    (tmp_path / "empty").mkdir()
    assert what_would_do(tmp_path) == ""
    assert what_would_do(tmp_path / "nowhere") == ""
