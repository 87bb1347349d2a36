"""How clean does a dA make pictures that it has never seen?

A dA is trained on the built-in digits with salt-and-pepper noise. Then the first thousand digits of
the test set get such noise, from NumPy, and go as PNG files through the command ``deeptutorial
denoise``. Compared with the digits as they were, in decibels of peak signal to noise, beside what a
median filter makes of them, which is what one would take against such noise without learning
anything::

    python -m studies.denoising

The figures are printed, and ``studies/results/denoising.png`` shows the first digits: as they were,
with noise, after the median filter, after the dA.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import median_filter

from deeptutorial.commands import main as deeptutorial
from deeptutorial.datasets import read_dataset
from deeptutorial.datasets.pictures import read_picture
from deeptutorial.images import tile_raster_images

RESULTS = Path(__file__).parent / "results"
N_SHOWN = 12


def with_salt_and_pepper(images: np.ndarray, level: float) -> np.ndarray:
    """Set a part of the pixels to black or white, as a fair coin falls."""
    rng = np.random.default_rng(0)
    hit = rng.random(images.shape) < level
    salt = rng.random(images.shape) < 0.5
    return np.where(hit, salt * np.float32(255 / 256), images)


def psnr(images: np.ndarray, clean: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in decibels, over all the images as one signal."""
    return float(-10 * np.log10(np.mean((images - clean) ** 2, dtype="float64")))


def to_bytes(images: np.ndarray) -> np.ndarray:
    return np.rint(images * 256).clip(0, 255).astype("uint8")


def denoised_by_command(images: np.ndarray, model: Path, folder: Path) -> np.ndarray:
    """Write images as files, let the command clean them, and read what came out."""
    (folder / "noisy").mkdir()
    for k, image in enumerate(to_bytes(images)):
        Image.fromarray(image).save(folder / "noisy" / f"{k:04}.png")
    run("denoise", model, folder / "noisy", "--output", folder / "clean")
    return np.stack([read_picture(path) for path in sorted((folder / "clean").iterdir())])


def run(*arguments: object):
    """Run the command, in this process."""
    try:
        status = deeptutorial([str(argument) for argument in arguments])
    except SystemExit as ended:  # `train` runs a script, which exits
        status = ended.code
    if status:
        raise SystemExit(status)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--corruption-level", type=float, default=0.3, help="in both places")
    parser.add_argument("--training-epochs", type=int, default=15, help="of the dA")
    parser.add_argument("--n-hidden", type=int, default=500, help="units of the dA")
    parser.add_argument("--n-test", type=int, default=1000, help="digits to clean")
    settings = parser.parse_args()
    level = settings.corruption_level

    data = read_dataset("digits")
    clean = data.test[0][: settings.n_test].reshape(-1, *data.image_shape)
    noisy = with_salt_and_pepper(clean, level)
    with tempfile.TemporaryDirectory() as folder:
        run(
            *("train", "dA", "--dataset", "digits", "--output-folder", folder),
            *("--corruption", "salt-and-pepper", "--corruption-level", level),
            *("--training-epochs", settings.training_epochs, "--n-hidden", settings.n_hidden),
        )
        model = Path(folder, f"dA_corruption_{level * 100:g}.npz")
        cleaned = denoised_by_command(noisy, model, Path(folder))
    filtered = median_filter(noisy, size=(1, 3, 3))

    print(f"{len(clean)} digits, {level * 100:g} % salt and pepper, PSNR against the originals:")
    for name, images in {
        "with noise": noisy,
        "after a median filter of 3x3": filtered,
        "after deeptutorial denoise": cleaned,
    }.items():
        print(f"{name:30} {psnr(images, clean):5.2f} dB")

    rows = np.concatenate([images[:N_SHOWN] for images in (clean, noisy, filtered, cleaned)])
    tiles = tile_raster_images(
        rows.reshape(len(rows), -1),
        data.image_shape,
        (4, N_SHOWN),
        (2, 2),
        scale_rows_to_unit_interval=False,
    )
    RESULTS.mkdir(exist_ok=True)
    picture = Image.fromarray(tiles)
    picture.resize((picture.width * 2, picture.height * 2), Image.Resampling.NEAREST).save(
        RESULTS / "denoising.png"
    )


if __name__ == "__main__":
    main()
