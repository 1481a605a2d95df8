// Device functions that any kernel may use. Nothing is included: NVRTC knows the mathematics by itself, and has no INFINITY.
#define FULL_WARP 0xffffffffu

// ---------------------------------------------------------------- Philox4x32-10 (Salmon et al. 2011)
// counter = (block, stream, step low, step high), key = the seed's low and high word; the same bits as in gpunn.kernels.philox
__device__ __forceinline__ uint4 philox4x32(uint4 counter, unsigned int key0, unsigned int key1) {
  #pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned int high0 = __umulhi(0xD2511F53u, counter.x), low0 = 0xD2511F53u * counter.x;
    const unsigned int high1 = __umulhi(0xCD9E8D57u, counter.z), low1 = 0xCD9E8D57u * counter.z;
    counter = make_uint4(high1 ^ counter.y ^ key0, low1, high0 ^ counter.w ^ key1, low0);
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// Two standard normals from two words, as gpunn.kernels.noise makes them: the radius from the nearer of u and 1 - u, the angle's quarter in
// integers.
template <class V> __device__ __forceinline__ void normal_pair(unsigned int a, unsigned int b, V& first, V& second) {
  const V unit = V(2.3283064365386963e-10), half = V(0.5);
  const V radius = sqrt(V(-2) * (a < 0x80000000u ? log(((V)a + half) * unit) : log1p(-(((V)(0xffffffffu - a) + half) * unit))));
  const unsigned int quarter = ((b >> 29) + 1u) >> 1;
  const V angle = ((V)((long long)b - ((long long)quarter << 30)) + half) * (unit * V(6.283185307179586));
  const V c = cos(angle), s = sin(angle);
  const V x = (quarter & 1u) ? s : c, y = (quarter & 1u) ? c : s;
  first = ((quarter + 1u) & 2u) ? -radius * x : radius * x;
  second = (quarter & 2u) ? -radius * y : radius * y;
}

// ---------------------------------------------------------------- arithmetic
// As np.maximum and np.minimum: a NaN on either side comes through. (fmax and fmin would hide it.)
template <class V> __device__ __forceinline__ V maximum(V a, V b) { return a > b || a != a ? a : b; }
template <class V> __device__ __forceinline__ V minimum(V a, V b) { return a < b || a != a ? a : b; }

// log(1 + exp(x)), without overflow
template <class V> __device__ __forceinline__ V log1pexp(V x) { return maximum(x, V(0)) + log1p(exp(-fabs(x))); }

// log(exp(a) + exp(b)), without overflow
template <class V> __device__ __forceinline__ V log_add(V a, V b) { return maximum(a, b) + log1p(exp(-fabs(a - b))); }

// a / b for a >= 0, b > 0: in 32 bits where both fit, several times as fast
__device__ __forceinline__ long long quotient(long long a, long long b) {
  return ((a | b) >> 32) == 0 ? (long long)((unsigned int)a / (unsigned int)b) : a / b;
}

// The same for a divisor that a thread needs often, in 32 bits: by its reciprocal, rounded down: a quotient is at most one too small.
struct divisor {
  unsigned int by, reciprocal;
  __device__ __forceinline__ explicit divisor(unsigned int d) : by(d), reciprocal(0xffffffffu / d) {}
  __device__ __forceinline__ unsigned int of(unsigned int n) const {
    const unsigned int q = __umulhi(n, reciprocal);
    return n - q * by >= by ? q + 1u : q;
  }
};

// ---------------------------------------------------------------- loops
template <class V> struct two { V a, b; };
template <class V> struct three { V a, b, c; };
template <class V> struct same { typedef V type; };

// Every `step`-th i from `i` to `end`: use(i, load(i)), in their order, but N loads under way together: memory answers after hundreds of
// cycles, and is fast only when much is asked of it at once. What is loaded must not be what another i stores. The compiler would put a
// load behind the branches that stand between it and its use, hence the barrier, which is no instruction.
template <int N, class I, class Load, class Use>
__device__ __forceinline__ void at_once(typename same<I>::type i, I end, typename same<I>::type step, Load load, Use use) {
  #pragma unroll 1
  for (; i < end; i += N * step) {
    decltype(load(i)) some[N];
    #pragma unroll
    for (int k = 0; k < N; ++k) if (k == 0 || i + k * step < end) some[k] = load(i + k * step);
    asm volatile("" ::: "memory");
    #pragma unroll
    for (int k = 0; k < N; ++k) if (k == 0 || i + k * step < end) use(i + k * step, some[k]);
  }
}

// The elements of things (images) of `size` elements each: use(thing, element, load(thing, element)), N of a thread as above. A block works
// on one thing at a time, so that places within one are counted in 32 bits. There are as many things as `elements` hold, `pitch` each.
template <int N, class Load, class Use>
__device__ __forceinline__ void each_element(unsigned int size, long long elements, long long pitch, Load load, Use use) {
  const unsigned int unit = N * blockDim.x, units = (size + unit - 1) / unit;
  using Value = decltype(load(0u, 0u));
  const divisor per_thing(units);
  for (unsigned int u = blockIdx.x; per_thing.of(u) * pitch < elements; u += gridDim.x) {
    const unsigned int thing = per_thing.of(u), first = (u - thing * units) * unit;
    at_once<N>(first + threadIdx.x, min(first + unit, size), blockDim.x, [&](unsigned int e) {
      return load(thing, e);
    }, [&](unsigned int e, const Value& v) { use(thing, e, v); });
  }
}

// neighbours, moved at once
template <class V, int E> struct __align__(E * sizeof(V) < 16 ? E * sizeof(V) : 16) few { V at[E]; };
template <class V> using quad = few<V, 4>;
// to[i] = value(k, from[i]) for the four (at the end fewer) of n elements that begin at 4 q, of which i is number k
template <class V, class Value>
__device__ __forceinline__ void neighbours(const V* __restrict__ from, V* __restrict__ to, long long q, long long n, Value value) {
  if ((((size_t)from | (size_t)to) & (alignof(quad<V>) - 1)) == 0 && 4 * q + 4 <= n) {
    const quad<V> v = ((const quad<V>*)from)[q];
    quad<V> w;
    #pragma unroll
    for (int k = 0; k < 4; ++k) w.at[k] = value(k, v.at[k]);
    ((quad<V>*)to)[q] = w;
  } else {
    #pragma unroll
    for (int k = 0; k < 4; ++k) if (4 * q + k < n) to[4 * q + k] = value(k, from[4 * q + k]);
  }
}
// to[j] = from[j] * scale for a row of so many, by a whole block: four neighbours at a time where rows lie so
template <class S, class V>
__device__ __forceinline__ void scaled_row(const S* __restrict__ from, V scale, V* __restrict__ to, long long columns) {
  const bool together = ((columns | (long long)((size_t)from / sizeof(S) | (size_t)to / sizeof(V))) & 3) == 0;
  if (together) {
    for (unsigned int j = threadIdx.x; 4 * j < columns; j += blockDim.x) {
      const quad<S> v = ((const quad<S>*)from)[j];
      ((quad<V>*)to)[j] = {(V)v.at[0] * scale, (V)v.at[1] * scale, (V)v.at[2] * scale, (V)v.at[3] * scale};
    }
  } else {
    at_once<4>(threadIdx.x, columns, blockDim.x, [&](long long j) { return from[j]; }, [&](long long j, S v) { to[j] = (V)v * scale; });
  }
}

// whether all of these may be moved so: rows of so many numbers, and arrays by their addresses
template <class V> __device__ __forceinline__ bool by_quads(long long columns, const V* __restrict__ a, const V* __restrict__ b) {
  return ((columns & 3) | (long long)(((size_t)a | (size_t)b) & (sizeof(quad<V>) - 1))) == 0;
}
template <class V> __device__ __forceinline__ void add_to(V& a, V b) { a += b; }
template <class V, int E> __device__ __forceinline__ void add_to(few<V, E>& a, const few<V, E>& b) {
  #pragma unroll
  for (int k = 0; k < E; ++k) a.at[k] += b.at[k];
}

// ---------------------------------------------------------------- a warp
// Every lane of the warp calls these, and every lane gets the result. The tree is fixed: the same bits in every run.
template <class V> __device__ __forceinline__ V warp_sum(V v) {
  #pragma unroll
  for (int apart = 16; apart > 0; apart >>= 1) v += __shfl_xor_sync(FULL_WARP, v, apart);
  return v;
}
template <class V> __device__ __forceinline__ V warp_max(V v) {
  #pragma unroll
  for (int apart = 16; apart > 0; apart >>= 1) v = maximum(v, __shfl_xor_sync(FULL_WARP, v, apart));
  return v;
}
// the column of the largest value that any lane leads with, the leftmost of equals
template <class V> __device__ __forceinline__ long long warp_leader(V best, long long at) {
  #pragma unroll
  for (int apart = 16; apart > 0; apart >>= 1) {
    const V v = __shfl_xor_sync(FULL_WARP, best, apart);
    const long long j = __shfl_xor_sync(FULL_WARP, at, apart);
    if (v > best || (v == best && j < at)) { best = v; at = j; }
  }
  return at;
}
// the column of the largest value of a row, the leftmost of equals
template <class V> __device__ __forceinline__ long long warp_argmax(const V* __restrict__ row, long long columns) {
  V best = row[0];
  long long at = 0;
  for (long long j = threadIdx.x & 31; j < columns; j += 32) {
    const V v = row[j];
    if (v > best) { best = v; at = j; }
  }
  return warp_leader(best, at);
}
// whether fewer than k values of a row are larger than the one at `at`; never for a NaN, or for at = -1
template <class V> __device__ __forceinline__ bool top_hit(const V* __restrict__ row, long long at, long long k, long long columns) {
  if (at < 0) return false;
  const V own = row[at];
  long long larger = 0;
  for (long long j = threadIdx.x & 31; j < columns; j += 32) larger += row[j] > own;
  return warp_sum(larger) < k && own == own;
}
// the row a warp works on, for kernels of geometry "warps"
__device__ __forceinline__ long long warp_row() { return blockIdx.x * (long long)(blockDim.x >> 5) + (threadIdx.x >> 5); }

// the word that a token means: beyond a table of so many words, its end
template <class V> __device__ __forceinline__ long long word_of(V token, long long words) {
  const long long w = (long long)token;
  return w < 0 ? 0 : w < words ? w : words - 1;
}
// the sum of one column over the rows whose bits are set, in their order; eight are read at a time
template <class V> __device__ __forceinline__ V sum_of_rows(unsigned int rows, const V* __restrict__ column, long long step) {
  V total = V(0);
  while (rows != 0u) {
    V some[8];
    #pragma unroll
    for (int u = 0; u < 8; ++u) {
      some[u] = rows == 0u ? V(0) : column[(__ffs((int)rows) - 1) * step];
      rows &= rows - 1u;
    }
    #pragma unroll
    for (int u = 0; u < 8; ++u) total += some[u];
  }
  return total;
}

// ---------------------------------------------------------------- a block
// The sum over a one-dimensional block of whole warps; every thread gets it. `part` is shared memory for 32 values.
template <class V> __device__ __forceinline__ V block_sum(V v, V* __restrict__ part) {
  v = warp_sum(v);
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads();
  const int lane = threadIdx.x & 31;
  v = warp_sum(lane < (int)(blockDim.x >> 5) ? part[lane] : V(0));
  __syncthreads();  // part may be used again
  return v;
}
// The same for the largest value.
template <class V> __device__ __forceinline__ V block_max(V v, V* __restrict__ part) {
  v = warp_max(v);
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads();
  const int lane = threadIdx.x & 31;
  v = warp_max(lane < (int)(blockDim.x >> 5) ? part[lane] : part[0]);
  __syncthreads();  // part may be used again
  return v;
}
// The sum over threadIdx.y for each threadIdx.x; every thread gets its column's. blockDim.y is a power of two, `part` shared memory for
// one value a thread.
template <class V> __device__ __forceinline__ V strip_sum(V v, V* __restrict__ part) {
  const int at = threadIdx.y * blockDim.x + threadIdx.x;
  part[at] = v;
  __syncthreads();
  for (int half = blockDim.y >> 1; half > 0; half >>= 1) {
    if ((int)threadIdx.y < half) part[at] += part[at + half * blockDim.x];
    __syncthreads();
  }
  v = part[threadIdx.x];
  __syncthreads();  // part may be used again
  return v;
}
// Four numbers of every thread added up over threadIdx.y and to sums[0], sums[apart], sums[2 apart] and sums[3 apart]; `part` as above.
__device__ __forceinline__ void add_four(double a, double b, double c, double d, double* __restrict__ part, double* __restrict__ sums,
                                         long long apart, bool inside) {
  a = strip_sum(a, part);
  b = strip_sum(b, part);
  c = strip_sum(c, part);
  d = strip_sum(d, part);
  if (threadIdx.y == 0 && inside) {
    sums[0] += a;
    sums[apart] += b;
    sums[2 * apart] += c;
    sums[3 * apart] += d;
  }
}
// Add weighted values to sums = (weighted total, weight, first step that was not finite or -1): in double, in a fixed order. One block.
template <class V> __device__ __forceinline__ void add_up(const V* __restrict__ values, const V* __restrict__ weights, long long step,
                                                          double* __restrict__ sums, long long rows, double* __restrict__ part) {
  double total = 0, weight = 0;
  at_once<4>(threadIdx.x, rows, blockDim.x, [&](long long i) { return two<V>{values[i], weights[i]}; }, [&](long long, two<V> v) {
    total += (double)v.a * (double)v.b;
    weight += (double)v.b;
  });
  total = block_sum(total, part);
  weight = block_sum(weight, part);
  if (threadIdx.x == 0) {
    sums[0] += total;
    sums[1] += weight;
    if (sums[2] < 0 && !isfinite(total)) sums[2] = (double)step;
  }
}

// ---------------------------------------------------------------- products of one row by a whole block
// z[j] (+)= sum over i of h[i] m[i, j], for j < n; rows of m are `line` apart. The caller's barriers stand before and after.
template <class V> __device__ __forceinline__ void row_product(const V* __restrict__ h, const V* __restrict__ m, V* __restrict__ z,
                                                               long long k, long long n, long long line, bool more) {
  for (long long j = threadIdx.x; j < n; j += blockDim.x) {
    V total = more ? z[j] : V(0);
    at_once<8>(0, k, 1, [&](long long i) { return two<V>{h[i], m[i * line + j]}; }, [&](long long, two<V> v) { total += v.a * v.b; });
    z[j] = total;
  }
}
// p[i] (+)= sum over j of d[j] m[i, j], for i < n: a warp each
template <class V> __device__ __forceinline__ void row_product_nt(const V* __restrict__ d, const V* __restrict__ m, V* __restrict__ p,
                                                                  long long k, long long n, long long line, bool more) {
  for (long long i = threadIdx.x >> 5; i < n; i += blockDim.x >> 5) {
    V total = V(0);
    const V* __restrict__ at = m + i * line;
    #pragma unroll 4
    for (long long j = threadIdx.x & 31; j < k; j += 32) total += d[j] * at[j];
    total = warp_sum(total);
    if ((threadIdx.x & 31) == 0) p[i] = more ? p[i] + total : total;
  }
}
