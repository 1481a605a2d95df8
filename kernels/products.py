"""Matrix products of our own, for kernels that hold a whole step (see `persistent`): a library cannot be called from inside a kernel.

A product is cut into tiles of its result, a block each; what is done to each value of the result afterwards, by one elementwise kernel,
may be done before it is stored. Sums run in one order for a given tile and number of threads: the same bits in every run.
"""

from gpunn.kernels import optimizers, rectifiers
from gpunn.kernels.cuda_text import cuda_kernel
from gpunn.kernels.endings import NO_WORDS, Ending
from gpunn.kernels.record import REGISTRY, Kernel, columns_of, matrix, parse, register, rows_of

TILES = ((16, 16), (16, 32), (32, 32), (64, 32), (64, 64))  # rows x columns of the result that a block makes
LATENCY, BYTES, LANES, OVERHEAD = 700, 40, 128, 1.5  # of a multiprocessor: clocks of a fetch, bytes a clock, sums a clock; what is beside
KINDS = {"nn": (False, False), "nt": (False, True), "tn": (True, False)}  # which operand is transposed
# Where an element of an operand lies; and which of them the e-th is that is fetched. Where the sum runs along memory, a warp takes RUN
# neighbours (32 bytes, what memory hands out at a time) of 32 / RUN rows: then its stores meet every bank of shared memory once.
_DEEP, _SIDE = "e % RUN + e / 32 / ({0} * RUN / 32) * RUN", "e / RUN % (32 / RUN) + e / 32 % ({0} * RUN / 32) * (32 / RUN)"
_LEFT = {
    False: {"LEFT": "r * depth + k", "LEFT_DEEP": _DEEP.format("TALL"), "LEFT_ROW": _SIDE.format("TALL")},
    True: {"LEFT": "k * height + r", "LEFT_DEEP": "e / TALL", "LEFT_ROW": "e % TALL"},
}
_RIGHT = {
    False: {"RIGHT": "k * width + c", "RIGHT_DEEP": "e / WIDE", "RIGHT_COLUMN": "e % WIDE"},
    True: {"RIGHT": "c * depth + k", "RIGHT_DEEP": _DEEP.format("WIDE"), "RIGHT_COLUMN": _SIDE.format("WIDE")},
}


def _multiply(kind: str, a, b):
    left, right = KINDS[kind]
    a, b = matrix(a), matrix(b)
    return (a.T if left else a) @ (b.T if right else b)


def product(kind: str, tile: tuple[int, int]) -> Kernel:
    """out (+)= op(a) @ op(b), made once a tile. ``inner``: the length of the sums."""
    name = _name(kind, tile)
    if name in REGISTRY:
        return REGISTRY[name]

    def reference(a, b, inner, add, out):
        target = matrix(out)
        target[...] = _multiply(kind, a, b) + (target if add else 0)

    words = {"PARAMETERS": "T add, T* __restrict__ out,", "RESULT": "out[at] = add != T(0) ? out[at] + z : z;", **NO_WORDS}
    return _registered(name, kind, tile, parse("add:const, out -> out"), reference, words)


def product_then(kind: str, tile: tuple[int, int], then: Kernel, place: int) -> Kernel:
    """The product and, of each of its values, an elementwise kernel that takes it as its operand number `place`; made once. Operands: a, b,
    inner, and those of the `Ending`."""
    ending = Ending(then, place)
    name = f"{_name(kind, tile)}_{ending.name}"
    if name in REGISTRY:
        return REGISTRY[name]

    def reference(a, b, inner, *rest):
        ending.reference(_multiply(kind, a, b), *rest)

    return _registered(name, kind, tile, ending.operands(), reference, ending.words(), then.formulas)


def _name(kind: str, tile: tuple[int, int]) -> str:
    return f"product_{kind}_{tile[0]}x{tile[1]}"


def layout(kind: str, tile: tuple[int, int]) -> dict[str, str]:
    """The words that a kind of product and a tile fill into the text."""
    left, right = KINDS[kind]
    return {**_LEFT[left], **_RIGHT[right], "TALL": str(tile[0]), "WIDE": str(tile[1])}


def _registered(name, kind, tile, operands, reference, words, formulas=()) -> Kernel:
    return register(
        Kernel(
            name=name, operands=(*parse("a:whole, b:whole, inner:const:i8"), *operands),
            extent=lambda a, *rest: columns_of(a) if KINDS[kind][0] else rows_of(a), reference=reference, geometry="tiles", tile=tile,
            family="products", formulas=formulas,
            cuda=cuda_kernel("products.cu", "product", name, **words, **layout(kind, tile)),
        )
    )


def best_tile(rows: int, columns: int, inner: int, threads: int, resident: int) -> tuple[int, int]:
    """The tile with which a product is done soonest by so many blocks of so many threads, by an estimate: nobody has measured it.

    Clocks of one block: for each part of the sum what its fetches or its multiplications take, whichever is more; then its tile's result.
    """

    def clocks(tile: tuple[int, int]) -> float:
        tall, wide = tile
        tiles, deep = -(-rows // tall) * -(-columns // wide), 12 * threads // (tall + wide)
        part = max(LATENCY, (tall + wide) * deep * 4 / BYTES, tall * wide * deep / LANES * OVERHEAD)
        return -(-tiles // resident) * (LATENCY + -(-inner // deep) * part + threads * 16 / tall / wide * 16)

    return min((tile for tile in TILES if tile[0] * tile[1] <= 16 * threads), key=clocks)


for _kind, _tile in (("nn", (16, 16)), ("nn", (64, 64)), ("nt", (32, 32)), ("tn", (16, 32)), ("tn", (64, 32))):
    product(_kind, _tile)
product_then("nn", (16, 32), REGISTRY["bias_relu"], 0)
product_then("nt", (16, 16), rectifiers.relu_bwd, 0)
product_then("tn", (16, 32), optimizers.adam, 3)
product_then("tn", (64, 32), optimizers.sgd, 1)
