// Pooling, zeros around images, a matrix along an axis; see pool.py. A thread an element of what is written, whatever the grid. `g` is the
// geometry in the order of windows.Windows. `elements` are those of the first operand: images are counted by them, places within
// one in 32 bits.

KERNEL(max_pool)(const T* __restrict__ x, const long long* __restrict__ g, T* __restrict__ y, int* __restrict__ at, long long elements,
                 long long columns) {
  if (by_quads(g[2], x, y) && by_quads(0, at, at)) largest_of_windows<4>(x, g, y, at, elements, columns);
  else largest_of_windows<1>(x, g, y, at, elements, columns);
}

// PART is what output k, in a place, gives the pixel that is number q of its window: of dy and of OPERAND
KERNEL(pool_bwd)(const T* __restrict__ dy, const OPERAND, const long long* __restrict__ g, T* __restrict__ dx, long long elements,
                 long long columns) {
  const auto part = [&](long long k, int place, int q) { return PART; };
  if (by_quads(g[2], dx, dx)) pooled_back<4>(g, dx, elements, columns, part);
  else pooled_back<1>(g, dx, elements, columns, part);
}

// a thread a channel of an image
KERNEL(global_max_bwd)(const T* __restrict__ dy, const T* __restrict__ x, const T* __restrict__ y, long long places, T* __restrict__ dx,
                       long long elements, long long columns) {
  each_element<1>(columns, elements, columns, [&](long long i, unsigned int c) {
    return two<T>{y[i * columns + c], dy[i * columns + c]};
  }, [&](long long i, unsigned int c, two<T> v) {
    const long long first = i * places * columns + c;
    int count = 0;
    at_once<4>(0, places, 1, [&](long long p) { return x[first + p * columns]; }, [&](long long, T own) { count += own == v.a; });
    const T share = v.b / (T)max(count, 1);
    at_once<4>(0, places, 1, [&](long long p) { return x[first + p * columns]; }, [&](long long p, T own) {
      dx[first + p * columns] = own == v.a ? share : T(0);
    });
  });
}

KERNEL(average_pool)(const T* __restrict__ x, const T* __restrict__ shares, const long long* __restrict__ g, T* __restrict__ y,
                     long long elements, long long columns) {
  if (by_quads(g[2], x, y)) sums_of_windows<4>(x, shares, g, y, elements, columns);
  else sums_of_windows<1>(x, shares, g, y, elements, columns);
}

KERNEL(pad)(const T* __restrict__ x, const long long* __restrict__ g, T* __restrict__ y, long long elements, long long columns) {
  const int channels = (int)g[2];
  if (by_quads(channels, x, y)) put_inside((const quad<T>*)x, g, (quad<T>*)y, channels / 4, elements / 4, columns / 4);
  else put_inside(x, g, y, channels, elements, columns);
}

KERNEL(axis_mix)(const T* __restrict__ x, const T* __restrict__ m, long long made, long long taken, long long inner, T* __restrict__ y,
                 long long elements, long long columns) {
  const int depth = (int)taken, deep = (int)inner, size = (int)made * deep;
  const divisor in_line(deep);
  each_element<1>(size, elements, taken * inner, [&](long long o, unsigned int e) {
    const int k = in_line.of(e);
    const T* __restrict__ from = x + o * taken * inner + (e - k * deep);
    T sum = T(0);
    at_once<4>(0, depth, 1, [&](int n) { return two<T>{m[k * depth + n], from[n * deep]}; }, [&](int, two<T> v) { sum += v.a * v.b; });
    return sum;
  }, [&](long long o, unsigned int e, T v) { y[o * size + e] = v; });
}
