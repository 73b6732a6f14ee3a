/* The application on Arm's MPS2 board (AN500) as QEMU models it: a timer's interrupt plays the converter, a kettle behind
 * the relay. What is told goes to the host's console by semihosting; the board's UART is the agent's. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "FreeRTOS.h"
#include "board.h"
#include "given.h"
#include "key_image.h"
#include "memory_flash.h"
#include "semihost.h"
#include "startup.h"

#define CLOCK 25000000U
#define UART_INTERRUPT 0U
#define TIMER 0x40000000U
#define TIMER_INTERRUPT 8U
#define RELOAD 3906U /* 6400 samples a second, but for 64 ppm */
#define SECTOR 4096U
#define SLOT 1088U
#define DEVICES_SECTOR 53248U
#define KEYS 0x000fe000U /* hearthgrid/board_keys.py has the same */
#define VOLTAGE_SCALE 0.015
#define CURRENT_SCALE 0.003

uint32_t hg_port_clock = CLOCK;
struct hg_app hg_board_app;

static int16_t sine[HG_ALIGN_SAMPLES_PER_CYCLE];
static uint8_t kept[HG_KEEP_DEVICES][2 * SECTOR] __attribute__((section(".kept")));
static uint8_t kept_devices[2 * DEVICES_SECTOR] __attribute__((section(".kept")));
static hg_memory_t media[HG_KEEPS];
static volatile uint32_t played, tripped;
static volatile bool closed;

uint32_t hg_board_samples(void) { return played; }
uint32_t hg_board_trips(void) { return tripped; }

void hg_port_halt(const char *reason)
{
  closed = false;
  hg_semihost_say("FAILED ");
  hg_semihost_say(reason);
  hg_semihost_say("\n");
  hg_semihost_leave(false);
}

/* The converter: 1924 W behind the relay. */
void timer_handler(void)
{
  HG_REGISTER(TIMER + 12U) = 1U; /* acknowledged */
  const uint32_t now = played;
  played = now + 1U;
  const int16_t voltage = hg_play_alive(now) ? sine[now % HG_ALIGN_SAMPLES_PER_CYCLE] : 0;
  const int16_t current = closed ? (int16_t)(voltage * 2 / 11) : 0;
  if (hg_tasks_sample(voltage, current)) {
    closed = false;
    tripped++;
  }
  hg_play_sampled(now);
}

__attribute__((section(".vectors"), used)) static const hg_handler_t VECTORS[16 + 32] = {
  HG_CORE_VECTORS, [16 + UART_INTERRUPT] = hg_play_uart_handler, [16 + TIMER_INTERRUPT] = timer_handler};

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
  hg_semihost_say(line);
}

void hg_board_report(void)
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
                {"samples", played}, {"application_bytes", sizeof hg_board_app},
                {"interrupt_stack", (uint32_t)((uintptr_t)stack_top - (uintptr_t)stack_bottom)},
                {"interrupt_stack_unused", hg_interrupt_stack_unused()}};
  for (size_t k = 0; k < sizeof COUNTS / sizeof COUNTS[0]; k++) {
    hg_semihost_count("count", COUNTS[k].name, COUNTS[k].value);
  }
  for (int k = 0; k < HG_TASKS; k++) {
    snprintf(name, sizeof name, "%s_stack", NAMES[k]);
    hg_semihost_count("count", name, r.stack[k]);
    snprintf(name, sizeof name, "%s_stack_unused", NAMES[k]);
    hg_semihost_count("count", name, r.unused[k]);
  }
}

/* QEMU's memory begins with zeros where a flash has ones. */
static void read_keys(void)
{
  static const uint8_t NOTHING[8] = {0};
  uint8_t image[HG_KEY_IMAGE_MAX];
  memcpy(image, (const void *)(uintptr_t)KEYS, sizeof image);
  if (memcmp(image, NOTHING, sizeof NOTHING) != 0) {
    hg_app_key_image(&hg_board_app, image, sizeof image);
  }
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
  static const hg_tasks_settings_t TASKS = {.begin = begin, .comms = hg_play_step, .idle = hg_play_idle};
  static hg_app_settings_t settings;
  hg_platform_t platform = {.monotonic = hg_tasks_now, .local = local, .relay = relay, .temperature = temperature,
                            .random = chance, .log = say_line};
  for (int k = 0; k < HG_KEEPS; k++) {
    const bool devices = k == HG_KEEP_DEVICES;
    media[k] = (hg_memory_t){.bytes = devices ? kept_devices : kept[k], .sector = devices ? DEVICES_SECTOR : SECTOR};
    platform.flash[k] = hg_memory_flash(&media[k], devices ? HG_DEVICES_SLOT : SLOT);
  }
  for (int k = 0; k < HG_ALIGN_SAMPLES_PER_CYCLE; k++) {
    sine[k] = (int16_t)lrint(230.0 * sqrt(2.0) / VOLTAGE_SCALE * sin(2.0 * 3.14159265358979 * k / 128.0));
  }
  hg_app_defaults(&settings, HG_OUTLET);
  hg_given_keys(&settings);
  settings.scale = (hg_scale_t){VOLTAGE_SCALE, CURRENT_SCALE};
  settings.save_period = hg_play_save_period;
  hg_play_begin();
  if (hg_app_init(&hg_board_app, &settings, &platform) != HG_OK) {
    hg_port_halt("settings");
  }
  read_keys();
  hg_tasks_run(&hg_board_app, &TASKS);
}
