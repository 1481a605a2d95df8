"""Models that train by a tape in their own way: two optimizers (DCGAN), a variational autoencoder, steps without a compiled loss."""

import numpy as np
import pytest

import gpunn
from gpunn import GradientTape, losses, metrics, ops, optimizers
from gpunn import layers as L
from gpunn.ops.drawing import normal
from gpunn.utils.dataset import Dataset

pytestmark = pytest.mark.usefixtures("cpu")
rng = np.random.default_rng(0)
IMAGES = np.repeat(rng.uniform(0, 1, (24, 1, 1, 1)) > 0.5, 64).reshape(24, 8, 8, 1).astype(np.float32)


class Sampling(L.Layer):
    def call(self, inputs):
        z_mean, z_log_var = inputs
        return z_mean + ops.exp(0.5 * z_log_var) * normal(ops.shape(z_mean), seed=3)


class VAE(gpunn.Model):
    """The one of keras.io."""

    def __init__(self, encoder, decoder, **named):
        super().__init__(**named)
        self.encoder, self.decoder = encoder, decoder
        self.total_loss_tracker = metrics.Mean(name="total_loss")
        self.kl_loss_tracker = metrics.Mean(name="kl_loss")

    @property
    def metrics(self):
        return [self.total_loss_tracker, self.kl_loss_tracker]

    def train_step(self, data):
        with GradientTape() as tape:
            z_mean, z_log_var, z = self.encoder(data)
            reconstruction = self.decoder(z)
            reconstruction_loss = ops.mean(ops.sum(losses.binary_crossentropy(data, reconstruction), axis=(1, 2)))
            kl_loss = -0.5 * (1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var))
            kl_loss = ops.mean(ops.sum(kl_loss, axis=1))
            total_loss = reconstruction_loss + kl_loss
        grads = tape.gradient(total_loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights, strict=True))
        self.total_loss_tracker.update_state(total_loss)
        self.kl_loss_tracker.update_state(kl_loss)
        return {"loss": self.total_loss_tracker.result(), "kl_loss": self.kl_loss_tracker.result()}


def vae():
    x0 = gpunn.Input((8, 8, 1))
    x = L.Dense(16, "relu")(L.Flatten()(L.Conv2D(4, 3, 2, "same", activation="relu")(x0)))
    z_mean, z_log_var = L.Dense(2, name="z_mean")(x), L.Dense(2, name="z_log_var")(x)
    encoder = gpunn.Model(x0, [z_mean, z_log_var, Sampling()([z_mean, z_log_var])], name="encoder")
    z = gpunn.Input((2,))
    y = L.Reshape((4, 4, 4))(L.Dense(64, "relu")(z))
    y = L.Conv2DTranspose(1, 3, 2, "same", activation="sigmoid")(y)
    return VAE(encoder, gpunn.Model(z, y, name="decoder"))


def test_a_variational_autoencoder():
    model = vae()
    model.compile(optimizer=optimizers.Adam(0.01))
    history = model.fit(IMAGES, epochs=15, batch_size=8, verbose=0).history
    assert list(history) == ["loss", "kl_loss"] and history["loss"][-1] < 0.97 * history["loss"][0] and model.optimizer.iterations == 45
    draws = []
    for _ in range(2):
        with GradientTape():
            draws.append(np.asarray(model.encoder(IMAGES)[2]))
    assert np.abs(draws[0] - draws[1]).max() > 0.1  # every call draws anew


class GAN(gpunn.Model):
    """keras.io's and its guide's."""

    def __init__(self, discriminator, generator, latent_dim):
        super().__init__()
        self.discriminator, self.generator, self.latent_dim = discriminator, generator, latent_dim
        self.d_loss_tracker, self.g_loss_tracker = metrics.Mean(name="d_loss"), metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn

    def train_step(self, real_images):
        batch_size = ops.shape(real_images)[0]
        noise = normal((batch_size, self.latent_dim))
        generated = self.generator(noise)
        combined = ops.concatenate([generated, real_images], axis=0)
        labels = ops.concatenate([np.ones((batch_size, 1)), np.zeros((batch_size, 1))], axis=0)
        with GradientTape() as tape:
            predictions = self.discriminator(combined)
            d_loss = self.loss_fn(labels, predictions)
        grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        before = [w.numpy() for w in self.generator.weights]
        self.d_optimizer.apply(grads, self.discriminator.trainable_weights)
        assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, self.generator.weights, strict=True))
        before = [w.numpy() for w in self.discriminator.weights]
        with GradientTape() as tape:
            predictions = self.discriminator(self.generator(noise))
            g_loss = self.loss_fn(np.zeros((batch_size, 1)), predictions)
        grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply(grads, self.generator.trainable_weights)
        assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, self.discriminator.weights, strict=True))
        self.d_loss_tracker.update_state(d_loss)
        self.g_loss_tracker.update_state(g_loss)
        return {"d_loss": self.d_loss_tracker.result(), "g_loss": self.g_loss_tracker.result()}


def gan():
    discriminator = gpunn.Sequential(
        [gpunn.Input((8, 8, 1)), L.Conv2D(4, 3, 2, "same"), L.LeakyReLU(negative_slope=0.2), L.Flatten(), L.Dropout(0.2), L.Dense(1)]
    )
    generator = gpunn.Sequential(
        [gpunn.Input((3,)), L.Dense(4 * 4 * 2), L.Reshape((4, 4, 2)), L.Conv2DTranspose(1, 4, 2, "same", activation="sigmoid")]
    )
    return GAN(discriminator, generator, 3)


def test_two_optimizers():
    model = gan()
    model.compile(optimizers.Adam(0.01), optimizers.Adam(0.002), losses.BinaryCrossentropy(from_logits=True))
    history = model.fit(IMAGES, epochs=10, batch_size=8, verbose=0).history
    assert list(history) == ["d_loss", "g_loss"] and history["d_loss"][-1] < history["d_loss"][0]
    assert model.d_optimizer.iterations == model.g_optimizer.iterations == 30
    model.fit(Dataset.from_tensor_slices(IMAGES).batch(8), epochs=1, verbose=0)


def test_two_tapes_at_once():
    """TensorFlow's DCGAN tutorial: both gradients of one forward pass, then both updates."""
    model, noise = gan(), rng.standard_normal((8, 3)).astype(np.float32)
    entropy = losses.BinaryCrossentropy(from_logits=True)
    with GradientTape() as gen_tape, GradientTape() as disc_tape:
        images = model.generator(noise, training=True)
        real, fake = model.discriminator(IMAGES[:8], training=True), model.discriminator(images, training=True)
        gen_loss = entropy(ops.ones_like(fake), fake)
        disc_loss = entropy(ops.ones_like(real), real) + entropy(ops.zeros_like(fake), fake)
    of_generator = gen_tape.gradient(gen_loss, model.generator.trainable_variables)
    of_discriminator = disc_tape.gradient(disc_loss, model.discriminator.trainable_variables)
    assert all(np.abs(np.asarray(g)).max() > 0 for g in (*of_generator, *of_discriminator))
    optimizers.Adam().apply_gradients(zip(of_generator, model.generator.trainable_variables, strict=True))
    optimizers.Adam().apply_gradients(zip(of_discriminator, model.discriminator.trainable_variables, strict=True))


class Lower(gpunn.Model):
    """The guide's "going lower-level": neither loss nor metrics of compile."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.loss_tracker, self.mae_metric = metrics.Mean(name="loss"), metrics.MeanAbsoluteError(name="mae")
        self.loss_fn = losses.MeanSquaredError()

    def train_step(self, data):
        x, y = data
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.loss_fn(y, y_pred)
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        self.loss_tracker.update_state(loss)
        self.mae_metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}

    @property
    def metrics(self):
        return [self.loss_tracker, self.mae_metric]


def test_without_a_loss_of_compile():
    inputs = gpunn.Input((32,))
    model = Lower(inputs, L.Dense(1)(inputs))
    model.compile(optimizer="adam")
    x, y = rng.random((100, 32)), rng.random((100, 1))
    history = model.fit(x, y, epochs=5, verbose=0).history
    assert list(history) == ["loss", "mae"] and history["loss"][-1] < history["loss"][0]
    with pytest.raises(ValueError, match="the model was compiled without a loss"):
        model.evaluate(x, y, verbose=0)
