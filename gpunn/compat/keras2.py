"""Names that Keras had before version 3, and that have no successor of the same meaning."""

from gpunn.config import set_image_data_format


class Reduction:
    """``keras.losses.Reduction``: the reductions of losses, as words."""

    AUTO = SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    NONE, SUM = "none", "sum"


def image_dim_ordering() -> str:
    """Keras 1's word for channels that come last."""
    return "tf"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Accepts "tf" alone: channels last. Raises ValueError for anything else."""
    set_image_data_format("channels_last" if dim_ordering == "tf" else dim_ordering)
