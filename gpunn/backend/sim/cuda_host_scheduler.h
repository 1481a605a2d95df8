// How the threads of cuda_host_shim.h take turns, and the functions that Python calls.
#pragma once

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
SHIM_UNSEEN static void shim_call(const shim_fiber& x) {
  shim_watch(&x);
  shim_w.body(shim_w.argument);
  shim_watch(nullptr);
}
static void shim_life() {  // a fiber runs the body for whichever thread it is, again and again
  for (;;) { shim_w.body(shim_w.argument); shim_wait(SHIM_DONE, 0); }
}
SHIM_UNSEEN static void shim_resume(shim_fiber& x) {
  shim_w.current = &x;
  if (_setjmp(shim_w.scheduler)) return;
  if (x.started) {
    shim_watch(&x);
    _longjmp(x.place, 1);
  }
  x.started = true;
  static ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = x.who.stack;
  context.uc_stack.ss_size = SHIM_STACK;
  context.uc_link = nullptr;
  makecontext(&context, shim_life, 0);
  shim_watch(&x);
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
  if (state == SHIM_AT_GRID) shim_forget();
  return true;
}
static bool shim_run(const std::vector<int>& turn, int first) {  // each thread that can, until its next wait. -> all went well
  for (int i : turn) {
    shim_fiber& x = shim_w.fibers[first + i];
    if (x.state != SHIM_READY) continue;
    shim_enter_block(x.who.slot);
    shim_resume(x);
    if (shim_w.error[0]) return false;
  }
  return true;
}
// Run the blocks that are alive to their end. In order 0 all warps go from wait to wait together; in the others one block after another, and
// in it one warp after another, runs ahead as far as it can: between them they meet most of what a missing barrier allows.
static int shim_drive(int blocks, int threads) {
  const int warps = (threads + 31) / 32;
  std::vector<int> everyone(blocks * threads), all(blocks), turn(warps), lanes;
  shim_w.saved.assign(blocks, {});
  shim_w.alive = -1;
  for (;;) {
    shim_arrange(everyone);
    if (shim_w.order == 0 && !shim_run(everyone, 0)) return 1;
    bool moved = false, left = false, further;
    shim_arrange(all);
    for (int b : all) do {
      shim_arrange(turn);
      for (int w : turn) {
        const int first = b * threads + w * 32, count = threads - w * 32 < 32 ? threads - w * 32 : 32;
        lanes.resize(count);
        do {
          shim_arrange(lanes);
          if (shim_w.order && !shim_run(lanes, first)) return 1;
          if (!shim_release(first, count, SHIM_AT_WARP)) break;
          moved = true;
        } while (shim_w.order);
      }
      further = shim_release(b * threads, threads, SHIM_AT_BLOCK);
      moved |= further;
    } while (further && shim_w.order && !shim_w.error[0]);
    moved |= shim_release(0, blocks * threads, SHIM_AT_GRID);
    for (const shim_fiber& x : shim_w.fibers) left |= x.state != SHIM_DONE;
    if (!shim_w.error[0] && !left) return 0;
    if (!shim_w.error[0] && !moved) SHIM_FAIL("deadlock: some threads never reach a barrier that others wait at");
    if (shim_w.error[0]) return 1;
  }
}
static void shim_show(const shim_fiber* fibers, size_t count) {  // where what lies, for the watch
#ifdef SHIM_WATCH
  auto span = [](const void* first, size_t bytes) { return shim_span{(const char*)first, (const char*)first + bytes}; };
  shim_eye = {false, nullptr, span(__start_shim_shared, shim_shared_bytes()), span(shim_w.dynamic.data(), shim_w.dynamic.size()), {
    span(&shim_w, sizeof shim_w), span(fibers, count * sizeof *fibers), span(shim_w.cells.data(), shim_w.cells.size() * sizeof(shim_cell)),
  }, shim_w.error};
  shim_forget();
#endif
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
  const bool fits = g[1] <= 65535 && g[2] <= 65535 && g[5] <= 64 && threads <= 1024;
  if (!fits || threads < 1 || blocks < 1) {
    SHIM_FAIL("a launch of %u x %u x %u blocks of %u x %u x %u threads", g[0], g[1], g[2], g[3], g[4], g[5]);
    return 1;
  }
  auto place = [&](shim_fiber& x, int b, int t, int slot) {
    x.block = {(unsigned)b % g[0], (unsigned)b / g[0] % g[1], (unsigned)b / (g[0] * g[1])};
    x.thread = {(unsigned)t % g[3], (unsigned)t / g[3] % g[4], (unsigned)t / (g[3] * g[4])};
    x.who = {b, t, slot, 0, 0, 0, x.who.stack};
    x.warp = t / 32;
    x.lane = t % 32;
    x.state = SHIM_READY;
  };
  std::vector<int> turn(blocks / alive), inner(threads);
  shim_arrange(turn);
  if (!shim_w.with_fibers) {
    shim_fiber one{};
    shim_w.current = &one;
    shim_show(&one, 1);
    for (int b : turn) {
      shim_poison();
      shim_arrange(inner);
      for (int t : inner) {
        place(one, b, t, 0);
        shim_call(one);
        if (shim_w.error[0]) return 1;
      }
    }
    return 0;
  }
  static std::vector<char*> stacks;  // kept between launches
  while ((int)stacks.size() < alive * threads) stacks.push_back((char*)aligned_alloc(4096, SHIM_STACK));
  shim_w.fibers.assign(alive * threads, shim_fiber{});
  for (int i = 0; i < alive * threads; ++i) shim_w.fibers[i].who.stack = stacks[i];
  for (int b : turn) {
    shim_w.cells.assign((size_t)alive * shim_w.warps * 64, shim_cell{0, 0});
    if (b == turn[0]) shim_show(shim_w.fibers.data(), shim_w.fibers.size());
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
  extern "C" int shim_launch_##name(const unsigned* shim_g, unsigned shim_d, int shim_f, void** shim_a) { \
    return shim_call(name, shim_g, shim_d, shim_f, shim_a); \
  } \
  extern "C" int shim_sizes_##name(unsigned char* shim_s) { return shim_arity(name, shim_s); }
extern "C" const char* shim_error() { return shim_w.error; }
