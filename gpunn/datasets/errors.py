"""The one exception that everything in ``gpunn.datasets`` raises for missing, damaged or unreachable data."""


class DatasetError(ValueError):
    """A data set is missing, damaged or cannot be downloaded; the message names the file, the place and the way out."""
