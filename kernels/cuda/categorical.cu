// Cross-entropy on probabilities and hits of an argmax; see categorical.py. A warp a row. EPSILON is Keras's clip.

KERNEL(crossentropy_dense)(const T* __restrict__ p, const T* __restrict__ target, const T* __restrict__ weight, T scale,
                           T* __restrict__ loss, T* __restrict__ dp, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  const T low = T(EPSILON), high = T(1) - low, factor = weight[row] * scale;
  T total = T(0), value = T(0), mass = T(0);
  for (long long j = lane; j < columns; j += 32) total += p[at + j];
  total = warp_sum(total);
  for (long long j = lane; j < columns; j += 32) {
    const T q = p[at + j] / total, t = target[at + j];
    value -= t * log(minimum(maximum(q, low), high));
    if (q > low && q < high) mass += t;
  }
  value = warp_sum(value);
  mass = warp_sum(mass) / total;
  for (long long j = lane; j < columns; j += 32) {
    const T own = p[at + j], q = own / total;
    dp[at + j] = (q > low && q < high ? mass - target[at + j] / own : mass) * factor;
  }
  if (lane == 0) loss[row] = value;
}

KERNEL(crossentropy_sparse)(const T* __restrict__ p, const int* __restrict__ label, const T* __restrict__ weight, T scale,
                            T* __restrict__ loss, T* __restrict__ dp, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  const long long hot = label[row];
  const T low = T(EPSILON), high = T(1) - low;
  T total = T(0), own = T(0);
  for (long long j = lane; j < columns; j += 32) {
    const T v = p[at + j];
    total += v;
    if (j == hot) own = v;
  }
  total = warp_sum(total);
  own = warp_sum(own);  // the others are zero: the label's probability, in every lane
  const T q = own / total, zero = total - total;  // NaN when an entry of the row is not finite: then everything is
  const bool clipped = q <= low || q >= high;
  const T factor = weight[row] * scale, rest = clipped ? zero : factor / total, hit = clipped ? zero : rest - factor / own;
  for (long long j = lane; j < columns; j += 32) dp[at + j] = j == hot ? hit : rest;
  if (lane == 0) loss[row] = zero - log(minimum(maximum(q, low), high));
}

KERNEL(hit_sparse)(const T* __restrict__ p, const int* __restrict__ label, T* __restrict__ hit, long long rows, long long columns) {
  const long long row = warp_row();
  if (row >= rows) return;
  const long long best = warp_argmax(p + row * columns, columns);
  if ((threadIdx.x & 31) == 0) hit[row] = best == label[row] ? T(1) : T(0);
}

KERNEL(hit_dense)(const T* __restrict__ p, const T* __restrict__ target, T* __restrict__ hit, long long rows, long long columns) {
  const long long row = warp_row();
  if (row >= rows) return;
  const long long best = warp_argmax(p + row * columns, columns), wanted = warp_argmax(target + row * columns, columns);
  if ((threadIdx.x & 31) == 0) hit[row] = best == wanted ? T(1) : T(0);
}

KERNEL(hit_binary)(const T* __restrict__ p, const T* __restrict__ target, T threshold, T* __restrict__ hit, long long rows,
                   long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T right = T(0);
  for (long long j = lane; j < columns; j += 32) {
    if ((p[at + j] > threshold ? T(1) : T(0)) == target[at + j]) right += T(1);
  }
  right = warp_sum(right);
  if (lane == 0) hit[row] = right / (T)columns;
}
