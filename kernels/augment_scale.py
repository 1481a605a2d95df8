"""Numbers brought to a scale, with coefficients for each column."""

from gpunn.kernels.elementwise import elementwise


@elementwise("x, scale:row, offset:row -> y", family="augment_scale")
def scale_columns(x, scale, offset):
    return x * scale + offset


@elementwise("x, mean:row, variance:row, least:const -> y", family="augment_scale")
def standardize(x, mean, variance, least):
    return (x - mean) / maximum(sqrt(variance), least)  # noqa: F821


@elementwise("x, mean:row, variance:row, least:const -> y", family="augment_scale")
def unstandardize(x, mean, variance, least):
    return x * maximum(sqrt(variance), least) + mean  # noqa: F821
