// Sums over rows; see reductions.py. A block of (x, y) threads works on a strip of x columns, each thread on every y-th row.

KERNEL(column_sum)(const T* __restrict__ x, T add, T* __restrict__ out, long long rows, long long columns) {
  __shared__ T part[1024];
  const long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  T total = T(0);
  if (c < columns) {
    at_once<4>(threadIdx.y, rows, blockDim.y, [&](long long r) { return x[r * columns + c]; }, [&](long long, T v) { total += v; });
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
    at_once<4>(threadIdx.y, rows, blockDim.y, [&](long long r) { return x[r * columns + c]; }, [&](long long, T v) { total += v; });
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
    at_once<4>(threadIdx.y, rows, blockDim.y, [&](long long r) { return x[r * columns + c]; }, [&](long long, T v) { total += v; });
  }
  const T middle = strip_sum(total, part) * inverse;
  if (c < columns) {
    at_once<4>(threadIdx.y, rows, blockDim.y, [&](long long r) { return x[r * columns + c]; }, [&](long long, T v) {
      squares += (v - middle) * (v - middle);
    });
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
    at_once<4>(threadIdx.y, rows, blockDim.y, [&](long long r) { return means[r * columns + c]; }, [&](long long r, T v) {
      total += (T)(r + 1 < rows ? size : rows_in_all - r * size) * v;
    });
  }
  const T middle = strip_sum(total, part) * inverse;
  if (c < columns) {
    at_once<4>(threadIdx.y, rows, blockDim.y, [&](long long r) {
      return two<T>{means[r * columns + c], variances[r * columns + c]};
    }, [&](long long r, two<T> v) {
      const T count = (T)(r + 1 < rows ? size : rows_in_all - r * size), d = v.a - middle;
      squares += count * (v.b + d * d);
    });
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
    at_once<4>(threadIdx.y, rows, blockDim.y, [&](long long r) {
      return two<T>{dy[r * columns + c], x[r * columns + c]};
    }, [&](long long, two<T> v) {
      first += v.a;
      second += v.a * (v.b - middle) * factor;
    });
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
    at_once<4>(threadIdx.y, rows, blockDim.y, [&](long long r) {
      return two<T>{dy[r * columns + c], x[r * columns + c]};
    }, [&](long long, two<T> v) { total += prelu_alpha(v.a, v.b); });
  }
  total = strip_sum(total, part);
  if (threadIdx.y == 0 && c < columns) out[c] = add != T(0) ? out[c] + total : total;
}

// a parameter shared by columns: (outer, inner) -> (outer, shared, inner), and back as a sum; see shared_axes.py
KERNEL(spread)(const T* __restrict__ a, long long shared, long long inner, T* __restrict__ out, long long elements, long long columns) {
  at_once<4>(blockIdx.x * (long long)blockDim.x + threadIdx.x, elements, (long long)gridDim.x * blockDim.x, [&](long long j) {
    return a[quotient(j, shared * inner) * inner + j - quotient(j, inner) * inner];
  }, [&](long long j, T v) { out[j] = v; });
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
