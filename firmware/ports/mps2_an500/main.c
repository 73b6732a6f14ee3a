/* The application on Arm's MPS2 board (AN500) as QEMU models it: a timer's interrupt plays the converter, the story is a
 * kettle on a supply that dips, fails and comes back. What it came to is told by the UART, then the board is left. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "FreeRTOS.h"
#include "memory_flash.h"
#include "startup.h"
#include "tasks.h"

#define CLOCK 25000000U
#define UART 0x40004000U
#define TIMER 0x40000000U
#define TIMER_INTERRUPT 8U
#define RELOAD 3906U /* 6400 samples a second, but for 64 ppm */
#define RATE 6400U
#define SYS_EXIT 0x18
#define EXIT_SUCCESS_CODE 0x20026
#define EXIT_FAILURE_CODE 0x20023
#define SECTOR 4096U
#define SLOT 1088U
#define VOLTAGE_SCALE 0.015
#define CURRENT_SCALE 0.003

enum { CUT = 5 * RATE, BACK = 7 * RATE, END = 12 * RATE };

uint32_t hg_port_clock = CLOCK;

static struct hg_app app;
static int16_t sine[HG_ALIGN_SAMPLES_PER_CYCLE];
static uint8_t kept[HG_KEEPS][2 * SECTOR] __attribute__((section(".kept")));
static hg_memory_t media[HG_KEEPS];
static volatile uint32_t played, flagged, tripped;
static volatile bool closed;
static uint32_t states, readings, signatures, ballots;
static double power;

static void leave(bool good)
{
  register unsigned r0 __asm__("r0") = SYS_EXIT;
  register unsigned r1 __asm__("r1") = good ? EXIT_SUCCESS_CODE : EXIT_FAILURE_CODE;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  for (;;) {
  }
}

static void say(const char *text)
{
  for (; *text != 0; text++) {
    while ((HG_REGISTER(UART + 4U) & 1U) != 0) { /* the transmitter is full */
    }
    HG_REGISTER(UART) = (uint8_t)*text;
  }
}

void hg_port_halt(const char *reason)
{
  closed = false;
  say("FAILED ");
  say(reason);
  say("\n");
  leave(false);
  for (;;) {
  }
}

static void say_count(const char *name, uint32_t value)
{
  char line[80];
  snprintf(line, sizeof line, "count %s %u\n", name, (unsigned)value);
  say(line);
}

static bool check(const char *name, bool holds)
{
  say(holds ? "passed " : "FAILED ");
  say(name);
  say("\n");
  return holds;
}

/* The converter: 1924 W behind the relay; the supply is cut between CUT and BACK. */
void timer_handler(void)
{
  HG_REGISTER(TIMER + 12U) = 1U; /* acknowledged */
  const uint32_t now = played;
  played = now + 1U;
  const bool alive = now < CUT || now >= BACK;
  const int16_t voltage = alive ? sine[now % HG_ALIGN_SAMPLES_PER_CYCLE] : 0;
  const int16_t current = closed ? (int16_t)(voltage * 2 / 11) : 0;
  if (hg_tasks_sample(voltage, current)) {
    closed = false;
    tripped++;
  }
  if (now >= CUT && flagged == 0 && app.detector.flagged) {
    flagged = now - CUT + 1U;
  }
}

__attribute__((section(".vectors"), used)) static const hg_handler_t VECTORS[16 + 32] = {
  HG_CORE_VECTORS, [16 + TIMER_INTERRUPT] = timer_handler};

static void relay(void *context, bool close)
{
  (void)context;
  closed = close;
}

static double temperature(void *context)
{
  (void)context;
  return 30.0;
}

static uint32_t chance(void *context)
{
  static uint32_t state = 2463534242U;
  (void)context;
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

static void local(void *context, double wall, int *weekday, int *minute)
{
  (void)context;
  (void)wall;
  *weekday = *minute = 0;
}

static void say_line(void *context, hg_log_t level, const char *text)
{
  char line[HG_MESSAGE_LENGTH + 40];
  (void)context;
  snprintf(line, sizeof line, "%.3f %s %s\n", hg_tasks_now(NULL), level == HG_LOG_INFO ? "info" : "warning", text);
  say(line);
}

static bool remembered(hg_keep_t what)
{
  static uint8_t bytes[HG_JOURNAL_PAYLOAD];
  hg_journal_t journal;
  uint32_t length;
  return hg_journal_open(&journal, &app.platform.flash[what], bytes, sizeof bytes, &length) == HG_OK && length > 0;
}

static void end(void)
{
  static const char *const NAMES[HG_TASKS] = {"control", "analysis", "comms", "idle"};
  hg_tasks_report_t r;
  char name[40];
  hg_tasks_report(&r);
  const struct {
    const char *name;
    uint32_t value;
  } COUNTS[] = {{"control_steps", r.steps}, {"control_late", r.late}, {"control_latest_ms", r.latest},
                {"control_samples_fewest", r.fewest}, {"control_samples_most", r.most}, {"control_worst_ms", r.worst},
                {"windows", r.windows}, {"windows_overrun", r.overrun}, {"window_worst_ms", r.window_worst},
                {"samples", played}, {"outage_samples", flagged}, {"states", states}, {"readings", readings},
                {"signatures", signatures}, {"ballots", ballots}, {"power", (uint32_t)power},
                {"application_bytes", sizeof app},
                {"interrupt_stack", (uint32_t)((uintptr_t)stack_top - (uintptr_t)stack_bottom)},
                {"interrupt_stack_unused", hg_interrupt_stack_unused()}};
  for (size_t k = 0; k < sizeof COUNTS / sizeof COUNTS[0]; k++) {
    say_count(COUNTS[k].name, COUNTS[k].value);
  }
  for (int k = 0; k < HG_TASKS; k++) {
    snprintf(name, sizeof name, "%s_stack", NAMES[k]);
    say_count(name, r.stack[k]);
    snprintf(name, sizeof name, "%s_stack_unused", NAMES[k]);
    say_count(name, r.unused[k]);
  }
  bool good = check("control", r.steps >= END / 64 - 4 && r.late == 0 && r.fewest >= 63 && r.most <= 65);
  good = check("analysis", r.windows >= END / 1280 - 2 && r.overrun == 0) && good;
  good = check("outage", flagged > 0 && flagged < 64) && good; /* within half a cycle */
  good = check("power", fabs(power - 1924.0) < 10.0) && good;
  good = check("journal", remembered(HG_KEEP_MEMBER) && remembered(HG_KEEP_OUTLET)) && good;
  good = check("untripped", tripped == 0) && good;
  leave(good);
}

/* Nobody is there to talk to: what the others want to say is looked at and let go. */
static uint32_t alone(struct hg_app *a, double now)
{
  static hg_mail_state_t told;
  const hg_mail_state_t *state;
  const hg_mail_reading_t *reading;
  for (; (state = HG_MAIL_OLDEST(&a->out.states)) != NULL; HG_MAIL_TAKEN(&a->out.states)) {
    if (state->relay != told.relay || state->voice != told.voice || state->trip != told.trip) {
      told = *state;
      char line[80 + HG_REASON_LENGTH];
      snprintf(line, sizeof line, "%.3f state relay %u trip %u voice %u %s\n", now, (unsigned)told.relay,
               (unsigned)told.trip, (unsigned)told.voice, told.reason);
      say(line);
    }
    states++;
  }
  for (; (reading = HG_MAIL_OLDEST(&a->out.readings)) != NULL; HG_MAIL_TAKEN(&a->out.readings)) {
    power = readings < CUT / RATE - 1 ? reading->reading.metering.active_power : power;
    readings++;
  }
  for (; HG_MAIL_OLDEST(&a->out.signatures) != NULL; HG_MAIL_TAKEN(&a->out.signatures)) {
    signatures++;
  }
  for (; HG_MAIL_OLDEST(&a->out.ballots) != NULL; HG_MAIL_TAKEN(&a->out.ballots)) {
    ballots++;
  }
  for (; HG_MAIL_OLDEST(&a->out.relays) != NULL; HG_MAIL_TAKEN(&a->out.relays)) {
  }
  for (; HG_MAIL_OLDEST(&a->out.islands) != NULL; HG_MAIL_TAKEN(&a->out.islands)) {
  }
  for (; HG_MAIL_OLDEST(&a->out.jobs) != NULL; HG_MAIL_TAKEN(&a->out.jobs)) {
  }
  for (; HG_MAIL_OLDEST(&a->out.waveforms) != NULL; HG_MAIL_TAKEN(&a->out.waveforms)) {
  }
  if (played >= END) {
    end();
  }
  return 20;
}

static void begin(void)
{
  HG_REGISTER(TIMER + 8U) = RELOAD - 1U;
  HG_REGISTER(TIMER + 4U) = RELOAD - 1U;
  HG_REGISTER(TIMER) = 9U; /* on, with interrupt */
  hg_interrupt(TIMER_INTERRUPT, HG_CONVERTER_PRIORITY);
}

int main(void)
{
  static const hg_tasks_settings_t TASKS = {.begin = begin, .comms = alone};
  static hg_app_settings_t settings;
  hg_platform_t platform = {.monotonic = hg_tasks_now, .local = local, .relay = relay, .temperature = temperature,
                            .random = chance, .log = say_line};
  HG_REGISTER(UART + 16U) = 16U; /* divider */
  HG_REGISTER(UART + 8U) = 1U;   /* transmit */
  for (int k = 0; k < HG_KEEPS; k++) {
    media[k] = (hg_memory_t){.bytes = kept[k], .sector = SECTOR};
    platform.flash[k] = hg_memory_flash(&media[k], SLOT);
  }
  for (int k = 0; k < HG_ALIGN_SAMPLES_PER_CYCLE; k++) {
    sine[k] = (int16_t)lrint(230.0 * sqrt(2.0) / VOLTAGE_SCALE * sin(2.0 * 3.14159265358979 * k / 128.0));
  }
  hg_app_defaults(&settings, HG_OUTLET);
  settings.scale = (hg_scale_t){VOLTAGE_SCALE, CURRENT_SCALE};
  settings.save_period = 2.0;
  if (hg_app_init(&app, &settings, &platform) != HG_OK) {
    hg_port_halt("settings");
  }
  hg_tasks_run(&app, &TASKS);
}
