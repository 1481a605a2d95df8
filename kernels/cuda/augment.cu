// Augmentation: what is drawn for each image, maps, and the gather; see augment_draw.py and augment_geometry.py.

KERNEL(augment_draw)(const double* __restrict__ low, const double* __restrict__ span, const long long* __restrict__ step, long long seed,
                     long long stream, long long table, double* __restrict__ drawn, long long rows, long long columns) {
  const unsigned long long time = (unsigned long long)step[0], key = (unsigned long long)seed;
  for (long long q = blockIdx.x * (long long)blockDim.x + threadIdx.x; 4 * q < rows; q += (long long)gridDim.x * blockDim.x) {
    const unsigned int block = (unsigned int)((table << 24) + q);
    const uint4 counter = make_uint4(block, (unsigned int)stream, (unsigned int)time, (unsigned int)(time >> 32));
    const uint4 r = philox4x32(counter, (unsigned int)key, (unsigned int)(key >> 32));
    const long long k = (4 * q) % columns;
    const double unit = double(5.9604644775390625e-08);
    drawn[4 * q] = low[k] + span[k] * ((double)(r.x >> 8) * unit);
    drawn[4 * q + 1] = low[k + 1] + span[k + 1] * ((double)(r.y >> 8) * unit);
    drawn[4 * q + 2] = low[k + 2] + span[k + 2] * ((double)(r.z >> 8) * unit);
    drawn[4 * q + 3] = low[k + 3] + span[k + 3] * ((double)(r.w >> 8) * unit);
  }
}

KERNEL(augment_choose)(const double* __restrict__ drawn, const double* __restrict__ neutral, const double* __restrict__ owner, long long at,
                       long long choices, double* __restrict__ out, long long rows, long long columns) {
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < rows; i += (long long)gridDim.x * blockDim.x) {
    const long long row = quotient(i, columns), k = i - row * columns;
    const double chosen = minimum(floor(drawn[row * columns + at] * (double)choices), (double)(choices - 1));
    out[i] = owner[k] == chosen ? drawn[i] : neutral[k];
  }
}

KERNEL(augment_boxes)(const double* __restrict__ drawn, long long height, long long width, long long kind, double* __restrict__ boxes,
                      long long rows, long long columns) {
  for (long long r = blockIdx.x * (long long)blockDim.x + threadIdx.x; columns * r < rows; r += (long long)gridDim.x * blockDim.x) {
    const double* __restrict__ d = drawn + r * columns;
    for (int axis = 0; axis < 2; ++axis) {
      const double size = (double)(axis == 0 ? height : width);
      double first = double(0), last = double(0);
      if (d[5] < d[4]) {
        if (kind != 0) {
          first = floor(d[2 + axis] * size) - floor(d[axis] * double(0.5));
          last = first + d[axis];
        } else {
          const double length = sqrt(d[axis]) * size;
          first = d[2 + axis] * (size - length);
          last = first + length;
        }
      }
      boxes[4 * r + 2 * axis] = ceil(first);
      boxes[4 * r + 2 * axis + 1] = ceil(last);
    }
  }
}

// one thread a row
KERNEL(augment_mixing)(const long long* __restrict__ step, long long seed, long long stream, double alpha, double* __restrict__ weights,
                       long long rows, long long columns) {
  const unsigned long long time = (unsigned long long)step[0], key = (unsigned long long)seed;
  const double shape = alpha >= double(1) ? alpha : alpha + double(1), d = shape - double(0.3333333333333333);
  const double c = double(1) / sqrt(double(9) * d), unit = double(2.3283064365386963e-10), half = double(0.5);
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i * columns < rows; i += (long long)gridDim.x * blockDim.x) {
    double kept = double(0), other = double(0), total = double(0);
    for (long long k = 0; k <= columns; ++k) {
      double gamma = d;
      for (long long t = 0; t < 32; ++t) {
        const unsigned int block = 0x80000000u + (unsigned int)((i * (columns + 1) + k) * 32 + t);
        const uint4 counter = make_uint4(block, (unsigned int)stream, (unsigned int)time, (unsigned int)(time >> 32));
        const uint4 r = philox4x32(counter, (unsigned int)key, (unsigned int)(key >> 32));
        const double a = ((double)r.x + half) * unit, b = ((double)r.y + half) * unit, u = ((double)r.z + half) * unit;
        const double x = sqrt(double(-2) * log(a)) * cos(double(6.283185307179586) * b), v1 = double(1) + c * x, v = v1 * v1 * v1;
        if (v > double(0) && log(u) < half * x * x + d - d * v + d * log(v)) {
          gamma = d * v * (alpha < double(1) ? pow(((double)r.w + half) * unit, double(1) / alpha) : double(1));
          break;
        }
      }
      gamma = maximum(gamma, double(1e-300));
      if (k == 0) kept = gamma;
      else if (k == 1) other = gamma;
      else {
        weights[i * columns + k - 1] = gamma;
        total += gamma;
      }
    }
    const double share = kept / (kept + other);
    weights[i * columns] = share;
    for (long long k = 1; k < columns; ++k) weights[i * columns + k] *= (double(1) - share) / total;
  }
}

// one thread a row
KERNEL(augment_maps)(const double* __restrict__ drawn, long long height, long long width, double* __restrict__ maps, long long rows,
                     long long columns) {
  const double zero = double(0), one = double(1), half = double(0.5);
  const double ox = half * (double)(width - 1), oy = half * (double)(height - 1);
  for (long long r = blockIdx.x * (long long)blockDim.x + threadIdx.x; r * columns < rows; r += (long long)gridDim.x * blockDim.x) {
    const double* __restrict__ p = drawn + r * columns;
    const double sign = p[10] > half ? -one : one;
    const double turn = cos(p[0]), lean = sin(p[0]), slope = sin(p[3]), shrink = cos(p[3]);
    const double zx = p[4] * p[13], zy = p[5] * p[13];
    const double a = turn * zx, b = -(turn * slope + lean * shrink) * zy, c = lean * zx, d = (turn * shrink - lean * slope) * zy;
    const double kx = p[6] < half ? -one : one, ky = p[7] < half ? -one : one;
    const double x0 = kx < zero ? (double)(width - 1) : zero, y0 = ky < zero ? (double)(height - 1) : zero;
    const double sx = sign * p[8], sy = sign * p[9];
    const double xj = kx, xi = sx * ky, x1 = x0 + sx * y0, yj = sy * kx, yi = ky, y1 = y0 + sy * x0;
    const double tx = turn * p[1] - lean * p[2] + floor(p[11]) + (ox - a * ox - b * oy);
    const double ty = lean * p[1] + turn * p[2] + floor(p[12]) + (oy - c * ox - d * oy);
    double* __restrict__ m = maps + 6 * r;
    m[0] = c * xi + d * yi;
    m[1] = c * xj + d * yj;
    m[2] = c * x1 + d * y1 + ty;
    m[3] = a * xi + b * yi;
    m[4] = a * xj + b * yj;
    m[5] = a * x1 + b * y1 + tx;
  }
}

// one block a row
KERNEL(augment_gather)(const T* __restrict__ x, const double* __restrict__ maps, const T* __restrict__ field, long long height,
                       long long width, long long channels, long long out_height, long long out_width, long long mode, long long order,
                       T strength, T cval, T* __restrict__ y, long long rows, long long columns) {
  const long long row = blockIdx.x, count = out_height * out_width * channels;
  const double* __restrict__ map = maps + 6 * row;
  const T m0 = (T)map[0], m1 = (T)map[1], m2 = (T)map[2], m3 = (T)map[3], m4 = (T)map[4], m5 = (T)map[5];
  const T* __restrict__ image = x + row * columns;
  const T top = (T)(height - 1), side = (T)(width - 1);
  for (long long e = threadIdx.x; e < count; e += blockDim.x) {
    const long long pixel = quotient(e, channels), c = e - pixel * channels, i = quotient(pixel, out_width), j = pixel - i * out_width;
    T sy = m0 * (T)i + m2 + m1 * (T)j, sx = m3 * (T)i + m5 + m4 * (T)j;
    if (strength != T(0)) {
      const T* __restrict__ moves = field + 2 * (row * out_height * out_width + pixel);
      sy += strength * moves[0];
      sx += strength * moves[1];
    }
    T value = cval;
    if (mode != 1 || (sy >= T(0) && sy <= top && sx >= T(0) && sx <= side)) {
      if (mode == 3) {
        sy = one_period(sy, height);
        sx = one_period(sx, width);
      }
      if (order == 0) {
        const long long a = pixel_at((long long)floor(sy + T(0.5)), height, mode), b = pixel_at((long long)floor(sx + T(0.5)), width, mode);
        if (a >= 0 && b >= 0) value = image[(a * width + b) * channels + c];
      } else {
        const T ky = floor(sy), kx = floor(sx), fy = sy - ky, fx = sx - kx, gy = T(1) - fy, gx = T(1) - fx;
        const long long y0 = pixel_at((long long)ky, height, mode), y1 = pixel_at((long long)ky + 1, height, mode);
        const long long x0 = pixel_at((long long)kx, width, mode), x1 = pixel_at((long long)kx + 1, width, mode);
        const T p00 = y0 < 0 || x0 < 0 ? cval : image[(y0 * width + x0) * channels + c];
        const T p01 = y0 < 0 || x1 < 0 ? cval : image[(y0 * width + x1) * channels + c];
        const T p10 = y1 < 0 || x0 < 0 ? cval : image[(y1 * width + x0) * channels + c];
        const T p11 = y1 < 0 || x1 < 0 ? cval : image[(y1 * width + x1) * channels + c];
        value = gy * (gx * p00 + fx * p01) + fy * (gx * p10 + fx * p11);
      }
    }
    y[row * count + e] = value;
  }
}

// one block a row
KERNEL(augment_roll)(const T* __restrict__ x, const double* __restrict__ drawn, long long at, T* __restrict__ out, long long rows,
                     long long columns) {
  long long k = 0;
  if (rows > 1) {
    k = 1 + (long long)(drawn[at] * (rows - 1));
    if (k > rows - 1) k = rows - 1;
  }
  const long long row = blockIdx.x, source = (row + k) % rows;
  for (long long j = threadIdx.x; j < columns; j += blockDim.x) out[row * columns + j] = x[source * columns + j];
}

// one thread a row
KERNEL(augment_partners)(const double* __restrict__ mixup, const double* __restrict__ cutmix, const double* __restrict__ drawn,
                         long long height, long long width, double* __restrict__ blend, double* __restrict__ boxes,
                         double* __restrict__ labels, long long rows, long long columns) {
  for (long long r = blockIdx.x * (long long)blockDim.x + threadIdx.x; 2 * r < rows; r += (long long)gridDim.x * blockDim.x) {
    const double* __restrict__ d = drawn + 20 * r;
    const bool cut = d[5] < d[4];
    blend[2 * r] = cut ? double(1) : mixup[2 * r];
    blend[2 * r + 1] = cut ? double(0) : mixup[2 * r + 1];
    double area = double(1);
    for (int axis = 0; axis < 2; ++axis) {
      const double size = (double)(axis == 0 ? height : width), length = sqrt(cutmix[2 * r + 1]) * size;
      const double first = d[2 + axis] * (size - length);
      const double begin = cut ? ceil(first) : double(0), end = cut ? minimum(ceil(first + length), size) : double(0);
      boxes[4 * r + 2 * axis] = begin;
      boxes[4 * r + 2 * axis + 1] = end;
      area *= (end - begin) / size;
    }
    labels[2 * r] = cut ? double(1) - area : mixup[2 * r];
    labels[2 * r + 1] = cut ? area : mixup[2 * r + 1];
  }
}

KERNEL(augment_perspective)(const double* __restrict__ drawn, long long height, long long width, T* __restrict__ field, long long rows,
                            long long columns) {
  const double* __restrict__ d = drawn + blockIdx.x * 20;
  const T one = T(1), most = T(1e6);
  const T right = one + (T)d[6], down = one + (T)d[7], far_right = one + (T)d[8], far_down = one + (T)d[9];
  const T tall = (T)(height > 1 ? height - 1 : 1), wide = (T)(width > 1 ? width - 1 : 1);
  const T lean_x = (far_down / down - one) / (wide * far_right), lean_y = (far_right / right - one) / (tall * far_down);
  const T over = tall * lean_y + one / down, across = wide * lean_x + one / right;
  T* __restrict__ out = field + blockIdx.x * 2 * height * width;
  for (long long pixel = threadIdx.x; pixel < height * width; pixel += blockDim.x) {
    const long long row = quotient(pixel, width);
    const T i = (T)row, j = (T)(pixel - row * width), depth = lean_x * j + lean_y * i + one;
    out[2 * pixel] = minimum(maximum(over * i / depth - i, -most), most);
    out[2 * pixel + 1] = minimum(maximum(across * j / depth - j, -most), most);
  }
}
