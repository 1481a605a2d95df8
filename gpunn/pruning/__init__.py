"""Pruning: weights of small magnitude set to zero and held there in training, round by round, with rewinding; and how sparse a model is.

::

    for r in pruning.rounds(model, lambda m: m.fit(x, y, epochs=3, verbose=0), 5, share=0.2):
        print(r.number, f"{r.left:.1%} of the weights left", r.result.history["loss"][-1])

``python -m gpunn.pruning.lottery`` runs the lottery-ticket experiment (Frankle & Carbin 2019) on MNIST.
"""

from gpunn.pruning.masks import Mask, held, hold, magnitude, prunable, random, release
from gpunn.pruning.report import Sparsity, sparsity
from gpunn.pruning.rounds import Round, rounds

__all__ = ["Mask", "Round", "Sparsity", "held", "hold", "magnitude", "prunable", "random", "release", "rounds", "sparsity"]
__dir__ = __all__.copy
