// Losses that need the whole row; see vector_losses.py. A warp a row, but for overlap: a block a row. EPSILON is Keras's guard.

KERNEL(cosine_similarity)(const T* __restrict__ p, const T* __restrict__ t, const T* __restrict__ weight, T scale, T* __restrict__ loss,
                          T* __restrict__ dp, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  const T most = T(1) / T(EPSILON), factor = weight[row] * scale;
  T squares = T(0), squares_t = T(0), inner = T(0);
  for (long long j = lane; j < columns; j += 32) {
    const T a = p[at + j], b = t[at + j];
    squares += a * a;
    squares_t += b * b;
    inner += a * b;
  }
  const T across = minimum(T(1) / sqrt(warp_sum(squares)), most), target = minimum(T(1) / sqrt(warp_sum(squares_t)), most);
  const T cosine = warp_sum(inner) * across * target, turn = across < most ? cosine : T(0);
  for (long long j = lane; j < columns; j += 32) {
    dp[at + j] = across * (p[at + j] * across * turn - t[at + j] * target) * factor;
  }
  if (lane == 0) loss[row] = -cosine;
}

KERNEL(categorical_hinge)(const T* __restrict__ p, const T* __restrict__ t, const T* __restrict__ weight, T scale, T* __restrict__ loss,
                          T* __restrict__ dp, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T best = (T(1) - t[at]) * p[at], largest = best, inner = T(0);
  long long leader = 0;
  for (long long j = lane; j < columns; j += 32) {
    const T other = (T(1) - t[at + j]) * p[at + j];
    inner += t[at + j] * p[at + j];
    largest = maximum(largest, other);
    if (other > best) { best = other; leader = j; }
  }
  leader = warp_leader(best, leader);
  const T margin = warp_max(largest) - warp_sum(inner) + T(1), factor = margin > T(0) ? weight[row] * scale : T(0);
  for (long long j = lane; j < columns; j += 32) {
    const T b = t[at + j];
    dp[at + j] = j == leader ? -b * factor + (T(1) - b) * factor : -b * factor;
  }
  if (lane == 0) loss[row] = maximum(margin, T(0));
}

KERNEL(categorical_focal_crossentropy)(const T* __restrict__ p, const T* __restrict__ t, const T* __restrict__ alpha,
                                       const T* __restrict__ weight, T scale, T gamma, T* __restrict__ loss, T* __restrict__ dp,
                                       long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  const T low = T(EPSILON), high = T(1) - low;
  T total = T(0), value = T(0), inner = T(0);
  for (long long j = lane; j < columns; j += 32) total += p[at + j];
  total = warp_sum(total);
  for (long long j = lane; j < columns; j += 32) {
    const T q = p[at + j] / total, c = minimum(maximum(q, low), high), share = t[at + j] * alpha[j], logarithm = log(c);
    const T rest = pow(T(1) - c, gamma);
    value -= share * rest * logarithm;
    const T slope = q > low && q < high ? share * (gamma * pow(T(1) - c, gamma - T(1)) * logarithm - rest / c) : T(0);
    inner += slope * q;  // NaN where an entry of the row is not finite
  }
  value = warp_sum(value);
  inner = warp_sum(inner);
  const T factor = weight[row] * scale / total;
  for (long long j = lane; j < columns; j += 32) {
    const T c = p[at + j] / total;
    T slope = T(0);
    if (c > low && c < high) {
      slope = t[at + j] * alpha[j] * (gamma * pow(T(1) - c, gamma - T(1)) * log(c) - pow(T(1) - c, gamma) / c);
    }
    dp[at + j] = (slope - inner) * factor;
  }
  if (lane == 0) loss[row] = value;
}

KERNEL(overlap)(const T* __restrict__ p, const T* __restrict__ t, const T* __restrict__ weight, T scale, T a, T b, T c, T d,
                T* __restrict__ loss, T* __restrict__ dp, long long rows, long long columns) {
  __shared__ T part[32];
  const long long row = blockIdx.x, at = row * columns;
  if (row >= rows) return;
  T both = T(0), targets = T(0), given = T(0);
  for (long long j = threadIdx.x; j < columns; j += blockDim.x) {
    both += p[at + j] * t[at + j];
    targets += t[at + j];
    given += p[at + j];
  }
  both = block_sum(both, part);
  targets = block_sum(targets, part);
  given = block_sum(given, part);
  const T below = b * both + c * targets + d * given + T(EPSILON), share = a * both / below, factor = weight[row] * scale / below;
  for (long long j = threadIdx.x; j < columns; j += blockDim.x) dp[at + j] = (share * (b * t[at + j] + d) - a * t[at + j]) * factor;
  if (threadIdx.x == 0) loss[row] = T(1) - share;
}
