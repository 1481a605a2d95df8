// Rows of length one; see unit.py. A warp a row.

KERNEL(unit_rows)(const T* __restrict__ x, T most, T* __restrict__ y, T* __restrict__ inverse, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T total = T(0);
  for (long long j = lane; j < columns; j += 32) total += x[at + j] * x[at + j];
  const T factor = minimum(T(1) / sqrt(warp_sum(total)), most);
  for (long long j = lane; j < columns; j += 32) y[at + j] = x[at + j] * factor;
  if (lane == 0) inverse[row] = factor;
}

KERNEL(unit_rows_bwd)(const T* __restrict__ dy, const T* __restrict__ y, const T* __restrict__ inverse, T most, T* __restrict__ dx,
                      long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  const T factor = inverse[row];
  T inner = T(0);
  for (long long j = lane; j < columns; j += 32) inner += dy[at + j] * y[at + j];
  inner = warp_sum(inner);
  if (!(factor < most)) inner = T(0);
  for (long long j = lane; j < columns; j += 32) dx[at + j] = factor * (dy[at + j] - y[at + j] * inner);
}

KERNEL(angles)(const T* __restrict__ product, T factor, T scale, T* __restrict__ slope, T* __restrict__ value, long long rows,
               long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  const T step = factor * scale;
  T total = T(0);
  for (long long j = lane; j < columns; j += 32) {
    const T p = product[at + j];
    if (j != row) total += fabs(p);
    slope[at + j] = j == row ? T(0) : p > T(0) ? step : p < T(0) ? -step : p;
  }
  total = warp_sum(total);
  if (lane == 0) value[row] = T(0.5) * factor * total;
}

// rows and columns are those of the output; x has `columns` rows
KERNEL(transpose)(const T* __restrict__ x, T add, T* __restrict__ out, long long rows, long long columns) {
  const long long tall = rows / columns;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < rows; i += (long long)gridDim.x * blockDim.x) {
    const long long r = quotient(i, columns), c = i - r * columns;
    const T v = x[c * tall + r];
    out[i] = add != T(0) ? out[i] + v : v;
  }
}
