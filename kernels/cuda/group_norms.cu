// Normalization within rows; see group_norms.py. A block a row; its threads share the elements of one group after another. Element k of
// group g is in place p = k / size of the row, in channel g * size + k - p * size. Places within a row are counted in 32 bits.

KERNEL(group_normalize)(const T* __restrict__ x, const T* __restrict__ gamma, const T* __restrict__ beta, long long channels,
                        long long groups, T epsilon, T centered, T* __restrict__ y, T* __restrict__ mean, T* __restrict__ inverse,
                        long long rows, long long columns) {
  __shared__ T part[32];
  const long long row = blockIdx.x;
  const unsigned int wide = (unsigned int)channels, size = wide / (unsigned int)groups, count = (unsigned int)columns / wide * size;
  if (row >= rows) return;
  const T* __restrict__ own = x + row * columns;
  T* __restrict__ to = y + row * columns;
  const T share = T(1) / (T)count;
  const divisor in_place(size);
  for (unsigned int g = 0; g < groups; ++g) {
    const auto channel = [&](unsigned int k) { return g * size + k - in_place.of(k) * size; };
    const auto at = [&](unsigned int k) { return in_place.of(k) * wide + channel(k); };
    T total = T(0), squares = T(0);
    at_once<4>(threadIdx.x, count, blockDim.x, [&](unsigned int k) { return own[at(k)]; }, [&](unsigned int, T v) { total += v; });
    const T middle = block_sum(total, part) * share * centered;
    at_once<4>(threadIdx.x, count, blockDim.x, [&](unsigned int k) { return own[at(k)]; }, [&](unsigned int, T v) {
      squares += (v - middle) * (v - middle);
    });
    const T factor = T(1) / sqrt(block_sum(squares, part) * share + epsilon);
    at_once<4>(threadIdx.x, count, blockDim.x, [&](unsigned int k) {
      return three<T>{own[at(k)], gamma[channel(k)], beta[channel(k)]};
    }, [&](unsigned int k, three<T> v) { to[at(k)] = (v.a - middle) * factor * v.b + v.c; });
    if (threadIdx.x == 0) {
      mean[row * groups + g] = middle;
      inverse[row * groups + g] = factor;
    }
  }
}

KERNEL(group_normalize_bwd)(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ gamma, const T* __restrict__ mean,
                            const T* __restrict__ inverse, long long channels, long long groups, T centered, T* __restrict__ dx,
                            long long rows, long long columns) {
  __shared__ T part[32];
  const long long row = blockIdx.x;
  const unsigned int wide = (unsigned int)channels, size = wide / (unsigned int)groups, count = (unsigned int)columns / wide * size;
  if (row >= rows) return;
  const T* __restrict__ own = x + row * columns;
  const T* __restrict__ upstream = dy + row * columns;
  T* __restrict__ to = dx + row * columns;
  const T share = T(1) / (T)count;
  const divisor in_place(size);
  for (unsigned int g = 0; g < groups; ++g) {
    const auto channel = [&](unsigned int k) { return g * size + k - in_place.of(k) * size; };
    const auto at = [&](unsigned int k) { return in_place.of(k) * wide + channel(k); };
    const auto load = [&](unsigned int k) { return three<T>{upstream[at(k)], gamma[channel(k)], own[at(k)]}; };
    const T middle = mean[row * groups + g], factor = inverse[row * groups + g];
    T outer = T(0), inner = T(0);
    at_once<2>(threadIdx.x, count, blockDim.x, load, [&](unsigned int, three<T> v) {
      outer += v.a * v.b;
      inner += v.a * v.b * (v.c - middle) * factor;
    });
    outer = block_sum(outer, part) * share * centered;
    inner = block_sum(inner, part) * share;
    at_once<2>(threadIdx.x, count, blockDim.x, load, [&](unsigned int k, three<T> v) {
      to[at(k)] = factor * (v.a * v.b - outer - (v.c - middle) * factor * inner);
    });
  }
}

// a strip of channels a block, as in reductions.cu
KERNEL(group_sums)(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ mean, const T* __restrict__ inverse,
                   long long places, long long groups, T* __restrict__ dbeta, T* __restrict__ dgamma, long long rows, long long columns) {
  __shared__ T part[1024];
  const long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x, g = c / (columns / groups);
  T first = T(0), second = T(0);
  if (c < columns) {
    struct element { T d, x, mean, inverse; };
    at_once<2>(threadIdx.y, rows, blockDim.y, [&](long long r) {
      const long long i = quotient(r, places) * groups + g;
      return element{dy[r * columns + c], x[r * columns + c], mean[i], inverse[i]};
    }, [&](long long, const element& v) {
      first += v.d;
      second += v.d * (v.x - v.mean) * v.inverse;
    });
  }
  first = strip_sum(first, part);
  second = strip_sum(second, part);
  if (threadIdx.y == 0 && c < columns) {
    dbeta[c] = first;
    dgamma[c] = second;
  }
}
