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
    for (long long k = threadIdx.x; k < count; k += blockDim.x) {
      const long long p = quotient(k, size);
      total += x[at + p * channels + g * size + k - p * size];
    }
    const T middle = block_sum(total, part) * share * centered;
    for (long long k = threadIdx.x; k < count; k += blockDim.x) {
      const long long p = quotient(k, size);
      const T d = x[at + p * channels + g * size + k - p * size] - middle;
      squares += d * d;
    }
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
    #pragma unroll 4
    for (long long r = threadIdx.y; r < rows; r += blockDim.y) {
      const long long i = quotient(r, places) * groups + g;
      const T d = dy[r * columns + c];
      first += d;
      second += d * (x[r * columns + c] - mean[i]) * inverse[i];
    }
  }
  first = strip_sum(first, part);
  second = strip_sum(second, part);
  if (threadIdx.y == 0 && c < columns) {
    dbeta[c] = first;
    dgamma[c] = second;
  }
}
