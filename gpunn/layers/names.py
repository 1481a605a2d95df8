"""Names as Keras counts them."""

_counts: dict[str, int] = {}


def fresh_name(base: str) -> str:
    """``dense``, ``dense_1``, ``dense_2`` ...: names as Keras counts them."""
    n = _counts[base] = _counts.get(base, -1) + 1
    return base if n == 0 else f"{base}_{n}"


def reset_names() -> None:
    _counts.clear()
