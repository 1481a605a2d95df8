// Columns of rows; see columns.py. One block a row; `columns` are those of the first operand.

KERNEL(pick_columns)(const T* __restrict__ x, const int* __restrict__ index, long long width, T* __restrict__ y, long long rows,
                     long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  at_once<4>(threadIdx.x, width, blockDim.x, [&](long long j) { return x[row * columns + index[j]]; }, [&](long long j, T v) {
    y[row * width + j] = v;
  });
}

KERNEL(put_columns)(const T* __restrict__ x, const int* __restrict__ index, long long width, T* __restrict__ y, long long rows,
                    long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  at_once<4>(threadIdx.x, columns, blockDim.x, [&](long long j) { return x[row * columns + j]; }, [&](long long j, T v) {
    y[row * width + index[j]] = v;
  });
}

KERNEL(sum_columns)(const T* __restrict__ x, const int* __restrict__ starts, const int* __restrict__ order, long long width,
                    T* __restrict__ y, long long rows, long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < width; j += blockDim.x) {
    T total = T(0);
    for (int k = starts[j]; k < starts[j + 1]; ++k) total += x[row * columns + order[k]];
    y[row * width + j] = total;
  }
}

KERNEL(largest_columns)(const T* __restrict__ x, const int* __restrict__ starts, const int* __restrict__ order, long long width,
                        T* __restrict__ y, long long rows, long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  for (long long j = threadIdx.x; j < width; j += blockDim.x) {
    T best = x[row * columns + order[starts[j]]];
    for (int k = starts[j] + 1; k < starts[j + 1]; ++k) best = maximum(best, x[row * columns + order[k]]);
    y[row * width + j] = best;
  }
}

KERNEL(row_dots)(const T* __restrict__ a, const T* __restrict__ b, long long b_wide, long long down, long long across, long long deep,
                 long long a_out, long long a_in, long long b_out, long long b_in, T* __restrict__ out, long long rows, long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  for (long long e = threadIdx.x; e < down * across; e += blockDim.x) {
    const T* __restrict__ left = a + row * columns + e / across * a_out;
    const T* __restrict__ right = b + row * b_wide + e % across * b_out;
    T total = T(0);
    for (long long k = 0; k < deep; ++k) total += left[k * a_in] * right[k * b_in];
    out[row * down * across + e] = total;
  }
}
