"""The module compiles for every architecture, without a GPU; what does not is named."""

import pytest
from kernel_inputs import NAMES

from gpunn.kernels import REGISTRY, offline
from gpunn.kernels.device import ModuleText, module_text
from gpunn.kernels.elementwise import composed, text_formula
from gpunn.kernels.row_sums import row_sum

try:
    from cupy_backends.cuda.libs import nvrtc

    VERSION = nvrtc.getVersion()
except (ImportError, RuntimeError) as error:
    VERSION, WHY = None, str(error).splitlines()[0]
else:
    WHY = ""
pytestmark = pytest.mark.skipif(VERSION is None, reason=f"NVRTC cannot be loaded: {WHY}")
SMALL = [REGISTRY[n] for n in ("relu", "softmax", "column_sum")]
SLOW = [a if a in ("75", "90", "100", "120") else pytest.param(a, marks=pytest.mark.slow) for a in offline.ARCHITECTURES]


@pytest.mark.parametrize("architecture", SLOW)
def test_the_module_compiles_without_spills(architecture):
    text = module_text(kernels=[REGISTRY[n] for n in NAMES])
    line, wrong = offline.check(architecture, text)
    assert not wrong and f" {len(text.names)} " in line


def test_a_broken_kernel_is_reported_with_its_name_and_line():
    text = module_text(kernels=SMALL)
    broken = ModuleText(text.source.replace("float inverse", "float inverse = wrong_name; float unused"), text.names)
    message = r"sm_90: kernel softmax_f32, line \d+: identifier \"wrong_name\" is undefined\n    .*wrong_name"
    with pytest.raises(offline.CompileError, match=message):
        offline.compile_for("90", broken)
    line, wrong = offline.check("90", broken)
    assert "failed" in line and "softmax_f32" in wrong[0]


def test_a_missing_kernel_is_reported():
    text = module_text(["float32"], SMALL)
    with pytest.raises(offline.CompileError, match="sm_90: kernels missing from the compiled module: gone_f32"):
        offline.compile_for("90", ModuleText(text.source, (*text.names, "gone_f32")))


def test_a_spill_is_a_failure():
    """So many values at once that 1024 threads a block cannot keep them in registers."""
    values = 200
    loads = "\n".join(f"  float v{i} = x[i_ + {i}];" for i in range(values))
    swaps = "\n".join(f"    v{i} = fmaf(v{i}, v{(i * 7 + 3) % values}, x[k]);" for i in range(values))
    text = f"""extern "C" __global__ void __launch_bounds__(1024) greedy_f32(float* __restrict__ x, long long i_) {{
{loads}
  for (int k = 0; k < 100; ++k) {{
{swaps}
  }}
  x[0] = {" + ".join(f"v{i}" for i in range(values))};
}}
"""
    _, wrong = offline.check("90", ModuleText(text, ("greedy_f32",)))
    assert len(wrong) == 1 and "sm_90: greedy_f32 spills" in wrong[0]


def test_the_command(capsys, monkeypatch):
    monkeypatch.setattr(offline, "module_text", lambda: module_text(["float32"], SMALL))
    assert offline.main(["--arch", "90"]) == 0
    out = capsys.readouterr().out
    assert "NVRTC" in out and "3 kernels" in out and "sm_90" in out
    broken = ModuleText("namespace gpunn { oops }", ())
    monkeypatch.setattr(offline, "module_text", lambda: broken)
    assert offline.main(["--arch", "75,90"]) == 1
    assert "sm_75: kernel the prelude, line 1" in capsys.readouterr().err


def test_kernels_made_of_formulas_compile():
    """As operations of a graph make them: common parts, several results, sums of rows."""
    lines = composed("of_halves", "dy:col, x, b:row, c:const -> dx, db", "dy, x, b, c", "g * b, exp(g) * x", {}, ["g = dy * (x * b - c)"])
    source = "def of_terms(x, gain, shift):\n    z = x * gain + shift\n    return z if z > 0.0 else tanh(z)\n"
    sums = row_sum("of_terms_sum", "x, gain:row, shift:col", text_formula("of_terms", source, {}))
    text = module_text(kernels=[lines, sums])
    for architecture in ("75", "90"):
        assert set(offline.compile_for(architecture, text)) == set(text.names)
