// In the place of CuPy's header of this name, which has complex numbers: what its other headers need where g++ reads them.
#pragma once
#include <cassert>
#include <cstddef>
#include <initializer_list>
static inline int __popcll(unsigned long long v) { return __builtin_popcountll(v); }
