// What metrics count; see measures.py.

// ---------------------------------------------------------------- a warp a row
KERNEL(hit_equal)(const T* __restrict__ p, const T* __restrict__ target, T* __restrict__ hit, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T right = T(0);
  for (long long j = lane; j < columns; j += 32) right += p[at + j] == target[at + j] ? T(1) : T(0);
  right = warp_sum(right);
  if (lane == 0) hit[row] = right / (T)columns;
}

KERNEL(hit_top_sparse)(const T* __restrict__ p, const int* __restrict__ label, long long k, T* __restrict__ hit, long long rows,
                       long long columns) {
  const long long row = warp_row();
  if (row >= rows) return;
  const T best = top_hit(p + row * columns, label[row], k, columns) ? T(1) : T(0);
  if ((threadIdx.x & 31) == 0) hit[row] = best;
}

KERNEL(hit_top_dense)(const T* __restrict__ p, const T* __restrict__ target, long long k, T* __restrict__ hit, long long rows,
                      long long columns) {
  const long long row = warp_row();
  if (row >= rows) return;
  const T best = top_hit(p + row * columns, warp_argmax(target + row * columns, columns), k, columns) ? T(1) : T(0);
  if ((threadIdx.x & 31) == 0) hit[row] = best;
}

KERNEL(decide)(const T* __restrict__ p, T threshold, long long largest, T* __restrict__ out, long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  T top = p[at];
  for (long long j = lane; j < columns; j += 32) top = maximum(top, p[at + j]);
  top = warp_max(top);
  for (long long j = lane; j < columns; j += 32) {
    const T v = p[at + j];
    const bool chosen = largest != 0 ? v >= top && fabs(v) > T(SMALLEST) : v > threshold;
    out[at + j] = chosen ? T(1) : T(0);
  }
}

KERNEL(argmax)(const T* __restrict__ p, int* __restrict__ choice, long long rows, long long columns) {
  const long long row = warp_row();
  if (row >= rows) return;
  const long long best = warp_argmax(p + row * columns, columns);
  if ((threadIdx.x & 31) == 0) choice[row] = (int)best;
}

// ---------------------------------------------------------------- element by element
KERNEL(top_only)(const T* __restrict__ p, long long k, T* __restrict__ out, long long n, long long columns) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) {
    const long long start = quotient(i, columns) * columns, own = i - start;
    const T v = p[i];
    long long rank = 0;
    for (long long j = 0; j < columns; ++j) rank += p[start + j] > v || (p[start + j] == v && j < own);
    out[i] = rank < k ? v : T(LEFT_OUT);
  }
}

KERNEL(as_class)(const T* __restrict__ p, T threshold, long long split, int* __restrict__ choice, long long n, long long columns) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) {
    const T v = p[i];
    if (split != 0) choice[i] = v >= threshold ? 1 : 0;
    else choice[i] = v >= T(0) && v < T(2147483520) ? (int)v : -1;
  }
}

KERNEL(pair)(const int* __restrict__ label, const int* __restrict__ choice, long long classes, long long ignored, int* __restrict__ cell,
             long long n, long long columns) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) {
    const long long a = label[i], b = choice[i];
    const bool inside = a >= 0 && a < classes && b >= 0 && b < classes && a != ignored;
    cell[i] = inside ? (int)(a * classes + b) : -1;
  }
}

KERNEL(bucket)(const T* __restrict__ p, const T* __restrict__ target, const T* __restrict__ share, const T* __restrict__ weight,
               const T* __restrict__ edges, long long count, long long labels, int* __restrict__ cell, T* __restrict__ mass, long long n,
               long long columns) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) {
    const long long row = quotient(i, columns), column = i - row * columns;
    const T v = p[i];
    long long first = 0, last = count;
    while (first < last) {  // edges below `first` are below v, those from `last` on are not
      const long long middle = (first + last) >> 1;
      if (v > edges[middle]) first = middle + 1;
      else last = middle;
    }
    cell[i] = (int)((first + (target[i] != T(0) ? count + 1 : 0)) * labels + (labels > 1 ? column : 0));
    mass[i] = weight[row] * share[column];
  }
}

// ---------------------------------------------------------------- sums in double, in a fixed order
// a warp a cell
KERNEL(count)(double* __restrict__ sums, const int* __restrict__ cell, const T* __restrict__ mass, long long outcomes,
              long long rows, long long columns) {
  const long long own = warp_row();
  if (own >= rows) return;
  double total = 0;
  for (long long i = threadIdx.x & 31; i < outcomes; i += 32) total += cell[i] == own ? (double)mass[i] : double(0);
  total = warp_sum(total);
  if ((threadIdx.x & 31) == 0) sums[own] += total;
}

// a strip of columns a block, as in reductions.cu; four sums a column
KERNEL(hits_by_column)(const T* __restrict__ choice, const T* __restrict__ target, const T* __restrict__ weight, double* __restrict__ sums,
                       long long rows, long long columns) {
  __shared__ double part[1024];
  const long long column = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  double both = 0, wrong = 0, missed = 0, all = 0;
  if (column < columns) {
    at_once<2>(threadIdx.y, rows, blockDim.y, [&](long long r) {
      return three<T>{choice[r * columns + column], target[r * columns + column], weight[r]};
    }, [&](long long, three<T> v) {
      const double c = (double)v.a, t = (double)v.b, w = (double)v.c;
      both += w * c * t;
      wrong += w * c * (1 - t);
      missed += w * (1 - c) * t;
      all += w * t;
    });
  }
  add_four(both, wrong, missed, all, part, sums + column, columns, column < columns);
}

KERNEL(squares_by_column)(const T* __restrict__ p, const T* __restrict__ target, const T* __restrict__ weight, double* __restrict__ sums,
                          long long rows, long long columns) {
  __shared__ double part[1024];
  const long long column = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  double first = 0, second = 0, off = 0, all = 0;
  if (column < columns) {
    at_once<2>(threadIdx.y, rows, blockDim.y, [&](long long r) {
      return three<T>{p[r * columns + column], target[r * columns + column], weight[r]};
    }, [&](long long, three<T> v) {
      const double t = (double)v.b, e = t - (double)v.a, w = (double)v.c;
      first += w * t;
      second += w * t * t;
      off += w * e * e;
      all += w;
    });
  }
  add_four(first, second, off, all, part, sums + column, columns, column < columns);
}
