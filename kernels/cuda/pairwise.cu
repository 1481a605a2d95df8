// Pairs of rows; see pairwise.py. A warp a row of a square matrix.

KERNEL(circle)(const T* __restrict__ s, const int* __restrict__ label, T gamma, T margin, long long no_diagonal, T* __restrict__ loss,
               T* __restrict__ slope, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31, own = label[row];
  T top_a = T(FAR), top_b = T(FAR), sum_a = T(0), sum_b = T(0);
  long long pairs = 0, others = 0;
  for (long long j = lane; j < columns; j += 32) {
    const T d = maximum(T(1) - s[at + j], T(0));
    if (label[j] != own) {
      ++others;
      top_b = maximum(top_b, gamma * maximum(T(1) + margin - d, T(0)) * (T(1) - margin - d));
    } else if (j != row || no_diagonal == 0) {
      ++pairs;
      top_a = maximum(top_a, gamma * (d * d - margin * margin));
    }
  }
  top_a = warp_max(top_a);
  top_b = warp_max(top_b);
  for (long long j = lane; j < columns; j += 32) {
    const T d = maximum(T(1) - s[at + j], T(0));
    if (label[j] != own) sum_b += exp(gamma * maximum(T(1) + margin - d, T(0)) * (T(1) - margin - d) - top_b);
    else if (j != row || no_diagonal == 0) sum_a += exp(gamma * (d * d - margin * margin) - top_a);
  }
  sum_a = warp_sum(sum_a);
  sum_b = warp_sum(sum_b);
  const bool counts = warp_sum(pairs) > 0 && warp_sum(others) > 0;
  const T x = top_a + log(sum_a) + top_b + log(sum_b), outer = counts ? T(1) / (T(1) + exp(-x)) : T(0);
  for (long long j = lane; j < columns; j += 32) {
    const T d = maximum(T(1) - s[at + j], T(0)), near = maximum(T(1) + margin - d, T(0));
    T inner = T(0);
    if (label[j] != own) {
      if (near > T(0)) inner = exp(gamma * near * (T(1) - margin - d) - top_b) / sum_b * gamma * (T(2) * d - T(2));
    } else if (j != row || no_diagonal == 0) {
      inner = exp(gamma * (d * d - margin * margin) - top_a) / sum_a * T(2) * gamma * d;
    }
    slope[at + j] = counts && s[at + j] < T(1) ? -outer * inner : T(0);
  }
  if (lane == 0) loss[row] = counts ? maximum(x, T(0)) + log1p(exp(-fabs(x))) : T(0);
}
