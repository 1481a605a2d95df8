"""What the tests of augmentation layers share: images, a layer of every kind, what a training step draws and makes of them."""

import numpy as np

from gpunn import layers, random
from gpunn.layers.base import Rng

RNG = np.random.default_rng(3)
COLOUR = RNG.uniform(0, 255, (5, 12, 9, 3))
GREY = RNG.uniform(0, 255, (6, 11, 11, 1))

MAKE = {
    "rotation": lambda **o: layers.RandomRotation((-0.1, 0.2), **o),
    "flip": lambda **o: layers.RandomFlip(**o),
    "translation": lambda **o: layers.RandomTranslation((-0.3, 0.2), 0.25, **o),
    "zoom": lambda **o: layers.RandomZoom((-0.3, 0.4), 0.2, **o),
    "zoom of both": lambda **o: layers.RandomZoom(0.4, **o),
    "shear": lambda **o: layers.RandomShear(0.3, 0.2, **o),
    "affine": lambda **o: layers.RandomAffine(0.1, 0.2, 0.1, 0.2, 0.3, "horizontal_and_vertical", **o),
    "crop": lambda **o: layers.RandomCrop(7, 6, **o),
    "brightness": lambda **o: layers.RandomBrightness((-0.2, 0.3), **o),
    "contrast": lambda **o: layers.RandomContrast((0.3, 0.6), **o),
    "saturation": lambda **o: layers.RandomSaturation(1.0, **o),
    "channel shift": lambda **o: layers.RandomChannelShift(40, **o),
    "salt and pepper": lambda **o: layers.SaltAndPepper(0.2, **o),
    "blur": lambda **o: layers.RandomGaussianBlur((0.5, 0.8), (3, 5), (0.3, 2.0), **o),
    "erasing": lambda **o: layers.RandomErasing((0.5, 1.0), **o),
    "cutout": lambda **o: layers.Cutout((4, 3), rate=0.7, **o),
    "elastic": lambda **o: layers.RandomElasticTransform((0.5, 0.9), **o),
    "grayscale": lambda **o: layers.RandomGrayscale(0.6, **o),
    "invert": lambda **o: layers.RandomInvert((0.4, 0.8), **o),
    "hue": lambda **o: layers.RandomHue((0.2, 0.9), **o),
    "jitter": lambda **o: layers.RandomColorJitter((0, 255), 0.3, 0.4, (0.3, 0.6), 0.2, **o),
    "posterization": lambda **o: layers.RandomPosterization((1, 6), **o),
    "sharpness": lambda **o: layers.RandomSharpness((0.1, 0.9), **o),
    "colour degeneration": lambda **o: layers.RandomColorDegeneration((0.2, 0.9), **o),
    "solarization": lambda **o: layers.Solarization(0.3, 0.8, **o),
    "perspective": lambda **o: layers.RandomPerspective((0.5, 1.0), **o),
    "rand augment": lambda **o: layers.RandAugment(**o),
    "augmix": lambda **o: layers.AugMix(**o),
}  # fmt: skip


def trained(layer, x, ops, step=4):
    """The output of a training step, as NumPy."""
    layer.backend = ops
    layer.rng = Rng(ops, random.current_seed())
    ops.write(layer.rng.step, step)
    return ops.to_numpy(layer.forward(ops.asarray(x), True)[0])


def drawn(layer, rows, ranges, ops, step=4):
    layer.backend, layer.rng = ops, Rng(ops, random.current_seed())
    ops.write(layer.rng.step, step)
    return ops.to_numpy(layer.draw(rows, ranges))
