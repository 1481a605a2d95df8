// Feeding a step; see data.py. S is the type of the source.

// one block a row: out[row] = data[order[position + row]] * scale
KERNEL(gather)(const S* __restrict__ data, const int* __restrict__ order, const long long* __restrict__ position, T scale,
               T* __restrict__ out, long long rows, long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  const long long source = order[position[0] + row];
  scaled_row(data + source * columns, scale, out + row * columns, columns);
}

// one block a row: out[position + row] = values[row]
KERNEL(store)(const T* __restrict__ values, const long long* __restrict__ position, T* __restrict__ out, long long rows, long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  T* __restrict__ to = out + (position[0] + row) * columns;
  at_once<4>(threadIdx.x, columns, blockDim.x, [&](long long j) { return values[row * columns + j]; }, [&](long long j, T v) {
    to[j] = v;
  });
}

KERNEL(pick)(const S* __restrict__ data, const int* __restrict__ order, const long long* __restrict__ position, S* __restrict__ out,
             long long rows, long long columns) {
  const long long start = position[0];
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < rows; i += (long long)gridDim.x * blockDim.x) {
    out[i] = data[order[start + i]];
  }
}

// the same for rows of several values
KERNEL(pick_rows)(const int* __restrict__ data, const int* __restrict__ order, const long long* __restrict__ position, int* __restrict__ out,
                  long long rows, long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  const long long source = order[position[0] + row];
  at_once<4>(threadIdx.x, columns, blockDim.x, [&](long long j) { return data[source * columns + j]; }, [&](long long j, int v) {
    out[row * columns + j] = v;
  });
}

KERNEL(advance)(long long* __restrict__ position, long long* __restrict__ step, long long by, long long steps, long long rows,
                long long columns) {
  if (threadIdx.x == 0) {
    position[0] += by;
    step[0] += steps;
  }
}

KERNEL(hold)(const long long* __restrict__ counter, long long* __restrict__ out, long long rows, long long columns) {
  if (threadIdx.x == 0) out[0] = counter[0];
}

KERNEL(count)(S* __restrict__ value, long long by, long long n, long long columns) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) value[i] += by;
}

// one block; see add_up
KERNEL(accumulate)(const T* __restrict__ values, const T* __restrict__ weights, const long long* __restrict__ step,
                   double* __restrict__ sums, long long rows, long long columns) {
  __shared__ double part[32];
  add_up(values, weights, step[0], sums, rows, part);
}

// the learning rate of a step whose schedule is a table; see schedules.py
KERNEL(look_up)(const long long* __restrict__ step, const long long* __restrict__ first, const double* __restrict__ table,
                double* __restrict__ rate, long long rows, long long columns) {
  if (threadIdx.x == 0) rate[0] = table[step[0] - first[0]];
}
