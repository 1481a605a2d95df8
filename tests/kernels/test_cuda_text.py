"""Rules that all CUDA text keeps, read off the text itself; each rule is also seen refusing an example."""

import re

import pytest
from kernel_inputs import NAMES

from gpunn.kernels import REGISTRY, alignments, attention, products
from gpunn.kernels.cuda_text import FOLDER, prelude, typed
from gpunn.kernels.device import function_name, instances
from gpunn.kernels.measures import LEFT_OUT, SMALLEST
from gpunn.kernels.pairwise import FAR
from gpunn.kernels.recurrent_options import BITS
from gpunn.kernels.row_losses import EPSILON

WORDS = {"recurrent.cu": {n: f"{b}LL" for n, b in BITS.items()}, "attention.cu": attention.WORDS}
WORDS["alignments.cu"] = {"NEVER": repr(alignments.NEVER)}
WORDS["products.cu"] = products.layout("nn", (16, 16))
# words for which each kernel of a section has its own text
FILLED = r"\b(?:START|SAVE|PRODUCT|CELL|CLEAR|GATES|PART|LOADS|HELD|FETCH|RESULT|TOGETHER)\b"
KERNELS = [REGISTRY[n] for n in NAMES]
TEXTS = {function_name(k, d): k.cuda(d) for k, d in instances(kernels=KERNELS)}
TEXTS |= {f"{f.name} ({d})": typed(f.cuda(), d) for k, d in instances(kernels=KERNELS) for f in k.formulas}
TEXTS["prelude"] = prelude()
IN_DOUBLE = (  # sums over an epoch are kept in double, whatever the arrays are
    "accumulate", "add_penalty", "finish", "finish_adam", "count", "hits_by_column", "squares_by_column", "weigh",
)

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_TYPED = re.compile(r"\b(?:float|double|V)\(-?[\d.]+(?:e[-+]?\d+)?\)")  # float(0.5): a constant that says its type
_LITERAL = re.compile(r"(?<![\w.])(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?[fF]?")
_POINTER = re.compile(r"\*(?!\s*__restrict__)\s*\w+\s*[,)]")
_RESERVED = re.compile(r"\b_(?:[A-Z]|_)\w*\b")
_BUILTIN = {
    "__restrict__", "__global__", "__device__", "__forceinline__", "__shared__", "__align__", "__syncthreads", "__umulhi",
    "__shfl_xor_sync", "__ballot_sync", "__any_sync", "__ffs",
}


def bare_literals(text):
    return _LITERAL.findall(_TYPED.sub("", _COMMENT.sub("", text)))


def bare_pointers(text):
    """Pointers in parameter lists that are not __restrict__."""
    text = _COMMENT.sub("", text)
    heads = [m.group(0) for m in re.finditer(r"(?:__global__|__device__)[^{]*\)", text)]
    return [p for h in heads for p in _POINTER.findall(h)]


def reserved_names(text):
    return [n for n in _RESERVED.findall(_COMMENT.sub("", text)) if n not in _BUILTIN]


def doubles(name, text):
    """Uses of double in the text of a float kernel, apart from pointers to scalars."""
    if not re.search(r"f32|float32", name) or name.removesuffix("_f32") in IN_DOUBLE:
        return []
    return re.findall(r"\bdouble\b(?!\* __restrict__)", _COMMENT.sub("", text))


def missing_infinity(text):
    """Names that NVRTC does not have."""
    return re.findall(r"\b(?:INFINITY|NAN|HUGE_VALF?|M_PI|assert|printf|std::\w+)\b", _COMMENT.sub("", text))


def fast_or_narrow(text):
    """Functions of one type only (expf), approximations (__expf), and indices of 32 bits in a loop."""
    return re.findall(r"\b(?:__)?(?:exp|log|sqrt|pow|tanh|sin|cos|fabs)f\b|\bfor \((?:int|unsigned) [ij]_? = (?:blockIdx|threadIdx)", text)


@pytest.mark.parametrize("name", TEXTS)
def test_rules(name):
    text = TEXTS[name]
    assert not bare_literals(text), "a bare literal is a double: write T(0.5)"
    assert not bare_pointers(text), "every pointer is __restrict__"
    assert not reserved_names(text), "a name that C++ keeps for itself"
    assert not doubles(name, text), "double arithmetic in a float kernel"
    assert not missing_infinity(text)
    assert not fast_or_narrow(text)
    assert name == "prelude" or name.split(" (")[0] in text


@pytest.mark.parametrize(
    ("rule", "example", "good"),
    [
        (bare_literals, "y = 0.5 * x;", "y = float(0.5) * x; // half of 0.5"),
        (bare_literals, "y = 1e-7f;", "y = float(1e-07);"),
        (bare_literals, "y = .5 + 2.;", "y = part[0] + a1.x2;"),
        (bare_pointers, "__global__ void k(const float* x, float* __restrict__ y) {", "__global__ void k(const float* __restrict__ x) {"),
        (bare_pointers, "__device__ void k(int* at) {", "__device__ float f(float a) { return a * b; }"),
        (reserved_names, "float _Top = __b;", "__syncthreads(); float value_ = _low;"),
        (missing_infinity, "float top = -INFINITY;", "float infinity = 0;"),
        (fast_or_narrow, "y = __expf(x);", "y = exp(x);"),
        (fast_or_narrow, "for (int i = blockIdx.x; ;)", "for (long long i = blockIdx.x; ;)"),
        (lambda t: doubles("k_f32", t), "double a = x;", "const double* __restrict__ rate, long long n"),
    ],
)
def test_a_rule_refuses_what_it_is_for(rule, example, good):
    assert rule(example) and not rule(good)


def test_float_and_double_come_from_one_text():
    for kernel in KERNELS:
        if kernel.cuda is not None and kernel.has_float_arrays and kernel.name not in IN_DOUBLE:
            narrow, wide = kernel.cuda("float32"), kernel.cuda("float64")
            assert re.sub(r"\bfloat\b", "double", narrow).replace("_f32", "_f64") == wide


def test_no_section_of_a_file_is_left_over():
    """Every hand-written kernel belongs to a record."""
    used = "\n".join(TEXTS.values())
    for file in FOLDER.glob("*.cu"):
        sections = re.findall(r"^KERNEL\((\w+)\)[^{]*\{(.*?)^\}", file.read_text(), re.MULTILINE | re.DOTALL)
        assert len(sections) == file.read_text().count("KERNEL(") == len({name for name, _ in sections})
        for name, body in sections:
            filled = typed(body, "float64").replace("EPSILON", repr(EPSILON)).replace("GRADIENT", "relu_bwd").replace("SAVED", "y")
            filled = filled.replace("FAR", repr(FAR)).replace("LEFT_OUT", repr(LEFT_OUT)).replace("SMALLEST", repr(SMALLEST))
            for word, value in WORDS.get(file.name, {}).items():
                filled = re.sub(rf"\b{word}\b", typed(value, "float64"), filled)
            pattern = re.sub(FILLED, ".*?", re.escape(filled.replace("VALUES", "v.b")))
            assert re.search(pattern, used, re.DOTALL), f"{name} of {file.name} is in no record"
