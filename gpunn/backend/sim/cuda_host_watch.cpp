// What threads do to memory, watched. The compiler has a module call the functions at the end before every access (-fsanitize=thread,
// without its library), and the last one where an address is no multiple of its type's alignment (-fsanitize=alignment).
//
// Two accesses to a byte, one of them a write, by two threads, must have a barrier between them: of the block, of the warp where both
// are of one, of the grid where they are of two blocks. A shuffle is one for what was read before it and is written after it, as what it
// carries was reckoned from that. Whatever order the threads take here, what has no barrier is found.
#include "cuda_host_watch.h"
#include <cstdio>
#include <unordered_map>
#include <vector>

shim_eye_t shim_eye;
#define FAIL(...) snprintf(shim_eye.error, SHIM_ERROR, __VA_ARGS__)

// ------------------------------------------------------------------------------------------------ what is kept of accesses
struct access { int block = -1, thread = -1; unsigned block_waits = 0, warp_waits = 0, exchanges = 0; bool atomic = false; };
// The last write, and the last reads: the very last, by another lane of its warp, by another warp of its block, by another block. Who of
// each kind read before has met a barrier that the one named here has met, or is found with it.
struct unit { access wrote, read, by_lane, by_warp, by_block; };
static const size_t PAGE = 256;
struct page {  // so many bytes: in units of 4 until one of them is touched alone
  std::vector<unit> units{PAGE / 4};
  size_t bytes = 4;  // a unit's
  void split() {
    std::vector<unit> single(PAGE);
    for (size_t i = 0; i < PAGE; ++i) single[i] = units[i / 4];
    units.swap(single);
    bytes = 1;
  }
};
struct array { shim_span at; int argument; };
static std::unordered_map<size_t, page> pages;
static std::vector<array> arrays;  // of the launch
static size_t pad;                 // watched bytes on both sides of each
static size_t last_page;
static page* found;                // the page that was asked for last

static page& page_of(size_t number) {
  if (!found || number != last_page) found = &pages[last_page = number];
  return *found;
}
static bool within(const char* p, const shim_span& s) { return p >= s.first && p < s.end; }

// ------------------------------------------------------------------------------------------------ what is wrong with one
static bool ordered(const access& before, bool read_then_written, const access& now, bool shared) {
  if (before.thread < 0 || (before.block == now.block && before.thread == now.thread)) return true;
  if (before.atomic && now.atomic) return true;
  if (before.block != now.block) return shared;  // memory that the blocks do not share
  if (before.block_waits != now.block_waits) return true;
  if (before.thread / 32 != now.thread / 32) return false;
  return before.warp_waits != now.warp_waits || (read_then_written && before.exchanges != now.exchanges);
}
static void check(const access& before, bool wrote, const access& now, bool writes, const char* p, bool shared) {
  if (ordered(before, !wrote && writes, now, shared) || shim_eye.error[0]) return;
  char where[64] = "memory";
  if (shared) snprintf(where, sizeof where, "shared memory");
  for (const array& a : arrays) if (within(p, a.at)) snprintf(where, sizeof where, "byte %td of argument %d", p - a.at.first, a.argument);
  FAIL("thread %d of block %d %s what thread %d of block %d %s, with no barrier between: %s", now.thread, now.block,
       writes ? "writes" : "reads", before.thread, before.block, wrote ? "wrote" : "read", where);
}
static void remember_read(unit& u, const access& now) {
  const access last = u.read;
  if (last.block != now.block) {
    u.by_block = last;
    u.by_lane = u.by_warp = access{};
  } else if (last.thread / 32 != now.thread / 32) {
    const bool mine = u.by_warp.thread / 32 == now.thread / 32 && u.by_warp.thread != now.thread;
    u.by_lane = mine ? u.by_warp : access{};
    u.by_warp = last;
  } else if (last.thread != now.thread) u.by_lane = last;
  u.read = now;
}
static void touch(unit& u, const access& now, bool write, const char* p, bool shared) {
  check(u.wrote, true, now, write, p, shared);
  if (!write) return remember_read(u, now);
  for (const access* r : {&u.read, &u.by_lane, &u.by_warp, &u.by_block}) check(*r, false, now, true, p, shared);
  u.wrote = now;
}
static bool outside(const char* p, size_t size) {  // beside an array; what is beside none is memory of the program's
  bool beside = false;
  for (const array& a : arrays) {
    if (p >= a.at.first && p + size <= a.at.end) return false;
    beside |= p + size > a.at.first - pad && p < a.at.end + pad;
  }
  return beside;
}
static void see(const void* address, size_t size, bool write, const void*, bool atomic = false) {
  if (!shim_eye.on || shim_eye.error[0]) return;
  const shim_who& me = *shim_eye.me;
  const char* p = (const char*)address;
  const char* stack = me.stack ? me.stack : (const char*)__builtin_frame_address(0);
  if (within(p, {stack, stack + SHIM_STACK})) return;  // its local variables
  for (const shim_span& s : shim_eye.own) if (within(p, s)) return;
  if (within(p, {(char*)&shim_eye, (char*)(&shim_eye + 1)})) return;
  const bool shared = within(p, shim_eye.shared) || within(p, shim_eye.dynamic);
  if (!shared && pad && outside(p, size)) {
    FAIL("thread %d of block %d %s outside an array", me.thread, me.block, write ? "writes" : "reads");
  }
  const access now{me.block, me.thread, me.block_waits, me.warp_waits, me.exchanges, atomic};
  // blocks that are alive together have shared memory of their own at the same addresses
  const size_t first = (size_t)p + (shared ? ((size_t)me.slot + 1) << 48 : 0);
  for (size_t key = first; key < first + size;) {
    page& of = page_of(key / PAGE);
    if (of.bytes != 1 && ((first | size) & 3)) of.split();
    touch(of.units[key % PAGE / of.bytes], now, write, p + (key - first), shared);
    key += of.bytes;
  }
}

// ------------------------------------------------------------------------------------------------ what is called
extern "C" {
void shim_forget() {
  pages.clear();
  found = nullptr;
}
void shim_watch_arrays(int count, char** first, const size_t* bytes, const int* arguments, size_t beside) {
  arrays.clear();
  for (int i = 0; i < count; ++i) arrays.push_back({{first[i], first[i] + bytes[i]}, arguments[i]});
  pad = beside;
}
void __ubsan_handle_type_mismatch_v1(void*, size_t p) {
  if (shim_eye.on && !shim_eye.error[0]) FAIL("thread %d of block %d uses an address that is no multiple of its alignment: ...%03zx",
                                              shim_eye.me->thread, shim_eye.me->block, p & 0xfff);
}
}
#include "cuda_host_hooks.h"
