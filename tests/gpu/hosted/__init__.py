"""The GPU's own backend without a GPU: the real CuPy above a device in host memory. See `install`."""
