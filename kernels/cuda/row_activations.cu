// Activations over a row; see row_activations.py. A warp a row, as in softmax.cu, whose outputs may share the input's memory; and others.

KERNEL(log_softmax)(const T* __restrict__ z, T* __restrict__ y, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T top = z[at], total = T(0);
  for (long long j = lane; j < columns; j += 32) top = maximum(top, z[at + j]);
  top = warp_max(top);
  for (long long j = lane; j < columns; j += 32) total += exp(z[at + j] - top);
  top += log(warp_sum(total));
  for (long long j = lane; j < columns; j += 32) y[at + j] = z[at + j] - top;
}

KERNEL(log_softmax_bwd)(const T* __restrict__ dy, const T* __restrict__ y, T* __restrict__ dx, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T total = T(0);
  for (long long j = lane; j < columns; j += 32) total += dy[at + j];
  total = warp_sum(total);
  for (long long j = lane; j < columns; j += 32) dx[at + j] = dy[at + j] - exp(y[at + j]) * total;
}

// what lies below the level goes, and the level rises, until nothing goes; from the top less 1
KERNEL(sparsemax)(const T* __restrict__ z, T* __restrict__ y, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T top = z[at], level = T(-1), count = (T)(columns + 1);
  for (long long j = lane; j < columns; j += 32) top = maximum(top, z[at + j]);
  top = warp_max(top);
  while (true) {
    T total = T(0), left = T(0);
    for (long long j = lane; j < columns; j += 32) {
      const T v = z[at + j] - top;
      if (v > level) { total += v; left += T(1); }
    }
    left = warp_sum(left);
    total = warp_sum(total) - T(1);
    if (left == count) break;
    count = left;
    level = total / left;
    if (left == T(0)) break;  // not a number, or infinite
  }
  for (long long j = lane; j < columns; j += 32) y[at + j] = maximum(z[at + j] - top - level, T(0));
}

KERNEL(sparsemax_bwd)(const T* __restrict__ dy, const T* __restrict__ y, T* __restrict__ dx, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T total = T(0), count = T(0);
  for (long long j = lane; j < columns; j += 32) {
    if (y[at + j] > T(0)) { total += dy[at + j]; count += T(1); }
  }
  total = warp_sum(total);
  const T mean = total / maximum(warp_sum(count), T(1));
  for (long long j = lane; j < columns; j += 32) dx[at + j] = y[at + j] > T(0) ? dy[at + j] - mean : T(0);
}

// a block a row; `columns` are the input's, twice the output's
KERNEL(glu)(const T* __restrict__ x, T* __restrict__ y, long long rows, long long columns) {
  const long long row = blockIdx.x, half = columns / 2;
  if (row >= rows) return;
  at_once<4>(threadIdx.x, half, blockDim.x, [&](long long j) {
    return two<T>{x[row * columns + j], x[row * columns + j + half]};
  }, [&](long long j, two<T> v) { y[row * half + j] = gated(v.a, v.b); });
}

// a block a row; `columns` are those of dy, half of dx's
KERNEL(glu_bwd)(const T* __restrict__ dy, const T* __restrict__ x, T* __restrict__ dx, long long rows, long long columns) {
  const long long row = blockIdx.x, at = 2 * row * columns;
  if (row >= rows) return;
  at_once<2>(threadIdx.x, columns, blockDim.x, [&](long long j) {
    return three<T>{dy[row * columns + j], x[at + j], x[at + j + columns]};
  }, [&](long long j, three<T> v) {
    T a, b;
    gated_bwd(v.a, v.b, v.c, a, b);
    dx[at + j] = a;
    dx[at + j + columns] = b;
  });
}

// (n, inner) of each row becomes (inner, n)
KERNEL(turn)(const T* __restrict__ x, long long inner, T* __restrict__ y, long long elements, long long columns) {
  const long long stride = (long long)gridDim.x * blockDim.x, n = quotient(columns, inner);
  for (long long e = blockIdx.x * (long long)blockDim.x + threadIdx.x; e < elements; e += stride) {
    const long long row = quotient(e, columns), j = e - row * columns, k = quotient(j, inner), i = j - k * inner;
    y[row * columns + i * n + k] = x[e];
  }
}
