// The gradient of a table of words; see words.py.

// a warp a place
KERNEL(merge_words)(const T* __restrict__ tokens, const T* __restrict__ dy, long long words, T* __restrict__ merged, T* __restrict__ leader,
                    long long rows, long long columns) {
  const long long row = warp_row();
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  const long long first = row - row % PART, end = first + PART < rows ? first + PART : rows;
  const long long own = word_of(tokens[row], words);
  int before = 0;
  for (long long k = first + lane; k < row; k += 32) before |= word_of(tokens[k], words) == own;
  const bool leads = !__any_sync(FULL_WARP, before);
  if (lane == 0) leader[row] = leads ? (T)own : T(-1);
  for (long long strip = 0; strip < columns; strip += 32) {
    const long long j = strip + lane;
    T total = T(0);
    if (leads) {
      for (long long k = row - (row - first) % 32; k < end; k += 32) {
        const long long at = k + lane;
        const unsigned int hits = __ballot_sync(FULL_WARP, at >= row && at < end && word_of(tokens[at], words) == own);
        if (j < columns) total += sum_of_rows(hits, dy + k * columns + j, columns);
      }
    }
    if (j < columns) merged[row * columns + j] = total;
  }
}

// a warp a row of the table looks through all leaders
KERNEL(add_words)(const T* __restrict__ leader, const T* __restrict__ merged, long long count, T add, T* __restrict__ table,
                  long long rows, long long columns) {
  const long long row = warp_row();
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  for (long long strip = 0; strip < columns; strip += 32) {
    const long long j = strip + lane;
    T total = add == T(0) || j >= columns ? T(0) : table[row * columns + j];
    #pragma unroll 4
    for (long long k = 0; k < count; k += 32) {
      const unsigned int hits = __ballot_sync(FULL_WARP, k + lane < count && leader[k + lane] == (T)row);
      if (hits != 0u && j < columns) total += sum_of_rows(hits, merged + k * columns + j, columns);
    }
    if (j < columns) table[row * columns + j] = total;
  }
}
