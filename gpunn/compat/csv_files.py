"""``tf.data.experimental``'s data sets of CSV files, read as a whole when they are gone through."""

import csv
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from gpunn.compat.files import decode_csv, matching_files
from gpunn.utils.dataset import Dataset

TYPES = ("float32", "float64", "int32", "int64", "string")  # those that fields may have
KINDS = (np.int32, np.int64, np.float32)  # of columns, by the first that takes all their fields; else texts


def _lines(path: Any, header: bool) -> list[str]:
    with open(str(path), encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file][header:]


def _default(one: Any) -> Any:
    """A type's name, as ``tf.float32`` is one, in the place of a default: a field that must be there."""
    named = isinstance(one, str) and one in TYPES
    return np.array([], str if one == "string" else one) if named else one


class CsvDataset(Dataset):
    """The lines of CSV files, one after another, as tuples of numbers and texts of the types of `record_defaults`; see `decode_csv`.

    A default that is a type is of a field which must be there. Raises ValueError for lines that do not fit, when they come."""

    def __init__(
        self, filenames: Any, record_defaults: Sequence[Any], compression_type: Any = None, buffer_size: Any = None, header: bool = False,
        field_delim: str = ",", use_quote_delim: bool = True, na_value: str = "", select_cols: Sequence[int] | None = None,
        exclude_cols: Sequence[int] | None = None,
    ):
        if compression_type or exclude_cols is not None:
            raise ValueError("CsvDataset reads plain files, and columns by select_cols. Received: compression_type or exclude_cols.")
        paths = np.atleast_1d(np.asarray(filenames, str))
        defaults = [_default(one) for one in record_defaults]

        def rows() -> Iterator[Any]:
            for path in paths:
                lines = np.array(_lines(path, header), str)
                yield from zip(*decode_csv(lines, defaults, field_delim, use_quote_delim, na_value, select_cols), strict=True)

        super().__init__(rows, None)


def make_csv_dataset(
    file_pattern: Any, batch_size: int, column_names: Sequence[str] | None = None, column_defaults: Sequence[Any] | None = None,
    label_name: str | None = None, select_columns: Sequence[Any] | None = None, field_delim: str = ",", use_quote_delim: bool = True,
    na_value: str = "", header: bool = True, num_epochs: int | None = None, shuffle: bool = True, shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None, num_rows_for_inference: int = 100, ignore_errors: bool = False, **unused: Any,
) -> Dataset:
    """Batches of CSV files: a dict of columns by name, or (that, the column `label_name`).

    Types are those of `column_defaults`, or of the first rows: int32, int64, float32, or texts. Goes round for ever unless `num_epochs` is
    given; all batches are whole then. Raises FileNotFoundError where the pattern stands for no file, ValueError for unknown columns."""
    paths = [str(path) for path in matching_files(file_pattern)]
    if not paths:
        raise FileNotFoundError(f"make_csv_dataset: no file for {file_pattern!r}.")
    form = {"delimiter": field_delim, "quoting": csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE}
    first = _lines(paths[0], False)
    if column_names is None and not header:
        raise ValueError("make_csv_dataset: expected column_names where files have no header.")
    names = list(next(csv.reader(first[:1], **form)) if column_names is None else column_names)  # type: ignore[arg-type]
    wanted = list(names if select_columns is None else [names[c] if isinstance(c, int) else c for c in select_columns])
    if unknown := [name for name in [*wanted, *([] if label_name is None else [label_name])] if name not in names]:
        raise ValueError(f"make_csv_dataset: expected columns among {names}. Received: {unknown}.")
    places = [names.index(name) for name in wanted]
    if column_defaults is None:
        rows = list(csv.reader(first[header : header + num_rows_for_inference], **form))  # type: ignore[arg-type]
        defaults = [_inferred([row[i] for row in rows], na_value) for i in places]
    else:
        own = len(column_defaults) == len(wanted)  # else they are of all columns
        defaults = [_default(one) for one in (column_defaults if own else [column_defaults[i] for i in places])]
    lines = np.array([line for path in paths for line in _lines(path, header) if line], str)
    columns: dict[str, Any] = dict(zip(wanted, decode_csv(lines, defaults, field_delim, use_quote_delim, na_value, places), strict=True))
    label = None if label_name is None else columns.pop(label_name)
    found = Dataset.from_tensor_slices(columns if label is None else (columns, label))
    if shuffle:
        found = found.shuffle(shuffle_buffer_size, shuffle_seed)
    return found.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None)


def _inferred(fields: Sequence[str], na_value: str) -> Any:
    """The default of a column: 0 of the first type that takes all its fields, or the empty text."""
    given = [field for field in fields if field not in ("", na_value)]
    for kind in KINDS:
        try:
            np.array([kind(field) for field in given])
            return np.zeros((), kind)
        except (ValueError, OverflowError):
            continue
    return ""
