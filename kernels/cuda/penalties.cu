// What regularizers add to the loss; see penalties.py.

// one block
KERNEL(add_penalty)(const T* __restrict__ values, double weight, const long long* __restrict__ step, double* __restrict__ sums,
                    long long rows, long long columns) {
  __shared__ double part[32];
  double total = 0;
  at_once<4>(threadIdx.x, rows, blockDim.x, [&](long long i) { return values[i]; }, [&](long long, T v) { total += (double)v; });
  total = block_sum(total, part) * weight;
  if (threadIdx.x == 0) {
    sums[0] += total;
    sums[1] += weight;
    if (sums[2] < 0 && !isfinite(total)) sums[2] = (double)step[0];
  }
}
