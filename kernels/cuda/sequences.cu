// Sequence layers; see sequences.py.

// a block a row of the batch
KERNEL(embed)(const T* __restrict__ tokens, const T* __restrict__ table, long long width, long long count,
              T* __restrict__ y, long long rows, long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  const unsigned int wide = (unsigned int)width, all = (unsigned int)columns * wide;
  const divisor in_word(wide);
  at_once<4>(threadIdx.x, all, blockDim.x, [&](unsigned int e) {
    const unsigned int t = in_word.of(e);
    return table[word_of(tokens[row * columns + t], count) * width + e - t * wide];
  }, [&](unsigned int e, T v) { y[row * all + e] = v; });
}

// a block a row of the table looks through all tokens, as many at a time as it has threads
KERNEL(embed_bwd)(const T* __restrict__ tokens, const T* __restrict__ dy, long long count, T add, T* __restrict__ table, long long rows,
                  long long columns) {
  __shared__ int part[32];
  __shared__ int mine[256];
  const long long row = blockIdx.x;
  if (row >= rows) return;
  if (add == T(0)) {
    for (long long j = threadIdx.x; j < columns; j += blockDim.x) table[row * columns + j] = T(0);
  }
  for (long long first = 0; first < count; first += blockDim.x) {
    const long long i = first + threadIdx.x;
    const bool hit = i < count && word_of(tokens[i], rows) == row;
    mine[threadIdx.x] = hit ? 1 : 0;
    if (block_sum(hit ? 1 : 0, part) > 0) {
      for (long long j = threadIdx.x; j < columns; j += blockDim.x) {
        T some = T(0);  // a sum of sums: a word of millions of places keeps its digits
        for (int k = 0; k < (int)blockDim.x; ++k) {
          if (mine[k]) some += dy[(first + k) * columns + j];
        }
        table[row * columns + j] += some;
      }
    }
    __syncthreads();
  }
}

// a warp a step
KERNEL(step_mask)(const T* __restrict__ x, T value, T* __restrict__ mask, long long rows, long long columns) {
  const long long row = warp_row();
  if (row >= rows) return;
  T found = T(0);
  for (long long j = threadIdx.x & 31; j < columns; j += 32) {
    if (x[row * columns + j] != value) found = T(1);
  }
  found = warp_max(found);
  if ((threadIdx.x & 31) == 0) mask[row] = found;
}

// a block a row; `columns` are those of a half
KERNEL(join)(const T* __restrict__ a, const T* __restrict__ b, T* __restrict__ y, long long rows, long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  at_once<4>(threadIdx.x, columns, blockDim.x, [&](long long j) {
    return two<T>{a[row * columns + j], b[row * columns + j]};
  }, [&](long long j, two<T> v) {
    y[2 * row * columns + j] = v.a;
    y[(2 * row + 1) * columns + j] = v.b;
  });
}

// a block a row; `columns` are those of both
KERNEL(part)(const T* __restrict__ y, T* __restrict__ a, T* __restrict__ b, long long rows, long long columns) {
  const long long row = blockIdx.x, n = columns / 2;
  if (row >= rows) return;
  at_once<4>(threadIdx.x, n, blockDim.x, [&](long long j) {
    return two<T>{y[row * columns + j], y[row * columns + n + j]};
  }, [&](long long j, two<T> v) {
    a[row * n + j] = v.a;
    b[row * n + j] = v.b;
  });
}
