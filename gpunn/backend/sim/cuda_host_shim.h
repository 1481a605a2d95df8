// Runs CUDA C kernels on the CPU: included before the kernels' text, compiled by g++. See host_module.py.
//
// Blocks run one after another. A kernel with barriers or shuffles runs every CUDA thread as a fiber that goes on until its next barrier,
// in an order the caller picks (see shim_drive); shared memory is filled with NaN bytes before every block. So a missing __syncthreads()
// gives a wrong answer instead of luck, and with -DSHIM_WATCH an error: see cuda_host_watch.cpp. A kernel without barriers runs its threads as plain calls, in the same orders.
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
#include "cuda_host_watch.h"

// math.h of C++ brings the float overloads to the global names, as CUDA has them; without it a float kernel would compute in double
static_assert(sizeof(exp(1.f)) == 4 && sizeof(log(1.f)) == 4 && sizeof(pow(1.f, 1.f)) == 4 && sizeof(sqrt(1.f)) == 4, "float mathematics");
static_assert(sizeof(tanh(1.f)) == 4 && sizeof(fabs(1.f)) == 4 && sizeof(expm1(1.f)) == 4 && sizeof(log1p(1.f)) == 4, "float mathematics");
static_assert(sizeof(sin(1.f)) == 4 && sizeof(cos(1.f)) == 4 && sizeof(atan(1.f)) == 4 && sizeof(floor(1.f)) == 4, "float mathematics");

// exp(x^2) erfc(x), which CUDA has and C++ has not; beyond 25 by its asymptotic series (Abramowitz & Stegun 7.1.23)
inline double erfcx(double x) {
  if (x < 25) return exp(x * x) * erfc(x);
  const double r = 1 / (2 * x * x);
  return (1 - r * (1 - 3 * r * (1 - 5 * r * (1 - 7 * r)))) / (x * 1.7724538509055160273);
}
inline float erfcx(float x) { return (float)erfcx((double)x); }

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

// ------------------------------------------------------------------------------------------------ threads
extern "C" { extern char __start_shim_shared[] __attribute__((weak)); extern char __stop_shim_shared[] __attribute__((weak)); }

enum shim_state { SHIM_READY, SHIM_AT_BLOCK, SHIM_AT_WARP, SHIM_AT_GRID, SHIM_DONE };
struct shim_fiber {
  shim_who who;
  uint3 thread, block;
  int warp, lane;
  int barrier;         // which barrier of the source it waits at
  shim_state state;
  bool started;
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
  char error[SHIM_ERROR];
};
static shim_world shim_w;
#define threadIdx (shim_w.current->thread)
#define blockIdx (shim_w.current->block)
#define blockDim (shim_w.block)
#define gridDim (shim_w.grid)
static const int warpSize = 32;
static inline void* shim_dynamic_shared() { return shim_w.dynamic.data(); }
#define SHIM_FAIL(...) snprintf(shim_w.error, sizeof shim_w.error, __VA_ARGS__)
#ifdef SHIM_WATCH
#define SHIM_SEES_ATOMIC(p) shim_see_atomic(p, sizeof *(p))
SHIM_UNSEEN static inline void shim_watch(const shim_fiber* runs) {  // null: none
  shim_eye.on = runs;
  if (runs) shim_eye.me = &runs->who;
}
#else
#define SHIM_SEES_ATOMIC(p) ((void)0)
static inline void shim_watch(const shim_fiber*) {}
static inline void shim_forget() {}
#endif
#define SHIM_ATOMIC template <class T, class U> SHIM_UNSEEN static inline T
SHIM_ATOMIC atomicAdd(T* p, U v) { SHIM_SEES_ATOMIC(p); const T old = *p; *p = (T)(old + (T)v); return old; }
SHIM_ATOMIC atomicMax(T* p, U v) { SHIM_SEES_ATOMIC(p); const T old = *p; if ((T)v > old) *p = (T)v; return old; }
SHIM_ATOMIC atomicMin(T* p, U v) { SHIM_SEES_ATOMIC(p); const T old = *p; if ((T)v < old) *p = (T)v; return old; }
SHIM_ATOMIC atomicExch(T* p, U v) { SHIM_SEES_ATOMIC(p); const T old = *p; *p = (T)v; return old; }
SHIM_ATOMIC atomicCAS(T* p, T seen, U v) { SHIM_SEES_ATOMIC(p); const T old = *p; if (old == seen) *p = (T)v; return old; }

SHIM_UNSEEN static inline void shim_wait(shim_state state, int barrier) {
  shim_watch(nullptr);
  shim_fiber* me = shim_w.current;
  me->who.block_waits += state == SHIM_AT_BLOCK;
  me->state = state;
  me->barrier = barrier;
  if (!shim_w.with_fibers) { SHIM_FAIL("a barrier in a kernel that was taken for one without"); return; }
  if (!_setjmp(me->place)) _longjmp(shim_w.scheduler, 1);
}
#define __syncthreads() shim_wait(SHIM_AT_BLOCK, __LINE__ * 64 + (__COUNTER__ & 63))  // a number for each barrier of the source
#define __syncwarp(...) (shim_wait(SHIM_AT_WARP, 0), (void)++shim_w.current->who.warp_waits)
static inline void shim_grid_sync() { shim_wait(SHIM_AT_GRID, 0); }

// A warp's exchange: two buffers in turn, so that one wait is enough.
static inline shim_cell* shim_give(uint64_t value) {
  shim_fiber* me = shim_w.current;
  const unsigned number = ++me->who.exchanges;
  shim_cell* cells = &shim_w.cells[(((size_t)me->who.slot * shim_w.warps + me->warp) * 2 + (number & 1)) * 32];
  cells[me->lane] = {value, number};
  shim_wait(SHIM_AT_WARP, 0);
  return cells;
}
template <class T> static inline T shim_shuffle(T v, int source) {
  static_assert(sizeof(T) <= 8, "a shuffle of more than 8 bytes");
  uint64_t raw = 0;
  memcpy(&raw, &v, sizeof v);
  const shim_cell cell = shim_give(raw)[source & 31];
  if (cell.exchange != shim_w.current->who.exchanges) SHIM_FAIL("a shuffle reads lane %d, which takes no part in it", source & 31);
  T got;
  memcpy(&got, &cell.value, sizeof got);
  return got;
}
#define SHIM_LANE (shim_w.current->lane)
template <class T> static inline T __shfl_xor_sync(unsigned, T v, int mask, int = 32) { return shim_shuffle(v, SHIM_LANE ^ mask); }
template <class T> static inline T __shfl_sync(unsigned, T v, int source) { return shim_shuffle(v, source); }
template <class T> static inline T __shfl_down_sync(unsigned, T v, int by) { return shim_shuffle(v, SHIM_LANE + by > 31 ? SHIM_LANE : SHIM_LANE + by); }
template <class T> static inline T __shfl_up_sync(unsigned, T v, int by) { return shim_shuffle(v, SHIM_LANE < by ? SHIM_LANE : SHIM_LANE - by); }
static inline unsigned __ballot_sync(unsigned, int predicate) {
  const shim_cell* cells = shim_give(predicate != 0);
  unsigned votes = 0;
  for (int i = 0; i < 32; ++i) votes |= (unsigned)(cells[i].exchange == shim_w.current->who.exchanges && cells[i].value) << i;
  return votes;
}
static inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }

#include "cuda_host_scheduler.h"
