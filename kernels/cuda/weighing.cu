// Weights of a batch; see weighing.py.

KERNEL(keep)(const int* __restrict__ label, T* __restrict__ kept, int* __restrict__ safe, long long n, long long columns) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) {
    const int own = label[i];
    kept[i] = own >= 0 ? T(1) : T(0);
    safe[i] = own >= 0 ? own : 0;
  }
}

KERNEL(number)(const int* __restrict__ label, T* __restrict__ out, long long n, long long columns) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) out[i] = (T)label[i];
}

KERNEL(take)(const T* __restrict__ values, const int* __restrict__ order, T* __restrict__ out, long long n, long long columns) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x) {
    out[i] = values[order[i]];
  }
}

// one block
KERNEL(weigh)(const T* __restrict__ weight, const T* __restrict__ kept, long long share, long long by_weight, T* __restrict__ out,
              long long rows, long long columns) {
  __shared__ double part[32];
  double total = 0;
  at_once<4>(threadIdx.x, rows, blockDim.x, [&](long long i) {
    return two<T>{kept[i], by_weight != 0 ? weight[i] : T(1)};
  }, [&](long long, two<T> v) { total += (double)v.a * (double)v.b; });
  total = block_sum(total, part);
  const T factor = share == 0 ? T(1) : total == 0 ? T(0) : (T)((double)rows / total);
  at_once<4>(threadIdx.x, rows, blockDim.x, [&](long long i) { return two<T>{weight[i], kept[i]}; }, [&](long long i, two<T> v) {
    out[i] = v.a * v.b * factor;
  });
}
