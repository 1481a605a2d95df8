"""The lectures' claims, each as a small seeded experiment with a measurement, a picture and a verdict. One file a family."""

from gpunn.studies.claims import (  # noqa: F401
    activations,
    batch,
    capacity,
    depth,
    gates,
    images,
    losses,
    optimization,
    pruning,
    rates,
    regularization,
    sequences,
    theory,
)
from gpunn.studies.claims.base import CLAIMS, Claim, Outcome, Record, Scale, try_claim

__all__ = ["CLAIMS", "Claim", "Outcome", "Record", "Scale", "try_claim"]
