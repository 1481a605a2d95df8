// Attention; see attention.py. A block a row of the batch; a warp a query of a head where shares are reckoned.

KERNEL(attend)(const T* __restrict__ q, const T* __restrict__ k, const T* __restrict__ queries, const T* __restrict__ keys,
               const T* __restrict__ whole, long long steps, long long others, long long heads, long long width, T scale, long long options,
               T* __restrict__ p, long long rows, long long columns) {
  const long long row = blockIdx.x, all = heads * steps;
  if (row >= rows) return;
  const T* __restrict__ own = q + row * columns;
  const T* __restrict__ other = k + row * others * heads * width;
  const int lane = threadIdx.x & 31;
  for (long long e = threadIdx.x >> 5; e < all; e += blockDim.x >> 5) {
    const long long h = quotient(e, steps), t = e - h * steps;
    T* __restrict__ out = p + (row * all + e) * others;
    T top = OUT, total = T(0);
    for (long long s = lane; s < others; s += 32) {
      T score = OUT;
      const bool masked = ((options & QUERIES) && queries[row * steps + t] == T(0)) || ((options & KEYS) && keys[row * others + s] == T(0))
                       || ((options & CAUSAL) && s > t) || ((options & WHOLE) && whole[(row * steps + t) * others + s] == T(0));
      if (!masked) {
        T sum = T(0);
        for (long long d = 0; d < width; ++d) sum += own[(t * heads + h) * width + d] * other[(s * heads + h) * width + d];
        score = sum * scale;
      }
      out[s] = score;
      top = maximum(top, score);
    }
    top = warp_max(top);
    for (long long s = lane; s < others; s += 32) {
      const T share = exp(out[s] - top);
      out[s] = share;
      total += share;
    }
    total = warp_sum(total);
    for (long long s = lane; s < others; s += 32) out[s] = out[s] / total;
  }
}

KERNEL(mix)(const T* __restrict__ p, const T* __restrict__ v, long long steps, long long others, long long heads, long long width,
            T* __restrict__ y, long long rows, long long columns) {
  const long long row = blockIdx.x, wide = heads * width, all = steps * wide;
  if (row >= rows) return;
  for (long long e = threadIdx.x; e < all; e += blockDim.x) {
    const long long t = quotient(e, wide), j = e - t * wide, h = quotient(j, width);
    const T* __restrict__ share = p + row * columns + (h * steps + t) * others;
    T total = T(0);
    for (long long s = 0; s < others; ++s) total += share[s] * v[(row * others + s) * wide + j];
    y[row * all + e] = total;
  }
}

// `columns` are those of dy
KERNEL(mix_bwd)(const T* __restrict__ dy, const T* __restrict__ p, const T* __restrict__ v, long long steps, long long others,
                long long heads, long long width, T* __restrict__ dp, T* __restrict__ dv, long long rows, long long columns) {
  const long long row = blockIdx.x, wide = heads * width, pairs = heads * steps * others;
  if (row >= rows) return;
  const T* __restrict__ d = dy + row * columns;
  for (long long e = threadIdx.x; e < pairs; e += blockDim.x) {
    const long long g = quotient(e, others), s = e - g * others, h = quotient(g, steps), t = g - h * steps;
    const T* __restrict__ other = v + (row * others + s) * wide + h * width;
    T total = T(0);
    for (long long n = 0; n < width; ++n) total += d[t * wide + h * width + n] * other[n];
    dp[row * pairs + e] = total;
  }
  for (long long e = threadIdx.x; e < others * wide; e += blockDim.x) {
    const long long s = quotient(e, wide), j = e - s * wide, h = quotient(j, width);
    T total = T(0);
    for (long long t = 0; t < steps; ++t) total += p[row * pairs + (h * steps + t) * others + s] * d[t * wide + j];
    dv[row * others * wide + e] = total;
  }
}

// `columns` are those of dp
KERNEL(attend_bwd)(T* __restrict__ dp, const T* __restrict__ p, const T* __restrict__ q, const T* __restrict__ k,
                   const T* __restrict__ queries, const T* __restrict__ keys, const T* __restrict__ whole, long long steps,
                   long long others, long long heads, long long width, T scale, long long options, T* __restrict__ dq, T* __restrict__ dk, long long rows,
                   long long columns) {
  const long long row = blockIdx.x, wide = heads * width, all = heads * steps;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T* __restrict__ d = dp + row * columns;
  for (long long e = threadIdx.x >> 5; e < all; e += blockDim.x >> 5) {
    const T* __restrict__ share = p + row * columns + e * others;
    T inner = T(0);
    for (long long s = lane; s < others; s += 32) inner += share[s] * d[e * others + s];
    inner = warp_sum(inner);
    const long long t = e - quotient(e, steps) * steps;
    for (long long s = lane; s < others; s += 32) {
      const bool masked = ((options & QUERIES) && queries[row * steps + t] == T(0)) || ((options & KEYS) && keys[row * others + s] == T(0))
                       || ((options & CAUSAL) && s > t) || ((options & WHOLE) && whole[(row * steps + t) * others + s] == T(0));
      d[e * others + s] = masked ? T(0) : share[s] * (d[e * others + s] - inner) * scale;
    }
  }
  __syncthreads();
  for (long long e = threadIdx.x; e < steps * wide; e += blockDim.x) {
    const long long t = quotient(e, wide), j = e - t * wide, h = quotient(j, width);
    T total = T(0);
    for (long long s = 0; s < others; ++s) total += d[(h * steps + t) * others + s] * k[(row * others + s) * wide + j];
    dq[row * steps * wide + e] = total;
  }
  for (long long e = threadIdx.x; e < others * wide; e += blockDim.x) {
    const long long s = quotient(e, wide), j = e - s * wide, h = quotient(j, width);
    T total = T(0);
    for (long long t = 0; t < steps; ++t) total += d[(h * steps + t) * others + s] * q[(row * steps + t) * wide + j];
    dk[row * others * wide + e] = total;
  }
}
