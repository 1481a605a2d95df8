"""ONNX: a model for inference in other runtimes (``pip install "gpunn[onnx]"``)."""

from gpunn.models.onnx.model import export

__all__ = ["export"]
