"""Gradients of tables of words on a device: in two launches where there are many places, the same numbers, and the same bits each time."""

import numpy as np
import pytest
from kernel_targets import needs_gxx

import gpunn
from gpunn import layers, models

pytestmark = needs_gxx
RNG = np.random.default_rng(4)


def text_model(device, mask_zero):
    gpunn.utils.set_random_seed(3)
    with gpunn.device(device):
        model = models.Sequential(
            [layers.Input((40,)), layers.Embedding(60, 5, mask_zero=mask_zero), layers.GlobalAveragePooling1D(), layers.Dense(3, "softmax")]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("mask_zero", [False, True])
def test_a_model_of_words_trains_as_on_the_cpu(shared_sim, mask_zero):
    x = np.where(RNG.random((64, 40)) < 0.6, 0, RNG.integers(0, 60, (64, 40)))  # most are padding, as texts are
    y = RNG.integers(0, 3, 64)
    weights = []
    for device in ("sim", "sim", "cpu"):
        model = text_model(device, mask_zero)
        model.fit(x, y, batch_size=32, epochs=2, verbose=0)
        weights.append(model.get_weights())
        if device == "sim":
            said = model.explain(32, print_fn=lambda text: None)
            assert "merge_words x 1280" in said and "add_words x 60" in said and "embed_bwd" not in said
    for first, again, cpu in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, again)
        np.testing.assert_allclose(first, cpu, rtol=1e-5, atol=1e-6)


def test_few_words_take_one_launch(shared_sim):
    said = text_model("sim", False).explain(8, print_fn=lambda text: None)
    assert "embed_bwd x 60" in said and "merge_words" not in said
