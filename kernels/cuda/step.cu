// Several launches of a step in one, on a device only; see step.py. Each does what its parts do, in their order.

// one block a row; the first thread carries the row's label
KERNEL(gather_batch)(const S* __restrict__ data, const int* __restrict__ labels, const int* __restrict__ order,
                     const long long* __restrict__ position, T scale, T* __restrict__ out, int* __restrict__ label, long long rows,
                     long long columns) {
  const long long row = blockIdx.x;
  if (row >= rows) return;
  const long long source = order[position[0] + row];
  if (threadIdx.x == 0) label[row] = labels[source];
  scaled_row(data + source * columns, scale, out + row * columns, columns);
}

// a warp a row: add the bias, softmax, loss, its gradient, and whether the largest probability is the label's
KERNEL(softmax_ce_sparse_hit)(const T* __restrict__ z, const T* __restrict__ bias, const int* __restrict__ label,
                              const T* __restrict__ weight, T scale, T* __restrict__ loss, T* __restrict__ dz, T* __restrict__ hit,
                              long long rows, long long columns) {
  const long long row = warp_row(), at = row * columns;
  if (row >= rows) return;
  const int lane = threadIdx.x & 31;
  const long long hot = label[row];
  const T factor = weight[row] * scale;
  T top = z[at] + bias[0], total = T(0);
  for (long long j = lane; j < columns; j += 32) top = maximum(top, z[at + j] + bias[j]);
  top = warp_max(top);
  for (long long j = lane; j < columns; j += 32) total += exp(z[at + j] + bias[j] - top);
  total = warp_sum(total);
  const T inverse = T(1) / total;
  T best = exp(z[at] + bias[0] - top) * inverse;  // column 0 leads until a larger one comes, as in warp_argmax
  long long leader = 0;
  for (long long j = lane; j < columns; j += 32) {
    const T shifted = z[at + j] + bias[j] - top;
    const T q = exp(shifted) * inverse;
    if (q > best) { best = q; leader = j; }
    dz[at + j] = j == hot ? q * factor - factor : q * factor;
    if (j == hot) loss[row] = log(total) - shifted;
  }
  leader = warp_leader(best, leader);
  if (lane == 0) hit[row] = leader == hot ? T(1) : T(0);
}

// an activation's gradient in place, and its sum over the rows: the bias gradient. A strip of columns a block, as in reductions.cu
KERNEL(gradient_sum)(T* __restrict__ d, OPERANDS, T add, T* __restrict__ out, long long rows, long long columns) {
  __shared__ T part[1024];
  const long long c = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  T total = T(0);
  if (c < columns) {
    at_once<4>(threadIdx.y, rows, blockDim.y, [&](long long r) {
      return two<T>{d[r * columns + c], SAVED[r * columns + c]};
    }, [&](long long r, two<T> v) {
      const T g = GRADIENT(v.a, VALUES);
      d[r * columns + c] = g;
      total += g;
    });
  }
  total = strip_sum(total, part);
  if (threadIdx.y == 0 && c < columns) out[c] = add != T(0) ? out[c] + total : total;
}

// one block: two weighted totals, then the counters go on: position in the epoch, steps of the model, steps of the optimizer
KERNEL(finish)(const T* __restrict__ values, const T* __restrict__ weights, const T* __restrict__ more, const T* __restrict__ more_weights,
               double* __restrict__ sums, double* __restrict__ more_sums, long long* __restrict__ position, long long* __restrict__ step,
               long long* __restrict__ count, long long by, long long steps, long long counts, long long rows, long long columns) {
  __shared__ double part[32];
  add_up(values, weights, step[0], sums, rows, part);
  add_up(more, more_weights, step[0], more_sums, rows, part);
  if (threadIdx.x == 0) {
    position[0] += by;
    step[0] += steps;
    count[0] += counts;
  }
}

// the same, and the rate that Adam uses in this step, by the count of its steps before
KERNEL(finish_adam)(const T* __restrict__ values, const T* __restrict__ weights, const T* __restrict__ more,
                    const T* __restrict__ more_weights, double* __restrict__ sums, double* __restrict__ more_sums,
                    long long* __restrict__ position, long long* __restrict__ step, long long* __restrict__ count, long long by,
                    long long steps, long long counts, const double* __restrict__ rate, double beta_1, double beta_2, double* __restrict__ alpha, long long rows,
                    long long columns) {
  __shared__ double part[32];
  add_up(values, weights, step[0], sums, rows, part);
  add_up(more, more_weights, step[0], more_sums, rows, part);
  if (threadIdx.x == 0) {
    alpha[0] = adam_rate(rate[0], (double)count[0], beta_1, beta_2);
    position[0] += by;
    step[0] += steps;
    count[0] += counts;
  }
}
