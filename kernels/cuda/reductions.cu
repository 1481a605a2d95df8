// Sums over rows; see reductions.py. A block of (x, y) threads works on a strip of x columns, each thread on every y-th row.

KERNEL(column_sum)(const T* __restrict__ x, T add, T* __restrict__ out, long long rows, long long columns) {
  __shared__ T part[1024];
  const long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  T total = T(0);
  if (c < columns) {
    #pragma unroll 4
    for (long long r = threadIdx.y; r < rows; r += blockDim.y) total += x[r * columns + c];
  }
  total = strip_sum(total, part);
  if (threadIdx.y == 0 && c < columns) out[c] = add != T(0) ? out[c] + total : total;
}

// the same, ended; see endings.py
KERNEL(column_sum_then)(const T* __restrict__ x, PARAMETERS long long rows, long long columns) {
  __shared__ T part[1024];
  constexpr int EACH = 1, i = 0;
  const long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x, at = c;
  T total = T(0);
  if (c < columns) {
    #pragma unroll 4
    for (long long r = threadIdx.y; r < rows; r += blockDim.y) total += x[r * columns + c];
  }
  const T z = strip_sum(total, part);
  if (threadIdx.y != 0 || c >= columns) return;
  LOADS
  HELD
  FETCH
  RESULT
}

// two passes, so that data far from zero loses nothing
KERNEL(moments)(const T* __restrict__ x, T* __restrict__ mean, T* __restrict__ variance, long long rows, long long columns) {
  __shared__ T part[1024];
  const long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  const T inverse = T(1) / (T)rows;
  T total = T(0), squares = T(0);
  if (c < columns) {
    #pragma unroll 4
    for (long long r = threadIdx.y; r < rows; r += blockDim.y) total += x[r * columns + c];
  }
  const T middle = strip_sum(total, part) * inverse;
  if (c < columns) {
    #pragma unroll 4
    for (long long r = threadIdx.y; r < rows; r += blockDim.y) {
      const T d = x[r * columns + c] - middle;
      squares += d * d;
    }
  }
  squares = strip_sum(squares, part);
  if (threadIdx.y == 0 && c < columns) {
    mean[c] = middle;
    variance[c] = squares * inverse;
  }
}

// of parts of so many rows, the last of the rest
KERNEL(join_moments)(const T* __restrict__ means, const T* __restrict__ variances, long long size, long long rows_in_all,
                     T* __restrict__ mean, T* __restrict__ variance, long long rows, long long columns) {
  __shared__ T part[1024];
  const long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  const T inverse = T(1) / (T)rows_in_all;
  T total = T(0), squares = T(0);
  if (c < columns) {
    for (long long r = threadIdx.y; r < rows; r += blockDim.y) {
      const T count = (T)(r + 1 < rows ? size : rows_in_all - r * size);
      total += count * means[r * columns + c];
    }
  }
  const T middle = strip_sum(total, part) * inverse;
  if (c < columns) {
    for (long long r = threadIdx.y; r < rows; r += blockDim.y) {
      const T count = (T)(r + 1 < rows ? size : rows_in_all - r * size), d = means[r * columns + c] - middle;
      squares += count * (variances[r * columns + c] + d * d);
    }
  }
  squares = strip_sum(squares, part);
  if (threadIdx.y == 0 && c < columns) {
    mean[c] = middle;
    variance[c] = squares * inverse;
  }
}

KERNEL(normalize_sums)(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ mean, const T* __restrict__ inverse,
                       T* __restrict__ dbeta, T* __restrict__ dgamma, long long rows, long long columns) {
  __shared__ T part[1024];
  const long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  T first = T(0), second = T(0);
  if (c < columns) {
    const T middle = mean[c], factor = inverse[c];
    #pragma unroll 4
    for (long long r = threadIdx.y; r < rows; r += blockDim.y) {
      const T d = dy[r * columns + c];
      first += d;
      second += d * (x[r * columns + c] - middle) * factor;
    }
  }
  first = strip_sum(first, part);
  second = strip_sum(second, part);
  if (threadIdx.y == 0 && c < columns) {
    dbeta[c] = first;
    dgamma[c] = second;
  }
}

KERNEL(prelu_sum)(const T* __restrict__ dy, const T* __restrict__ x, T add, T* __restrict__ out, long long rows, long long columns) {
  __shared__ T part[1024];
  const long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  T total = T(0);
  if (c < columns) {
    #pragma unroll 4
    for (long long r = threadIdx.y; r < rows; r += blockDim.y) total += prelu_alpha(dy[r * columns + c], x[r * columns + c]);
  }
  total = strip_sum(total, part);
  if (threadIdx.y == 0 && c < columns) out[c] = add != T(0) ? out[c] + total : total;
}

// a parameter shared by columns: (outer, inner) -> (outer, shared, inner), and back as a sum; see shared_axes.py
KERNEL(spread)(const T* __restrict__ a, long long shared, long long inner, T* __restrict__ out, long long elements, long long columns) {
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < elements; j += (long long)gridDim.x * blockDim.x) {
    out[j] = a[quotient(j, shared * inner) * inner + j - quotient(j, inner) * inner];
  }
}

KERNEL(group_sum)(const T* __restrict__ x, long long shared, long long inner, T add, T* __restrict__ out, long long elements,
                  long long columns) {
  for (long long j = blockIdx.x * (long long)blockDim.x + threadIdx.x; j < elements; j += (long long)gridDim.x * blockDim.x) {
    const long long o = quotient(j, inner), first = o * shared * inner + j - o * inner;
    T total = add != T(0) ? out[j] : T(0);
    for (long long k = 0; k < shared; ++k) total += x[first + k * inner];
    out[j] = total;
  }
}
