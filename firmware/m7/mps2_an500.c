/* The self-test and the budgets on a Cortex-M7 of Arm's MPS2 board (AN500) as QEMU models it. Output by semihosting. */
#include <string.h>

#include "selftest.h"
#include "semihost.h"
#include "vectors.h"

#define PAINT 0xa5a5a5a5U
#define TICKS 0x00ffffffU
#define TICK_INSTRUCTIONS 40U /* the board's 25 MHz counter, and QEMU's -icount shift=0: one instruction a nanosecond */

typedef struct {
  volatile uint32_t control, reload, value;
} systick_t;

extern uint32_t data_load[], data_start[], data_end[], bss_start[], bss_end[], stack_bottom[], stack_top[];
void reset_handler(void);
int main(void);

static hg_outlet_t outlet;

void say(const char *text) { hg_semihost_say(text); }

static void say_count(const char *name, uint32_t value) { hg_semihost_count("budget", name, value); }

static void fault_handler(void)
{
  say("FAILED fault\n");
  hg_semihost_leave(false);
}

static systick_t *systick(void) { return (systick_t *)0xe000e010U; }

static uint32_t instructions(uint32_t before)
{
  return ((before - systick()->value) & TICKS) * TICK_INSTRUCTIONS;
}

/* Fill the stack below this frame, so that what a task used of it shows. */
static __attribute__((noinline)) void paint(void)
{
  const uint32_t *here = __builtin_frame_address(0);
  for (uint32_t *word = stack_bottom; word < here - 16; word++) {
    *word = PAINT;
  }
}

static uint32_t unpainted(const uint32_t *from)
{
  const uint32_t *word = stack_bottom;
  while (word < from && *word == PAINT) {
    word++;
  }
  return (uint32_t)(from - word) * 4U;
}

static void budgets(void)
{
  const uint32_t *here = __builtin_frame_address(0);
  const uint32_t repeats = 10U;
  paint();
  uint32_t before = systick()->value;
  for (size_t k = 0; k < VECTOR_SAMPLES; k++) {
    outlet_sample(&outlet, VECTOR_VOLTAGE[k], VECTOR_CURRENT[k]);
  }
  say_count("sample_instructions", instructions(before) / VECTOR_SAMPLES);
  uint32_t worst = 0; /* a dip and its end, then a collapse, then nothing: everything is looked at */
  for (size_t k = 0; k < 1024; k++) {
    static const int TENTHS[4] = {8, 10, 5, 0};
    before = systick()->value;
    outlet_sample(&outlet, (int16_t)(VECTOR_VOLTAGE[k] * TENTHS[k / 256] / 10), VECTOR_CURRENT[k]);
    const uint32_t count = instructions(before);
    worst = count > worst ? count : worst;
  }
  say_count("sample_worst_instructions", worst);
  say_count("sample_stack", unpainted(here));
  before = systick()->value;
  for (size_t k = 0; k < VECTOR_SAMPLES; k++) {
    if (hg_guard_step(&outlet.guard, VECTOR_CURRENT[k])) {
      hg_protection_short(&outlet.protection);
    }
  }
  say_count("guard_instructions", instructions(before) / VECTOR_SAMPLES);

  paint();
  before = systick()->value;
  for (uint32_t k = 0; k < repeats; k++) {
    outlet_window(&outlet);
  }
  say_count("window_instructions", instructions(before) / repeats);
  say_count("window_stack", unpainted(here));

  const hg_measurement_t calm = {.voltage = 230.0, .current = 5.0, .current_cycle = 5.0, .temperature = 30.0};
  hg_word_t words[HG_REQUEST_SENDERS];
  paint();
  before = systick()->value;
  for (uint32_t k = 0; k < repeats; k++) {
    const double now = 200.0 + 0.01 * k;
    const bool trip = hg_protection_step(&outlet.protection, now, &calm, true) != HG_TRIP_NONE;
    const hg_word_t agreed = hg_settle(words, hg_requests_words(&outlet.requests, now, 0, words));
    hg_cap_step(&outlet.cap, now, agreed.band.power_max, 1150.0);
    hg_load_droop_step(&outlet.load_droop, now, 50.0, 230.0, 0.0, true);
    hg_relay_step(&outlet.relay, now, !trip && agreed.band.power_max > 0.0, trip);
  }
  say_count("control_instructions", instructions(before) / repeats);
  say_count("control_stack", unpainted(here));

  uint8_t mac[HG_AUTHENTIC_MAC_BYTES] = {0};
  const hg_request_t request = {.voice = HG_VOICE_PLAN, .packed = (const uint8_t *)VECTOR_VOLTAGE,
                                .packed_length = HG_PACKED_MAX, .mac = mac, .mac_length = sizeof mac};
  paint();
  before = systick()->value;
  for (uint32_t k = 0; k < repeats; k++) {
    hg_requests_receive(&outlet.requests, 200.0, &request);
  }
  say_count("request_instructions", instructions(before) / repeats);
  say_count("request_stack", unpainted(here));
}

/* A follower's heartbeats, each fourth with a committee to store; what waited for it; its doubts when none come. */
static void election_budget(void)
{
  const uint32_t *here = __builtin_frame_address(0);
  hg_election_t *e = &outlet.election;
  hg_event_t stored = {.kind = HG_EVENT_PERSISTED};
  uint32_t worst = 0;
  outlet.event = (hg_event_t){.kind = HG_EVENT_MESSAGE,
                              .message = {.kind = HG_KIND_HEARTBEAT, .sender = 2, .leader = 2, .incarnation = 1,
                                          .granted = true, .committee = e->committee}};
  hg_message_t *m = &outlet.event.message;
  double now = e->deadline + 1.0;
  paint();
  for (uint32_t k = 0; k < 200; k++) {
    const hg_event_t *events[4] = {&outlet.event, &stored, NULL, NULL};
    m->term = m->committee.term = e->term + (k % 16 == 0);
    m->round = k + 1;
    stored.number = e->asked_to_write;
    now = k % 4 < 2 ? now + 0.01 : e->deadline < now + 1.0 ? e->deadline : now;
    const uint32_t before = systick()->value;
    outlet_vote(&outlet, now, events[k % 4]);
    const uint32_t count = instructions(before);
    worst = count > worst ? count : worst;
  }
  say_count("election_instructions", worst);
  say_count("election_stack", unpainted(here));
}

int main(void)
{
  systick()->reload = TICKS;
  systick()->value = 0;
  systick()->control = 5U; /* on, by the core's clock, without interrupt */
  const int failed = selftest(&outlet);
  if (failed == 0) {
    budgets();
    election_budget();
  }
  return failed;
}

void reset_handler(void)
{
  *(volatile uint32_t *)0xe000ed88U |= 0xfU << 20; /* CPACR: the floating-point unit is on */
  __asm__ volatile("dsb\n\tisb");
  memcpy(data_start, data_load, (size_t)(data_end - data_start) * 4U);
  memset(bss_start, 0, (size_t)(bss_end - bss_start) * 4U);
  hg_semihost_leave(main() == 0);
}

__attribute__((section(".vectors"), used)) static const struct {
  const uint32_t *stack;
  void (*handlers[15])(void);
} VECTORS = {stack_top, {reset_handler, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler}};
