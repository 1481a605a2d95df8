"""Studies: what the batch size does, and the lectures' claims put to the test."""

from gpunn.studies.batch_size import BatchSizeStudy
from gpunn.studies.gradients import Gradients
from gpunn.studies.noise import GradientNoiseScale
from gpunn.studies.results import Results
from gpunn.studies.sharpness import keskar_sharpness, top_eigenvalue

__all__ = ["BatchSizeStudy", "GradientNoiseScale", "Gradients", "Results", "keskar_sharpness", "top_eigenvalue"]
