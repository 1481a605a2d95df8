// Softmax over a row; see softmax.py. A warp a row. An exponential is computed twice rather than stored and read back, and column j is
// read and written by one lane only: an output may share the input's memory.

KERNEL(softmax)(const T* __restrict__ z, T* __restrict__ y, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T top = z[at], total = T(0);
  for (long long j = lane; j < columns; j += 32) top = maximum(top, z[at + j]);
  top = warp_max(top);
  for (long long j = lane; j < columns; j += 32) total += exp(z[at + j] - top);
  const T inverse = T(1) / warp_sum(total);
  for (long long j = lane; j < columns; j += 32) y[at + j] = exp(z[at + j] - top) * inverse;
}

KERNEL(softmax_bwd)(const T* __restrict__ dy, const T* __restrict__ y, T* __restrict__ dx, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T inner = T(0);
  for (long long j = lane; j < columns; j += 32) inner += dy[at + j] * y[at + j];
  inner = warp_sum(inner);
  for (long long j = lane; j < columns; j += 32) dx[at + j] = y[at + j] * (dy[at + j] - inner);
}

KERNEL(softmax_ce_sparse)(const T* __restrict__ z, const int* __restrict__ label, const T* __restrict__ weight, T scale, T* __restrict__ p,
                          T* __restrict__ loss, T* __restrict__ dz, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  const long long hot = label[row];
  const T factor = weight[row] * scale;
  T top = z[at], total = T(0);
  for (long long j = lane; j < columns; j += 32) top = maximum(top, z[at + j]);
  top = warp_max(top);
  for (long long j = lane; j < columns; j += 32) total += exp(z[at + j] - top);
  total = warp_sum(total);
  const T inverse = T(1) / total;
  for (long long j = lane; j < columns; j += 32) {
    const T shifted = z[at + j] - top;
    const T q = exp(shifted) * inverse;
    p[at + j] = q;
    dz[at + j] = j == hot ? q * factor - factor : q * factor;
    if (j == hot) loss[row] = log(total) - shifted;
  }
}

KERNEL(softmax_ce_dense)(const T* __restrict__ z, const T* __restrict__ target, const T* __restrict__ weight, T scale, T* __restrict__ p,
                         T* __restrict__ loss, T* __restrict__ dz, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  const T factor = weight[row] * scale;
  T top = z[at], total = T(0), mass = T(0), inner = T(0);
  for (long long j = lane; j < columns; j += 32) top = maximum(top, z[at + j]);
  top = warp_max(top);
  for (long long j = lane; j < columns; j += 32) {
    const T shifted = z[at + j] - top, t = target[at + j];
    inner += t * shifted;
    mass += t;
    total += exp(shifted);
  }
  inner = warp_sum(inner);
  mass = warp_sum(mass);
  total = warp_sum(total);
  const T inverse = T(1) / total;
  for (long long j = lane; j < columns; j += 32) {
    const T q = exp(z[at + j] - top) * inverse, t = target[at + j];
    p[at + j] = q;
    dz[at + j] = (q * mass - t) * factor;
  }
  if (lane == 0) loss[row] = log(total) * mass - inner;
}
