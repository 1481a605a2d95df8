"""Inputs of what joins the parts of a tall matrix."""


def _moments(m, rows, columns):
    """Parts of three rows, the last of one or two."""
    parts = max(rows, 1)
    return [m.real(parts, columns), m.positive(parts, columns), 3, 3 * parts - 1 - parts % 2, m.blank(columns), m.blank(columns)]


MAKERS = {"join_moments": _moments}
