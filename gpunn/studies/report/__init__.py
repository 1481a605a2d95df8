"""The report of a batch-size study: one HTML file without any other, and pictures."""

from gpunn.studies.report.page import write

__all__ = ["write"]
