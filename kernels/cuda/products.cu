// Matrix products by tiles; see products.py, which fills in LEFT, RIGHT and their like, and endings.py. A block makes TALL x WIDE values of
// the result: its threads are cut into SPLIT groups that share out the sum, and a thread of a group keeps a square of 4 x 4 values in
// registers. What comes next is fetched while the present part is multiplied. Matrices are small enough for a cache, so int is wide enough
// for every index.

KERNEL(product)(const T* __restrict__ a, const T* __restrict__ b, long long inner, PARAMETERS long long rows,
                long long columns) {
  constexpr int SPLIT = THREADS * 16 / (TALL * WIDE), TEAM = THREADS / SPLIT;
  constexpr int DEEP = 48 / (int)sizeof(T) * THREADS / (TALL + WIDE);  // of the sum at a time: 48 bytes a thread
  constexpr int RUN = 32 / (int)sizeof(T);  // neighbours in memory that are fetched together
  constexpr int LEFTS = TALL * DEEP / THREADS, RIGHTS = WIDE * DEEP / THREADS, HIGH = TALL + 4, BROAD = WIDE + 4;
  __shared__ quad<T> room[THREADS * 4];
  T* const left = room[0].at;
  T* const right = left + DEEP * HIGH;
  const int height = (int)rows, width = (int)columns, depth = (int)inner;
  const int thread = threadIdx.x, group = thread / TEAM;
  const int own_row = thread % TEAM / (WIDE / 4) * 4, own_column = thread % TEAM % (WIDE / 4) * 4;
  const int across = (width + WIDE - 1) / WIDE, top = (int)blockIdx.x / across * TALL, edge = (int)blockIdx.x % across * WIDE;
  T lefts[LEFTS], rights[RIGHTS], sum[16];
  #pragma unroll
  for (int i = 0; i < 16; ++i) sum[i] = T(0);
  for (int next = 0; next < depth + DEEP; next += DEEP) {
    if (next > 0) {
      __syncthreads();  // what is there has been multiplied
      #pragma unroll
      for (int i = 0; i < LEFTS; ++i) { const int e = thread + i * THREADS; left[(LEFT_DEEP) * HIGH + (LEFT_ROW)] = lefts[i]; }
      #pragma unroll
      for (int i = 0; i < RIGHTS; ++i) { const int e = thread + i * THREADS; right[(RIGHT_DEEP) * BROAD + (RIGHT_COLUMN)] = rights[i]; }
      __syncthreads();
    }
    if (next < depth) {
      #pragma unroll
      for (int i = 0; i < LEFTS; ++i) {
        const int e = thread + i * THREADS, k = next + (LEFT_DEEP), r = top + (LEFT_ROW);
        lefts[i] = k < depth && r < height ? a[LEFT] : T(0);
      }
      #pragma unroll
      for (int i = 0; i < RIGHTS; ++i) {
        const int e = thread + i * THREADS, k = next + (RIGHT_DEEP), c = edge + (RIGHT_COLUMN);
        rights[i] = k < depth && c < width ? b[RIGHT] : T(0);
      }
    }
    if (next > 0) {
      #pragma unroll 4
      for (int k = group; k < DEEP; k += SPLIT) {
        const quad<T> l = *(const quad<T>*)(left + k * HIGH + own_row), r = *(const quad<T>*)(right + k * BROAD + own_column);
        #pragma unroll
        for (int i = 0; i < 16; ++i) sum[i] += l.at[i / 4] * r.at[i % 4];
      }
    }
  }
  __syncthreads();
  #pragma unroll
  for (int i = 0; i < 16; i += 4) {
    const quad<T> four = {sum[i], sum[i + 1], sum[i + 2], sum[i + 3]};
    *(quad<T>*)(left + group * (TALL * WIDE) + (own_row + i / 4) * WIDE + own_column) = four;
  }
  __syncthreads();
  constexpr int COUNT = TALL * WIDE / THREADS, EACH = COUNT < 1 ? 1 : COUNT < TOGETHER ? COUNT : TOGETHER;
  LOADS
  for (int first = thread; first < TALL * WIDE; first += EACH * THREADS) {
    HELD
    #pragma unroll
    for (int i = 0; i < EACH; ++i) {
      const int e = first + i * THREADS, r = top + e / WIDE, c = edge + e % WIDE, at = r * width + c;
      if (r < height && c < width) { FETCH }
    }
    #pragma unroll
    for (int i = 0; i < EACH; ++i) {
      const int e = first + i * THREADS, r = top + e / WIDE, c = edge + e % WIDE, at = r * width + c;
      if (r >= height || c >= width) continue;
      T z = T(0);
      #pragma unroll 8
      for (int g = 0; g < SPLIT; ++g) z += left[g * (TALL * WIDE) + e];  // one order, whatever the threads do
      RESULT
    }
  }
}
