"""Puts functions of ours in the place of the CUDA functions that CuPy's compiled modules call.

CuPy's modules find each other's C functions in tables (Cython's ``__pyx_capi__``: a capsule a function, named by its C type). From those
types a small C module is written whose functions call Python. Errors raised there arrive in CuPy as its own.
"""

import ctypes
import hashlib
import importlib.util
import re
import subprocess
import sysconfig
from collections.abc import Callable
from types import ModuleType
from typing import Any

from gpunn.kernels import cache

# C type -> how Py_BuildValue takes it, and the C type it takes
GIVEN = {
    "int": ("i", "int"), "unsigned int": ("I", "unsigned int"), "size_t": ("K", "unsigned long long"), "intptr_t": ("L", "long long"),
    "uintmax_t": ("K", "unsigned long long"), "PyObject *": ("O", "PyObject *"), "CUdevice": ("i", "int"), "cudaMemcpyKind": ("i", "int"),
}  # fmt: skip
ENUMS = {"CUdevice": "int", "cudaMemcpyKind": "int"}
# C type -> what it returns when Python raised (the "except" values of CuPy's declarations), and how it is made of a Python object
FAILED = {"int": "-1", "unsigned int": "-1", "size_t": "0", "intptr_t": "0", "uintmax_t": "0", "float": "0"}
READ = {"float": "PyFloat_AsDouble"}

HEAD = """
#include <Python.h>
#include <stdint.h>
static PyObject *table;
static PyObject *call(const char *name, PyObject *arguments) {
    if (!arguments) return NULL;
    PyObject *function = PyDict_GetItemString(table, name);
    PyObject *result = function ? PyObject_CallObject(function, arguments) : NULL;
    if (!function) PyErr_Format(PyExc_NotImplementedError, "the stand-in has no %s", name);
    Py_DECREF(arguments);
    return result;
}
"""
TAIL = """
static PyObject *make(PyObject *self, PyObject *given) {
    Py_XDECREF(table); Py_INCREF(given); table = given;
    PyObject *out = PyDict_New(), *capsule;
%s
    return out;
}
static PyMethodDef methods[] = {{"make", make, METH_O, "capsules of functions that call those of a dictionary"}, {0}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "%s", 0, -1, methods};
PyMODINIT_FUNC PyInit_%s(void) { return PyModule_Create(&definition); }
"""


def types_of(module: ModuleType) -> dict[str, str]:
    """The C types of a compiled module's functions; what is no function (a constant's type) is left out."""
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    found = {key: name(capsule).decode() for key, capsule in module.__pyx_capi__.items()}
    return {key: text for key, text in found.items() if "(" in text}


def one_function(name: str, text: str) -> str | None:
    """The C text of one function, or None where a type is not among those known."""
    returned, _, rest = text.partition("(")
    returned, asked = returned.strip(), [a.strip() for a in rest.rstrip(")").split(",")]
    parameters, format_, values = [], "", []
    for i, kind in enumerate(asked):
        if kind == "void":
            parameters.append("void")
        elif kind == "int __pyx_skip_dispatch":
            parameters.append(f"int a{i}")
        elif kind.startswith("struct ") and "opt_args" in kind:  # a pointer to how many were given, and their values
            parameters.append(f"void *a{i}")
            format_, values = format_ + "L", [*values, f"(long long)(intptr_t)a{i}"]
        elif kind in GIVEN:
            letter, taken = GIVEN[kind]
            parameters.append(f"{ENUMS.get(kind, kind)} a{i}")
            format_, values = format_ + letter, [*values, f"({taken})a{i}"]
        else:
            return None
    if returned.endswith("*"):
        returned = "PyObject *"  # of classes as well: they are objects
    elif returned not in FAILED:
        return None
    built = f'Py_BuildValue("({format_})"{"".join(", " + v for v in values)})'
    lines = [f"static {returned} f_{name}({', '.join(parameters)}) {{", f'    PyObject *r = call("{name}", {built});']
    if returned == "PyObject *":
        lines.append("    return r;")
    else:
        lines.append(f"    if (!r) return ({returned})({FAILED[returned]});")
        lines.append(f"    {returned} v = ({returned}){READ.get(returned, 'PyLong_AsLongLong')}(r); Py_DECREF(r); return v;")
    return "\n".join([*lines, "}"])


def replace(module: ModuleType, functions: dict[str, Callable[..., Any]]) -> None:
    """Every function in `module`'s table calls the one of that name in `functions` from now on, for modules imported after this; so do
    its Python names. Functions that are not there raise NotImplementedError when they are called."""
    texts = {name: text for name, types in types_of(module).items() if (text := one_function(name, types))}
    types = types_of(module)
    lines = [f'    capsule = PyCapsule_New((void *)f_{n}, "{types[n]}", 0); PyDict_SetItemString(out, "{n}", capsule);' for n in texts]
    body = "\n".join(texts.values())
    key = hashlib.sha256((HEAD + body + TAIL).encode()).hexdigest()[:16]
    name = f"entry_points_{key}"
    source = cache.folder("sim") / f"{name}.c"
    library = source.with_suffix(sysconfig.get_config_var("EXT_SUFFIX"))
    if not library.exists():
        source.write_text(HEAD + body + TAIL % ("\n".join(lines), name, name))
        include = sysconfig.get_paths()["include"]
        subprocess.run(["gcc", "-O1", "-w", "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(library)], check=True)
    spec = importlib.util.spec_from_file_location(name, library)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    module.__pyx_capi__.update(made.make(functions))
    for key, function in functions.items():
        if re.match(r"[a-z]", key) and hasattr(module, key):
            setattr(module, key, function)
