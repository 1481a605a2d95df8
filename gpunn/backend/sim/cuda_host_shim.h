// Runs CUDA C kernels on the CPU: included before the kernels' text, compiled by g++. See host_module.py.
//
// Blocks run one after another. A kernel with barriers or shuffles runs every CUDA thread as a fiber that goes on until its next barrier,
// in an order the caller picks; shared memory is filled with NaN bytes before every block. So a missing __syncthreads() gives a wrong
// answer instead of luck. A kernel without barriers runs its threads as plain calls, in the same orders.
#pragma once
#define GPUNN_HOST_SHIM 1
#include <math.h>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>
#include <setjmp.h>
#include <ucontext.h>

// math.h of C++ brings the float overloads to the global names, as CUDA has them; without it a float kernel would compute in double
static_assert(sizeof(exp(1.f)) == 4 && sizeof(log(1.f)) == 4 && sizeof(pow(1.f, 1.f)) == 4 && sizeof(sqrt(1.f)) == 4, "float mathematics");
static_assert(sizeof(tanh(1.f)) == 4 && sizeof(fabs(1.f)) == 4 && sizeof(expm1(1.f)) == 4 && sizeof(log1p(1.f)) == 4, "float mathematics");
static_assert(sizeof(sin(1.f)) == 4 && sizeof(cos(1.f)) == 4 && sizeof(atan(1.f)) == 4 && sizeof(floor(1.f)) == 4, "float mathematics");

// ------------------------------------------------------------------------------------------------ the language
#undef __global__
#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ static __attribute__((section("shim_shared")))  // all shared variables of a module: one region, easily filled

struct uint3 { unsigned x, y, z; };
struct dim3 {
  unsigned x, y, z;
  dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

template <class T> static inline T __ldg(const T* p) { return *p; }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((uint64_t)a * b) >> 32); }
static inline int __popc(unsigned v) { return __builtin_popcount(v); }
static inline int __clz(int v) { return v ? __builtin_clz((unsigned)v) : 32; }
static inline int __ffs(int v) { return __builtin_ffs(v); }
static inline unsigned __float_as_uint(float f) { unsigned u; memcpy(&u, &f, 4); return u; }
static inline float __uint_as_float(unsigned u) { float f; memcpy(&f, &u, 4); return f; }
static inline void __threadfence() {}
static inline void __threadfence_block() {}
static inline void __nanosleep(unsigned) {}
template <class T> static inline T max(T a, T b) { return a > b ? a : b; }
template <class T> static inline T min(T a, T b) { return a < b ? a : b; }
template <class T, class U> static inline T atomicAdd(T* p, U v) { T old = *p; *p = (T)(old + (T)v); return old; }
template <class T, class U> static inline T atomicMax(T* p, U v) { T old = *p; if ((T)v > old) *p = (T)v; return old; }
template <class T, class U> static inline T atomicMin(T* p, U v) { T old = *p; if ((T)v < old) *p = (T)v; return old; }
template <class T, class U> static inline T atomicExch(T* p, U v) { T old = *p; *p = (T)v; return old; }
template <class T> static inline T atomicCAS(T* p, T seen, T v) { T old = *p; if (old == seen) *p = v; return old; }

// ------------------------------------------------------------------------------------------------ threads
extern "C" { extern char __start_shim_shared[] __attribute__((weak)); extern char __stop_shim_shared[] __attribute__((weak)); }

enum shim_state { SHIM_READY, SHIM_AT_BLOCK, SHIM_AT_WARP, SHIM_AT_GRID, SHIM_DONE };
struct shim_fiber {
  uint3 thread, block;
  int slot, warp, lane;  // slot: which of the blocks that are alive
  int barrier;           // which barrier of the source it waits at
  shim_state state;
  bool started;
  unsigned exchanges;    // warp exchanges so far
  char* stack;
  jmp_buf place;
};
struct shim_cell { uint64_t value; unsigned exchange; };  // what a lane gave, and in which exchange
struct shim_world {
  dim3 grid, block;
  shim_fiber* current = nullptr;
  std::vector<shim_fiber> fibers;
  std::vector<shim_cell> cells;  // [slot][warp][parity][lane]
  std::vector<char> dynamic;     // dynamic shared memory
  std::vector<std::vector<char>> saved;
  int warps = 0, alive = -1, order = 0;
  unsigned random = 1;
  bool with_fibers = true;
  void (*body)(void*) = nullptr;
  void* argument = nullptr;
  jmp_buf scheduler;
  char error[256];
};
static shim_world shim_w;
static const size_t SHIM_STACK = 64 << 10;
#define threadIdx (shim_w.current->thread)
#define blockIdx (shim_w.current->block)
#define blockDim (shim_w.block)
#define gridDim (shim_w.grid)
static const int warpSize = 32;
static inline void* shim_dynamic_shared() { return shim_w.dynamic.data(); }
#define SHIM_FAIL(...) snprintf(shim_w.error, sizeof shim_w.error, __VA_ARGS__)

static inline void shim_wait(shim_state state, int barrier) {
  shim_fiber* me = shim_w.current;
  me->state = state;
  me->barrier = barrier;
  if (!shim_w.with_fibers) { SHIM_FAIL("a barrier in a kernel that was taken for one without"); return; }
  if (!_setjmp(me->place)) _longjmp(shim_w.scheduler, 1);
}
#define __syncthreads() shim_wait(SHIM_AT_BLOCK, __LINE__ * 64 + (__COUNTER__ & 63))  // a number for each barrier of the source
#define __syncwarp(...) shim_wait(SHIM_AT_WARP, 0)
static inline void shim_grid_sync() { shim_wait(SHIM_AT_GRID, 0); }

// A warp's exchange: two buffers in turn, so that one wait is enough.
static inline shim_cell* shim_give(uint64_t value) {
  shim_fiber* me = shim_w.current;
  const unsigned number = ++me->exchanges;
  shim_cell* cells = &shim_w.cells[(((size_t)me->slot * shim_w.warps + me->warp) * 2 + (number & 1)) * 32];
  cells[me->lane] = {value, number};
  shim_wait(SHIM_AT_WARP, 0);
  return cells;
}
template <class T> static inline T shim_shuffle(T v, int source) {
  static_assert(sizeof(T) <= 8, "a shuffle of more than 8 bytes");
  uint64_t raw = 0;
  memcpy(&raw, &v, sizeof v);
  const shim_cell cell = shim_give(raw)[source & 31];
  if (cell.exchange != shim_w.current->exchanges) SHIM_FAIL("a shuffle reads lane %d, which takes no part in it", source & 31);
  T got;
  memcpy(&got, &cell.value, sizeof got);
  return got;
}
#define SHIM_LANE (shim_w.current->lane)
template <class T> static inline T __shfl_xor_sync(unsigned, T v, int mask) { return shim_shuffle(v, SHIM_LANE ^ mask); }
template <class T> static inline T __shfl_sync(unsigned, T v, int source) { return shim_shuffle(v, source); }
template <class T> static inline T __shfl_down_sync(unsigned, T v, int by) { return shim_shuffle(v, SHIM_LANE + by > 31 ? SHIM_LANE : SHIM_LANE + by); }
template <class T> static inline T __shfl_up_sync(unsigned, T v, int by) { return shim_shuffle(v, SHIM_LANE < by ? SHIM_LANE : SHIM_LANE - by); }
static inline unsigned __ballot_sync(unsigned, int predicate) {
  const shim_cell* cells = shim_give(predicate != 0);
  unsigned votes = 0;
  for (int i = 0; i < 32; ++i) votes |= (unsigned)(cells[i].exchange == shim_w.current->exchanges && cells[i].value) << i;
  return votes;
}
static inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }

// ------------------------------------------------------------------------------------------------ the scheduler
static size_t shim_shared_bytes() { return __start_shim_shared ? __stop_shim_shared - __start_shim_shared : 0; }
static void shim_poison() {
  if (shim_shared_bytes()) memset(__start_shim_shared, 0xFF, shim_shared_bytes());
  if (!shim_w.dynamic.empty()) memset(shim_w.dynamic.data(), 0xFF, shim_w.dynamic.size());
}
static void shim_enter_block(int slot) {  // several blocks alive (grid barrier): each keeps its own copy of shared memory
  if (slot == shim_w.alive) return;
  const size_t n = shim_shared_bytes(), d = shim_w.dynamic.size();
  if (shim_w.alive >= 0) {
    std::vector<char>& out = shim_w.saved[shim_w.alive];
    out.resize(n + d + 1);
    if (n) memcpy(out.data(), __start_shim_shared, n);
    if (d) memcpy(out.data() + n, shim_w.dynamic.data(), d);
  }
  std::vector<char>& in = shim_w.saved[slot];
  if (in.empty()) shim_poison();
  else {
    if (n) memcpy(__start_shim_shared, in.data(), n);
    if (d) memcpy(shim_w.dynamic.data(), in.data() + n, d);
  }
  shim_w.alive = slot;
}
static void shim_life() {  // a fiber runs the body for whichever thread it is, again and again
  for (;;) { shim_w.body(shim_w.argument); shim_wait(SHIM_DONE, 0); }
}
static void shim_resume(shim_fiber& x) {
  shim_w.current = &x;
  if (_setjmp(shim_w.scheduler)) return;
  if (x.started) _longjmp(x.place, 1);
  x.started = true;
  static ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = x.stack;
  context.uc_stack.ss_size = SHIM_STACK;
  context.uc_link = nullptr;
  makecontext(&context, shim_life, 0);
  setcontext(&context);
}
static void shim_arrange(std::vector<int>& turn) {  // order: 0 forward, 1 reverse, 2 shuffled anew each time
  for (int i = 0; i < (int)turn.size(); ++i) turn[i] = shim_w.order == 1 ? (int)turn.size() - 1 - i : i;
  for (int i = (int)turn.size() - 1; shim_w.order == 2 && i > 0; --i) {
    shim_w.random = shim_w.random * 1664525u + 1013904223u;
    std::swap(turn[i], turn[(shim_w.random >> 8) % (i + 1)]);
  }
}
// Let those go on that all wait at one barrier. -> whether any could.
static bool shim_release(int first, int count, shim_state state) {
  int waiting = 0, left = 0, barrier = 0;
  bool mixed = false;
  for (int t = first; t < first + count; ++t) {
    const shim_fiber& x = shim_w.fibers[t];
    if (x.state == SHIM_DONE) continue;
    ++left;
    if (x.state != state) continue;
    mixed = mixed || (waiting && x.barrier != barrier);
    barrier = x.barrier;
    ++waiting;
  }
  if (!waiting || waiting != left) return false;
  if (mixed) { SHIM_FAIL("threads of a block wait at different __syncthreads()"); return false; }
  for (int t = first; t < first + count; ++t) if (shim_w.fibers[t].state == state) shim_w.fibers[t].state = SHIM_READY;
  return true;
}
static int shim_drive(int blocks, int threads) {  // run the blocks that are alive to their end
  std::vector<int> turn(blocks * threads);
  shim_w.saved.assign(blocks, {});
  shim_w.alive = -1;
  for (int left = blocks * threads; left;) {
    shim_arrange(turn);
    for (int i : turn) {
      shim_fiber& x = shim_w.fibers[i];
      if (x.state != SHIM_READY) continue;
      shim_enter_block(x.slot);
      shim_resume(x);
      if (x.state == SHIM_DONE) --left;
      if (shim_w.error[0]) return 1;
    }
    bool moved = false;
    for (int b = 0; b < blocks; ++b) {
      moved |= shim_release(b * threads, threads, SHIM_AT_BLOCK);
      for (int w = 0; w < threads; w += 32) moved |= shim_release(b * threads + w, threads - w < 32 ? threads - w : 32, SHIM_AT_WARP);
    }
    moved |= shim_release(0, blocks * threads, SHIM_AT_GRID);
    if (!shim_w.error[0] && left && !moved) SHIM_FAIL("deadlock: some threads never reach a barrier that others wait at");
    if (shim_w.error[0]) return 1;
  }
  return 0;
}
// flags: 1 fibers, 2 cooperative (all blocks alive at once); the order in bits 4 and up
static int shim_launch(void (*body)(void*), void* argument, const unsigned* g, unsigned dynamic, int flags) {
  const int threads = g[3] * g[4] * g[5], blocks = g[0] * g[1] * g[2], alive = flags & 2 ? blocks : 1;
  shim_w.grid = dim3(g[0], g[1], g[2]);
  shim_w.block = dim3(g[3], g[4], g[5]);
  shim_w.body = body;
  shim_w.argument = argument;
  shim_w.error[0] = 0;
  shim_w.with_fibers = flags & 1;
  shim_w.order = flags >> 4;
  shim_w.dynamic.assign(dynamic, 0);
  shim_w.warps = (threads + 31) / 32;
  if (threads > 1024 || threads < 1 || blocks < 1) { SHIM_FAIL("a launch of %d blocks of %d threads", blocks, threads); return 1; }
  auto place = [&](shim_fiber& x, int b, int t, int slot) {
    x.block = {(unsigned)b % g[0], (unsigned)b / g[0] % g[1], (unsigned)b / (g[0] * g[1])};
    x.thread = {(unsigned)t % g[3], (unsigned)t / g[3] % g[4], (unsigned)t / (g[3] * g[4])};
    x.slot = slot;
    x.warp = t / 32;
    x.lane = t % 32;
    x.state = SHIM_READY;
    x.exchanges = 0;
  };
  std::vector<int> turn(blocks / alive), inner(threads);
  shim_arrange(turn);
  if (!shim_w.with_fibers) {
    shim_fiber one{};
    shim_w.current = &one;
    for (int b : turn) {
      shim_poison();
      shim_arrange(inner);
      for (int t : inner) { place(one, b, t, 0); body(argument); if (shim_w.error[0]) return 1; }
    }
    return 0;
  }
  static std::vector<char*> stacks;  // kept between launches
  while ((int)stacks.size() < alive * threads) stacks.push_back((char*)aligned_alloc(4096, SHIM_STACK));
  shim_w.fibers.assign(alive * threads, shim_fiber{});
  for (int i = 0; i < alive * threads; ++i) shim_w.fibers[i].stack = stacks[i];
  for (int b : turn) {
    shim_w.cells.assign((size_t)alive * shim_w.warps * 64, shim_cell{0, 0});
    for (int k = 0; k < alive; ++k) for (int t = 0; t < threads; ++t) place(shim_w.fibers[k * threads + t], b * alive + k, t, k);
    if (shim_drive(alive, threads)) return 1;
  }
  return 0;
}

// ------------------------------------------------------------------------------------------------ the door
template <class... A, size_t... I> static void shim_apply(void (*kernel)(A...), void** a, std::index_sequence<I...>) {
  kernel(*(std::remove_cv_t<A>*)a[I]...);
}
template <class... A> struct shim_pack {
  void (*kernel)(A...);
  void** a;
  static void go(void* p) { auto* s = (shim_pack*)p; shim_apply(s->kernel, s->a, std::index_sequence_for<A...>{}); }
};
template <class... A> static int shim_call(void (*kernel)(A...), const unsigned* g, unsigned dynamic, int flags, void** a) {
  shim_pack<A...> pack{kernel, a};
  return shim_launch(&shim_pack<A...>::go, &pack, g, dynamic, flags);
}
// the size of each argument; 128 is added for a pointer
template <class... A> static int shim_arity(void (*)(A...), unsigned char* sizes) {
  const int all[] = {(int)(sizeof(A) + (std::is_pointer<A>::value ? 128 : 0))..., 0};
  for (size_t i = 0; i < sizeof...(A); ++i) sizes[i] = (unsigned char)all[i];
  return (int)sizeof...(A);
}
#define SHIM_EXPORT(name) \
  extern "C" int shim_launch_##name(const unsigned* g, unsigned d, int flags, void** a) { return shim_call(name, g, d, flags, a); } \
  extern "C" int shim_sizes_##name(unsigned char* sizes) { return shim_arity(name, sizes); }
extern "C" const char* shim_error() { return shim_w.error; }
