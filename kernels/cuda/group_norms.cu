// Normalization within rows; see group_norms.py. A block a row; its threads share the elements of one group after another.

KERNEL(group_normalize)(const T* __restrict__ x, const T* __restrict__ gamma, const T* __restrict__ beta, long long channels,
                        long long groups, T epsilon, T centered, T* __restrict__ y, T* __restrict__ mean, T* __restrict__ inverse,
                        long long rows, long long columns) {
  __shared__ T part[32];
  const long long row = blockIdx.x, at = row * columns, size = channels / groups, count = columns / channels * size;
  if (row >= rows) return;
  const T share = T(1) / (T)count;
  for (long long g = 0; g < groups; ++g) {
    T total = T(0), squares = T(0);
    const auto place = [&](long long k) {  // of element k of the group
      const long long p = quotient(k, size);
      return at + p * channels + g * size + k - p * size;
    };
    at_once<4>(threadIdx.x, count, blockDim.x, [&](long long k) { return x[place(k)]; }, [&](long long, T v) { total += v; });
    const T middle = block_sum(total, part) * share * centered;
    at_once<4>(threadIdx.x, count, blockDim.x, [&](long long k) { return x[place(k)]; }, [&](long long, T v) {
      squares += (v - middle) * (v - middle);
    });
    const T factor = T(1) / sqrt(block_sum(squares, part) * share + epsilon);
    for (long long k = threadIdx.x; k < count; k += blockDim.x) {
      const long long p = quotient(k, size), c = g * size + k - p * size, j = at + p * channels + c;
      y[j] = (x[j] - middle) * factor * gamma[c] + beta[c];
    }
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
  const long long row = blockIdx.x, at = row * columns, size = channels / groups, count = columns / channels * size;
  if (row >= rows) return;
  const T share = T(1) / (T)count;
  for (long long g = 0; g < groups; ++g) {
    const T middle = mean[row * groups + g], factor = inverse[row * groups + g];
    T outer = T(0), inner = T(0);
    for (long long k = threadIdx.x; k < count; k += blockDim.x) {
      const long long p = quotient(k, size), c = g * size + k - p * size, j = at + p * channels + c;
      const T d = dy[j] * gamma[c];
      outer += d;
      inner += d * (x[j] - middle) * factor;
    }
    outer = block_sum(outer, part) * share * centered;
    inner = block_sum(inner, part) * share;
    for (long long k = threadIdx.x; k < count; k += blockDim.x) {
      const long long p = quotient(k, size), c = g * size + k - p * size, j = at + p * channels + c;
      dx[j] = factor * (dy[j] * gamma[c] - outer - (x[j] - middle) * factor * inner);
    }
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
