"""What ``__version__`` says under the served names: whose interface it is, and after the plus sign, that it is gpunn."""

import gpunn

KERAS = f"3.15.1+gpunn.{gpunn.__version__}"
TENSORFLOW = f"2.16.0+gpunn.{gpunn.__version__}"  # the first TensorFlow whose tf.keras is Keras 3


def version() -> str:
    """``keras.version()``."""
    return KERAS
